"""Does an order end in a certificate, and if not, in words that name the cause? With a real Pebble."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from acme_client.account import Account
from acme_client.errors import AcmeError, ErrorKind
from acme_client.order import OrderRequest, issue
from acme_client.settings import KeyType
from tests.acme.rig.laboratory import NAMES, Laboratory, laboratory
from tests.acme.rig.pebble import BLOCKED
from tests.acme.rig.shim import Asked, Reply, Then, at, chain_as, offering, problem, rewriting, times

REQUEST = OrderRequest(NAMES)
PROFILES = {"classic": "as ever", "shortlived": "six days"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    with laboratory(tmp_path_factory.mktemp("lab"), environment={"PEBBLE_ALTERNATE_ROOTS": "2"}) as started:
        yield started


@pytest.fixture(scope="module")
def direct(lab: Laboratory, tmp_path_factory: pytest.TempPathFactory) -> Account:
    return lab.account(tmp_path_factory.mktemp("account"))


@pytest.fixture(autouse=True)
def forgotten(lab: Laboratory) -> None:
    lab.reset()


def refusal(lab: Laboratory, account: Account, request: OrderRequest = REQUEST) -> AcmeError:
    with pytest.raises(AcmeError) as caught:
        issue(account, request, lab.records, deadline_seconds=30)
    return caught.value


def test_apex_and_wildcard_come_in_one_certificate(lab: Laboratory, direct: Account) -> None:
    issued = issue(direct, REQUEST, lab.records)
    root = x509.load_pem_x509_certificate(lab.pebble.root_pem())
    chain = x509.load_pem_x509_certificates(issued.chain_pem)
    chain[-1].verify_directly_issued_by(root)
    assert issued.leaf.names == NAMES
    assert [proof.record for proof in lab.records.shown] == ["_acme-challenge.example.com."] * 2
    assert len({proof.value for proof in lab.records.shown}) == 2


KINDS: dict[KeyType, Callable[[object], bool]] = {
    KeyType.EC256: lambda key: isinstance(key, ec.EllipticCurvePrivateKey) and key.key_size == 256,
    KeyType.EC384: lambda key: isinstance(key, ec.EllipticCurvePrivateKey) and key.key_size == 384,
    KeyType.RSA2048: lambda key: isinstance(key, rsa.RSAPrivateKey) and key.key_size == 2048,
    KeyType.RSA4096: lambda key: isinstance(key, rsa.RSAPrivateKey) and key.key_size == 4096,
}


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_key_is_of_the_kind_asked_for(lab: Laboratory, direct: Account, kind: KeyType) -> None:
    issued = issue(direct, OrderRequest(("example.com",), kind), lab.records)
    assert KINDS[kind](load_pem_private_key(issued.key_pem, None))


def test_each_certificate_has_a_new_key_unless_one_is_given(lab: Laboratory, direct: Account) -> None:
    first, second = (issue(direct, OrderRequest(("example.com",)), lab.records) for _ in range(2))
    third = issue(direct, OrderRequest(("example.com",)), lab.records, known_key=first.key_pem)
    assert first.key_pem != second.key_pem
    assert first.key_pem == third.key_pem


def test_the_private_key_is_not_in_the_text_of_what_was_issued(lab: Laboratory, direct: Account) -> None:
    issued = issue(direct, OrderRequest(("example.com",)), lab.records)
    assert "PRIVATE" not in repr(issued)


def test_twenty_orders_of_twenty_are_issued_with_most_nonces_refused(tmp_path: Path) -> None:
    with laboratory(tmp_path, environment={"PEBBLE_WFE_NONCEREJECT": "60"}) as lab:
        account = lab.account(tmp_path / "account")
        serials = {issue(account, REQUEST, lab.records).leaf.serial for _ in range(20)}
        assert len(serials) == 20


def test_names_that_are_proved_already_are_not_proved_again(tmp_path: Path) -> None:
    with laboratory(tmp_path, environment={"PEBBLE_AUTHZREUSE": "100"}) as lab:
        account = lab.account(tmp_path / "account")
        issue(account, REQUEST, lab.records)
        lab.records.shown.clear()
        assert issue(account, REQUEST, lab.records).leaf.names == NAMES
        assert lab.records.shown == []


@pytest.mark.parametrize("index", [0, 1, 2])
def test_the_chain_of_the_issuer_asked_for_is_taken(lab: Laboratory, direct: Account, index: int) -> None:
    root = x509.load_pem_x509_certificate(lab.pebble.root_pem(index))
    name = str(root.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)
    issued = issue(direct, OrderRequest(("example.com",), preferred_chain=name), lab.records)
    x509.load_pem_x509_certificates(issued.chain_pem)[-1].verify_directly_issued_by(root)


def test_without_such_a_chain_the_first_does(lab: Laboratory, direct: Account) -> None:
    issued = issue(direct, OrderRequest(("example.com",), preferred_chain="Nobody"), lab.records)
    assert issued.leaf.names == ("example.com",)


def test_profile_and_predecessor_are_sent_where_the_ca_knows_them(lab: Laboratory, tmp_path: Path) -> None:
    lab.shim.then.append(offering(lab.shim.url, profiles=PROFILES, has_ari=True))
    account = lab.account_by_shim(tmp_path)
    issue(account, OrderRequest(NAMES, profile="shortlived", replaces="abc.def"), lab.records)
    (order,) = lab.shim.payloads("order-plz")
    assert (order["profile"], order["replaces"]) == ("shortlived", "abc.def")


def test_neither_is_sent_to_a_ca_that_knows_neither(lab: Laboratory, tmp_path: Path) -> None:
    account = lab.account_by_shim(tmp_path)
    issue(account, OrderRequest(NAMES, profile="shortlived", replaces="abc.def"), lab.records)
    (order,) = lab.shim.payloads("order-plz")
    assert order.keys() == {"identifiers"}


def test_a_profile_that_the_ca_has_not_is_refused_with_those_it_has(lab: Laboratory, tmp_path: Path) -> None:
    lab.shim.then.append(offering(lab.shim.url, profiles=PROFILES))
    error = refusal(lab, lab.account_by_shim(tmp_path), OrderRequest(NAMES, profile="tlsserver"))
    assert error.kind is ErrorKind.ORDER_FAILED
    assert all(word in str(error) for word in ("tlsserver", *PROFILES))


def test_a_predecessor_that_has_a_successor_is_left_out(lab: Laboratory, tmp_path: Path) -> None:
    lab.shim.then.append(offering(lab.shim.url, has_ari=True))
    lab.shim.first.append(times(1, at("order-plz", problem(409, "alreadyReplaced", "it has one"))))
    account = lab.account_by_shim(tmp_path)
    assert issue(account, OrderRequest(NAMES, replaces="abc.def"), lab.records).leaf.names == NAMES
    assert ["replaces" in order for order in lab.shim.payloads("order-plz")] == [True, False]


def test_a_blocked_domain_is_named(lab: Laboratory, direct: Account) -> None:
    error = refusal(lab, direct, OrderRequest(("example.com", BLOCKED)))
    assert error.kind is ErrorKind.IDENTIFIER_REJECTED
    assert BLOCKED in str(error)


def test_every_problem_of_several_is_told(lab: Laboratory, tmp_path: Path) -> None:
    parts = [
        {"type": "urn:ietf:params:acme:error:caa", "detail": "no", "identifier": {"type": "dns", "value": "a.test"}},
        {"type": "urn:ietf:params:acme:error:dns", "detail": "gone", "identifier": {"type": "dns", "value": "b.test"}},
    ]
    lab.shim.first.append(at("order-plz", problem(403, "compound", "Several", subproblems=parts)))
    error = refusal(lab, lab.account_by_shim(tmp_path))
    assert error.kind is ErrorKind.CAA
    assert all(words in str(error) for words in ("Several", "a.test: no (caa)", "b.test: gone (dns)"))


def test_every_name_that_failed_is_told(lab: Laboratory, direct: Account) -> None:
    lab.records.wrong.update({"one.test", "two.test"})
    error = refusal(lab, direct, OrderRequest(("one.test", "fine.test", "*.two.test")))
    assert error.kind is ErrorKind.CHALLENGE_FAILED
    assert "could not verify one.test" in str(error)
    assert "could not verify *.two.test" in str(error)
    assert "fine.test" not in str(error)


class NoDns:
    """A Prover whose provider is dead."""

    def published(self, _proofs: object) -> "NoDns":
        return self

    def __enter__(self) -> None:
        raise AcmeError(ErrorKind.DNS_PROVIDER, "dead")

    def __exit__(self, *_: object) -> None:
        """Never entered."""


def test_what_was_not_proved_is_given_back_to_the_ca(lab: Laboratory, tmp_path: Path) -> None:
    account = lab.account_by_shim(tmp_path)
    urls: list[str] = []

    def look(order: dict[str, list[str]]) -> dict[str, list[str]]:
        urls.extend(order["authorizations"])
        return order

    lab.shim.then.append(rewriting("order-plz", look))
    with pytest.raises(AcmeError, match="dead"):
        issue(account, REQUEST, NoDns())
    assert [account.post(url).json()["status"] for url in urls] == ["deactivated"] * 2


STRANGE = {
    "another's name": (
        rewriting("authZ", lambda it: {**it, "identifier": {"type": "dns", "value": "victim.test"}}),
        "victim.test, which was not ordered",
    ),
    "more than were ordered": (
        rewriting("order-plz", lambda it: {**it, "authorizations": it["authorizations"] * 2}),
        "4 authorizations for 2 names",
    ),
    "no challenges": (
        rewriting("authZ", lambda it: {key: it[key] for key in it if key != "challenges"}),
        "no ACME",
    ),
}


@pytest.mark.parametrize(("change", "text"), STRANGE.values(), ids=STRANGE)
def test_nothing_is_published_for_strange_authorizations(
    lab: Laboratory, tmp_path: Path, change: Then, text: str
) -> None:
    account = lab.account_by_shim(tmp_path)
    lab.shim.then.append(change)
    error = refusal(lab, account)
    assert error.kind is ErrorKind.CA_UNAVAILABLE
    assert text in str(error)
    assert lab.records.shown == []


def without_intermediate(pem: bytes) -> bytes:
    return pem[: pem.index(b"-----END CERTIFICATE-----") + 26]


def backwards(pem: bytes) -> bytes:
    pieces = [piece + b"-----END CERTIFICATE-----\n" for piece in pem.split(b"-----END CERTIFICATE-----\n") if piece]
    return b"".join(reversed(pieces))


# fmt: off
BROKEN = [
    pytest.param(without_intermediate,                                    "is missing",     id="the intermediate is missing"),
    pytest.param(backwards,                                               "another",        id="the intermediate comes first"),
    pytest.param(lambda pem: pem + without_intermediate(pem),             "did not issue",  id="something else follows"),
    pytest.param(lambda pem: pem[:200],                                   "PEM",            id="it is cut off"),
    pytest.param(lambda _: b"<html>BEGIN CERTIFICATE</html>",             "PEM",            id="it is a page"),
]
# fmt: on


@pytest.mark.parametrize(("rewrite", "cause"), BROKEN)
def test_a_broken_chain_is_refused(
    lab: Laboratory, tmp_path: Path, rewrite: Callable[[bytes], bytes], cause: str
) -> None:
    account = lab.account_by_shim(tmp_path)
    lab.shim.then.append(chain_as(rewrite))
    error = refusal(lab, account)
    assert error.kind is ErrorKind.BAD_CERTIFICATE
    assert cause in str(error)


def test_a_certificate_for_other_names_is_refused(lab: Laboratory, tmp_path: Path) -> None:
    account = lab.account_by_shim(tmp_path)
    key = issue(account, REQUEST, lab.records).key_pem
    other = issue(account, OrderRequest(("other.test",)), lab.records, known_key=key)
    lab.shim.then.append(chain_as(lambda _: other.chain_pem))
    with pytest.raises(AcmeError, match=r"for other\.test where .*example\.com is wanted") as caught:
        issue(account, REQUEST, lab.records, known_key=key)
    assert caught.value.kind is ErrorKind.BAD_CERTIFICATE


def persistent(document: dict[str, object]) -> dict[str, object]:
    """As a CA offers it; Pebble looks at neither here, and takes the answer to its dns-01 for it."""
    offered = document["challenges"]
    assert isinstance(offered, list)
    extra = [
        {**one, "type": "dns-persist-01", "issuer-domain-names": ["ca.example"]}
        for one in offered
        if one["type"] == "dns-01"
    ]
    return {**document, "challenges": [*offered, *extra]}


def test_a_persistent_record_that_stands_is_used_instead(tmp_path: Path) -> None:
    with laboratory(tmp_path, environment={"PEBBLE_VA_ALWAYS_VALID": "1"}) as lab:
        lab.shim.then.append(rewriting("authZ", persistent))
        account, questions = lab.account_by_shim(tmp_path / "account"), []

        def stands(domain: str, is_wildcard: bool, challenge: object) -> bool:
            assert isinstance(challenge, dict)
            questions.append((domain, is_wildcard, challenge["issuer-domain-names"]))
            return is_wildcard

        assert issue(account, REQUEST, lab.records, stands=stands).leaf.names == NAMES
        assert sorted(questions) == [("example.com", False, ["ca.example"]), ("example.com", True, ["ca.example"])]
        assert len(lab.records.shown) == 1


@pytest.mark.parametrize(("is_set", "method"), [(True, "dns-persist-01"), (False, "dns-01")])
def test_caa_is_asked_about_the_method_that_will_be_used(
    lab: Laboratory, tmp_path: Path, is_set: bool, method: str
) -> None:
    lab.shim.then.append(rewriting("authZ", persistent))

    def allows(name: str, used: str) -> None:
        raise AcmeError(ErrorKind.CAA, f"{name} not by {used}")

    with pytest.raises(AcmeError, match=f"example.com not by {method}"):
        issue(lab.account_by_shim(tmp_path), REQUEST, lab.records, stands=lambda *_: is_set, allows=allows)
    assert lab.records.shown == []


# fmt: off
UNUSABLE = [
    pytest.param({"status": "deactivated"},                      ErrorKind.CHALLENGE_FAILED,    "is deactivated",          id="it was given back"),
    pytest.param({"challenges": [{"type": "http-01", "url": "https://ca.test/1", "token": "a" * 43}]}, ErrorKind.IDENTIFIER_REJECTED, "only by http-01", id="it wants http-01"),
    pytest.param({"challenges": []},                             ErrorKind.IDENTIFIER_REJECTED, "only by nothing",         id="it wants nothing"),
]
# fmt: on


@pytest.mark.parametrize(("change", "kind", "cause"), UNUSABLE)
def test_an_authorization_that_cannot_be_used_is_named(
    lab: Laboratory, tmp_path: Path, change: dict[str, object], kind: ErrorKind, cause: str
) -> None:
    account = lab.account_by_shim(tmp_path)
    lab.shim.then.append(rewriting("authZ", lambda it: {**it, **change}))
    error = refusal(lab, account)
    assert error.kind is kind
    assert "example.com" in str(error)
    assert cause in str(error)
    assert lab.records.shown == []


def never(status: str) -> Then:
    """An order or authorization that goes no further."""
    return rewriting("my-order" if status in ("processing", "ready") else "authZ", lambda it: {**it, "status": status})


@pytest.mark.parametrize("status", ["pending", "processing"])
def test_a_ca_that_never_comes_to_an_end_is_given_up(lab: Laboratory, tmp_path: Path, status: str) -> None:
    account = lab.account_by_shim(tmp_path)
    lab.shim.then.append(never(status))
    error = refusal(lab, account)
    assert error.kind is ErrorKind.CA_UNAVAILABLE
    assert "30 s" in str(error)
    assert sum(lab.timer.waits) <= 60.1


def test_an_order_that_the_ca_gives_up_is_told_with_its_reason(lab: Laboratory, tmp_path: Path) -> None:
    account = lab.account_by_shim(tmp_path)
    reason = {"type": "urn:ietf:params:acme:error:caa", "detail": "CAA of example.com forbids it"}
    lab.shim.then.append(rewriting("my-order", lambda order: {**order, "status": "invalid", "error": reason}))
    error = refusal(lab, account)
    assert error.kind is ErrorKind.CAA
    assert "CAA of example.com forbids it" in str(error)


def plain_http(document: Any) -> Any:
    """The same with each of its links in plain http, to loopback as before."""
    return json.loads(json.dumps(document).replace("https://", "http://"))


def with_plain_location(asked: Asked, reply: Reply) -> Reply:
    location = reply.fields.get("Location", "").replace("https://", "http://")
    return replace(reply, fields=reply.fields | {"Location": location}) if "order-plz" in asked.path else reply


DOWNGRADES: dict[str, Then] = {
    "newOrder": rewriting("/dir", lambda it: {**it, "newOrder": plain_http(it["newOrder"])}),
    "newNonce": rewriting("/dir", lambda it: {**it, "newNonce": plain_http(it["newNonce"])}),
    "the order's Location": with_plain_location,
    "authorizations": rewriting("order-plz", plain_http),
    "challenges": rewriting("authZ", plain_http),
    "finalize and certificate": rewriting("my-order", plain_http),
}


@pytest.mark.parametrize("change", DOWNGRADES.values(), ids=DOWNGRADES)
def test_no_link_of_a_ca_leads_out_of_https(lab: Laboratory, tmp_path: Path, change: Then) -> None:
    lab.shim.then.append(change)
    with pytest.raises(AcmeError, match=r"The CA's link http://.* is not https") as caught:
        issue(lab.account_by_shim(tmp_path), REQUEST, lab.records)
    assert caught.value.kind is ErrorKind.CA_UNAVAILABLE


def test_an_answer_that_is_no_order_is_told_as_the_fault_of_the_ca(lab: Laboratory, tmp_path: Path) -> None:
    account = lab.account_by_shim(tmp_path)
    lab.shim.first.append(at("order-plz", Reply(201, b'{"status": 7}', {"Replay-Nonce": "YWFh"})))
    assert refusal(lab, account).kind is ErrorKind.CA_UNAVAILABLE
