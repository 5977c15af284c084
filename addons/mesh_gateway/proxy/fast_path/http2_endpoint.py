"""What does a client say in HTTP/2? The server's end of a connection, without a socket.

Strict, bounded, and only what a server needs (RFC 9113): bytes in, events out, and answers in `sender`. The field
sections themselves are not judged here; `http2_heads.py` does that.
"""

import re
from collections.abc import Callable, Iterator
from typing import ClassVar, Final

from h2.errors import ErrorCodes

from mesh_gateway.proxy.bounds import CONNECTION_WINDOW, DEFAULT_WINDOW, STREAM_WINDOW
from mesh_gateway.proxy.fast_path.http2_blocks import Block, Blocks
from mesh_gateway.proxy.fast_path.http2_decoder import BlockDecoder, Fields
from mesh_gateway.proxy.fast_path.http2_events import (
    DataCame,
    Event,
    HeadCame,
    SaidGoodbye,
    TrailersCame,
    WasReset,
    WindowOpened,
)
from mesh_gateway.proxy.fast_path.http2_floods import Floods
from mesh_gateway.proxy.fast_path.http2_frames import (
    ACK,
    END_HEADERS,
    END_STREAM,
    FRAME_HEAD,
    PREFACE,
    Frame,
    FrameError,
    FrameSplitter,
    Kind,
    StreamError,
)
from mesh_gateway.proxy.fast_path.http2_lanes import Lane, Lanes
from mesh_gateway.proxy.fast_path.http2_sender import Sender
from mesh_gateway.proxy.fast_path.http2_settings import MAX_STREAMS, MAX_WINDOW, own_settings, read_settings
from mesh_gateway.proxy.fast_path.http2_shapes import check_priority, check_shape, contents
from mesh_gateway.proxy.fast_path.http2_states import State, is_taken
from mesh_gateway.routing.head import HeadLimits

_WORD_BITS: Final = 0x7FFF_FFFF
_LENGTH: Final = re.compile(rb"[0-9]{1,19}")


