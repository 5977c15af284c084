"""Are the frames those of RFC 6455? Asked of another implementation."""

import pytest
from wsproto.frame_protocol import FrameDecoder, Opcode

from bench.frames import LONGEST, cut, masked, unmasked

KEY = b"\x37\xfa\x21\x3d"
PAYLOADS = [b"", b"a", b"Hello", b"\x00\x01" * 32, b"x" * LONGEST]


@pytest.mark.parametrize("payload", PAYLOADS, ids=len)
def test_both_sides_say_the_payload(payload: bytes) -> None:
    for frame, is_client in ((masked(payload, KEY), False), (unmasked(masked(payload, KEY)), True)):
        decoder = FrameDecoder(client=is_client)
        decoder.receive_bytes(frame)
        read = decoder.process_buffer()
        assert read is not None
        assert (read.opcode, read.payload, read.message_finished) == (Opcode.BINARY, payload, True)


def test_whole_frames_are_taken_and_the_rest_waits() -> None:
    first, second = masked(b"one", KEY), masked(b"two", KEY)
    waiting = bytearray(first + second[:-1])
    assert cut(waiting) == [first]
    assert cut(waiting) == []
    waiting += second[-1:]
    assert cut(waiting) == [second]
    assert waiting == b""


def test_a_long_message_is_refused() -> None:
    with pytest.raises(ValueError, match="125"):
        cut(bytearray(b"\x82\xfe\x00\xff"))
