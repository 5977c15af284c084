"""Laws of the way from http to https."""

import pytest

from mesh_gateway.routing.redirect import Redirect, secured, to_https, transport_security

PLACES = {
    "the usual port is not named": ("/a?b=c", 443, "https://alice.example.com/a?b=c"),
    "another one is": ("/", 8443, "https://alice.example.com:8443/"),
    "a challenge stays": ("/.well-known/acme-challenge/x", 443, None),
    "its neighbour does not": ("/.well-known/acme", 443, "https://alice.example.com/.well-known/acme"),
    "no page": ("*", 443, None),
    "two slashes lead to no other host": ("//evil.org", 443, "https://alice.example.com//evil.org"),
}


@pytest.mark.parametrize(("target", "port", "location"), PLACES.values(), ids=PLACES)
def test_a_request_is_sent_to_the_same_place_over_https(target: str, port: int, location: str | None) -> None:
    assert to_https("alice.example.com", target, port=port) == (Redirect(location) if location else None)


@pytest.mark.parametrize(
    ("seconds", "value"), [(0, None), (0.5, None), (1, b"max-age=1"), (31_536_000.9, b"max-age=31536000")]
)
def test_browsers_are_told_for_how_long(seconds: float, value: bytes | None) -> None:
    assert transport_security(seconds) == value


def test_an_answer_over_https_says_so_unless_its_author_did() -> None:
    own = (b"strict-transport-security", b"max-age=5")
    assert secured((), b"max-age=9") == ((b"Strict-Transport-Security", b"max-age=9"),)
    assert secured((own,), b"max-age=9") == (own,)
    assert secured((own,), None) == (own,)
