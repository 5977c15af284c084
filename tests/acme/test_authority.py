"""Does a CA with our account do what a certificate's life asks of it? With a real Pebble."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import pytest

from acme_client.authority import Authority, Wishes
from acme_client.directories import directory_url, staging_of
from acme_client.errors import AcmeError, ErrorKind
from acme_client.issuer import Order
from acme_client.pair import read_pair
from acme_client.revocation import Revocation, RevocationReason
from tests.acme.rig.laboratory import APPLICANT, NAMES, Laboratory, laboratory
from tests.acme.rig.shim import at, problem, times


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    with laboratory(tmp_path_factory.mktemp("lab")) as started:
        yield started


@pytest.fixture
def authority(lab: Laboratory, tmp_path: Path) -> Authority:
    lab.reset()
    return authority_at(lab, tmp_path, lab.shim.directory)


def authority_at(
    lab: Laboratory, accounts: Path, directory: str, forbidden: str = "", only_method: str = "dns-01"
) -> Authority:
    def check_caa(
        names: Sequence[str], _identities: Sequence[str], account: str | None, methods: Collection[str]
    ) -> None:
        assert account
        if forbidden in names:
            raise AcmeError(ErrorKind.CAA, f"not for {forbidden}")
        if only_method not in methods:
            raise AcmeError(ErrorKind.CAA, f"{names} not by {methods}")

    return Authority(
        directory=directory,
        accounts=accounts,
        applicant=APPLICANT,
        wishes=Wishes(),
        prover=lab.records,
        check_caa=check_caa,
        network_for=lab.network_for(),
    )


def test_one_account_serves_all_orders(lab: Laboratory, authority: Authority) -> None:
    for _ in range(2):
        signed = authority.issue(Order(NAMES))
        assert read_pair(signed.chain_pem, signed.key_pem).names == NAMES
        assert signed.certificate_id
    assert len(lab.shim.payloads("order-plz")) == 2
    assert [sent.get("onlyReturnExisting") for sent in lab.shim.payloads("sign-me-up")] == [True, None, True]


def test_caa_is_looked_at_before_anything_is_ordered(lab: Laboratory, tmp_path: Path) -> None:
    lab.reset()
    authority = authority_at(lab, tmp_path, lab.shim.directory, forbidden="*.example.com")
    with pytest.raises(AcmeError, match=r"not for \*\.example\.com"):
        authority.issue(Order(NAMES))
    assert lab.shim.payloads("order-plz") == []


def test_caa_is_looked_at_again_when_the_ca_has_said_how_names_are_proved(lab: Laboratory, tmp_path: Path) -> None:
    lab.reset()
    authority = authority_at(lab, tmp_path, lab.shim.directory, only_method="dns-persist-01")
    with pytest.raises(AcmeError, match=r"example\.com',\) not by \('dns-01',\)") as caught:
        authority.issue(Order(NAMES))
    assert caught.value.kind is ErrorKind.CAA
    assert len(lab.shim.payloads("order-plz")) == 1
    assert lab.shim.payloads("finalize-order") == []


def test_an_account_that_the_ca_does_not_know_any_more_is_looked_for_again(
    lab: Laboratory, authority: Authority
) -> None:
    authority.account()
    lab.shim.first.append(times(1, at("order-plz", problem(400, "accountDoesNotExist", "who are you"))))
    with pytest.raises(AcmeError, match="who are you"):
        authority.issue(Order(NAMES))
    assert authority.issue(Order(NAMES)).chain_pem
    assert len([sent for sent in lab.shim.payloads("sign-me-up") if "onlyReturnExisting" in sent]) == 3


def test_after_a_change_of_keys_by_another_process_orders_go_on(
    lab: Laboratory, authority: Authority, tmp_path: Path
) -> None:
    assert authority.issue(Order(NAMES)).chain_pem
    authority_at(lab, tmp_path, lab.shim.directory).roll_key()
    assert authority.issue(Order(NAMES)).chain_pem


def test_after_a_change_of_keys_orders_go_on(authority: Authority) -> None:
    uri = authority.account().uri
    authority.roll_key()
    assert authority.issue(Order(NAMES)).chain_pem
    assert authority.account().uri == uri


def test_a_certificate_is_revoked(lab: Laboratory, authority: Authority) -> None:
    signed = authority.issue(Order(NAMES))
    done = authority.revoke(signed.chain_pem, signed.key_pem, RevocationReason.SUPERSEDED)
    assert done == Revocation(is_new=True, is_by_key=False)
    assert lab.pebble.status_of(read_pair(signed.chain_pem, signed.key_pem).serial) == "Revoked"


def test_a_certificate_of_another_account_is_revoked_by_its_own_key(
    lab: Laboratory, authority: Authority, tmp_path: Path
) -> None:
    """The folder of accounts was lost since, and a new account made: only the key still shows whose it is."""
    signed = authority.issue(Order(NAMES))
    newcomer = authority_at(lab, tmp_path / "new", lab.shim.directory)
    done = newcomer.revoke(signed.chain_pem, signed.key_pem, RevocationReason.KEY_COMPROMISE)
    assert done == Revocation(is_new=True, is_by_key=True)
    assert lab.pebble.status_of(read_pair(signed.chain_pem, signed.key_pem).serial) == "Revoked"


def test_by_the_certificates_key_no_account_is_opened(lab: Laboratory, authority: Authority, tmp_path: Path) -> None:
    signed = authority.issue(Order(NAMES))
    lab.reset()
    newcomer = authority_at(lab, tmp_path / "new", lab.shim.directory)
    for is_new in (True, False):
        done = newcomer.revoke(signed.chain_pem, signed.key_pem, RevocationReason.UNSPECIFIED, by_key=True)
        assert done == Revocation(is_new=is_new, is_by_key=True)
    assert lab.shim.payloads("sign-me-up") == []
    assert not (tmp_path / "new").exists()


def test_a_ca_that_cannot_be_reached_is_asked_once(lab: Laboratory, authority: Authority) -> None:
    """Only an account that may not is a reason to come with another key."""
    signed = authority.issue(Order(NAMES))
    lab.shim.first.append(at("revoke-cert", problem(500, "serverInternal", "not now")))
    with pytest.raises(AcmeError, match="not now"):
        authority.revoke(signed.chain_pem, signed.key_pem, RevocationReason.UNSPECIFIED)
    assert lab.pebble.status_of(read_pair(signed.chain_pem, signed.key_pem).serial) == "Valid"


def test_a_ca_without_renewal_information_gives_no_advice(authority: Authority) -> None:
    assert authority.advice("abc.def") is None


def test_only_a_known_ca_has_a_staging(lab: Laboratory, authority: Authority, tmp_path: Path) -> None:
    known = authority_at(lab, tmp_path, directory_url("letsencrypt"))
    rehearsal = known.rehearsal()
    assert rehearsal is not None
    assert (rehearsal.directory, rehearsal.is_staging) == (staging_of(known.directory), True)
    assert (authority.rehearsal(), authority.is_staging) == (None, False)
