"""Laws of the gateway's own answers."""

import json
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh_gateway.accept import prefers_html
from mesh_gateway.pages import Answer, failure_answer, health_answer, metrics_answer, ready_answer
from mesh_gateway.routing.verdicts import VERDICTS, Failure

BROWSER = b"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


def fields(answer: Answer) -> dict[bytes, bytes]:
    names = [name for name, _ in answer.fields]
    assert len(names) == len(set(names)), "no field twice"
    return dict(answer.fields)


class Outline(HTMLParser):
    """The tags and the visible text of a page; a browser would see no others."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, "tags close in order"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())


ACCEPTS = {
    "missing": (None, False),
    "empty": (b"", False),
    "anything": (b"*/*", False),
    "a browser": (BROWSER, True),
    "html alone": (b"text/html", True),
    "any case": (b"TEXT/HTML;Q=1", True),
    "any text": (b"text/*", True),
    "with a charset": (b"text/html; charset=utf-8", True),
    "with a quoted comma": (b'text/html;x="a,b";q=0.5', True),
    "json alone": (b"application/json", False),
    "both alike": (b"text/html, application/json", False),
    "html a little more": (b"application/json;q=0.8, text/html;q=0.801", True),
    "json a little more": (b"text/html;q=0.8, application/json;q=0.801", False),
    "html refused": (b"text/html;q=0, */*", False),
    "json refused, the rest welcome": (b"application/json;q=0, */*;q=0.1", True),
    "the specific counts, not the widest": (b"*/*, text/html;q=0.5", False),
    "a range of one type beats the widest": (b"*/*;q=0.9, application/*;q=0.1", True),
    "empty elements are allowed": (b", text/html ,,", True),
    "spaces around the semicolon": (b"text/html ; q=0.3", True),
    "an image": (b"image/png", False),
    "no slash": (b"text", False),
    "an old Java": (b"text/html, image/gif, *; q=.2, */*; q=.2", False),
    "weight above one": (b"text/html;q=1.001", False),
    "weight not a number": (b"text/html;q=high", False),
    "weight with too many digits": (b"text/html;q=0.1234", False),
    "empty weight": (b"text/html;q=", False),
    "half a range": (b"*/html", False),
    "rubbish behind": (b"text/html garbage", False),
    "not ascii": (b"text/html\xff", False),
    "only commas": (b",,,", False),
    "too long": (b"text/html," * 200, False),
}


@pytest.mark.parametrize(("accept", "html"), ACCEPTS.values(), ids=ACCEPTS)
def test_who_gets_a_page(accept: bytes | None, *, html: bool) -> None:
    assert prefers_html(accept) is html


@given(st.binary(max_size=300))
def test_no_accept_breaks_the_parser(accept: bytes) -> None:
    assert prefers_html(accept) in (True, False)


def test_a_long_accept_made_to_backtrack_costs_nothing() -> None:
    started = time.perf_counter()
    for accept in (b"," * 1024, b"a/b" + b" ;a=a" * 200, b"a/" + b"a" * 1000 + b" ;", b" \t," * 340):
        prefers_html(accept)
    assert time.perf_counter() - started < 0.25


@pytest.mark.parametrize("accept", [None, BROWSER], ids=["json", "html"])
@pytest.mark.parametrize("failure", Failure)
def test_each_failure_has_its_status_and_safe_fields(failure: Failure, accept: bytes | None) -> None:
    answer = failure_answer(failure, request_id="r1", accept=accept, host="alice.example.com")
    told = fields(answer)
    assert answer.status == VERDICTS[failure].status
    assert told[b"Content-Length"] == str(len(answer.body)).encode()
    assert told[b"Cache-Control"] == b"no-store"
    assert told[b"X-Content-Type-Options"] == b"nosniff"
    assert told[b"Content-Type"].endswith(b"; charset=utf-8")
    assert (b"Allow" in told) is (failure is Failure.METHOD_NOT_ALLOWED)
    assert (b"Content-Security-Policy" in told) is (accept is BROWSER)
    retry_after = VERDICTS[failure].retry_after_seconds
    assert told.get(b"Retry-After") == (None if retry_after is None else str(retry_after).encode())
    assert b"mitmproxy" not in answer.body.lower()


@pytest.mark.parametrize("failure", Failure)
def test_json_has_exactly_the_three_keys(failure: Failure) -> None:
    answer = failure_answer(failure, request_id="r1", accept=b"*/*", host="alice.example.com")
    assert json.loads(answer.body) == {"error": VERDICTS[failure].text, "code": failure.value, "requestId": "r1"}


def test_json_ends_its_line() -> None:
    answers = [
        failure_answer(Failure.NO_ROUTES, request_id="r1", accept=None),
        health_answer(),
        ready_answer(ready=True),
    ]
    for answer in answers:
        assert answer.body.endswith(b"}\n")
        assert fields(answer)[b"Content-Length"] == str(len(answer.body)).encode()


def test_json_tells_when_an_offline_tenant_was_last_seen() -> None:
    seen = "2024-01-15T10:30:00Z"
    answer = failure_answer(Failure.NO_ROUTES, request_id="r1", accept=None, last_seen_online=seen)
    assert json.loads(answer.body)["lastSeenOnline"] == seen
    answer = failure_answer(Failure.DOMAIN_NOT_FOUND, request_id="r1", accept=None, last_seen_online=seen)
    assert "lastSeenOnline" not in json.loads(answer.body)


@pytest.mark.parametrize("failure", Failure)
def test_a_page_is_small_whole_and_asks_for_nothing(failure: Failure) -> None:
    answer = failure_answer(failure, request_id="r1", accept=BROWSER, host="alice.example.com")
    assert len(answer.body) < 4096
    page = Outline(answer.body.decode())
    assert page.open == []
    assert page.tags[:2] == ["html", "head"]
    assert {"main", "h1", "title"} <= set(page.tags)
    assert not {"script", "link", "img", "iframe", "form", "a"} & set(page.tags)
    assert not {"src", "href", "style", "onload"} & {name for name, _ in page.attributes}
    for part in (VERDICTS[failure].title, VERDICTS[failure].text, failure.value, "r1", "alice.example.com"):
        assert part in page.text


SEEN = {
    "utc": ("2024-01-15T10:30:00Z", "15 January 2024, 10:30 UTC"),
    "another zone": ("2024-01-15T23:30:00-02:00", "16 January 2024, 01:30 UTC"),
    "no zone": ("2024-01-15T10:30:00", "15 January 2024, 10:30 UTC"),
    "no time at all": ("yesterday", "yesterday"),
    "a time out of range": ("0001-01-01T00:00:00+10:00", "0001-01-01T00:00:00+10:00"),
}


@pytest.mark.parametrize(("text", "shown"), SEEN.values(), ids=SEEN)
def test_the_offline_page_says_when_it_was_last_seen(text: str, shown: str) -> None:
    answer = failure_answer(Failure.NO_ROUTES, request_id="r1", accept=BROWSER, last_seen_online=text)
    assert f"Last seen online{shown} " in Outline(answer.body.decode()).text + " "


HOSTILE = {
    "markup": "<script>alert(1)</script>",
    "an attribute's end": "\"' onload=alert(1)>",
    "an entity": "&lt;b&gt;",
    "control characters": "a\r\nX-Evil: 1\x00",
    "a lone surrogate": "a\udc80b",
    "text turned around": "a\u202eb",
    "endless": "<" * 100_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_nothing_from_outside_becomes_markup_or_is_long(text: str) -> None:
    plain = failure_answer(Failure.NO_ROUTES, request_id="r", accept=BROWSER, host="h", last_seen_online="s")
    answer = failure_answer(Failure.NO_ROUTES, request_id=text, accept=BROWSER, host=text, last_seen_online=text)
    page = Outline(answer.body.decode())
    assert page.tags == Outline(plain.body.decode()).tags
    assert page.text.isprintable()
    assert len(answer.body) < 6000
    told = failure_answer(Failure.NO_ROUTES, request_id=text, accept=None, host=text, last_seen_online=text)
    assert set(json.loads(told.body)) == {"error", "code", "requestId", "lastSeenOnline"}
    assert len(told.body) < 2000


@given(st.text(), st.text(), st.text())
def test_any_text_makes_a_page(request_id: str, host: str, seen: str) -> None:
    for accept in (None, BROWSER):
        answer = failure_answer(
            Failure.NO_ROUTES, request_id=request_id, accept=accept, host=host, last_seen_online=seen
        )
        assert answer.body.decode()


def test_health_says_ok() -> None:
    answer = health_answer()
    assert (answer.status, answer.body) == (200, b'{"status": "ok"}\n')
    assert fields(answer)[b"Content-Type"] == b"application/json; charset=utf-8"


def test_ready_says_why_not() -> None:
    assert (ready_answer(ready=True).status, ready_answer(ready=False).status) == (200, 503)
    answer = ready_answer(ready=False, reasons=["draining", "no certificate"])
    assert json.loads(answer.body) == {"ready": False, "reasons": ["draining", "no certificate"]}


def test_metrics_keep_their_content_type() -> None:
    answer = metrics_answer(b"a 1\n", "text/plain; version=0.0.4; charset=utf-8")
    assert fields(answer)[b"Content-Type"] == b"text/plain; version=0.0.4; charset=utf-8"
    assert (answer.status, answer.body) == (200, b"a 1\n")
