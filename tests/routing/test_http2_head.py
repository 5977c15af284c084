"""An HTTP/2 head keeps the same rules, and those of RFC 9113."""

from dataclasses import dataclass, field, replace

import pytest

from mesh_gateway.routing.head import Body, Field, Framing, HeadLimits, Rejection, RequestHead, Version, check_http2
from mesh_gateway.routing.http2_head import KnownSections
from mesh_gateway.routing.recent import Recent
from mesh_gateway.routing.verdicts import Failure
from tests.routing.heads import LIMITS


@dataclass(frozen=True)
class Sent:
    """A request as the HTTP/2 codec gives it."""

    method: bytes = b"GET"
    scheme: bytes = b"https"
    authority: bytes = b"a.nsl.sh"
    path: bytes = b"/"
    fields: tuple[Field, ...] = field(default_factory=tuple)
    end_stream: bool = True

    def check(self, limits: HeadLimits = LIMITS, known: KnownSections | None = None) -> RequestHead | Rejection:
        return check_http2(
            method=self.method,
            scheme=self.scheme,
            authority=self.authority,
            path=self.path,
            fields=self.fields,
            end_stream=self.end_stream,
            limits=limits,
            known=known,
        )


def with_fields(*fields: Field) -> Sent:
    return Sent(fields=fields)


def open_post(*fields: Field) -> Sent:
    return Sent(method=b"POST", fields=fields, end_stream=False)


NONE = Body(Framing.NONE)


@pytest.mark.parametrize(
    ("sent", "target", "authority", "body"),
    [
        pytest.param(Sent(), "/", "a.nsl.sh", NONE, id="plain"),
        pytest.param(Sent(scheme=b"http"), "/", "a.nsl.sh", NONE, id="without TLS"),
        pytest.param(Sent(method=b"OPTIONS", path=b"*"), "*", "a.nsl.sh", NONE, id="asterisk"),
        pytest.param(Sent(authority=b"", fields=((b"host", b"b"),)), "/", "b", NONE, id="host for authority"),
        pytest.param(with_fields((b"host", b"A.nsl.sh:443")), "/", "a.nsl.sh", NONE, id="host agrees"),
        pytest.param(with_fields((b"te", b"Trailers")), "/", "a.nsl.sh", NONE, id="te trailers"),
        pytest.param(with_fields((b"cookie", b"a=1"), (b"cookie", b"b=2")), "/", "a.nsl.sh", NONE, id="cookie crumbs"),
        pytest.param(with_fields((b"x", b"")), "/", "a.nsl.sh", NONE, id="empty value"),
        pytest.param(with_fields((b"content-length", b"0")), "/", "a.nsl.sh", Body(Framing.LENGTH, 0), id="length 0 and ended"),
        pytest.param(open_post((b"content-length", b"7")), "/", "a.nsl.sh", Body(Framing.LENGTH, 7), id="length"),
        pytest.param(open_post(), "/", "a.nsl.sh", Body(Framing.UNTIL_END), id="B1 no length"),
    ],
)  # fmt: skip
def test_a_valid_head_is_taken(sent: Sent, target: str, authority: str, body: Body) -> None:
    head = sent.check()
    assert isinstance(head, RequestHead), head
    assert (head.method, head.fields) == (sent.method.decode(), sent.fields)
    assert (head.target, head.authority, head.version, head.body) == (target, authority, Version.HTTP_2, body)


BAD = Failure.BAD_REQUEST


