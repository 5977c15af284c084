"""Is a certificate taken back? With a real Pebble."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from acme_client.account import Account
from acme_client.errors import AcmeError, ErrorKind
from acme_client.order import OrderRequest, issue
from acme_client.revocation import RevocationReason, revoke, revoke_by_key
from acme_client.settings import KeyType
from tests.acme.rig.laboratory import Laboratory, laboratory


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    with laboratory(tmp_path_factory.mktemp("lab")) as started:
        yield started


@pytest.fixture(scope="module")
def account(lab: Laboratory, tmp_path_factory: pytest.TempPathFactory) -> Account:
    return lab.account(tmp_path_factory.mktemp("account"))


@pytest.mark.parametrize("reason", RevocationReason)
def test_a_certificate_is_revoked_once(lab: Laboratory, account: Account, reason: RevocationReason) -> None:
    issued = issue(account, OrderRequest(("example.com",)), lab.records)
    assert lab.pebble.status_of(issued.leaf.serial) == "Valid"
    assert revoke(account, issued.chain_pem, reason)
    assert lab.pebble.status_of(issued.leaf.serial) == "Revoked"
    assert not revoke(account, issued.chain_pem, reason)


def test_the_certificate_of_another_account_stays(lab: Laboratory, account: Account, tmp_path: Path) -> None:
    issued = issue(account, OrderRequest(("example.com",)), lab.records)
    with pytest.raises(AcmeError) as caught:
        revoke(lab.account(tmp_path), issued.chain_pem, RevocationReason.UNSPECIFIED)
    assert caught.value.kind is ErrorKind.ACCOUNT
    assert lab.pebble.status_of(issued.leaf.serial) == "Valid"


def test_what_is_no_certificate_is_not_sent(account: Account) -> None:
    with pytest.raises(AcmeError, match="no certificate") as caught:
        revoke(account, b"nothing", RevocationReason.UNSPECIFIED)
    assert caught.value.kind is ErrorKind.BAD_CERTIFICATE


@pytest.mark.parametrize("kind", [KeyType.EC256, KeyType.EC384, KeyType.RSA2048])
def test_whoever_has_its_key_may_revoke_a_certificate(lab: Laboratory, account: Account, kind: KeyType) -> None:
    issued = issue(account, OrderRequest(("example.com",), kind), lab.records)
    pair, network_for = (issued.chain_pem, issued.key_pem), lab.network_for(lab.pebble.ca_file)
    assert revoke_by_key(lab.pebble.directory, pair, RevocationReason.KEY_COMPROMISE, network_for)
    assert lab.pebble.status_of(issued.leaf.serial) == "Revoked"
    assert not revoke_by_key(lab.pebble.directory, pair, RevocationReason.KEY_COMPROMISE, network_for)


def test_another_certificates_key_is_refused(lab: Laboratory, account: Account) -> None:
    one, other = (issue(account, OrderRequest(("example.com",)), lab.records) for _ in range(2))
    pair, network_for = (one.chain_pem, other.key_pem), lab.network_for(lab.pebble.ca_file)
    with pytest.raises(AcmeError) as caught:
        revoke_by_key(lab.pebble.directory, pair, RevocationReason.UNSPECIFIED, network_for)
    assert caught.value.kind is ErrorKind.ACCOUNT
    assert lab.pebble.status_of(one.leaf.serial) == "Valid"


def test_a_key_that_is_none_is_not_sent(lab: Laboratory, account: Account) -> None:
    issued = issue(account, OrderRequest(("example.com",)), lab.records)
    with pytest.raises(AcmeError, match="no EC or RSA key"):
        revoke_by_key("https://ca.test/", (issued.chain_pem, b"none"), RevocationReason.UNSPECIFIED, lab.network_for())
