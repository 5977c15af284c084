"""An upstream's head is passed on only if no two readers could see another answer, or another end of it."""

import h11
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from mesh_gateway.routing.framing import Body, Framing
from mesh_gateway.routing.http1_answer import MAX_ANSWER_FIELDS, AnswerHead, read_answer
from mesh_gateway.routing.request import Version
from tests.routing.drawn_heads import ends, framings, lines, mostly

NONE, CHUNKED, UNTIL_END = Body(Framing.NONE), Body(Framing.CHUNKED), Body(Framing.UNTIL_END)


def answer(*lines: str, status: str = "HTTP/1.1 200 OK") -> AnswerHead:
    head = read_answer(raw(*lines, status=status))
    assert isinstance(head, AnswerHead), head
    return head


def raw(*lines: str, status: str = "HTTP/1.1 200 OK") -> bytes:
    return "".join(f"{line}\r\n" for line in (status, *lines, "")).encode("latin-1")


def test_a_head_is_read() -> None:
    head = answer("Server: x", "Set-Cookie:  a=b ", "set-cookie: c", status="HTTP/1.1 404 Not here \xe9")
    assert (head.version, head.status, head.reason) == (Version.HTTP_1_1, 404, b"Not here \xe9")
    assert head.fields == ((b"Server", b"x"), (b"Set-Cookie", b"a=b"), (b"set-cookie", b"c"))
    assert (head.values(b"set-cookie"), head.values(b"missing")) == ([b"a=b", b"c"], [])


@pytest.mark.parametrize(
    ("line", "status", "reason"),
    [
        pytest.param("HTTP/1.1 200 ", 200, b"", id="empty reason"),
        pytest.param("HTTP/1.1 200", 200, b"", id="no reason"),
        pytest.param("HTTP/1.0 999 a  b\tc", 999, b"a  b\tc", id="reason of several words"),
        pytest.param("HTTP/1.1 100 Continue", 100, b"Continue", id="interim"),
    ],
)
def test_a_status_line_is_read(line: str, status: int, reason: bytes) -> None:
    head = answer(status=line)
    assert (head.status, head.reason, head.fields) == (status, reason, ())


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        pytest.param(b"", "head does not end", id="nothing"),
        pytest.param(b"\r\n\r\n", "status line b''", id="only empty lines"),
        pytest.param(b"HTTP/1.1 200 OK\n\n", "head does not end", id="bare LF everywhere"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: y\r\n", "head does not end", id="no empty line"),
        pytest.param(b"\r\n" + raw(), "status line b''", id="empty line before"),
        pytest.param(raw(status="HTTP/1.1 99 x"), "status line", id="two digits"),
        pytest.param(raw(status="HTTP/1.1 099 x"), "status line", id="below 100"),
        pytest.param(raw(status="HTTP/1.1 1000 x"), "status line", id="four digits"),
        pytest.param(raw(status="HTTP/1.1 +20 x"), "status line", id="sign"),
        pytest.param(raw(status="HTTP/1.1 \xb2\xb2\xb2 x"), "status line", id="other digits"),
        pytest.param(raw(status="HTTP/1.1  200 x"), "status line", id="two spaces"),
        pytest.param(raw(status="HTTP/1.1\t200 x"), "status line", id="tab"),
        pytest.param(raw(status="HTTP/1.1 200x"), "status line", id="no space behind"),
        pytest.param(raw(status="HTTP/2.0 200 x"), "status line", id="another version"),
        pytest.param(raw(status="http/1.1 200 x"), "status line", id="version in lower case"),
        pytest.param(raw(status="ICY 200 OK"), "status line", id="another protocol"),
        pytest.param(raw(status="HTTP/1.1 200 a\x00b"), "status line", id="NUL in the reason"),
        pytest.param(raw(status="HTTP/1.1 200 a\nX: y"), "status line", id="bare LF in the reason"),
        pytest.param(raw("X y"), "field line b'X y'", id="no colon"),
        pytest.param(raw("A: b", "X : y"), "field line b'X : y'", id="space before the colon"),
        pytest.param(raw("A: b", " X: y"), "field line b' X: y'", id="folded"),
        pytest.param(raw("X: a\rb"), r"field line b'X: a\rb'", id="bare CR"),
        pytest.param(raw("X: a\nb: c"), r"field line b'X: a\nb: c'", id="bare LF"),
        pytest.param(raw("X: a\x00b"), "field line", id="NUL"),
        pytest.param(raw("X: a\x7fb"), "field line", id="DEL"),
        pytest.param(raw(*["X: y"] * (MAX_ANSWER_FIELDS + 1)), "too many header fields", id="too many"),
        pytest.param(raw() + b"X: y\r\n\r\n", "field line b''", id="bytes behind"),
    ],
)
def test_a_broken_head_is_refused(data: bytes, fault: str) -> None:
    found = read_answer(data)
    assert isinstance(found, str), found
    assert found.startswith(fault)
    assert len(found) <= 300
    assert found.isprintable()


