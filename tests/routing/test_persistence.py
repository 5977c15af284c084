"""A connection ends with an answer where its client says so, or is too old to say otherwise."""

import pytest

from mesh_gateway.routing.persistence import ends_with_answer


@pytest.mark.parametrize(
    ("version", "connection", "expected"),
    [
        ("HTTP/1.1", [], False),
        ("HTTP/1.1", [b"keep-alive"], False),
        ("HTTP/1.1", [b"close"], True),
        ("HTTP/1.1", [b"X-A, Close"], True),
        ("HTTP/1.1", [b"x-a", b"close"], True),
        ("HTTP/1.1", [b"closed"], False),
        ("HTTP/1.0", [], True),
        ("HTTP/1.0", [b"Keep-Alive"], False),
        ("HTTP/1.0", [b"keep-alive, close"], True),
        ("HTTP/2.0", [], False),
    ],
)
def test_a_connection_ends_with_an_answer(version: str, connection: list[bytes], expected: bool) -> None:
    assert ends_with_answer(version, connection) is expected
