"""A law for all frames: what h2 takes is taken and says the same, and what h2 refuses is refused.

Sequences are mostly right, and then bent. The first frame that either refuses ends the comparison.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes
from hpack import Encoder
from hypothesis import given
from hypothesis import strategies as st

from mesh_gateway.proxy.bounds import STREAM_WINDOW
from mesh_gateway.proxy.fast_path.http2_events import DataCame, Event, HeadCame, SaidGoodbye, TrailersCame, WasReset
from mesh_gateway.proxy.fast_path.http2_frames import FrameSplitter
from tests.proxy.fast_path.http2_peer import HELLO, MAX_LIST, Peer, greeted
from tests.rig.http2_frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PING,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    frame,
)

Said = tuple[object, ...]
"""What a frame meant, in words of both."""

STREAMS = st.sampled_from([1, 3, 5, 7])
BODIES = st.binary(max_size=12)
SIZES = st.sampled_from([0, 1, 1000, 65_535, 0x7FFF_FFFF])
NUMBERS = st.sampled_from([1, 2, 3, 4, 5, 6, 8, 99])
VALUES = st.sampled_from([0, 1, 2, 100, 16_384, 65_535, 1 << 24, 1 << 31])
FIELDS = [(":method", "POST"), (":scheme", "https"), (":path", "/"), (":authority", "a")]
BLOCKS = [
    Encoder().encode(FIELDS),
    Encoder().encode([*FIELDS, ("content-length", "3")]),
    Encoder().encode([*FIELDS, ("x", "secret" * 9)], huffman=False),
    b"\xbe",
    b"",
]


@dataclass(frozen=True, slots=True)
class Raw:
    """A frame before it is written."""

    kind: int
    stream: int
    payload: bytes = b""
    flags: int = 0

    @property
    def written(self) -> bytes:
        return frame(self.kind, self.stream, self.payload, self.flags)


def word(value: int) -> bytes:
    return (value & 0xFFFF_FFFF).to_bytes(4)


PROPER = st.one_of(
    st.builds(
        lambda s, b, f: Raw(HEADERS, s, b, f), STREAMS, st.sampled_from(BLOCKS), st.sampled_from([0, 1, 4, 5, 5])
    ),
    st.builds(lambda s, b: Raw(HEADERS, s, b, END_HEADERS), STREAMS, st.sampled_from(BLOCKS[:3])),
    st.builds(lambda s, b, f: Raw(CONTINUATION, s, b, f), STREAMS, st.sampled_from(BLOCKS), st.sampled_from([0, 4])),
    st.builds(lambda s, b, f: Raw(DATA, s, b, f), STREAMS, BODIES, st.sampled_from([0, 0, END_STREAM])),
    st.builds(lambda s, b, n: Raw(DATA, s, bytes([n]) + b + bytes(n), 8), STREAMS, BODIES, st.integers(0, 9)),
    st.builds(lambda s: Raw(RST_STREAM, s, word(8)), STREAMS),
    st.builds(lambda s, n: Raw(WINDOW_UPDATE, s, word(n)), STREAMS | st.just(0), SIZES),
    st.builds(lambda n, v: Raw(SETTINGS, 0, n.to_bytes(2) + word(v)), NUMBERS, VALUES),
    st.builds(lambda s, n: Raw(PRIORITY, s, word(n) + b"\x10"), STREAMS, STREAMS),
    st.just(Raw(SETTINGS, 0, b"", 1)),
    st.just(Raw(PING, 0, b"12345678")),
    st.just(Raw(PING, 0, b"12345678", 1)),
    st.just(Raw(0x77, 0, b"?")),
    st.just(Raw(GOAWAY, 0, bytes(8))),
)
BENT = st.one_of(
    st.builds(lambda r, f: Raw(r.kind, r.stream, r.payload, f), PROPER, st.integers(0, 255)),
    st.builds(lambda r, s: Raw(r.kind, s, r.payload, r.flags), PROPER, st.sampled_from([0, 1, 2, 9, 0x8000_0001])),
    st.builds(lambda r, n: Raw(r.kind, r.stream, r.payload[:n], r.flags), PROPER, st.integers(0, 9)),
    st.builds(lambda r, b: Raw(r.kind, r.stream, r.payload + b, r.flags), PROPER, st.binary(min_size=1, max_size=5)),
    st.builds(lambda r, k: Raw(k, r.stream, r.payload, r.flags), PROPER, st.integers(0, 9)),
)
OPENING = st.builds(lambda b, f: Raw(HEADERS, 1, b, f), st.sampled_from(BLOCKS[:3]), st.sampled_from([4, 4, 5]))
SEQUENCES = st.builds(lambda first, then: [first, *then], OPENING, st.lists(PROPER | PROPER | BENT, max_size=14))


@dataclass(slots=True)
class Oracle:
    """h2 as the gateway used it."""

    h2: H2Connection = field(
        default_factory=lambda: H2Connection(
            H2Configuration(
                client_side=False,
                header_encoding=False,
                validate_inbound_headers=False,
                normalize_inbound_headers=False,
            )
        )
    )

    def __post_init__(self) -> None:
        self.h2.local_settings = type(self.h2.local_settings)(
            client=False, initial_values={SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW}
        )
        self.h2.decoder.max_header_list_size = MAX_LIST
        self.h2.initiate_connection()
        self.h2.receive_data(HELLO)
        self.h2.clear_outbound_data_buffer()

    def say(self, data: bytes) -> list[Said] | None:
        """What it meant; None where it was refused."""
        try:
            found = self.h2.receive_data(data)
        except ProtocolError:
            return None
        if any(each.kind == RST_STREAM for each in FrameSplitter().feed(self.h2.data_to_send())):
            return None
        return [said for event in found for said in self._words(event)]

    @staticmethod
    def _words(event: events.Event) -> Iterator[Said]:
        match event:
            case events.RequestReceived(stream_id=stream, headers=headers):
                yield "head", stream, tuple((bytes(name), bytes(value)) for name, value in headers or ())
            case events.DataReceived(stream_id=stream, data=data, flow_controlled_length=size):
                yield "data", stream, data, size
            case events.TrailersReceived(stream_id=stream, headers=headers):
                yield "trailers", stream, tuple((bytes(name), bytes(value)) for name, value in headers or ())
            case events.StreamEnded(stream_id=stream):
                yield "end", stream
            case events.StreamReset(stream_id=stream, error_code=code):
                yield "reset", stream, int(code)
            case events.ConnectionTerminated(error_code=code):
                yield "goodbye", int(code or 0)
            case _:
                pass


def said(peer: Peer, data: bytes) -> list[Said] | None:
    """What it means to the endpoint; None where it is refused."""
    peer.events.clear()
    peer.say(data)
    if peer.error or any(isinstance(event, WasReset) and not event.is_clients for event in peer.events):
        return None
    return [each for event in peer.events for each in words(event)]


def words(event: Event) -> Iterator[Said]:
    match event:
        case HeadCame(stream, fields, is_ended):
            yield "head", stream, fields
            if is_ended:
                yield "end", stream
        case DataCame(stream, data, size, is_ended):
            yield "data", stream, data, size
            if is_ended:
                yield "end", stream
        case TrailersCame(stream, fields):
            yield "trailers", stream, fields
            yield "end", stream
        case WasReset(stream, code):
            yield "reset", stream, code
        case SaidGoodbye(code):
            yield "goodbye", code
        case _:
            pass


# Where the endpoint refuses what h2 takes, by its reasons, and why it is right.
STRICTER = {
    "on a stream that never was": "RFC 9113 5.1: idle streams know only HEADERS and PRIORITY, and skipped ones are not to be used",
    "has not its content-length": "RFC 9113 8.1.1: h2 does not count where trailers end the body",
    "promises to push": "RFC 9113 8.4: not even on a stream that is over",
}


def is_allowed(peer: Peer, raw: Raw, found: list[Said] | None) -> bool:
    """Whether the two may differ here."""
    if found is None:
        return any(reason in str(peer.error) for reason in STRICTER)
    # To be ignored on a stream that is over (RFC 9113 5.1), where h2 has refused it before it looks at the stream.
    return found == [] and raw.kind == WINDOW_UPDATE and not int.from_bytes(raw.payload)


@given(SEQUENCES)
def test_h2_and_the_endpoint_say_the_same(sequence: list[Raw]) -> None:
    peer, oracle = greeted(), Oracle()
    for raw in sequence:
        found, expected = said(peer, raw.written), oracle.say(raw.written)
        assert found == expected or is_allowed(peer, raw, found), raw
        if found is None or expected is None or raw.kind == GOAWAY:  # h2 looks at nothing behind a goodbye
            return
