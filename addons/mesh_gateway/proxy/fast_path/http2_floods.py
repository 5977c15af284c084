"""Does a peer send too much of what carries nothing? (CVE-2019-9511 to 9518, CVE-2023-44487, CVE-2025-8671)"""

from mesh_gateway.proxy.bounds import FLOOD_SECONDS, RESETS_ALLOWED, SMALL_TALK_ALLOWED
from mesh_gateway.proxy.fast_path.http2_frames import Frame, Kind

# Two for each frame of DATA is what careful clients send.
WINDOW_UPDATES_ALLOWED = 10_000
WINDOW_UPDATES_PER_DATA = 2
# What is on its way when a stream ends, in frames as small as careless clients make them.
LATE_DATA_ALLOWED = 10_000
# A frame cut so small by the client's window earns no further updates: it would be a dribble (CVE-2019-9511).
DRIBBLE = 1024


class Tally:
    """Counts in spans of ten seconds."""

    __slots__ = ("_since", "allowed", "count")

    def __init__(self, allowed: int) -> None:
        self.allowed = allowed
        self.count = 0
        self._since = 0.0

    def is_full(self, now: float) -> bool:
        """Note one more; whether it is one too many."""
        if now - self._since > FLOOD_SECONDS:
            self._since, self.count = now, 0
        self.count += 1
        return self.count > self.allowed


class Floods:
    """What one peer has sent lately."""

    __slots__ = ("_block", "_late_data", "_max_block", "_resets", "_small_talk", "_window_updates")

    def __init__(self, max_block: int) -> None:
        self._max_block = max_block
        self._block = 0
        """Bytes of the header block that is coming."""
        self._resets = Tally(RESETS_ALLOWED)
        self._small_talk = Tally(SMALL_TALK_ALLOWED)
        self._window_updates = Tally(WINDOW_UPDATES_ALLOWED)
        self._late_data = Tally(LATE_DATA_ALLOWED)

    def excess(self, frame: Frame, now: float, *, is_known: bool) -> str | None:
        """What there is too much of with this frame. `is_known`: its stream is one that runs."""
        match frame.kind:
            case Kind.HEADERS:
                self._block = len(frame.raw)
            case Kind.CONTINUATION:
                self._block += len(frame.raw)
            case Kind.DATA if not frame.is_empty_data:
                return "too much data on streams that ended" if not is_known and self._late_data.is_full(now) else None
            case Kind.RST_STREAM:
                return self.reset_excess(now)
            case Kind.WINDOW_UPDATE:
                return "too many window updates" if self._window_updates.is_full(now) else None
            case _:
                return self.small_talk_excess(now)
        return "header block too large" if self._block > self._max_block else None

    def reset_excess(self, now: float) -> str | None:
        """The same of a stream that was reset, by the peer or by its fault."""
        return "too many resets" if self._resets.is_full(now) else None

    def small_talk_excess(self, now: float) -> str | None:
        """The same of something that carries nothing."""
        return "too much small talk" if self._small_talk.is_full(now) else None

    def data_was_sent(self, size: int, *, is_all: bool) -> None:
        """A frame of DATA went out: its window may be opened again."""
        if is_all or size >= DRIBBLE:
            self._window_updates.count = max(0, self._window_updates.count - WINDOW_UPDATES_PER_DATA)
