"""One look at a field section tells what a look at each line tells."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh_gateway.routing.http1_section import read_section

# RFC 9110 5.1 and 5.5 once more, line by line and byte by byte.
NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
NOT_ALLOWED = {*range(0x09), *range(0x0A, 0x20), 0x7F}


def is_field(line: bytes) -> bool:
    name, colon, value = line.partition(b":")
    return bool(colon) and NAME.fullmatch(name) is not None and not NOT_ALLOWED.intersection(value)


def pieces() -> st.SearchStrategy[bytes]:
    """What lines are made of, mostly sound ones."""
    return st.one_of(
        st.sampled_from([b"X: y\r\n", b"a:\r\n", b"b:\t z \t\r\n", b"Long-Name_1: \xff\xe4\r\n", b"c: d:e\r\n"]),
        st.sampled_from([b"X", b":", b" ", b"\t", b"y", b"\n", b"\r", b"\r\n", b"\0", b"\x7f", b"\x0b", b"\xff"]),
        st.binary(max_size=2),
    )


@settings(max_examples=500, deadline=None)
@given(st.lists(pieces(), max_size=12).map(b"".join))
def test_both_looks_agree(text: bytes) -> None:
    section = text + b"\r\n" if text and not text.endswith(b"\r\n") else text
    lines = section.split(b"\r\n")[:-1]
    first_bad = next((line for line in lines if not is_field(line)), None)
    expected = [(name, value.strip(b" \t")) for name, _, value in (line.partition(b":") for line in lines)]
    assert read_section(section) == (tuple(expected) if first_bad is None else first_bad)


@pytest.mark.parametrize(
    ("section", "fields"),
    [
        pytest.param(b"", (), id="none"),
        pytest.param(b"X: y\r\nx:z\r\n", ((b"X", b"y"), (b"x", b"z")), id="in order and as they came"),
        pytest.param(b"X: \t y z\t \r\n", ((b"X", b"y z"),), id="whitespace around a value is none of it"),
        pytest.param(b"X: \t \r\n", ((b"X", b""),), id="nothing but whitespace"),
    ],
)
def test_fields(section: bytes, fields: tuple[tuple[bytes, bytes], ...]) -> None:
    assert read_section(section) == fields


@pytest.mark.parametrize(
    ("section", "line"),
    [
        pytest.param(b"A: b\r\n X: y\r\n", b" X: y", id="folded"),
        pytest.param(b"X : y\r\nA: b\r\n", b"X : y", id="space before the colon"),
        pytest.param(b"A: b\nX: y\r\n", b"A: b\nX: y", id="bare LF"),
        pytest.param(b"A: b\rX: y\r\n", b"A: b\rX: y", id="bare CR"),
        pytest.param(b"\r\nA: b\r\n", b"", id="empty line"),
        pytest.param(b"X:" + b" " * 50_000 + b"\0\r\n", b"X:" + b" " * 50_000 + b"\0", id="no end of blanks, then NUL"),
    ],
)
def test_the_first_line_that_is_none_is_named(section: bytes, line: bytes) -> None:
    assert read_section(section) == line
