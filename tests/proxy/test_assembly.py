"""Is a message that was put together unchecked the same as mitmproxy's own?"""

from mitmproxy import http
from mitmproxy.io.tnetstring import dumps, loads

from mesh_gateway.proxy.flow_path.assembly import make_headers, make_request, make_response

FIELDS = ((b"Host", b"alice.nsl.sh"), (b"X-Own", b"1"))


def test_fields_are_asked_and_edited_as_always() -> None:
    headers = make_headers(FIELDS)
    assert headers == http.Headers(FIELDS)
    headers["x-own"] = "2"
    assert headers.fields == ((b"Host", b"alice.nsl.sh"), (b"X-Own", b"2"))


def test_a_request_says_the_same() -> None:
    made = make_request(method=b"GET", path=b"/a?b", version=b"HTTP/1.1", headers=make_headers(FIELDS))
    began = made.timestamp_start
    own = http.Request("", 0, b"GET", b"", b"", b"/a?b", b"HTTP/1.1", FIELDS, None, None, began, None)
    assert type(made) is http.Request
    assert made.get_state() == own.get_state()


def test_an_answer_says_the_same() -> None:
    made = make_response(version=b"HTTP/1.1", status=200, reason=b"OK", headers=make_headers(FIELDS))
    own = http.Response(b"HTTP/1.1", 200, b"OK", FIELDS, None, None, made.timestamp_start, None)
    assert type(made) is http.Response
    assert made.get_state() == own.get_state()


def test_copies_and_recordings_are_mitmproxys_own_again() -> None:
    made = make_request(method=b"GET", path=b"/", version=b"HTTP/1.1", headers=make_headers(FIELDS))
    copy = made.copy()
    read = http.Request.from_state(loads(dumps(made.get_state())))
    assert type(copy.data) is type(read.data) is http.RequestData
    assert copy.get_state() == read.get_state() == made.get_state()
