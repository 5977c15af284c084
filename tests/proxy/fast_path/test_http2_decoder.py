"""Laws of the reader of header blocks: it reads what hpack reads, refuses what hpack refuses, and more where RFC 7541 says so."""

import re

import pytest
from h2.errors import ErrorCodes
from hpack import Decoder, Encoder, HPACKError
from hpack.table import HeaderTable
from hypothesis import given
from hypothesis import strategies as st

from mesh_gateway.proxy.fast_path import http2_huffman
from mesh_gateway.proxy.fast_path.http2_decoder import BlockDecoder
from mesh_gateway.proxy.fast_path.http2_frames import FrameError
from mesh_gateway.routing.head import Field

MAX_LIST = 65_536
NAMES = st.sampled_from([b":path", b":method", b"cookie", b"x-a", b"x-b", b"n" * 200, b"authorization"])
VALUES = st.sampled_from([b"", b"/", b"GET", b"v" * 126, b"v" * 127, b"v" * 1500, b"*/*"]) | st.binary(max_size=40)
LISTS = st.lists(st.lists(st.tuples(NAMES, VALUES), max_size=8), min_size=1, max_size=6)


def read(decoder: BlockDecoder, block: bytes) -> tuple[Field, ...] | ErrorCodes:
    try:
        return decoder.decode(block)
    except FrameError as error:
        return error.code


def read_by_hpack(decoder: Decoder, block: bytes) -> tuple[Field, ...] | None:
    """None where it is refused. hpack passes some of Python's own errors on."""
    try:
        return tuple((bytes(name), bytes(value)) for name, value in decoder.decode(block, raw=True))
    except (HPACKError, IndexError, UnicodeDecodeError):
        return None


@given(LISTS, st.booleans(), st.lists(st.integers(0, 4096), max_size=3))
def test_whatever_is_written_is_read(lists: list[list[Field]], is_coded: bool, sizes: list[int]) -> None:
    encoder, decoder = Encoder(), BlockDecoder(1 << 20)
    for fields in lists:
        if sizes:
            encoder.header_table_size = sizes.pop()
        for _ in range(3):  # the second time by numbers, the third time from what is remembered
            assert decoder.decode(encoder.encode(fields, huffman=is_coded)) == tuple(fields)


PIECES = st.sampled_from(
    [
        *(b"\x82", b"\x84", b"\xbe", b"\xbf", b"\xff\x00", b"\x40\x01a\x01b", b"\x41\x01b", b"\x0f\x2f\x01c"),
        *(b"\x10\x01a\x00", b"\x20", b"\x3f\xe1\x1f", b"\x3f\x61", b"\x40\x82\x1c\x64\x01x", b"\x80", b"\x3f"),
        b"\x00\x01n\x83\xff\xff\xff",
    ]
)
BLOCKS = st.lists(st.lists(PIECES | st.binary(max_size=6), max_size=8).map(b"".join), min_size=1, max_size=4)


# RFC 7541 5.1: an integer may be written with more bytes than any number here needs, which hpack takes.
PADDED_INTEGER = re.compile(rb"[\x80-\xff]{4}")


@given(BLOCKS)
def test_hpack_and_this_agree(blocks: list[bytes]) -> None:
    decoder, oracle = BlockDecoder(MAX_LIST), Decoder(MAX_LIST)
    for block in blocks:
        found, expected = read(decoder, block), read_by_hpack(oracle, block)
        if isinstance(found, ErrorCodes):
            assert expected is None or PADDED_INTEGER.search(block)
            return
        assert found == expected


@given(st.binary(max_size=300))
def test_no_bytes_do_harm(block: bytes) -> None:
    found = read(BlockDecoder(MAX_LIST), block)
    assert isinstance(found, tuple) or found in {ErrorCodes.COMPRESSION_ERROR, ErrorCodes.ENHANCE_YOUR_CALM}


@given(st.binary(max_size=60))
def test_a_text_is_what_it_was_coded_from(text: bytes) -> None:
    block = Encoder().encode([(b"x", text)], huffman=True)
    assert BlockDecoder(MAX_LIST).decode(block) == ((b"x", text),)


def test_every_number_of_the_static_table_is_its_field() -> None:
    decoder = BlockDecoder(MAX_LIST)
    for number, field in enumerate(HeaderTable.STATIC_TABLE, start=1):
        assert decoder.decode(bytes([0x80 | number])) == (field,)


# RFC 7541, section by section, as h2spec lists them.
REFUSED: dict[str, bytes] = {
    "2.3.3 a number behind the tables": b"\xbe",
    "2.3.3 a large number": b"\xff\x80\x01",
    "4.2 a size behind a field": b"\x82\x20",
    "4.2 a size above the limit": b"\x3f\xe2\x1f",
    "5.1 an integer without end": b"\xff" + b"\x80" * 20,
    "5.1 an integer that breaks off": b"\xff",
    "5.2 a string that breaks off": b"\x00\x05ab",
    "5.2 padding of eight bits": b"\x00\x81\xff\x00",
    "5.2 padding of zeros": b"\x00\x81\x1e\x00",
    "5.2 the end of a string inside": b"\x00\x84\xff\xff\xff\xff\x00",
    "6.1 number 0": b"\x80",
    "6.2 a name without a value": b"\x40\x01a",
    "6.2 nothing behind the first byte": b"\x00",
    "6.2.1 a name behind the tables": b"\x7e\x00",
    "6.3 a size that breaks off": b"\x3f",
}


@pytest.mark.parametrize("block", REFUSED.values(), ids=REFUSED)
def test_what_is_no_block_is_a_compression_error(block: bytes) -> None:
    assert read(BlockDecoder(MAX_LIST), block) is ErrorCodes.COMPRESSION_ERROR


def test_what_is_remembered_ends_with_the_table_that_it_was_read_by() -> None:
    decoder = BlockDecoder(MAX_LIST)
    decoder.decode(b"\x40\x01a\x01b")
    assert decoder.decode(b"\xbe") is decoder.decode(b"\xbe") == ((b"a", b"b"),)
    decoder.decode(b"\x40\x01c\x01d")
    assert decoder.decode(b"\xbe") == ((b"c", b"d"),)
    decoder.decode(b"\x20")
    assert read(decoder, b"\xbe") is ErrorCodes.COMPRESSION_ERROR


def test_the_oldest_make_room_and_what_is_too_large_empties_the_table() -> None:
    decoder, encoder = BlockDecoder(MAX_LIST), Encoder()
    for number in range(5):
        decoder.decode(encoder.encode([(b"x", b"%d" % number * 1000)], huffman=False))
    assert decoder.decode(b"\xbe") == ((b"x", b"4" * 1000),)
    assert read(decoder, b"\xc1") is ErrorCodes.COMPRESSION_ERROR, "three have room"
    decoder = BlockDecoder(MAX_LIST)
    decoder.decode(b"\x40\x01a\x01b" + Encoder().encode([(b"x", b"v" * 4096)], huffman=False))
    assert read(decoder, b"\xbe") is ErrorCodes.COMPRESSION_ERROR


def test_a_list_is_not_read_past_its_bound() -> None:
    decoder = BlockDecoder(MAX_LIST)
    decoder.decode(Encoder().encode([(b"x", b"v" * 3000)]))
    assert read(decoder, b"\xbe" * 16_000) is ErrorCodes.ENHANCE_YOUR_CALM


def test_nothing_is_no_text() -> None:
    assert http2_huffman.decode(b"") == b""
