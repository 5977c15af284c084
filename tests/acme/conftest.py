"""What do the tests of the certificate program share? The servers it talks to, started once."""

from collections.abc import Iterator

import pytest

from tests.acme.rig.bind import Bind, bind
from tests.acme.rig.pebble import Pebble, pebble


@pytest.fixture(scope="session")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bind]:
    """BIND, a primary and a secondary."""
    with bind(tmp_path_factory.mktemp("named")) as rig:
        yield rig


@pytest.fixture(scope="session")
def ca(named: Bind, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    """Pebble, which asks that BIND."""
    with pebble(tmp_path_factory.mktemp("ca"), str(named.primary)) as rig:
        yield rig
