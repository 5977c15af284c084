"""A connection's reader remembers field sections, and nobody could tell by what it reads."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh_gateway.routing.fields import FieldSection
from mesh_gateway.routing.head import RequestHead, parse_http1
from mesh_gateway.routing.http1_head import HeadReader
from tests.routing.drawn_heads import heads
from tests.routing.heads import LIMITS

SECTION = b"Host: a.nsl.sh\r\nCookie: a=b\r\n\r\n"
FIRST = b"GET / HTTP/1.1\r\n" + SECTION


def request_lines() -> st.SearchStrategy[bytes]:
    return st.builds(
        lambda method, target, version: b"%b %b HTTP/1.%d\r\n" % (method, target, version),
        st.sampled_from([b"GET", b"OPTIONS", b"CONNECT", b"TRACE", b"TRACED", b"get"]),
        st.sampled_from(
            [b"/", b"/x?y", b"*", b"/#", b"http://a.nsl.sh/z", b"http://A.NSL.SH", b"/" + b"x" * 1024, b""]
        ),
        st.sampled_from([1, 1, 0, 2]),
    )


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.builds(bytes.__add__, request_lines(), st.sampled_from([SECTION, b"Host: b\r\n\r\n", b"X: y\r\n\r\n"])))
)
def test_any_line_over_a_known_section_is_read_as_for_the_first_time(raws: list[bytes]) -> None:
    reader = HeadReader(LIMITS)
    assert [reader.read(raw) for raw in raws] == [parse_http1(raw, LIMITS) for raw in raws]


@settings(max_examples=100, deadline=None)
@given(st.lists(heads(), max_size=3))
def test_a_head_that_comes_again_is_read_as_for_the_first_time(raws: list[bytes]) -> None:
    reader = HeadReader(LIMITS)
    assert [reader.read(raw) for raw in raws * 2] == [parse_http1(raw, LIMITS) for raw in raws * 2]


def test_what_an_absolute_target_called_the_host_is_not_remembered() -> None:
    reader = HeadReader(LIMITS)
    called = [reader.read(line + SECTION) for line in (b"GET http://A.nsl.sh:80/ HTTP/1.1\r\n", b"GET / HTTP/1.1\r\n")]
    assert [head.authority for head in called if isinstance(head, RequestHead)] == ["A.nsl.sh:80", "a.nsl.sh"]


def test_a_head_over_the_limit_is_refused_though_its_section_is_known() -> None:
    size = LIMITS.size - len("GET / HTTP/1.1\r\nHost: b\r\nX: \r\n\r\n")
    section = b"Host: b\r\nX: " + b"y" * size + b"\r\n\r\n"
    reader = HeadReader(LIMITS)
    lines = (b"GET / HTTP/1.1\r\n", b"GET /x HTTP/1.1\r\n")
    assert [isinstance(reader.read(line + section), RequestHead) for line in lines] == [True, False]


def section_of(reader: HeadReader, raw: bytes) -> FieldSection:
    head = reader.read(raw)
    assert isinstance(head, RequestHead), head
    return head.fields


@pytest.mark.parametrize(
    ("between", "is_known"),
    [
        pytest.param(0, True, id="the next request"),
        pytest.param(2, True, id="two other sections between"),
        pytest.param(3, False, id="three others: the connection keeps no more"),
    ],
)
def test_few_sections_are_remembered(between: int, is_known: bool) -> None:
    reader = HeadReader(LIMITS)
    first = section_of(reader, FIRST)
    for number in range(between):
        section_of(reader, b"GET / HTTP/1.1\r\nHost: a%d\r\n\r\n" % number)
    assert (section_of(reader, FIRST) is first) is is_known


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nCookie: " + b"c" * 4096 + b"\r\n\r\n", id="a long one"),
        pytest.param(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n", id="HTTP/1.0"),
        pytest.param(b"\r\n" + FIRST, id="an empty line before"),
    ],
)
def test_the_unusual_is_not_remembered(raw: bytes) -> None:
    reader = HeadReader(replace(LIMITS, size=8192))
    assert section_of(reader, raw) is not section_of(reader, raw)


def test_connections_share_nothing() -> None:
    one, other = HeadReader(LIMITS), HeadReader(LIMITS)
    assert section_of(one, FIRST) is not section_of(other, FIRST)