@pytest.mark.parametrize(
    ("sent", "failure"),
    [
        pytest.param(Sent(method=b"GET /adm"), BAD, id="B2 space in the method"),
        pytest.param(Sent(method=b"get"), BAD, id="method in lower case"),
        pytest.param(Sent(method=b""), BAD, id="no method"),
        pytest.param(Sent(method=b"CONNECT", path=b""), Failure.METHOD_NOT_ALLOWED, id="CONNECT"),
        pytest.param(Sent(method=b"TRACE"), Failure.METHOD_NOT_ALLOWED, id="TRACE"),
        pytest.param(Sent(path=b""), BAD, id="no path"),
        pytest.param(Sent(path=b"x"), BAD, id="B2 path without slash"),
        pytest.param(Sent(path=b"*"), BAD, id="asterisk without OPTIONS"),
        pytest.param(Sent(path=b"/a b"), BAD, id="B2 space in the path"),
        pytest.param(Sent(path=b"/ HTTP/1.1\r\nX: y"), BAD, id="B3 CRLF in the path"),
        pytest.param(Sent(path=b"/#x"), BAD, id="fragment"),
        pytest.param(Sent(path=b"http://evil.test/"), BAD, id="A9 absolute path"),
        pytest.param(Sent(scheme=b"ftp"), BAD, id="another scheme"),
        pytest.param(Sent(scheme=b""), BAD, id="no scheme"),
        pytest.param(Sent(authority=b""), BAD, id="no authority and no host"),
        pytest.param(Sent(authority=b"u:p@a.nsl.sh"), BAD, id="B3 user"),
        pytest.param(with_fields((b"host", b"b")), BAD, id="B3 host and authority disagree"),
        pytest.param(with_fields((b"host", b"a.nsl.sh:80")), BAD, id="B3 host and authority disagree in the port"),
        pytest.param(with_fields((b"host", b"a.nsl.sh"), (b"host", b"a.nsl.sh")), BAD, id="two hosts"),
        pytest.param(with_fields((b":path", b"/x")), BAD, id="pseudo field among the others"),
        pytest.param(with_fields((b"X-Upper", b"y")), BAD, id="name in upper case"),
        pytest.param(with_fields((b"x y", b"z")), BAD, id="name that is no token"),
        pytest.param(with_fields((b"", b"z")), BAD, id="no name"),
        pytest.param(with_fields((b"x", b"y\r\nz: 1")), BAD, id="B3 CRLF in a value"),
        pytest.param(with_fields((b"x", b"y\x00")), BAD, id="B3 NUL in a value"),
        pytest.param(with_fields((b"x", b" y")), BAD, id="space before a value"),
        pytest.param(with_fields((b"x", b"y\t")), BAD, id="tab behind a value"),
        pytest.param(with_fields((b"x", b" ")), BAD, id="value of a space"),
        pytest.param(with_fields((b"connection", b"close")), BAD, id="8.2.2 connection"),
        pytest.param(with_fields((b"transfer-encoding", b"chunked")), BAD, id="H2.TE"),
        pytest.param(with_fields((b"keep-alive", b"1")), BAD, id="8.2.2 keep-alive"),
        pytest.param(with_fields((b"proxy-connection", b"close")), BAD, id="8.2.2 proxy-connection"),
        pytest.param(with_fields((b"upgrade", b"h2c")), BAD, id="8.2.2 upgrade"),
        pytest.param(with_fields((b"te", b"trailers, gzip")), BAD, id="8.2.2 te"),
        pytest.param(with_fields((b"expect", b"luck")), BAD, id="expectation nobody knows"),
        pytest.param(with_fields((b"content-length", b"5")), BAD, id="H2.CL length, but ended"),
        pytest.param(open_post((b"content-length", b"5"), (b"content-length", b"5")), BAD, id="two lengths"),
        pytest.param(open_post((b"content-length", b"5x")), BAD, id="length that is no number"),
        pytest.param(Sent(path=b"/" + b"a" * 1024), Failure.URI_TOO_LONG, id="C5 path over the limit"),
        pytest.param(with_fields(*[(b"x", b"y")] * 21), Failure.HEADERS_TOO_LARGE, id="C5 fields over the limit"),
        pytest.param(with_fields((b"x", b"y" * 4096)), Failure.HEADERS_TOO_LARGE, id="C5 head over the limit"),
    ],
)  # fmt: skip
def test_an_invalid_head_is_rejected(sent: Sent, failure: Failure) -> None:
    rejection = sent.check()
    assert isinstance(rejection, Rejection), rejection
    assert rejection.failure is failure
    assert len(rejection.reason) <= 200
    assert rejection.reason.isprintable()


def test_the_size_counts_all_that_hpack_unfolds() -> None:
    sent = with_fields((b"x", b"y"))
    size = len(b"GET" + b"a.nsl.sh" + b"/" + b"x: y\r\n")
    assert isinstance(sent.check(replace(LIMITS, size=size)), RequestHead)
    assert isinstance(sent.check(replace(LIMITS, size=size - 1)), Rejection)


def test_a_known_section_is_judged_as_for_the_first_time_with_any_pseudo_fields() -> None:
    known: KnownSections = Recent()
    section = ((b"content-length", b"5"), (b"x", b"y" * 3000))
    sent = [
        open_post(*section),
        Sent(fields=section),  # the stream has ended, but not the length
        Sent(method=b"PUT", path=b"/x", authority=b"b", fields=section, end_stream=False),
        Sent(method=b"TRACE", fields=section, end_stream=False),
        Sent(path=b"/" + b"a" * 1023, authority=b"b" * 200, fields=section, end_stream=False),  # too large together
        Sent(authority=b"u@b", fields=section, end_stream=False),
        Sent(scheme=b"ftp", fields=section, end_stream=False),
    ]
    read = [one.check(known=known) for one in sent]
    assert read == [one.check() for one in sent]
    accepted = [head.fields for head in read if isinstance(head, RequestHead)]
    assert len(accepted) == 2
    assert accepted[0] is accepted[1]


@pytest.mark.parametrize("name", [b"X", b"connection"])
def test_what_is_refused_is_refused_again(name: bytes) -> None:
    known: KnownSections = Recent()
    sent = with_fields((name, b"y"))
    assert isinstance(sent.check(known=known), Rejection)
    assert isinstance(sent.check(known=known), Rejection)


def test_a_long_section_is_not_kept() -> None:
    known: KnownSections = Recent()
    sent, roomy = with_fields((b"cookie", b"c" * 4096)), replace(LIMITS, size=8192)
    first, second = sent.check(roomy, known), sent.check(roomy, known)
    assert isinstance(first, RequestHead)
    assert isinstance(second, RequestHead)
    assert first.fields is not second.fields