def test_as_many_fields_as_the_limit_are_read() -> None:
    assert len(answer(*["X: y"] * MAX_ANSWER_FIELDS).fields) == MAX_ANSWER_FIELDS


@pytest.mark.parametrize(
    ("head", "method", "body"),
    [
        pytest.param(answer(), "GET", UNTIL_END, id="nothing said"),
        pytest.param(answer("Content-Length: 5"), "GET", Body(Framing.LENGTH, 5), id="length"),
        pytest.param(answer("Content-Length: 9999999999999999999"), "GET", Body(Framing.LENGTH, 9999999999999999999), id="19 digits"),
        pytest.param(answer("transfer-encoding: Chunked"), "GET", CHUNKED, id="chunked in any case"),
        pytest.param(answer("Content-Length: 5", "Transfer-Encoding: chunked"), "GET", CHUNKED, id="the coding wins"),
        pytest.param(answer("Content-Length: 5, 6", "Transfer-Encoding: chunked"), "GET", CHUNKED, id="the coding wins over nonsense, too"),
        pytest.param(answer("Content-Length: 5"), "HEAD", NONE, id="HEAD"),
        pytest.param(answer("Transfer-Encoding: chunked"), "HEAD", NONE, id="HEAD of a chunked one"),
        pytest.param(answer(status="HTTP/1.1 101 x"), "GET", NONE, id="101"),
        pytest.param(answer("Content-Length: 5", status="HTTP/1.1 199 x"), "GET", NONE, id="interim"),
        pytest.param(answer("Content-Length: 5", status="HTTP/1.1 204 x"), "GET", NONE, id="204"),
        pytest.param(answer("Content-Length: 5", status="HTTP/1.1 304 x"), "GET", NONE, id="304"),
        pytest.param(answer("Content-Length: 0", status="HTTP/1.1 205 x"), "GET", Body(Framing.LENGTH, 0), id="205 frames as any"),
        pytest.param(answer(status="HTTP/1.0 200 OK"), "POST", UNTIL_END, id="1.0"),
    ],
)  # fmt: skip
def test_where_the_body_ends(head: AnswerHead, method: str, body: Body) -> None:
    assert head.framing(method) == body


