"""Is the record for dns-persist-01 what the draft asks for, and is one that is set recognised?"""

from datetime import UTC, datetime, timedelta

import pytest

from acme_client.look_up import Resolver
from acme_client.persist import PersistRecord, is_set, issuers_of, persist_records, proves
from tests.acme.rig.bind import Bind

NOW = datetime(2026, 11, 24, tzinfo=UTC)
ACCOUNT = "https://ca.example/acct/123"
APEX = PersistRecord("example.com", "authority.example", ACCOUNT, is_wildcard=False)
WILD = PersistRecord("example.com", "authority.example", ACCOUNT, is_wildcard=True)


def test_the_drafts_own_example() -> None:
    assert APEX.name == "_validation-persist.example.com."
    assert APEX.value == "authority.example; accounturi=https://ca.example/acct/123"


def test_wildcard_and_end() -> None:
    until = PersistRecord("example.com", "authority.example", ACCOUNT, is_wildcard=True, until=NOW)
    assert (
        until.value == f"authority.example; accounturi={ACCOUNT}; policy=wildcard; persistUntil={NOW.timestamp():.0f}"
    )


def test_long_values_are_cut_into_strings() -> None:
    line = PersistRecord(
        "example.com", "authority.example", "https://ca.example/" + "a" * 300, is_wildcard=True
    ).zone_line
    strings = line.partition(" IN TXT ")[2].split('" "')
    assert [len(string.strip('"')) for string in strings] == [
        255,
        len("authority.example; accounturi=https://ca.example/") + 300 + 17 - 255,
    ]


def test_one_record_for_a_name_and_its_wildcard() -> None:
    records = persist_records(["example.com", "*.example.com", "example.org"], "authority.example", ACCOUNT)
    assert [(record.domain, record.is_wildcard) for record in records] == [
        ("example.com", True),
        ("example.org", False),
    ]


VALUES = {
    "what we print": (WILD.value, WILD, True),
    "tags in capitals, other spaces": (f"Authority.Example;AccountURI={ACCOUNT};POLICY=WildCard", WILD, True),
    "wildcard covers the name itself": (WILD.value, APEX, True),
    "no wildcard": (APEX.value, WILD, False),
    "another CA": (f"other.example; accounturi={ACCOUNT}", APEX, False),
    "another account": ("authority.example; accounturi=https://ca.example/acct/124", APEX, False),
    "no account": ("authority.example", APEX, False),
    "unknown parameters": (f"{APEX.value}; x=y", APEX, True),
    "not over yet": (f"{APEX.value}; persistUntil={(NOW + timedelta(days=1)).timestamp():.0f}", APEX, True),
    "over": (f"{APEX.value}; persistUntil={(NOW - timedelta(days=1)).timestamp():.0f}", APEX, False),
    "no number": (f"{APEX.value}; persistUntil=soon", APEX, False),
    "something else": ("v=spf1 -all", APEX, False),
}


@pytest.mark.parametrize(("value", "record", "holds"), VALUES.values(), ids=VALUES)
def test_proves(value: str, record: PersistRecord, *, holds: bool) -> None:
    assert proves(value, record, NOW) is holds


def test_a_record_in_dns_is_found(named: Bind) -> None:
    assert is_set(
        PersistRecord("persist.test", "authority.example", ACCOUNT, is_wildcard=True), Resolver([named.primary]), NOW
    )
    assert not is_set(APEX, Resolver([named.primary]), NOW)


def test_issuers_of_a_challenge() -> None:
    assert issuers_of({"issuer-domain-names": ["a.example", "b.example"]}) == ("a.example", "b.example")


@pytest.mark.parametrize("held", [None, [], ["a"] * 11, [1], ["a" * 254], "a.example"])
def test_a_malformed_challenge_is_refused(held: object) -> None:
    with pytest.raises(ValueError, match="issuer-domain-names"):
        issuers_of({"issuer-domain-names": held})
