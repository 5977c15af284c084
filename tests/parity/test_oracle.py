"""Laws of the oracle: it reads what was sent as an upstream has to see it, and finds what nobody sent."""

from dataclasses import replace

import pytest

from tests.parity.oracle import Read, as_forwarded, is_nothing_new, judge

POST = b"POST /a HTTP/1.1\r\nHost: alice.example.com\r\nContent-Length: 3\r\n\r\nabc"
GET = b"GET /b HTTP/1.1\r\nHost: alice.example.com\r\n\r\n"
FIRST = Read(b"POST", b"/a", b"alice.example.com", b"abc", is_whole=True)
SECOND = Read(b"GET", b"/b", b"alice.example.com", b"", is_whole=True)


def test_two_requests_in_a_row_are_two() -> None:
    assert judge(POST + GET).reads == (FIRST, SECOND)


def test_nothing_is_read_behind_a_flaw() -> None:
    judgement = judge(POST + b"BAD\r\n\r\n" + GET)
    assert (judgement.reads, bool(judgement.complaint)) == ((FIRST,), True)


def test_nothing_is_read_behind_the_end_of_a_connection() -> None:
    judgement = judge(GET.replace(b"\r\n\r\n", b"\r\nConnection: x, Close\r\n\r\n") + GET)
    assert [read.ends_connection for read in judgement.reads] == [True]
    assert judgement.left == GET


def test_a_part_of_a_request_is_no_whole_one() -> None:
    assert judge(POST[:-1]).reads == (replace(FIRST, body=b"ab", is_whole=False),)


@pytest.mark.parametrize(
    ("target", "host", "forwarded"),
    [
        (b"http://ALICE.example.com:80/x?y", b"alice.example.com", (b"/x?y", b"alice.example.com")),
        (b"http://alice.example.com", b"alice.example.com", (b"/", b"alice.example.com")),
        (b"http://alice.example.com?y", b"alice.example.com", (b"/?y", b"alice.example.com")),
        (b"/x", b"Alice.example.com.:8443", (b"/x", b"alice.example.com")),
    ],
)
def test_the_upstream_gets_origin_form_and_the_bare_host(
    target: bytes, host: bytes, forwarded: tuple[bytes, bytes]
) -> None:
    seen = as_forwarded(replace(SECOND, target=target, host=host))
    assert (seen.target, seen.host) == forwarded


FINE: dict[str, list[Read]] = {
    "nothing": [],
    "all": [FIRST, SECOND],
    "the second, for the first was refused": [SECOND],
    "a part of the first": [replace(FIRST, body=b"a", is_whole=False)],
}
SMUGGLED: dict[str, list[Read]] = {
    "one more": [FIRST, SECOND, SECOND],
    "the same twice": [FIRST, FIRST],
    "in another order": [SECOND, FIRST],
    "another method": [replace(FIRST, method=b"PUT")],
    "another target": [replace(FIRST, target=b"/b")],
    "another host": [replace(FIRST, host=b"bob.example.com")],
    "another body": [replace(FIRST, body=b"abd")],
    "a part that is whole": [replace(FIRST, body=b"ab")],
}


@pytest.mark.parametrize("arrived", FINE.values(), ids=FINE)
def test_what_was_sent_may_arrive(arrived: list[Read]) -> None:
    assert is_nothing_new(arrived, judge(POST + GET))


@pytest.mark.parametrize("arrived", SMUGGLED.values(), ids=SMUGGLED)
def test_what_was_not_sent_is_found(arrived: list[Read]) -> None:
    assert not is_nothing_new(arrived, judge(POST + GET))
