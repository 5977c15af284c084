"""A request that was here before is told by CDN-Loop, whatever else stands in it."""

import pytest

from mesh_gateway.routing.loop import is_loop, loop_value
from tests.routing.heads import http1

ELSEWHERE = "mesh-router-gateway; node=b"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param([], False, id="no field"),
        pytest.param(["CDN-Loop: cloudflare; loops=1"], False, id="another CDN"),
        pytest.param(["CDN-Loop: othercdn; node=a"], False, id="another CDN's node of our name"),
        pytest.param([f"CDN-Loop: {ELSEWHERE}"], False, id="another node of ours"),
        pytest.param(["CDN-Loop: mesh-router-gateway"], False, id="ours without node"),
        pytest.param(["CDN-Loop: mesh-router-gateway; node=aa"], False, id="longer name"),
        pytest.param(["CDN-Loop: mesh-router-gateway; node=a"], True, id="this node"),
        pytest.param(["cdn-loop: x, Mesh-Router-Gateway ;v=1; Node = a , y"], True, id="this node among others"),
        pytest.param(['CDN-Loop: mesh-router-gateway; node="a"'], True, id="this node, quoted on its way"),
        pytest.param(["CDN-Loop: x", "CDN-Loop: mesh-router-gateway;node=a"], True, id="in the second field"),
        pytest.param([f"CDN-Loop: {', '.join([ELSEWHERE] * 5)}"], False, id="five visits"),
        pytest.param([f"CDN-Loop: {', '.join([ELSEWHERE] * 6)}"], True, id="six visits"),
    ],
)
def test_a_loop_is_told(lines: list[str], expected: bool) -> None:
    assert is_loop(http1(*lines), "a") is expected


def test_what_is_sent_on_is_a_loop_when_it_comes_back() -> None:
    value = loop_value([b"x; y=1", b"z"], "a")
    assert value == b"x; y=1, z, mesh-router-gateway; node=a"
    assert is_loop(http1(f"CDN-Loop: {value.decode()}"), "a")
