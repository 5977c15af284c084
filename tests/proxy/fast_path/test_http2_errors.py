"""Laws of errors: what ends a stream, what ends the connection, and with which code (RFC 9113, in the order of h2spec)."""

from collections.abc import Callable

import pytest
from h2.errors import ErrorCodes
from hpack import Encoder

from mesh_gateway.proxy.bounds import CONNECTION_WINDOW, STREAM_WINDOW
from mesh_gateway.proxy.fast_path.http2_endpoint import Endpoint
from tests.proxy.fast_path.http2_peer import HELLO, Peer
from tests.rig.http2_frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PING,
    PREFACE,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    field_block,
    frame,
    goodbye,
    request,
    reset,
)

HOST = "alice.example.com"
PUSH_PROMISE, UNKNOWN = 5, 0x77
PADDED, PRIORITISED = 8, 0x20
LARGEST = 16_384
WINDOW = 0x7FFF_FFFF
BLOCK = field_block(HOST)

Step = bytes | Callable[[Endpoint], object]
"""What the client says, or what the gateway does."""


def opened(stream: int, size: int) -> bytes:
    return frame(WINDOW_UPDATE, stream, size.to_bytes(4))


def setting(number: int, value: int) -> bytes:
    return frame(SETTINGS, 0, number.to_bytes(2) + value.to_bytes(4))


def asked(stream: int) -> bytes:
    """A request with its end."""
    return request(stream, HOST)


def begun(stream: int, **fields: str) -> bytes:
    """The head of a request with a body."""
    block = field_block(HOST, *((name.replace("_", "-"), value) for name, value in fields.items()))
    return frame(HEADERS, stream, block, END_HEADERS)


def data(stream: int, body: bytes = b"x", flags: int = 0) -> bytes:
    return frame(DATA, stream, body, flags)


def trailers(stream: int, flags: int = END_STREAM) -> bytes:
    return frame(HEADERS, stream, Encoder().encode([("x-sum", "1")]), END_HEADERS | flags)


def answers(stream: int) -> Callable[[Endpoint], object]:
    return lambda endpoint: endpoint.sender.send_answer(stream, 200, [], end_stream=True)


def resets(stream: int) -> Callable[[Endpoint], object]:
    return lambda endpoint: endpoint.sender.reset(stream, ErrorCodes.CANCEL)


