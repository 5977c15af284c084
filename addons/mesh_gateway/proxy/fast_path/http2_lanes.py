"""Which streams does a client have, and what may still be sent on each? (RFC 9113 5.1, 6.9)

The mutable state is the table of streams that run, and what is remembered of those that do not.
"""

from collections import OrderedDict, deque
from typing import Final

from mesh_gateway.proxy.bounds import STREAM_WINDOW
from mesh_gateway.proxy.fast_path.http2_frames import FrameError
from mesh_gateway.proxy.fast_path.http2_states import AFTER_CLIENTS_END, AFTER_OWN_END, State

# How many streams that ended in between are remembered, for frames that are on their way; h2 keeps 65,536, for 7 MB.
RESETS_REMEMBERED: Final = 1024
# Clients number their streams without leaving any out.
GAPS_REMEMBERED: Final = 16


class Lane:
    """One stream that runs: its state, and its windows."""

    __slots__ = ("left", "out_room", "room", "state", "unopened")

    def __init__(self, out_room: int) -> None:
        self.state = State.OPEN
        self.room = STREAM_WINDOW
        """Bytes that the client may send."""
        self.unopened = 0
        """Bytes that found their place, but whose window is not opened again yet."""
        self.out_room = out_room
        """Bytes that the client takes; less than nothing once it has changed its mind (RFC 9113 6.9.2)."""
        self.left: int | None = None
        """What is missing of the body by its `content-length`."""

    def count(self, size: int, *, is_ended: bool) -> None:
        """So much of the body has come; raises FrameError where that is not its length (RFC 9113 8.1.1)."""
        if self.left is not None:
            self.left -= size
            if self.left < 0 or (is_ended and self.left):
                raise FrameError("a body that has not its content-length")


class Lanes:
    """The streams of one connection."""

    def __init__(self) -> None:
        self.running: dict[int, Lane] = {}
        self.last = 0
        """The highest number that a client has used."""
        self._resets: OrderedDict[int, State] = OrderedDict()
        self._gaps: deque[range] = deque(maxlen=GAPS_REMEMBERED)

    def state(self, number: int) -> State:
        """Where the stream stands."""
        if lane := self.running.get(number):
            return lane.state
        if number > self.last or not number & 1:
            return State.IDLE
        if state := self._resets.get(number):
            return state
        return State.SKIPPED if any(number in gap for gap in self._gaps) else State.OVER

    def begin(self, number: int) -> None:
        """The client uses an idle number; raises FrameError where it is not the client's (RFC 9113 5.1.1)."""
        if not number & 1:
            raise FrameError(f"stream {number}, which is not a client's")
        if number > self.last + 2:
            self._gaps.append(range(self.last + 2 if self.last else 1, number, 2))
        self.last = number

    def client_ended(self, number: int, lane: Lane) -> None:
        """END_STREAM has come."""
        lane.state = AFTER_CLIENTS_END[lane.state]
        self._settle(number, lane)

    def own_ended(self, number: int, lane: Lane) -> None:
        """END_STREAM was sent."""
        lane.state = AFTER_OWN_END[lane.state]
        self._settle(number, lane)

    def _settle(self, number: int, lane: Lane) -> None:
        if lane.state is State.OVER:
            del self.running[number]

    def was_reset(self, number: int, state: State) -> None:
        """RST_STREAM was sent or has come, as `state` says."""
        self.running.pop(number, None)
        self._resets[number] = state
        if len(self._resets) > RESETS_REMEMBERED:
            self._resets.popitem(last=False)
