"""What a valid head says of itself."""

import pytest

from tests.routing.heads import http1, http2


def test_only_a_client_of_http2_that_takes_trailers_needs_http2() -> None:
    assert http2((b"te", b"trailers")).needs_http2
    assert not http2().needs_http2
    assert not http1("TE: trailers").needs_http2


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("GET", True),
        ("HEAD", True),
        ("OPTIONS", True),
        ("PUT", True),
        ("DELETE", True),
        ("POST", False),
        ("PATCH", False),
    ],
)
def test_methods_that_may_be_repeated(method: str, expected: bool) -> None:
    assert http1(request_line=f"{method} / HTTP/1.1").is_idempotent is expected
