"""How does a short WebSocket message look on the wire? RFC 6455 5.2, lengths up to 125."""

from typing import Final

LONGEST: Final = 125
_FINAL_BINARY: Final = 0x82
_MASKED: Final = 0x80
_HEAD = 2
_KEY = 4


def masked(payload: bytes, key: bytes) -> bytes:
    """A client's frame."""
    return bytes((_FINAL_BINARY, _MASKED | len(payload))) + key + _xor(payload, key)


def unmasked(frame: bytes) -> bytes:
    """The server's frame with the same payload as a client's `frame`."""
    key, payload = frame[_HEAD : _HEAD + _KEY], frame[_HEAD + _KEY :]
    return bytes((frame[0], len(payload))) + _xor(payload, key)


def cut(waiting: bytearray) -> list[bytes]:
    """The whole frames at the beginning of `waiting`, which they are taken from."""
    frames = []
    while len(waiting) >= _HEAD and len(waiting) >= (length := _length(waiting)):
        frames.append(bytes(waiting[:length]))
        del waiting[:length]
    return frames


def _length(waiting: bytearray) -> int:
    size = waiting[1] & ~_MASKED
    if size > LONGEST:
        raise ValueError(f"a message of more than {LONGEST} bytes")
    return _HEAD + (_KEY if waiting[1] & _MASKED else 0) + size


def _xor(payload: bytes, key: bytes) -> bytes:
    # As one number: byte by byte it would cost more than all the rest.
    length = len(payload)
    stream = (key * (length // _KEY + 1))[:length]
    return (int.from_bytes(payload) ^ int.from_bytes(stream)).to_bytes(length)
