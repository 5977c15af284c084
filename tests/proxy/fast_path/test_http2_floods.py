"""Laws of floods: what carries something is never too much, what carries nothing is at some point."""

import pytest

from mesh_gateway.proxy.bounds import FLOOD_SECONDS, RESETS_ALLOWED, SMALL_TALK_ALLOWED
from mesh_gateway.proxy.fast_path.http2_floods import (
    DRIBBLE,
    LATE_DATA_ALLOWED,
    WINDOW_UPDATES_ALLOWED,
    Floods,
)
from mesh_gateway.proxy.fast_path.http2_frames import Frame, FrameSplitter
from tests.rig.http2_frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    GOAWAY,
    HEADERS,
    PING,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    frame,
)

NOW = 1000.0


def one(raw: bytes) -> Frame:
    (found,) = FrameSplitter().feed(raw)
    return found


def suffered(raw: bytes, *, is_known: bool = True, seconds: float = 0.0, most: int = 20_000) -> int:
    """After how many of them there is too much; `most` where there never is. They come in so many seconds."""
    floods, sent = Floods(max_block=65_536), one(raw)
    for count in range(most):
        if floods.excess(sent, NOW + seconds * count / most, is_known=is_known):
            return count
    return most


FLOODS = {
    "resets": (frame(RST_STREAM, 1, b"\0\0\0\x08"), True, RESETS_ALLOWED),
    "pings": (frame(PING, 0, b"12345678"), True, SMALL_TALK_ALLOWED),
    "acknowledgements": (frame(SETTINGS, 0, flags=ACK), True, SMALL_TALK_ALLOWED),
    "priorities": (frame(PRIORITY, 1, b"\0\0\0\0\1"), True, SMALL_TALK_ALLOWED),
    "goodbyes": (frame(GOAWAY, 0, b"\0" * 8), True, SMALL_TALK_ALLOWED),
    "unknown frames": (frame(0x77, 0), True, SMALL_TALK_ALLOWED),
    "empty data": (frame(DATA, 1), True, SMALL_TALK_ALLOWED),
    "empty data on no stream": (frame(DATA, 1), False, SMALL_TALK_ALLOWED),
    "data on no stream": (frame(DATA, 1, b"x"), False, LATE_DATA_ALLOWED),
    "window updates": (frame(WINDOW_UPDATE, 0, b"\0\0\0\1"), True, WINDOW_UPDATES_ALLOWED),
    "data": (frame(DATA, 1, b"x"), True, 20_000),
    "requests": (frame(HEADERS, 1, b"x", END_HEADERS), False, 20_000),
}


@pytest.mark.parametrize("name", FLOODS)
def test_so_much_of_it_is_suffered(name: str) -> None:
    raw, is_known, allowed = FLOODS[name]
    assert suffered(raw, is_known=is_known) == allowed


def test_spread_over_time_it_is_no_flood() -> None:
    ping = frame(PING, 0, b"12345678")
    assert suffered(ping, most=SMALL_TALK_ALLOWED * 5, seconds=FLOOD_SECONDS * 6) == SMALL_TALK_ALLOWED * 5


def test_a_header_block_has_a_bound_whatever_it_is_cut_into() -> None:
    floods = Floods(max_block=65_536)
    head, more = one(frame(HEADERS, 1, b"x" * 16_000)), one(frame(CONTINUATION, 1, b"x" * 16_000))
    assert not any(floods.excess(each, NOW, is_known=False) for each in (head, more, more, more))
    assert floods.excess(more, NOW, is_known=False) == "header block too large"
    assert not floods.excess(head, NOW, is_known=False), "the next block counts anew"


def opened_after_each(size: int, *, is_all: bool) -> int:
    """How often a window may be opened, two updates for each frame of data that went out before."""
    floods, update = Floods(max_block=65_536), one(frame(WINDOW_UPDATE, 1, b"\0\0\0\1"))
    for count in range(WINDOW_UPDATES_ALLOWED * 2):
        floods.data_was_sent(size, is_all=is_all)
        if any(floods.excess(update, NOW, is_known=True) for _ in range(2)):
            return count
    return WINDOW_UPDATES_ALLOWED * 2


def test_window_updates_for_what_was_sent_are_never_too_many() -> None:
    assert opened_after_each(DRIBBLE, is_all=False) == WINDOW_UPDATES_ALLOWED * 2
    assert opened_after_each(1, is_all=True) == WINDOW_UPDATES_ALLOWED * 2


def test_a_window_that_is_opened_byte_by_byte_earns_none() -> None:
    assert opened_after_each(1, is_all=False) == WINDOW_UPDATES_ALLOWED // 2
