import json
import math
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh_gateway.routing.addresses import AddressPolicy
from mesh_gateway.routing.decoding import DecodingError, decode_v1, decode_v2, is_api_json
from mesh_gateway.routing.routes import HealthCheck, Route, RouteSet, Scheme

POLICY = AddressPolicy(allowed=(ip_network("10.77.0.0/16"),))
IP = "203.0.113.5"


def decode(*routes: Any, **members: Any) -> RouteSet:
    return decode_v2({"routes": list(routes), **members}, "alice", POLICY)


def only(**entry: Any) -> Route:
    (route,) = decode({"ip": IP, **entry}).routes
    return route


def test_the_example_of_the_contract() -> None:
    answer = decode(
        {
            "ip": IP,
            "port": 443,
            "priority": 1,
            "source": "agent",
            "scheme": "https",
            "type": "ip",
            "domain": "1-2-3-4.sslip.io",
            "healthCheck": {"path": "/.well-known/health", "host": "alice.example.com"},
        },
        userId="abc123",
        domainName="alice",
        serverDomain="example.com",
        routesTtl=580,
        lastSeenOnline="2024-01-15T10:30:00Z",
    )
    check = HealthCheck("/.well-known/health", "alice.example.com")
    route = Route(IP, 443, Scheme.HTTPS, "agent", 1, check)
    assert answer == RouteSet("alice", (route,), 580.0, "abc123", "2024-01-15T10:30:00Z")


def test_what_is_missing_has_its_default() -> None:
    assert only() == Route(IP, 443, Scheme.HTTPS, "unknown", 999)


@pytest.mark.parametrize("routes", [[], None])
def test_no_routes_is_an_answer(routes: Any) -> None:
    assert decode_v2({"routes": routes, "routesTtl": -2}, "alice", POLICY) == RouteSet("alice", (), None)


@pytest.mark.parametrize(
    "payload", [None, True, 1, "x", [], {}, {"routes": {}}, {"routes": "x"}, {"routes": 0}, {"error": "x"}]
)
def test_another_shape_is_no_answer(payload: Any) -> None:
    with pytest.raises(DecodingError):
        decode_v2(payload, "alice", POLICY)


BAD_ROUTES = {
    "not an object": (5, "not an object"),
    "no ip": ({"ip": None}, "ip of type NoneType is not an address"),
    "host name": ({"ip": "h.example"}, "ip 'h.example' is not an address"),
    "number as ip": ({"ip": 2130706433}, "ip of type int is not an address"),
    "small number as ip": ({"ip": 5}, "ip 5 is not an address"),
    "nested ip": ({"ip": [[]]}, "ip of type list is not an address"),
    "loopback": ({"ip": "127.0.0.1"}, "ip 127.0.0.1 refused: loopback"),
    "port 0": ({"ip": IP, "port": 0}, "port 0 is not from 1 to 65535"),
    "port 70000": ({"ip": IP, "port": 70000}, "port 70000 is not from 1 to 65535"),
    "port true": ({"ip": IP, "port": True}, "port of type bool is not from 1 to 65535"),
    "port text": ({"ip": IP, "port": "443"}, "port '443' is not from 1 to 65535"),
    "port fraction": ({"ip": IP, "port": 443.0}, "port of type float is not from 1 to 65535"),
    "scheme": ({"ip": IP, "scheme": "ftp"}, "scheme 'ftp' is neither http nor https"),
    "scheme type": ({"ip": IP, "scheme": 1}, "scheme 1 is neither http nor https"),
}


@pytest.mark.parametrize(("entry", "reason"), BAD_ROUTES.values(), ids=BAD_ROUTES.keys())
def test_a_bad_route_is_dropped_and_the_others_serve(entry: Any, reason: str) -> None:
    answer = decode(entry, {"ip": "203.0.113.6"})
    assert [route.ip for route in answer.routes] == ["203.0.113.6"]
    assert answer.dropped == (f"route 0: {reason}",)


def test_brackets_come_off() -> None:
    assert only(ip="[2001:db8::5]").ip == "2001:db8::5"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("agent", "agent"),
        ("Agent", "agent"),
        ("a" * 32, "a" * 32),
        ("a" * 33, "unknown"),
        ("x y", "unknown"),
        ("x\n", "unknown"),
        ("", "unknown"),
        (1, "unknown"),
    ],
)
def test_a_source_is_one_plain_word(source: Any, expected: str) -> None:
    assert only(source=source).source == expected


@pytest.mark.parametrize("scheme", ["https", "http", None, "ftp"])
def test_a_tunnel_speaks_http_whatever_it_says(scheme: Any) -> None:
    assert only(source="tunnel", scheme=scheme).scheme is Scheme.HTTP


@pytest.mark.parametrize("priority", [True, "1", 1.5, math.nan, None, []])
def test_a_priority_that_cannot_be_compared_comes_last(priority: Any) -> None:
    assert only(priority=priority).priority == 999


