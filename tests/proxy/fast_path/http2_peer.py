"""An endpoint without a socket, and what a client would see of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from hpack import Decoder

from mesh_gateway.proxy.fast_path.http2_endpoint import Endpoint
from mesh_gateway.proxy.fast_path.http2_events import Event
from mesh_gateway.proxy.fast_path.http2_floods import Floods
from mesh_gateway.proxy.fast_path.http2_frames import FrameError, FrameSplitter
from mesh_gateway.routing.head import HeadLimits
from tests.rig.http2_frames import GOAWAY, HEADERS, PREFACE, RST_STREAM, SETTINGS, frame

LIMITS = HeadLimits(size=32_768, fields=100, target=8192)
MAX_LIST = 65_536
HELLO = PREFACE + frame(SETTINGS, 0)
NOW = 1000.0

Sent = tuple[int, int, int, bytes]
"""Kind, flags, stream and payload of a frame."""


@dataclass(slots=True)
class Peer:
    """One connection. `say` is the client."""

    endpoint: Endpoint = field(default_factory=lambda: Endpoint(LIMITS, MAX_LIST, Floods(MAX_LIST), lambda: NOW))
    events: list[Event] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    error: FrameError | None = None
    """What has ended the connection."""
    _decoder: Decoder = field(default_factory=Decoder)
    _splitter: FrameSplitter = field(default_factory=FrameSplitter)

    def say(self, *data: bytes) -> "Peer":
        """Until the connection ends, which the client is told as the connection's owner would."""
        for piece in data:
            if self.error is None:
                self._receive(piece)
        self._collect()
        return self

    def _receive(self, data: bytes) -> None:
        try:
            self.events += self._each(data)
        except FrameError as error:
            self.error = error
            self.endpoint.sender.goodbye(self.endpoint.lanes.last, error.code)

    def _each(self, data: bytes) -> Iterator[Event]:
        yield from self.endpoint.receive(data)

    def do(self, act: Callable[[Endpoint], object]) -> "Peer":
        """Something that the gateway does."""
        act(self.endpoint)
        self._collect()
        return self

    def _collect(self) -> None:
        for each in self._splitter.feed(self.endpoint.sender.data_to_send()):
            self.sent.append((each.kind, each.flags, each.stream, each.payload))

    def heard(self, *kinds: int) -> list[Sent]:
        """The frames of these kinds."""
        return [each for each in self.sent if each[0] in kinds]

    @property
    def goodbye(self) -> int | None:
        """The code of the GOAWAY, None where there was none."""
        return next((int.from_bytes(payload[4:8]) for *_, payload in self.heard(GOAWAY)), None)

    @property
    def resets(self) -> list[tuple[int, int]]:
        """Stream and code of each RST_STREAM."""
        return [(stream, int.from_bytes(payload)) for _, _, stream, payload in self.heard(RST_STREAM)]

    def heads(self) -> list[list[tuple[bytes, bytes]]]:
        """The fields of each HEADERS frame."""
        return [
            [(bytes(name), bytes(value)) for name, value in self._decoder.decode(payload, raw=True)]
            for *_, payload in self.heard(HEADERS)
        ]


def greeted() -> Peer:
    """A connection that is open."""
    return Peer().say(HELLO)