@pytest.mark.parametrize(
    ("head", "fault"),
    [
        pytest.param(answer("Content-Length: 5", "Content-Length: 5"), "content-length", id="two equal lengths"),
        pytest.param(answer("Content-Length: 5", "content-length: 6"), "content-length", id="two lengths"),
        pytest.param(answer("Content-Length: 5, 5"), "content-length", id="a list"),
        pytest.param(answer("Content-Length: +5"), "content-length", id="sign"),
        pytest.param(answer("Content-Length:"), "content-length", id="empty length"),
        pytest.param(answer("Content-Length: 10000000000000000000"), "content-length", id="20 digits"),
        pytest.param(answer("Transfer-Encoding: gzip, chunked"), "transfer-encoding", id="another coding first"),
        pytest.param(answer("Transfer-Encoding: chunked, gzip"), "transfer-encoding", id="another coding last"),
        pytest.param(answer("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), "transfer-encoding", id="twice"),
        pytest.param(answer("Transfer-Encoding: identity", "Content-Length: 5"), "transfer-encoding", id="identity"),
        pytest.param(answer("Transfer-Encoding:"), "transfer-encoding", id="empty coding"),
        pytest.param(answer("Transfer-Encoding: chunked", status="HTTP/1.0 200 OK"), "transfer-encoding in HTTP/1.0", id="1.0"),
    ],
)  # fmt: skip
def test_what_ends_nowhere_for_sure_is_a_fault(head: AnswerHead, fault: str) -> None:
    found = head.framing("GET")
    assert isinstance(found, str)
    assert found.startswith(fault)
    assert head.framing("HEAD") == NONE


@pytest.mark.parametrize(
    ("head", "keeps_alive"),
    [
        pytest.param(answer(), True, id="1.1"),
        pytest.param(answer("Connection: x, Close"), False, id="1.1, close"),
        pytest.param(answer("Connection: keep-alive", "Connection: close"), False, id="1.1, close in a further field"),
        pytest.param(answer("Connection: closed"), True, id="1.1, another word"),
        pytest.param(answer(status="HTTP/1.0 200 OK"), False, id="1.0"),
        pytest.param(answer("Connection: Keep-Alive", status="HTTP/1.0 200 OK"), True, id="1.0, keep-alive"),
        pytest.param(answer("Connection: close, keep-alive", status="HTTP/1.0 200 OK"), False, id="1.0, both"),
    ],
)
def test_whether_another_request_may_follow(head: AnswerHead, keeps_alive: bool) -> None:
    assert head.keeps_alive is keeps_alive


statuses = mostly(
    [b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK", b"HTTP/1.1 404 ", b"HTTP/1.1 500"],
    st.sampled_from([b"HTTP/1.1 20 x", b"HTTP/1.1 0200 x", b"HTTP/2 200 x", b"HTTP/1.1 200 a\x00", b" HTTP/1.1 200 x"]),
)


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    chosen = [draw(statuses), draw(framings), *draw(st.lists(lines, max_size=3))]
    return b"".join(line + draw(ends) for line in chosen) + b"\r\n"


def as_h11_reads(data: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, fields and body of an answer to GET whose upstream closes behind `data`."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    connection.receive_data(b"")
    head, body = connection.next_event(), b""
    assert isinstance(head, h11.Response)
    while isinstance(part := connection.next_event(), h11.Data):
        body += part.data
    assert isinstance(part, h11.EndOfMessage)
    return head.status_code, list(head.headers), body


@settings(max_examples=600, deadline=None)
@given(answers())
def test_what_is_accepted_is_read_alike_by_h11(data: bytes) -> None:
    head = read_answer(data)
    framing = head.framing("GET") if isinstance(head, AnswerHead) else head
    if isinstance(head, str) or isinstance(framing, str):
        event("refused")
        return
    event(f"accepted, {framing.framing.value}")
    length = framing.length or 0
    if length > 100:  # h11 would wait for it
        return
    if framing.framing is Framing.CHUNKED and head.values(b"content-length"):  # h11 looks at what has no meaning then
        return
    content = b"3\r\nabc\r\n0\r\n\r\n" if framing.framing is Framing.CHUNKED else b"x" * length
    body = b"abc" if framing.framing is Framing.CHUNKED else content
    status, fields, read = as_h11_reads(data + content)
    assert (status, read) == (head.status, body)
    own = {b"content-length", b"transfer-encoding"}  # h11 spells the numbers and the coding anew
    seen = [(name, value) for name, value in fields if name not in own]
    assert seen == [(name.lower(), value) for name, value in head.fields if name.lower() not in own]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    found = read_answer(b"HTTP/1.1 200 OK\r\n" + data + b"\r\n\r\n")
    assert isinstance(found, AnswerHead) or found.isprintable()
