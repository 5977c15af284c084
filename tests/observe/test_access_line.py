"""Laws of the access line."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh_gateway.observe.access_line import access_line
from mesh_gateway.observe.access_text import LINE_LENGTH, encoded_line
from mesh_gateway.observe.exchange import Attempt, Exchange
from mesh_gateway.routing.verdicts import Failure
from tests.observe.exchanges import filled, refused, served

DOCUMENT = Path(__file__).parents[2] / "docs" / "access-log.md"


def test_a_served_exchange_tells_all() -> None:
    exchange = served(
        tls="TLSv1.3", protocol="HTTP/2.0", bytes_received=3, bytes_sent=117, upgrade="websocket", via="fast"
    )
    assert access_line(exchange, 0) == {
        "time": "2024-01-15T10:30:00.000Z",
        "requestId": "r1",
        "client": "192.0.2.9",
        "tenant": "alice",
        "host": "alice.example.com",
        "method": "GET",
        "path": "/shop",
        "status": 200,
        "code": None,
        "reason": None,
        "route": "203.0.113.5:443",
        "source": "agent",
        "tries": 2,
        "attempts": [
            {"source": "tunnel", "address": "198.51.100.7:80", "error": "connection refused"},
            {"source": "agent", "address": "203.0.113.5:443", "error": None},
        ],
        "cache": "hit",
        "bytesReceived": 3,
        "bytesSent": 117,
        "resolveMs": 1.0,
        "connectMs": 50.0,
        "firstByteMs": 123.457,
        "totalMs": 250.0,
        "protocol": "HTTP/2.0",
        "tls": "TLSv1.3",
        "upgrade": "websocket",
        "via": "fast",
    }


def test_a_failure_tells_its_code_and_reason_and_nothing_that_did_not_happen() -> None:
    line = access_line(refused(Failure.ROUTES_EXHAUSTED, reason="three refused"), 0)
    assert (line["code"], line["reason"]) == ("ROUTES_EXHAUSTED", "three refused")
    for key in ("route", "source", "resolveMs", "connectMs", "firstByteMs", "tls", "upgrade"):
        assert line[key] is None


def test_connecting_without_a_look_up_counts_from_the_start() -> None:
    assert access_line(filled(connected=1000.02), 0)["connectMs"] == 20.0


def test_an_exchange_without_an_end_ends_now() -> None:
    assert access_line(filled(ended=None), 1001.5)["totalMs"] == 1500.0


def test_the_query_is_left_out_for_it_may_hold_secrets() -> None:
    assert b"secret" not in encoded_line(served(), 0)


def test_keys_are_the_same_for_every_exchange() -> None:
    assert list(access_line(served(), 0)) == list(access_line(refused(), 0)) == list(access_line(filled(), 0))


def test_every_key_is_documented() -> None:
    documented = re.findall(r"^\| `(\w+)` \|", DOCUMENT.read_text(), re.MULTILINE)
    assert documented == list(access_line(filled(), 0))


HOSTILE = {
    "plain": "a" * 10_000,
    "quotes": '"' * 10_000,
    "control bytes": "\x00" * 10_000,
    "beyond the first plane": "\U0001f600" * 10_000,
    "lone surrogates": "\udc80" * 10_000,
    "line ends": "\r\n" * 5_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_line_is_one_short_line_whatever_comes_from_outside(text: str) -> None:
    attempts = [Attempt(text, text, text) for _ in range(50)]
    names = ("request_id", "client", "tenant", "host", "method", "path", "reason", "protocol", "tls", "upgrade")
    texts: dict[str, Any] = dict.fromkeys(names, text)
    big = 10**15
    exchange = filled(
        **texts, attempts=attempts, served_by=attempts[0], bytes_received=big, bytes_sent=big, ended=1e9 + 0.123456,
        resolved=1e9 + 0.123456, connected=2e9 + 0.123456, first_byte=1e9 + 0.123456,
        failure=Failure.RESOLVER_UNAVAILABLE,
    )  # fmt: skip
    line = encoded_line(exchange, 0)
    assert len(line) <= LINE_LENGTH
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert json.loads(line)["tries"] == 50
    assert len(json.loads(line)["attempts"]) == 8


def test_what_fits_is_not_cut_and_what_is_cut_says_so() -> None:
    assert access_line(filled(path="/" * 2048), 0)["path"] == "/" * 2048
    assert access_line(filled(path="/" * 2049), 0)["path"] == "/" * 2045 + "..."
    assert access_line(filled(host="ü" * 300), 0)["host"] == "ü" * 21 + "..."


@given(st.text(), st.text(), st.text())
def test_any_text_comes_back_as_json(path: str, host: str, error: str) -> None:
    exchange = filled(path=path, host=host, attempts=[Attempt("agent", "203.0.113.5:443", error)])
    line = json.loads(encoded_line(exchange, 0))
    assert line == access_line(exchange, 0)


@pytest.mark.parametrize(
    "exchange",
    [
        pytest.param(served(), id="served"),
        pytest.param(served(tls="TLSv1.3", upgrade="websocket", via="fast"), id="a tunnel"),
        pytest.param(refused(reason='a "reason"'), id="refused"),
        pytest.param(filled(ended=None), id="without an end"),
        pytest.param(filled(client="c" * 200, host="h" * 300, method="M" * 200, tenant="t" * 200), id="long names"),
        pytest.param(filled(attempts=[Attempt("agent", "a", None)] * 9), id="many attempts"),
        pytest.param(filled(request_id="\x00" * 200), id="a strange id"),
    ],
)
def test_the_line_is_the_record(exchange: Exchange) -> None:
    """The two are made apart, for speed."""
    assert json.loads(encoded_line(exchange, 1001.5)) == access_line(exchange, 1001.5)
    assert list(json.loads(encoded_line(exchange, 1001.5))) == list(access_line(exchange, 1001.5))