def full(stream: int, window: int) -> list[Step]:
    """As much DATA as a window holds, none of which has found its place."""
    return [data(stream, b"d" * LARGEST)] * (window // LARGEST)


OVER: list[Step] = [asked(1), answers(1)]
RESET_THERE: list[Step] = [begun(1), reset(1, 8)]
RESET_HERE: list[Step] = [begun(1), resets(1)]

PROTOCOL, CLOSED, FLOW, SIZE, COMPRESSION, REFUSED = (
    ErrorCodes.PROTOCOL_ERROR,
    ErrorCodes.STREAM_CLOSED,
    ErrorCodes.FLOW_CONTROL_ERROR,
    ErrorCodes.FRAME_SIZE_ERROR,
    ErrorCodes.COMPRESSION_ERROR,
    ErrorCodes.REFUSED_STREAM,
)

# What ends the connection.
FATAL: dict[str, tuple[ErrorCodes, list[Step]]] = {
    "4.1 a frame that is announced with more than 16,384 bytes": (SIZE, [b"\x00\x40\x01\x00\x00\x00\x00\x00\x01"]),
    "4.2 DATA larger than allowed": (SIZE, [begun(1), data(1, b"d" * (LARGEST + 1))]),
    "4.2 HEADERS larger than allowed": (SIZE, [frame(HEADERS, 1, b"h" * (LARGEST + 1), END_HEADERS)]),
    "4.2 an unknown frame larger than allowed": (SIZE, [frame(UNKNOWN, 0, b"u" * (LARGEST + 1))]),
    "4.3 a block that cannot be decoded": (COMPRESSION, [frame(HEADERS, 1, b"\xff" * 9, END_HEADERS)]),
    "4.3 trailers that cannot be decoded": (
        COMPRESSION,
        [begun(1), frame(HEADERS, 1, b"\x80", END_HEADERS | END_STREAM)],
    ),
    "4.3 a block that cannot be decoded, on a stream that was reset": (
        COMPRESSION,
        [*RESET_HERE, frame(HEADERS, 1, b"\x80", END_HEADERS | END_STREAM)],
    ),
    "4.3 PRIORITY inside a block": (PROTOCOL, [frame(HEADERS, 1, BLOCK), frame(PRIORITY, 1, b"\0\0\0\0\1")]),
    "4.3 HEADERS of another stream inside a block": (PROTOCOL, [frame(HEADERS, 1, BLOCK), asked(3)]),
    "4.3 CONTINUATION of another stream inside a block": (
        PROTOCOL,
        [frame(HEADERS, 1, BLOCK), frame(CONTINUATION, 3, b"", END_HEADERS)],
    ),
    "5.1 DATA on an idle stream": (PROTOCOL, [data(1)]),
    "5.1 RST_STREAM on an idle stream": (PROTOCOL, [reset(1, 8)]),
    "5.1 WINDOW_UPDATE on an idle stream": (PROTOCOL, [opened(1, 100)]),
    "5.1 CONTINUATION on an idle stream": (PROTOCOL, [frame(CONTINUATION, 1, BLOCK, END_HEADERS)]),
    "5.1 CONTINUATION on a half-closed stream": (PROTOCOL, [asked(1), frame(CONTINUATION, 1, b"", END_HEADERS)]),
    "5.1 DATA on a stream that is over": (CLOSED, [*OVER, data(1)]),
    "5.1 HEADERS on a stream that is over": (CLOSED, [*OVER, asked(1)]),
    "5.1 CONTINUATION on a stream that is over": (PROTOCOL, [*OVER, frame(CONTINUATION, 1, b"", END_HEADERS)]),
    "5.1.1 DATA on a stream of the server's": (PROTOCOL, [asked(3), data(2)]),
    "5.1.1 HEADERS on a stream of the server's": (PROTOCOL, [asked(2)]),
    "5.1.1 a lower stream than one before": (PROTOCOL, [asked(5), asked(3)]),
    "5.1.1 the first stream after a higher one": (PROTOCOL, [asked(3), asked(1)]),
    "5.1.1 DATA on a stream that was skipped": (PROTOCOL, [asked(5), data(3)]),
    "5.1.1 RST_STREAM on a stream that was skipped": (PROTOCOL, [asked(5), reset(3, 8)]),
    "5.1.1 WINDOW_UPDATE on a stream that was skipped": (PROTOCOL, [asked(5), opened(3, 1)]),
    "5.3.1 HEADERS whose stream depends on itself": (
        PROTOCOL,
        [frame(HEADERS, 1, b"\0\0\0\1\x10" + BLOCK, END_HEADERS | PRIORITISED)],
    ),
    "5.3.1 PRIORITY whose stream depends on itself": (PROTOCOL, [frame(PRIORITY, 1, b"\0\0\0\1\x10")]),
    "5.5 an unknown frame inside a block": (PROTOCOL, [frame(HEADERS, 1, BLOCK), frame(UNKNOWN, 0)]),
    "6.1 DATA on no stream": (PROTOCOL, [data(0)]),
    "6.1 DATA with more padding than room": (PROTOCOL, [begun(1), data(1, b"\x05abcd", PADDED)]),
    "6.1 DATA with padding and nothing at all": (SIZE, [begun(1), data(1, b"", PADDED)]),
    "6.2 HEADERS on no stream": (PROTOCOL, [frame(HEADERS, 0, BLOCK, END_HEADERS)]),
    "6.2 HEADERS without END_HEADERS, then SETTINGS": (PROTOCOL, [frame(HEADERS, 1, BLOCK), frame(SETTINGS, 0)]),
    "6.2 HEADERS with more padding than room": (PROTOCOL, [frame(HEADERS, 1, b"\xf0" + BLOCK, END_HEADERS | PADDED)]),
    "6.2 HEADERS with padding and nothing at all": (SIZE, [frame(HEADERS, 1, b"", END_HEADERS | PADDED)]),
    "6.2 HEADERS with half a priority": (PROTOCOL, [frame(HEADERS, 1, b"\0\0\0", END_HEADERS | PRIORITISED)]),
    "6.2 HEADERS whose padding reaches into its priority": (
        PROTOCOL,
        [frame(HEADERS, 1, b"\x04\0\0\0\0\1abc", END_HEADERS | PADDED | PRIORITISED)],
    ),
    "6.3 PRIORITY on no stream": (PROTOCOL, [frame(PRIORITY, 0, b"\0\0\0\0\1")]),
    "6.3 PRIORITY of four bytes": (SIZE, [begun(1), frame(PRIORITY, 1, b"\0\0\0\0")]),
    "6.3 PRIORITY of six bytes": (SIZE, [begun(1), frame(PRIORITY, 1, b"\0\0\0\0\0\0")]),
    "6.4 RST_STREAM on no stream": (PROTOCOL, [reset(0, 8)]),
    "6.4 RST_STREAM of three bytes": (SIZE, [begun(1), frame(RST_STREAM, 1, b"\0\0\0")]),
    "6.4 RST_STREAM of five bytes": (SIZE, [begun(1), frame(RST_STREAM, 1, b"\0\0\0\0\0")]),
    "6.5 SETTINGS on a stream": (PROTOCOL, [frame(SETTINGS, 1)]),
    "6.5 SETTINGS with half of one": (SIZE, [frame(SETTINGS, 0, b"\0\3\0")]),
    "6.5 SETTINGS that acknowledge and set": (SIZE, [frame(SETTINGS, 0, b"\0\3\0\0\0\1", ACK)]),
    "6.5.2 ENABLE_PUSH of 2": (PROTOCOL, [setting(2, 2)]),
    "6.5.2 INITIAL_WINDOW_SIZE above the largest": (FLOW, [setting(4, WINDOW + 1)]),
    "6.5.2 MAX_FRAME_SIZE below the smallest": (PROTOCOL, [setting(5, LARGEST - 1)]),
    "6.5.2 MAX_FRAME_SIZE above the largest": (PROTOCOL, [setting(5, 1 << 24)]),
    "6.5.2 a wrong setting behind a good one": (PROTOCOL, [frame(SETTINGS, 0, b"\0\3\0\0\0\1\0\2\0\0\0\2")]),
    "RFC 8441 3 ENABLE_CONNECT_PROTOCOL of 2": (PROTOCOL, [setting(8, 2)]),
    "6.6 PUSH_PROMISE": (PROTOCOL, [asked(1), frame(PUSH_PROMISE, 1, b"\0\0\0\2" + BLOCK, END_HEADERS)]),
    "6.6 PUSH_PROMISE on no stream": (PROTOCOL, [frame(PUSH_PROMISE, 0, b"\0\0\0\2" + BLOCK, END_HEADERS)]),
    "6.7 PING on a stream": (PROTOCOL, [frame(PING, 1, b"12345678")]),
    "6.7 PING of six bytes": (SIZE, [frame(PING, 0, b"123456")]),
    "6.7 PING of nine bytes": (SIZE, [frame(PING, 0, b"123456789")]),
    "6.7 PING that acknowledges, of seven bytes": (SIZE, [frame(PING, 0, b"1234567", ACK)]),
    "6.8 GOAWAY on a stream": (PROTOCOL, [frame(GOAWAY, 1, b"\0" * 8)]),
    "6.8 GOAWAY of seven bytes": (SIZE, [frame(GOAWAY, 0, b"\0" * 7)]),
    "6.9 WINDOW_UPDATE of nothing for the connection": (PROTOCOL, [opened(0, 0)]),
    "6.9 WINDOW_UPDATE of nothing but the reserved bit": (PROTOCOL, [frame(WINDOW_UPDATE, 0, b"\x80\0\0\0")]),
    "6.9 WINDOW_UPDATE of three bytes": (SIZE, [frame(WINDOW_UPDATE, 0, b"\0\0\1")]),
    "6.9 WINDOW_UPDATE of five bytes": (SIZE, [frame(WINDOW_UPDATE, 0, b"\0\0\0\0\1")]),
    "6.9 WINDOW_UPDATE of three bytes on a stream": (SIZE, [begun(1), frame(WINDOW_UPDATE, 1, b"\0\0\1")]),
    "6.9.1 more DATA than a stream's window": (FLOW, [begun(1), *full(1, STREAM_WINDOW), data(1)]),
    "6.9.1 more padding than a stream's window": (FLOW, [begun(1), *full(1, STREAM_WINDOW), data(1, b"\0", PADDED)]),
    "6.9.1 more DATA than the connection's window": (
        FLOW,
        [
            *(begun(stream) for stream in range(1, 19, 2)),
            *(step for stream in range(1, 17, 2) for step in full(stream, CONNECTION_WINDOW // 8)),
            data(17),
        ],
    ),
    "6.9.1 a window of the connection's that overflows": (FLOW, [opened(0, WINDOW)]),
    "6.9.1 a window of the connection's that overflows in two steps": (
        FLOW,
        [opened(0, WINDOW - 65_535), opened(0, 1)],
    ),
    "6.9.2 a window of a stream's that overflows by a setting": (
        FLOW,
        [begun(1), opened(1, WINDOW - 65_535), setting(4, 65_536)],
    ),
    "6.10 CONTINUATION of nothing": (PROTOCOL, [frame(CONTINUATION, 1, b"", END_HEADERS)]),
    "6.10 CONTINUATION on no stream": (PROTOCOL, [frame(HEADERS, 1, BLOCK), frame(CONTINUATION, 0, b"", END_HEADERS)]),
    "6.10 CONTINUATION behind END_HEADERS": (PROTOCOL, [begun(1), frame(CONTINUATION, 1, b"", END_HEADERS)]),
    "6.10 CONTINUATION behind the last CONTINUATION": (
        PROTOCOL,
        [frame(HEADERS, 1, BLOCK), *[frame(CONTINUATION, 1, b"", END_HEADERS)] * 2],
    ),
    "6.10 CONTINUATION behind DATA": (PROTOCOL, [begun(1), data(1), frame(CONTINUATION, 1, b"", END_HEADERS)]),
    "6.10 DATA behind CONTINUATION that goes on": (
        PROTOCOL,
        [frame(HEADERS, 1, BLOCK), frame(CONTINUATION, 1), data(1)],
    ),
    "8.1 a second head": (PROTOCOL, [begun(1), trailers(1, flags=0)]),
    "8.1.1 DATA longer than its content-length": (PROTOCOL, [begun(1, content_length="2"), data(1, b"abc")]),
    "8.1.1 DATA longer than its content-length in two frames": (
        PROTOCOL,
        [begun(1, content_length="2"), data(1, b"ab"), data(1, b"c", END_STREAM)],
    ),
    "8.1.1 DATA shorter than its content-length": (PROTOCOL, [begun(1, content_length="2"), data(1, b"a", END_STREAM)]),
    "8.1.1 trailers before the content-length": (PROTOCOL, [begun(1, content_length="2"), data(1), trailers(1)]),
    "8.1.1 a body where the length is 0": (PROTOCOL, [begun(1, content_length="0"), data(1)]),
    "10.5 a header block in more than 64 pieces": (
        ErrorCodes.ENHANCE_YOUR_CALM,
        [frame(HEADERS, 1, BLOCK), *[frame(CONTINUATION, 1)] * 64],
    ),
    "10.5 a header block of more than 64 KiB": (
        ErrorCodes.ENHANCE_YOUR_CALM,
        [frame(HEADERS, 1, BLOCK), *[frame(CONTINUATION, 1, b"\x00\x01x\x01y" * 3200)] * 5],
    ),
    "10.5 trailers again and again on a stream that the gateway has reset": (
        ErrorCodes.ENHANCE_YOUR_CALM,
        [*RESET_HERE, *[trailers(1)] * 1000],
    ),
    "10.5.1 a header list that is too large": (
        ErrorCodes.ENHANCE_YOUR_CALM,
        [
            frame(HEADERS, 1, Encoder().encode([("x", "b" * 3000)]), END_HEADERS | END_STREAM),
            frame(HEADERS, 3, b"\xbe" * 16_000, END_HEADERS | END_STREAM),
        ],
    ),
}


def played(steps: list[Step]) -> Peer:
    peer = Peer().say(HELLO)
    for step in steps:
        if isinstance(step, bytes):
            peer.say(step)
        elif peer.error is None:
            peer.do(step)
    return peer


@pytest.mark.parametrize(("code", "steps"), FATAL.values(), ids=FATAL)
def test_what_ends_the_connection(code: ErrorCodes, steps: list[Step]) -> None:
    before = played(steps[:-1])
    assert before.error is None, f"not before its last step: {before.error}"
    peer = played(steps)
    assert peer.error is not None
    assert str(peer.error)
    assert peer.goodbye == code


@pytest.mark.parametrize(
    "first",
    [
        PREFACE + frame(PING, 0, b"12345678"),
        PREFACE + asked(1),
        PREFACE + frame(SETTINGS, 0, flags=ACK),
        PREFACE + frame(UNKNOWN, 0),
        PREFACE[:-1] + b"x" + frame(SETTINGS, 0),
        b"GET / HTTP/1.1\r\n\r\n",
    ],
    ids=["PING", "HEADERS", "an acknowledgement", "an unknown frame", "not quite the preface", "HTTP/1.1"],
)
def test_3_4_nothing_but_the_preface_and_settings_begins_a_connection(first: bytes) -> None:
    assert Peer().say(first).goodbye == PROTOCOL


# What ends a stream, and no other.
LOCAL: dict[str, tuple[ErrorCodes, list[Step]]] = {
    "5.1 DATA on a half-closed stream": (CLOSED, [asked(1), data(1)]),
    "5.1 HEADERS on a half-closed stream": (CLOSED, [asked(1), trailers(1)]),
    "5.1 DATA behind a body": (CLOSED, [begun(1), data(1, b"x", END_STREAM), data(1)]),
    "5.1 DATA behind trailers": (CLOSED, [begun(1), trailers(1), data(1)]),
    "5.1 DATA on a stream that the client has reset": (CLOSED, [*RESET_THERE, data(1)]),
    "5.1 HEADERS on a stream that the client has reset": (CLOSED, [*RESET_THERE, trailers(1)]),
    "6.9 WINDOW_UPDATE of nothing": (PROTOCOL, [begun(1), opened(1, 0)]),
    "6.9 WINDOW_UPDATE of nothing on a half-closed stream": (PROTOCOL, [asked(1), opened(1, 0)]),
    "6.9.1 a window that overflows": (FLOW, [asked(1), opened(1, WINDOW)]),
    "6.9.1 a window that overflows in two steps": (FLOW, [asked(1), opened(1, WINDOW - 65_535), opened(1, 1)]),
}


@pytest.mark.parametrize(("code", "steps"), LOCAL.values(), ids=LOCAL)
def test_what_ends_a_stream(code: ErrorCodes, steps: list[Step]) -> None:
    before = played(steps[:-1]).resets
    peer = played([*steps, asked(3), frame(PING, 0, b"12345678")])
    assert peer.error is None
    assert [each for each in peer.resets if each not in before] == [(1, code)]
    assert peer.heard(PING), "the connection lives on"
    assert 3 in peer.endpoint.lanes.running


def test_5_1_2_streams_above_the_limit_may_be_asked_again() -> None:
    peer = played([asked(stream) for stream in range(1, 203, 2)])
    assert peer.error is None
    assert peer.resets == [(201, REFUSED)]
    peer.do(answers(1)).say(asked(203))
    assert 203 in peer.endpoint.lanes.running


# What is nobody's error.
FINE: dict[str, list[Step]] = {
    "4.1 an unknown frame": [frame(UNKNOWN, 0, b"?"), frame(UNKNOWN, 5, b"?", 0xFF)],
    "4.1 unknown flags": [frame(PING, 0, b"12345678", 0xFE)],
    "4.1 the reserved bit": [frame(HEADERS, 0x8000_0001, BLOCK, END_HEADERS | END_STREAM)],
    "4.2 the largest frame": [begun(1), data(1, b"d" * LARGEST)],
    "4.3 a block in many pieces": [
        frame(HEADERS, 1, BLOCK[:1]),
        *(frame(CONTINUATION, 1, BLOCK[at : at + 1]) for at in range(1, len(BLOCK))),
        frame(CONTINUATION, 1, b"", END_HEADERS),
    ],
    "5.1 PRIORITY on an idle stream": [frame(PRIORITY, 1, b"\0\0\0\0\1")],
    "5.1 PRIORITY on a stream that is over": [*OVER, frame(PRIORITY, 1, b"\0\0\0\3\1")],
    "5.1 WINDOW_UPDATE and RST_STREAM on a half-closed stream": [asked(1), opened(1, 1), reset(1, 8)],
    "5.1 WINDOW_UPDATE and RST_STREAM on a stream that is over": [*OVER, opened(1, 1), reset(1, 8)],
    "5.1 WINDOW_UPDATE and RST_STREAM after a reset": [*RESET_THERE, opened(1, 1), reset(1, 8)],
    "5.1 anything on a stream that the gateway has reset": [
        *RESET_HERE, data(1), trailers(1), opened(1, 1), reset(1, 8), frame(PRIORITY, 1, b"\0\0\0\0\1"),
    ],
    "5.1 a window that overflows on a stream that is over": [*OVER, opened(1, WINDOW)],
    "6.1 DATA that is nothing but padding": [begun(1), data(1, b"\x03abc", PADDED)],
    "6.2 HEADERS with padding and priority": [
        frame(HEADERS, 1, b"\2\x80\0\0\0\x10" + BLOCK + b"\0\0", END_HEADERS | PADDED | PRIORITISED | END_STREAM),
    ],
    "6.4 RST_STREAM with a code that nobody knows": [begun(1), reset(1, 0xFFFF)],
    "6.5 an acknowledgement that nobody waits for": [frame(SETTINGS, 0, flags=ACK)] * 3,
    "6.5.2 a setting that nobody knows": [setting(0xFF, 0xFFFF_FFFF)],
    "6.5.2 the largest of each": [setting(1, 0xFFFF_FFFF), setting(2, 1), setting(3, 0), setting(4, WINDOW), setting(5, (1 << 24) - 1), setting(6, 0)],
    "6.7 a PING that acknowledges": [frame(PING, 0, b"12345678", ACK)],
    "6.8 GOAWAY, and a stream behind it": [asked(1), goodbye(), asked(3)],
    "6.9.1 the largest windows": [asked(1), opened(1, WINDOW - 65_535), opened(0, WINDOW - 65_535)],
    "6.9.2 a window that shrinks below nothing": [asked(1), setting(4, 0), setting(4, 65_535)],
    "8.1 trailers": [begun(1, content_length="1"), data(1), trailers(1)],
    "8.1 trailers of nothing": [begun(1), frame(HEADERS, 1, b"", END_HEADERS | END_STREAM)],
}  # fmt: skip


@pytest.mark.parametrize("steps", FINE.values(), ids=FINE)
def test_what_is_nobodys_error(steps: list[Step]) -> None:
    done_by_the_gateway = [(1, ErrorCodes.CANCEL)] if steps[: len(RESET_HERE)] == RESET_HERE else []
    peer = played([*steps, asked(101)])
    assert peer.error is None
    assert peer.resets == done_by_the_gateway
    assert 101 in peer.endpoint.lanes.running
