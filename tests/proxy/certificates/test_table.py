"""Which certificate does a name get, and what may a connection carry?"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from mesh_gateway.proxy.certificates.table import Certificates
from tests.proxy.certificates.bench import Bench, load
from tests.rig.pairs import write

SELECTED = {
    "example.com": "main",
    "alice.example.com": "main",
    "ALICE.Example.COM": "main",
    "alice.example.com.": "main",
    "app-alice.example.com": "main",
    "app.alice.example.com": "alice",
    "x.app.alice.example.com": None,
    "app.bob.example.com": None,
    "other.org": "other",
    "www.other.org": None,
    "evil.org": None,
    "\N{LATIN SMALL LETTER E WITH ACUTE}.example.com": None,
    "a\N{REPLACEMENT CHARACTER}.example.com": None,
    "com": None,
    "": None,
    None: None,
}


@pytest.mark.parametrize("name", SELECTED)
@pytest.mark.parametrize("default", ["", "other"])
def test_a_name_gets_the_certificate_that_is_valid_for_it(store: Path, name: str | None, default: str) -> None:
    selected = load(store, default).select(name)
    assert (selected.name if selected else "") == (SELECTED[name] or default)


SAME = {
    ("alice.example.com", "alice.example.com"): True,
    ("alice.example.com", "bob.example.com"): True,
    ("ALICE.example.com", "alice.example.com"): True,
    ("alice.example.com", "app.alice.example.com"): False,
    ("app.alice.example.com", "x.alice.example.com"): True,
    ("alice.example.com", "other.org"): False,
    ("alice.example.com", "evil.org"): False,
    ("evil.org", "evil.org"): True,
    (None, "alice.example.com"): False,
    (None, "evil.org"): False,
}


@pytest.mark.parametrize(("server_name", "host"), SAME)
def test_a_connection_carries_what_its_certificate_is_valid_for(
    store: Path, server_name: str | None, host: str
) -> None:
    assert load(store).are_same(server_name, host) == SAME[server_name, host]


SAME_WITH_DEFAULT = {
    (None, "evil.org"): True,
    ("evil.org", "elsewhere.org"): True,
    (None, "other.org"): True,
    (None, "alice.example.com"): False,
    ("alice.example.com", "evil.org"): False,
}


@pytest.mark.parametrize(("server_name", "host"), SAME_WITH_DEFAULT)
def test_a_connection_with_the_default_certificate_carries_what_has_no_other(
    store: Path, server_name: str | None, host: str
) -> None:
    assert load(store, "other").are_same(server_name, host) == SAME_WITH_DEFAULT[server_name, host]


def test_a_table_without_certificates_covers_nothing() -> None:
    assert Certificates().covering("example.com") is None
    assert not Certificates().are_same("example.com", "other.org")


def test_the_certificate_issued_last_gets_a_name_that_several_cover(ca: trustme.CA, tmp_path: Path) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    for name, age in (("b-old", 20), ("a-new", 10), ("c-old", 30)):
        leaf = ca.issue_cert("example.com", not_before=now - timedelta(days=age), not_after=now + timedelta(days=60))
        (tmp_path / name).mkdir()
        write(tmp_path / name, chain=leaf.cert_chain_pems[0].bytes(), key=leaf.private_key_pem.bytes())
    found = load(tmp_path).covering("example.com")
    assert found
    assert found.name == "a-new"


@pytest.mark.parametrize("valid", ["www.example.com", "*.example.com"], ids=["the same name", "a wildcard"])
def test_one_that_has_ended_gives_its_names_to_those_that_are_valid(ca: trustme.CA, tmp_path: Path, valid: str) -> None:
    bench = Bench(tmp_path)
    ends = bench.now.replace(microsecond=0) + timedelta(hours=1)
    issue_for(ca, tmp_path / "long", valid, days_ago=90, ends=ends + timedelta(days=60))
    issue_for(ca, tmp_path / "short", "www.example.com", days_ago=6, ends=ends)
    issue_for(ca, tmp_path / "alone", "alone.org", days_ago=6, ends=ends)

    def serving() -> tuple[bool, list[str]]:
        found = bench.look()
        chosen = (found.table.select("www.example.com"), found.table.select("alone.org"))
        return found.changed, [each.name for each in chosen if each]

    assert serving() == (True, ["short", "alone"])
    bench.now = ends
    assert serving() == (False, ["short", "alone"])
    bench.now += timedelta(seconds=1)
    assert serving() == (True, ["long", "alone"])
    assert serving() == (False, ["long", "alone"])
    bench.now = ends  # the clock was set back
    assert serving() == (True, ["short", "alone"])


def issue_for(ca: trustme.CA, folder: Path, name: str, *, days_ago: int, ends: datetime) -> None:
    leaf = ca.issue_cert(name, not_before=ends - timedelta(days=days_ago), not_after=ends)
    folder.mkdir()
    write(folder, chain=leaf.cert_chain_pems[0].bytes(), key=leaf.private_key_pem.bytes())
