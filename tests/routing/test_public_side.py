"""Scheme, port and id are the client's own, told by us or by a peer we trust."""

import pytest

from mesh_gateway.routing.client import Client
from mesh_gateway.routing.public_side import public_port, public_scheme, told_request_id
from tests.routing.heads import EDGE, STRANGER, http1


@pytest.mark.parametrize(
    ("client", "lines", "spoken", "expected"),
    [
        pytest.param(STRANGER, [], "https", "https", id="as spoken"),
        pytest.param(STRANGER, ["X-Forwarded-Proto: https"], "http", "http", id="stranger's claim"),
        pytest.param(EDGE, [], "http", "http", id="silent proxy"),
        pytest.param(EDGE, ["X-Forwarded-Proto: HTTPS"], "http", "https", id="proxy that ended TLS"),
        pytest.param(EDGE, ["X-Forwarded-Proto: http"], "https", "http", id="proxy that spoke http"),
        pytest.param(EDGE, ["X-Forwarded-Proto: https, http"], "http", "https", id="proxies in a row"),
        pytest.param(EDGE, ["X-Forwarded-Proto: wss"], "http", "http", id="what is no scheme of ours"),
        pytest.param(EDGE, ["X-Forwarded-Proto:"], "https", "https", id="empty"),
    ],
)
def test_the_scheme_is_the_clients(client: Client, lines: list[str], spoken: str, expected: str) -> None:
    assert public_scheme(http1(*lines), client, spoken) == expected


@pytest.mark.parametrize(
    ("client", "lines", "given", "scheme", "expected"),
    [
        pytest.param(STRANGER, [], None, "http", 80, id="of http"),
        pytest.param(STRANGER, [], None, "https", 443, id="of https"),
        pytest.param(STRANGER, ["X-Forwarded-Port: 9"], None, "https", 443, id="stranger's claim"),
        pytest.param(EDGE, ["X-Forwarded-Port: 8443"], None, "https", 8443, id="proxy's word"),
        pytest.param(EDGE, ["X-Forwarded-Port: 8443"], 81, "https", 81, id="the authority's"),
        pytest.param(EDGE, ["X-Forwarded-Port: 99999"], None, "https", 443, id="no such port"),
        pytest.param(EDGE, ["X-Forwarded-Port: 0"], None, "http", 80, id="port 0"),
        pytest.param(EDGE, ["X-Forwarded-Port: x"], None, "http", 80, id="no number"),
    ],
)
def test_the_port_is_the_clients(
    client: Client, lines: list[str], given: int | None, scheme: str, expected: int
) -> None:
    assert public_port(http1(*lines), client, given=given, scheme=scheme) == expected


@pytest.mark.parametrize(
    ("client", "lines", "expected"),
    [
        pytest.param(EDGE, ["X-Request-ID: aZ9._-"], "aZ9._-", id="proxy's id"),
        pytest.param(EDGE, [f"X-Request-ID: {'a' * 128}"], "a" * 128, id="as long as can be"),
        pytest.param(EDGE, [f"X-Request-ID: {'a' * 129}"], None, id="too long"),
        pytest.param(EDGE, ["X-Request-ID: a b"], None, id="with a space"),
        pytest.param(EDGE, ["X-Request-ID:"], None, id="empty"),
        pytest.param(EDGE, [], None, id="none"),
        pytest.param(STRANGER, ["X-Request-ID: a"], None, id="stranger's"),
    ],
)
def test_a_valid_id_of_a_proxy_goes_on(client: Client, lines: list[str], expected: str | None) -> None:
    assert told_request_id(http1(*lines), client) == expected
