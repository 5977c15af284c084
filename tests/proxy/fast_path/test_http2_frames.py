"""Laws of the splitter: however the bytes come, the frames are the same, and none too large is waited for."""

from itertools import pairwise

import pytest
from h2.errors import ErrorCodes
from hypothesis import given
from hypothesis import strategies as st

from mesh_gateway.proxy.bounds import MAX_FRAME
from mesh_gateway.proxy.fast_path.http2_frames import PREFACE, Frame, FrameError, FrameSplitter, Kind
from tests.rig.http2_frames import DATA, END_STREAM, PING, SETTINGS, frame

FRAMES = st.lists(
    st.builds(
        frame,
        st.integers(0, 255),
        st.integers(0, (1 << 31) - 1),
        st.binary(max_size=40),
        st.integers(0, 255),
    ),
    max_size=8,
)


def split(splitter: FrameSplitter, *pieces: bytes) -> list[Frame]:
    return [each for piece in pieces for each in splitter.feed(piece)]


@given(FRAMES, st.lists(st.integers(0, 400)))
def test_however_the_bytes_are_cut_the_frames_are_the_same(frames: list[bytes], cuts: list[int]) -> None:
    data = PREFACE + b"".join(frames)
    places = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    pieces = [data[start:end] for start, end in pairwise(places)]
    assert [each.raw for each in split(FrameSplitter(PREFACE), *pieces)] == frames


def test_a_frame_says_what_it_is() -> None:
    (found,) = split(FrameSplitter(), frame(PING, 0x80000007, b"12345678", 1))
    assert (found.kind, found.flags, found.stream, found.payload) == (Kind.PING, 1, 7, b"12345678")


def test_data_that_ends_a_stream_is_not_empty() -> None:
    ended, empty = split(FrameSplitter(), frame(DATA, 1, flags=END_STREAM) + frame(DATA, 1))
    assert not ended.is_empty_data
    assert empty.is_empty_data


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\n", b"PRI * HTTP/1.1", b"\0"])
def test_what_is_not_the_preface_is_refused_at_once(first: bytes) -> None:
    with pytest.raises(FrameError, match="preface"):
        split(FrameSplitter(PREFACE), first)


def test_a_frame_too_large_is_refused_by_its_announcement() -> None:
    splitter = FrameSplitter()
    with pytest.raises(FrameError) as caught:
        split(splitter, (MAX_FRAME + 1).to_bytes(3))
    assert caught.value.code is ErrorCodes.FRAME_SIZE_ERROR


def test_what_came_before_an_error_is_not_lost() -> None:
    coming = FrameSplitter().feed(frame(SETTINGS, 0) + b"\xff\xff\xff\0\0\0\0\0\0")
    assert next(coming).kind == Kind.SETTINGS
    with pytest.raises(FrameError):
        next(coming)
