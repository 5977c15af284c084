"""Laws of chunks: however the bytes come, the body is the same; a step is bounded; nothing behind the end is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh_gateway.proxy.bounds import MAX_FRAMING_BYTES
from mesh_gateway.proxy.fast_path.chunked import IN_ONE_GO, LAST_CHUNK, ChunkedBody, Progress, chunk

NEXT = b"GET / HTTP/1.1\r\n"


@given(st.lists(st.binary(max_size=40), max_size=8), st.integers(1, 60))
def test_a_body_is_the_same_in_whatever_pieces_it_comes(parts: list[bytes], size: int) -> None:
    wire = b"".join(map(chunk, parts)) + LAST_CHUNK + NEXT
    body, found = ChunkedBody(), b""
    for at in range(0, len(wire), size):
        body.feed(wire[at : at + size])
        piece = body.take()
        found += piece.data
        if piece.progress is Progress.OVER:
            assert found == b"".join(parts)
            assert body.give_back() + wire[at + size :] == NEXT
            return
        assert piece.progress is Progress.WAITS
    pytest.fail("it never ended")


def test_a_step_takes_so_many_chunks_and_gives_the_rest_back() -> None:
    body = ChunkedBody()
    body.feed(chunk(b"x") * (IN_ONE_GO + 1) + LAST_CHUNK)
    piece = body.take()
    assert (piece.progress, len(piece.data)) == (Progress.GOES_ON, IN_ONE_GO)
    body.feed(body.give_back())
    assert body.take() == (b"x", Progress.OVER, "")


@pytest.mark.parametrize(
    "broken", [b"x\r\n", b"5\r\nhelloX", b"0" * (MAX_FRAMING_BYTES + 1), b"5;" + b"e" * MAX_FRAMING_BYTES]
)
def test_what_is_no_chunk_is_told_with_the_chunks_before_it(broken: bytes) -> None:
    body = ChunkedBody()
    body.feed(chunk(b"good") + broken)
    piece = body.take()
    assert (piece.data[:4], piece.progress) == (b"good", Progress.BROKEN)
    assert piece.reason
