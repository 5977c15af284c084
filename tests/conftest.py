"""What do all tests share? One event loop for the live ones, and a look into the gateways' logs."""

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.certificates import Authority
from tests.rig.gateway import bad_signs, running
from tests.rig.listener import faults

_LIVE = ("live", "stories", "rig")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "provokes_fault: the test makes the gateway log a fault on purpose")
    config.addinivalue_line("markers", "chooses_its_way: the test sets TRAFFIC_PATH itself; once is enough")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests over real sockets run in one loop, so that a module can share a gateway and its peers."""
    here = Path(__file__).parent
    for item in items:
        is_live = item.path.relative_to(here).parts[0] in _LIVE
        if is_live and isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.function):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(autouse=True)
def calm_log(request: pytest.FixtureRequest) -> Iterator[None]:
    """No gateway that runs may have logged a fault of its own while the test ran."""
    before = {gateway: len(gateway.log) for gateway in running}
    watched = list(running)
    yield
    if request.node.get_closest_marker("provokes_fault"):
        return
    for gateway in {*watched, *running}:
        assert not bad_signs(gateway.log[before.get(gateway, 0) :])


@pytest.fixture(autouse=True)
def sound_rig() -> Iterator[None]:
    """A stand-in that fell over proves nothing about the gateway."""
    yield
    found = list(faults)
    faults.clear()
    assert not found


@pytest.fixture(scope="session")
def authority() -> Authority:
    """The CA that clients trust the gateway by, and the gateway its upstreams."""
    return Authority()
