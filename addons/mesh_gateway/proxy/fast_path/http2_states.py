"""May a client send this frame on that stream now? (RFC 9113 5.1)"""

from enum import Enum, IntEnum, unique
from typing import Final

from h2.errors import ErrorCodes

from mesh_gateway.proxy.fast_path.http2_frames import FrameError, Kind, StreamError


@unique
class State(IntEnum):
    """How far a stream of a client's has come. Integers, for they are asked for with each frame."""

    IDLE = 0
    OPEN = 1
    ANSWERED = 2
    """The gateway has said all, the client has not: half-closed (local)."""
    ASKED = 3
    """The client has said all, the gateway has not: half-closed (remote)."""
    OVER = 4
    """Both have said all."""
    RESET_HERE = 5
    """By the gateway: the client may not know it yet."""
    RESET_THERE = 6
    """By the client."""
    SKIPPED = 7
    """Never used, and closed by one with a higher number (RFC 9113 5.1.1)."""


@unique
class Verdict(Enum):
    """What becomes of a frame."""

    TAKEN = "taken"
    IGNORED = "ignored"
    """As far as the connection allows: header blocks are decoded and windows counted all the same."""
    CLOSED = "STREAM_CLOSED, for the stream"
    ALL_CLOSED = "STREAM_CLOSED, for the connection"
    WRONG = "PROTOCOL_ERROR, for the connection"


_T, _I, _C, _A, _W = Verdict

# Frames that speak of a stream, in the order of `KINDS`. PRIORITY means nothing in any state.
KINDS: Final = (Kind.DATA, Kind.HEADERS, Kind.RST_STREAM, Kind.WINDOW_UPDATE)
RULES: Final = {
    #                  DATA HEADERS RST_STREAM WINDOW_UPDATE
    State.IDLE:        (_W, _T,     _W,        _W),
    State.OPEN:        (_T, _T,     _T,        _T),
    State.ANSWERED:    (_T, _T,     _T,        _T),
    State.ASKED:       (_C, _C,     _T,        _T),
    State.OVER:        (_A, _A,     _I,        _I),
    State.RESET_HERE:  (_I, _I,     _I,        _I),
    State.RESET_THERE: (_C, _C,     _I,        _I),
    State.SKIPPED:     (_W, _W,     _W,        _W),
}  # fmt: skip
_COLUMNS: Final = {kind: tuple(RULES[state][column] for state in State) for column, kind in enumerate(KINDS)}

# The end of either side, by END_STREAM.
AFTER_CLIENTS_END: Final = {State.OPEN: State.ASKED, State.ANSWERED: State.OVER}
AFTER_OWN_END: Final = {State.OPEN: State.ANSWERED, State.ASKED: State.OVER}


def judge(kind: Kind, state: State) -> Verdict:
    """What becomes of a frame of one of `KINDS`."""
    return _COLUMNS[kind][state]


def is_taken(kind: Kind, state: State) -> bool:
    """Whether the frame is to be looked at; raises what it is an error of: StreamError or FrameError."""
    match judge(kind, state):
        case Verdict.TAKEN:
            return True
        case Verdict.IGNORED:
            return False
        case Verdict.CLOSED:
            raise StreamError(ErrorCodes.STREAM_CLOSED)
        case Verdict.ALL_CLOSED:
            raise FrameError(f"{kind.name} on a stream that is over", ErrorCodes.STREAM_CLOSED)
        case Verdict.WRONG:
            raise FrameError(f"{kind.name} on a stream that never was")
