"""Laws of the encoder: whatever is written is read again, and no table grows at either end."""

from hpack import Decoder
from hypothesis import given
from hypothesis import strategies as st

from mesh_gateway.proxy.fast_path.http2_fields import NO_TABLE, PlainEncoder, encode_answer, encode_fields

NAMES = st.sampled_from([b":status", b"content-type", b"set-cookie", b"accept-encoding", b"x-request-id", b"n" * 300])
VALUES = st.sampled_from([b"200", b"299", b"", b"gzip, deflate", b"v" * 126, b"v" * 127, b"v" * 70_000]) | st.binary()


@given(st.lists(st.lists(st.tuples(NAMES, VALUES), max_size=6), max_size=4), st.sampled_from([0, 100, 4096, 1 << 20]))
def test_what_is_written_is_read_again(blocks: list[list[tuple[bytes, bytes]]], table: int) -> None:
    decoder, encoder = Decoder(1 << 24), PlainEncoder()
    decoder.max_allowed_table_size = table
    encoder.header_table_size = table
    for fields in blocks:
        assert [tuple(field) for field in decoder.decode(encoder.encode(fields), raw=True)] == fields
        assert not decoder.header_table.dynamic_entries


@given(st.sampled_from([200, 204, 299, 418, 999]), st.lists(st.tuples(NAMES, VALUES), max_size=6))
def test_an_answer_is_read_again_in_lower_case(status: int, fields: list[tuple[bytes, bytes]]) -> None:
    block = NO_TABLE + encode_answer(status, [(name.title(), value) for name, value in fields])
    read = [tuple(field) for field in Decoder(1 << 24).decode(block, raw=True)]
    assert read == [(b":status", b"%d" % status), *fields]


def test_secrets_of_answers_are_marked_too() -> None:
    read = Decoder().decode(encode_fields([(b"Set-Cookie", b"a=b"), (b"Server", b"x")]), raw=True)
    assert [field.indexable for field in read] == [False, True]


def test_secrets_are_marked_for_whoever_passes_them_on() -> None:
    fields = [(b"authorization", b"Basic eA=="), (b"set-cookie", b"a=b"), (b"server", b"x")]
    read = Decoder().decode(PlainEncoder().encode(fields), raw=True)
    assert [field.indexable for field in read] == [False, False, True]


def test_a_small_head_is_small() -> None:
    fields = [(b":status", b"200"), (b"content-length", b"12"), (b"content-type", b"text/plain")]
    assert len(PlainEncoder().encode(fields)) == 1 + 1 + (2 + 1 + 2) + (2 + 1 + 10)