class Endpoint:
    """One connection."""

    def __init__(self, limits: HeadLimits, max_list: int, floods: Floods, clock: Callable[[], float]) -> None:
        """`max_list`: the largest header list that is decoded, by RFC 9113 6.5.2. `clock`: monotonic seconds."""
        self.lanes = Lanes()
        self.sender = Sender(self.lanes)
        self._floods = floods
        self._clock = clock
        self._frames = FrameSplitter(PREFACE)
        self._decoder = BlockDecoder(max_list)
        self._room = CONNECTION_WINDOW
        """Bytes that the client may send over all streams."""
        self._unopened = 0
        self._is_greeted = False
        self._blocks = Blocks()
        self.sender.settings(own_settings(limits))
        self.sender.open_window(0, CONNECTION_WINDOW - DEFAULT_WINDOW)

    def receive(self, data: bytes) -> Iterator[Event]:
        """What is in the bytes, to be read to its end or never again.

        Raises FrameError: the connection is to end with the error's code, and nothing may be received any more.
        """
        for frame in self._frames.feed(data):
            # There cannot be too much of heads that come in one piece: streams have a limit.
            if frame.kind != Kind.HEADERS or not frame.flags & END_HEADERS:
                self._check_floods(frame)
            try:
                event = self._take(frame)
            except StreamError as error:
                self.sender.reset(frame.stream, error.code)
                event = WasReset(frame.stream, error.code, is_clients=False)
            if event is not None:
                yield event

    def _check_floods(self, frame: Frame) -> None:
        if excess := self._floods.excess(frame, self._clock(), is_known=frame.stream in self.lanes.running):
            raise FrameError(excess, ErrorCodes.ENHANCE_YOUR_CALM)

    def acknowledge(self, number: int, size: int) -> None:
        """So many bytes of DATA have found their place: the client may send as many more (RFC 9113 6.9)."""
        lane = self.lanes.running.get(number)
        if lane is not None and lane.state is not State.ASKED:
            lane.unopened += size
            if lane.unopened >= STREAM_WINDOW // 2:  # an update for each piece would be as many frames as come
                self.sender.open_window(number, lane.unopened)
                lane.room += lane.unopened
                lane.unopened = 0
        self._give_back(size)

    def _give_back(self, size: int) -> None:
        """The same for the connection alone."""
        self._unopened += size
        if self._unopened >= CONNECTION_WINDOW // 2:
            self.sender.open_window(0, self._unopened)
            self._room += self._unopened
            self._unopened = 0

    # Frames.

    def _take(self, frame: Frame) -> Event | None:
        if self._blocks.stream and (frame.kind != Kind.CONTINUATION or frame.stream != self._blocks.stream):
            raise FrameError("something else inside a header block")
        if not self._is_greeted:
            self._check_greeting(frame)
        check_shape(frame)
        return self._takers[frame.kind](self, frame) if frame.kind < len(self._takers) else None

    def _check_greeting(self, frame: Frame) -> None:
        """RFC 9113 3.4: the client's settings come first."""
        if frame.kind != Kind.SETTINGS or frame.flags & ACK:
            raise FrameError("something else than SETTINGS behind the preface")
        self._is_greeted = True

    def _headers(self, frame: Frame) -> Event | None:
        block = self._blocks.begin(frame)
        return self._block_came(block) if block else None

    def _continuation(self, frame: Frame) -> Event | None:
        block = self._blocks.go_on(frame)
        return self._block_came(block) if block else None

    def _block_came(self, block: Block) -> Event | None:
        number, data, is_last = block
        fields = self._decoder.decode(data)  # always, for the table is the connection's
        lane = self.lanes.running.get(number)
        state = lane.state if lane else self.lanes.state(number)
        if state is State.IDLE:
            return self._begin(number, fields, len(data), is_last=is_last)
        if not is_taken(Kind.HEADERS, state) or lane is None:
            self._count_ignored()
            return None
        if not is_last:
            raise FrameError("a second head")  # RFC 9113 8.1
        lane.count(0, is_ended=True)
        self.lanes.client_ended(number, lane)
        return TrailersCame(number, fields)

    def _count_ignored(self) -> None:
        """A block that came late means nothing, and costs as much as another."""
        if excess := self._floods.small_talk_excess(self._clock()):
            raise FrameError(excess, ErrorCodes.ENHANCE_YOUR_CALM)

    def _begin(self, number: int, fields: Fields, size: int, *, is_last: bool) -> Event:
        self.lanes.begin(number)
        if len(self.lanes.running) >= MAX_STREAMS:
            raise StreamError(ErrorCodes.REFUSED_STREAM)  # RFC 9113 5.1.2: it may not know our limit yet
        lane = self.lanes.running[number] = Lane(self.sender.initial_window)
        if is_last:
            lane.state = State.ASKED
        else:
            lane.left = _content_length(fields)
        return HeadCame(number, fields, is_last, size)

    def _data(self, frame: Frame) -> Event | None:
        number, size, data = frame.stream, len(frame.raw) - FRAME_HEAD, contents(frame)
        self._room -= size
        if self._room < 0:
            raise FrameError("more than the connection's window", ErrorCodes.FLOW_CONTROL_ERROR)
        lane = self.lanes.running.get(number)
        state = lane.state if lane else self.lanes.state(number)
        if lane is None or state is State.ASKED:
            self._give_back(size)
            is_taken(Kind.DATA, state)
            return None
        lane.room -= size
        if lane.room < 0:
            raise FrameError("more than the stream's window", ErrorCodes.FLOW_CONTROL_ERROR)
        is_ended = bool(frame.flags & END_STREAM)
        lane.count(len(data), is_ended=is_ended)
        if is_ended:
            self.lanes.client_ended(number, lane)
        return DataCame(number, data, size, is_ended)

    def _rst_stream(self, frame: Frame) -> Event | None:
        number = frame.stream
        if not is_taken(Kind.RST_STREAM, self.lanes.state(number)):
            return None
        self.lanes.was_reset(number, State.RESET_THERE)
        return WasReset(number, int.from_bytes(frame.payload), is_clients=True)

    def _window_update(self, frame: Frame) -> Event | None:
        number, size = frame.stream, int.from_bytes(frame.payload) & _WORD_BITS
        if number == 0:
            if size == 0:
                raise FrameError("a window opened by nothing")
            self.sender.opened(size)
            return None  # whoever waits for it stands in a queue
        lane = self.lanes.running.get(number)
        if not is_taken(Kind.WINDOW_UPDATE, self.lanes.state(number)) or lane is None:
            return None
        if size == 0:
            raise StreamError(ErrorCodes.PROTOCOL_ERROR)  # RFC 9113 6.9
        lane.out_room += size
        if lane.out_room > MAX_WINDOW:
            raise StreamError(ErrorCodes.FLOW_CONTROL_ERROR)
        return WindowOpened(number)

    def _settings(self, frame: Frame) -> Event | None:
        payload = frame.payload
        if frame.flags & ACK:
            if payload:
                raise FrameError("settings in an acknowledgement", ErrorCodes.FRAME_SIZE_ERROR)
            return None  # ours are in force from the beginning
        for setting, value in read_settings(payload):
            self.sender.apply(setting, value)
        self.sender.acknowledge(Kind.SETTINGS)
        return WindowOpened(0)

    def _ping(self, frame: Frame) -> Event | None:
        if not frame.flags & ACK:
            self.sender.acknowledge(Kind.PING, frame.payload)
        return None

    def _goaway(self, frame: Frame) -> Event | None:
        return SaidGoodbye(int.from_bytes(frame.payload[4:8]))

    def _priority(self, frame: Frame) -> Event | None:
        check_priority(frame.stream, frame.payload)
        return None

    def _push_promise(self, frame: Frame) -> Event | None:
        raise FrameError(f"a client that promises to push, on stream {frame.stream}")  # RFC 9113 8.4

    # By the number of their kind, other kinds are ignored. Functions: bound methods would be made for each connection.
    _takers: ClassVar[tuple[Callable[["Endpoint", Frame], Event | None], ...]] = (
        _data, _headers, _priority, _rst_stream, _settings, _push_promise, _ping, _goaway, _window_update, _continuation,
    )  # fmt: skip


def _content_length(fields: Fields) -> int | None:
    """What the body must have; None where nothing is said, or nothing that can be kept: then the head is refused."""
    lengths = [value for name, value in fields if name == b"content-length"]
    return int(lengths[0]) if len(lengths) == 1 and _LENGTH.fullmatch(lengths[0]) else None
