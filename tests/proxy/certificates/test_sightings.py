"""Who is told of names that no certificate covers, and how often?"""

import pytest
import trustme

from mesh_gateway.proxy.certificates.pair import utc_now
from mesh_gateway.proxy.certificates.shelf import Shelf
from mesh_gateway.proxy.certificates.sightings import MOST_TOLD, Sightings
from mesh_gateway.proxy.certificates.table import Certificates
from tests.rig.pairs import issue


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    root = tmp_path_factory.mktemp("store")
    issue(trustme.CA(), root / "main", "example.com", "*.example.com")
    return Shelf(root, "", lambda: 0.0, utc_now).look().table


def test_each_wildcard_that_is_missing_is_told_once(table: Certificates, caplog: pytest.LogCaptureFixture) -> None:
    sightings = Sightings("example.com")
    for name in ("app.alice.example.com", "app.alice.example.com", "other.alice.example.com", "app.bob.example.com"):
        sightings.refused(name, table)
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "https was asked for app.alice.example.com, which no certificate covers",
        "https was asked for app.bob.example.com, which no certificate covers",
    ]


@pytest.mark.parametrize("name", ["evil.org", "alice.example.com", "example.com", None, "", "a_b.c.example.com"])
def test_what_is_covered_or_no_tenants_is_not_told(
    table: Certificates, name: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    Sightings("example.com").refused(name, table)
    Sightings("example.com").refused(name, Certificates())
    assert not caplog.records


def test_strangers_cannot_fill_the_log(table: Certificates, caplog: pytest.LogCaptureFixture) -> None:
    sightings = Sightings("example.com")
    for number in range(MOST_TOLD + 50):
        sightings.refused(f"app.t{number}.example.com", table)
    assert len(caplog.records) == MOST_TOLD
