"""Who may steer a request: a trace is anybody's, its way a trusted peer's."""

import pytest

from mesh_gateway.routing.client import Client
from mesh_gateway.routing.control import Control, Preference, control
from tests.routing.heads import EDGE, STRANGER, http1


@pytest.mark.parametrize(
    ("client", "lines", "expected"),
    [
        pytest.param(EDGE, [], Control(None, None, trace=False), id="no wishes"),
        pytest.param(
            EDGE, ["X-Mesh-Route-Host: bob.nsl.sh"], Control("bob.nsl.sh", None, trace=False), id="route host"
        ),
        pytest.param(EDGE, ["X-Mesh-Route-Host:"], Control(None, None, trace=False), id="empty route host"),
        pytest.param(EDGE, ["X-Mesh-Force: direct"], Control(None, Preference.DIRECT, trace=False), id="force direct"),
        pytest.param(EDGE, ["x-mesh-force: Tunnel"], Control(None, Preference.TUNNEL, trace=False), id="force tunnel"),
        pytest.param(EDGE, ["X-Mesh-Force: \xe9"], Control(None, None, trace=False), id="force what nobody knows"),
        pytest.param(EDGE, ["X-Mesh-Trace: 0"], Control(None, None, trace=True), id="trace with any value"),
        pytest.param(STRANGER, ["X-Mesh-Trace:"], Control(None, None, trace=True), id="trace for a stranger"),
        pytest.param(
            STRANGER,
            ["X-Mesh-Route-Host: bob.nsl.sh", "X-Mesh-Force: direct"],
            Control(None, None, trace=False),
            id="stranger who steers",
        ),
    ],
)
def test_wishes_are_heard(client: Client, lines: list[str], expected: Control) -> None:
    assert control(http1(*lines), client) == expected