def test_order_is_by_priority_and_stable_among_equals() -> None:
    ports_and_priorities = [(1, 5), (2, None), (3, 1), (4, 5), (5, -1), (6, 999)]
    answer = decode(*({"ip": IP, "port": port, "priority": priority} for port, priority in ports_and_priorities))
    assert [route.port for route in answer.routes] == [5, 3, 1, 4, 2, 6]


def test_one_endpoint_is_tried_once() -> None:
    tunnel = {"ip": "10.77.0.9", "port": 80, "source": "tunnel"}
    answer = decode(
        {**tunnel, "scheme": "https", "priority": 2},
        {**tunnel, "scheme": "http", "priority": 1},
        {**tunnel, "ip": "::ffff:10.77.0.9", "priority": 3},
        {**tunnel, "source": "agent"},
    )
    assert [(route.scheme, route.priority) for route in answer.routes] == [(Scheme.HTTP, 1), (Scheme.HTTPS, 999)]
    assert answer.dropped == ()


def test_routes_of_type_domain_are_used_only_when_there_is_nothing_else() -> None:
    domain = {"ip": "203.0.113.6", "type": "domain", "priority": 1}
    assert [route.ip for route in decode(domain, {"ip": IP, "type": "ip"}).routes] == [IP]
    assert [route.ip for route in decode(domain, {"ip": "127.0.0.1"}).routes] == ["203.0.113.6"]


def test_at_most_64_routes_are_looked_at() -> None:
    answer = decode(*({"ip": IP, "port": port} for port in range(1, 10_001)))
    assert len(answer.routes) == 64
    assert answer.dropped == ("9936 routes beyond the first 64",)


@pytest.mark.parametrize(
    ("ttl", "seconds"),
    [
        (580, 580.0),
        (0, 0.0),
        (1.5, 1.5),
        (10**400, 10 * 365 * 86400.0),
        (-2, None),
        (-(10**400), None),
        (math.nan, None),
        (math.inf, None),
        (-math.inf, None),
        (True, None),
        ("580", None),
        (None, None),
    ],
)
def test_a_ttl_is_a_number_of_seconds_or_nothing(ttl: Any, seconds: float | None) -> None:
    assert decode({"ip": IP}, routesTtl=ttl).ttl_seconds == seconds


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        ({"path": "/up"}, HealthCheck("/up", None)),
        ({"path": "/up", "host": "Alice.Example.com"}, HealthCheck("/up", "alice.example.com")),
        ({"path": "/up", "host": "a\r\nb"}, HealthCheck("/up", None)),
        ({"path": "up"}, None),
        ({"path": "/a b"}, None),
        ({"path": "/a\r\nHost: b"}, None),
        ({"path": 1}, None),
        ("x", None),
        (None, None),
    ],
)
def test_a_health_check_that_cannot_be_sent_is_left_out(check: Any, expected: HealthCheck | None) -> None:
    assert only(healthCheck=check).health_check == expected


@pytest.mark.parametrize("value", [1, None, "", "x" * 200, "a\nb", "a\x1b[31m"])
def test_texts_are_short_and_printable_or_nothing(value: Any) -> None:
    answer = decode({"ip": IP}, lastSeenOnline=value, userId=value)
    assert (answer.last_seen_online, answer.user_id) == (None, None)


def test_v1_names_one_https_route() -> None:
    answer = decode_v1({"hostIp": IP, "targetPort": 10443}, "alice", POLICY)
    assert answer == RouteSet("alice", (Route(IP, 10443, Scheme.HTTPS, "unknown", 999),), None)


@pytest.mark.parametrize("host", ["", None])
def test_v1_without_an_ip_is_offline(host: Any) -> None:
    assert decode_v1({"hostIp": host}, "alice", POLICY) == RouteSet("alice", (), None)


def test_v1_with_a_bad_route_says_why() -> None:
    answer = decode_v1({"hostIp": "127.0.0.1", "targetPort": 443}, "alice", POLICY)
    assert answer.dropped == ("hostIp: ip 127.0.0.1 refused: loopback",)


@pytest.mark.parametrize("payload", [{}, [], "x", {"targetPort": 443}])
def test_v1_of_another_shape_is_no_answer(payload: Any) -> None:
    with pytest.raises(DecodingError):
        decode_v1(payload, "alice", POLICY)


@pytest.mark.parametrize(("payload", "expected"), [({}, True), ({"error": "x"}, True), ([], False), ("x", False)])
def test_the_api_answers_with_objects(payload: Any, expected: bool) -> None:
    assert is_api_json(payload) is expected


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([IP, "127.1", "::"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["routes", "ip", "port", "priority", "source", "scheme", "type", "healthCheck", "path", "routesTtl"]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=30,
)


@given(_JSON)
def test_any_json_is_decoded_or_refused_never_a_crash(payload: Any) -> None:
    try:
        answer = decode_v2(json.loads(json.dumps(payload)), "alice", POLICY)
    except DecodingError:
        return
    assert all(POLICY.refuses(route.ip) is None and 1 <= route.port <= 65535 for route in answer.routes)
