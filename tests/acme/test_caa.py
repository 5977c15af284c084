"""Is a CAA record read as a CA reads it, and told in words?"""

import pytest

from acme_client.caa import METHODS, Issuance, Property, caa_look_up, check_caa, judge, parse_issue, relevant
from acme_client.errors import AcmeError, ErrorKind
from acme_client.look_up import LookUpError, Resolver
from tests.acme.rig.bind import Bind

OURS = Issuance(("ca.example", "ca-two.example"), "https://ca.example/acct/1")
HOST, WILD = "www.example.com", "*.example.com"


def issue(value: str) -> Property:
    return Property("issue", value)


def issuewild(value: str) -> Property:
    return Property("issuewild", value)


JUDGEMENTS: dict[str, tuple[str, list[Property], str | None]] = {
    "no records": (HOST, [], None),
    "we are named": (HOST, [issue("ca.example")], None),
    "named by the second identity": (HOST, [issue("CA-Two.Example")], None),
    "named among others": (HOST, [issue("other.example"), issue(" ca.example ; a=b")], None),
    "another is named": (HOST, [issue("other.example")], "only other.example may"),
    "nobody": (HOST, [issue(";")], "nobody may"),
    "empty value": (HOST, [issue("")], "nobody may"),
    "malformed parameter": (HOST, [issue("ca.example; what")], "nobody may"),
    "only iodef": (HOST, [Property("iodef", "mailto:a@b.example")], None),
    "only issuewild, for a host": (HOST, [issuewild(";")], None),
    "issue counts for a wildcard": (WILD, [issue("ca.example")], None),
    "issue forbids a wildcard": (WILD, [issue("other.example")], "only other.example may"),
    "issuewild wins over issue": (WILD, [issue(";"), issuewild("ca.example")], None),
    "issuewild forbids what issue allows": (WILD, [issue("ca.example"), issuewild(";")], "nobody may"),
    "unknown, not critical": (HOST, [Property("unheardof", "x"), issue("ca.example")], None),
    "unknown and critical": (HOST, [Property("unheardof", "x", is_critical=True), issue("ca.example")], "do not know"),
    "known and critical": (HOST, [Property("issue", "ca.example", is_critical=True)], None),
    "our account": (HOST, [issue("ca.example; accounturi=https://ca.example/acct/1")], None),
    "another account": (HOST, [issue("ca.example; accounturi=https://ca.example/acct/2")], "only the account"),
    "only the other method of ours": (HOST, [issue("ca.example; validationmethods=dns-persist-01")], None),
    "no method at all": (HOST, [issue("ca.example; validationmethods=")], "proved by nothing and not by dns-01"),
    "two accounts in one record": (
        HOST,
        [issue("ca.example; accounturi=https://ca.example/acct/1; AccountUri=https://ca.example/acct/1")],
        "nobody may",
    ),
    "a parameter with a hyphen": (HOST, [issue("ca.example; some-thing=1")], None),
    "a parameter that ends in a hyphen": (HOST, [issue("ca.example; some-=1")], "nobody may"),
    "our method": (HOST, [issue("ca.example; validationmethods=http-01, dns-01")], None),
    "another method": (HOST, [issue("ca.example; ValidationMethods=http-01")], "not by dns-01"),
    "one record of two fits": (HOST, [issue("ca.example; validationmethods=http-01"), issue("ca.example")], None),
}


@pytest.mark.parametrize(("name", "properties", "objection"), JUDGEMENTS.values(), ids=JUDGEMENTS)
def test_judgement(name: str, properties: list[Property], objection: str | None) -> None:
    found = judge(name, properties, OURS)
    if objection is None:
        assert found is None
    else:
        assert found is not None
        assert objection in found


@pytest.mark.parametrize("method", METHODS)
def test_the_method_that_will_be_used_counts(method: str) -> None:
    (other,) = set(METHODS) - {method}
    issuance = Issuance(OURS.identities, OURS.account_uri, (method,))
    assert judge(HOST, [issue(f"ca.example; validationmethods={method}")], issuance) is None
    told = judge(HOST, [issue(f"ca.example; validationmethods={other}")], issuance)
    assert told is not None
    assert f"proved by {other} and not by {method}" in told


def test_an_account_that_is_not_there_yet_is_not_held_against() -> None:
    properties = [issue("ca.example; accounturi=https://ca.example/acct/2")]
    assert judge(HOST, properties, Issuance(("ca.example",), None)) is None


def test_the_nearest_records_upwards_count() -> None:
    asked = []

    def look_up(name: str) -> list[Property]:
        asked.append(name)
        return [issue("ca.example")] if name == "example.com" else []

    assert relevant("a.b.example.com", look_up) == ("example.com", [issue("ca.example")])
    assert asked == ["a.b.example.com", "b.example.com", "example.com"]
    assert relevant("example.org", look_up) == ("example.org", ())


def test_issue_value() -> None:
    assert parse_issue("ca.example ; a = 1; B=x y ;") == ("ca.example", {"a": "1", "b": "x y"})


IN_DNS: dict[str, tuple[str, str | None]] = {
    "the name's parent allows us": ("nothing-here.caa.test", None),
    "the parent's record counts for a wildcard": ("*.caa.test", None),
    "issuewild allows": ("*.wild.caa.test", None),
    "issue forbids": (
        "wild.caa.test",
        "CAA records of wild.caa.test forbid ca.example to issue for wild.caa.test: only other",
    ),
    "no wildcards": ("*.nowild.caa.test", "nobody may"),
    "iodef alone": ("mail.caa.test", None),
    "critical": ("critical.caa.test", "'unheardof'"),
    "behind a CNAME": ("alias.caa.test", "only other.example may"),
    "restricted to our account and method": ("account.caa.test", None),
    "no records up to the root": ("example.test", None),
    "SERVFAIL": ("broken.test", "no CA may issue .*SERVFAIL"),
}


@pytest.mark.parametrize(("name", "told"), IN_DNS.values(), ids=IN_DNS)
def test_in_dns(named: Bind, name: str, told: str | None) -> None:
    look_up = caa_look_up(Resolver([named.primary]))
    if told is None:
        check_caa([name], OURS.identities, OURS.account_uri, look_up)
        return
    with pytest.raises(AcmeError, match=told) as caught:
        check_caa(["example.test", name], OURS.identities, OURS.account_uri, look_up)
    assert caught.value.kind is (ErrorKind.LOOK_UP if name == "broken.test" else ErrorKind.CAA)


def test_a_ca_without_identities_is_left_to_judge_by_itself() -> None:
    def look_up(name: str) -> list[Property]:
        raise LookUpError(name)

    check_caa(["example.com"], (), None, look_up)
