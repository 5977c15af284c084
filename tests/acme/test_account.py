"""Is the account found again, whatever was lost? With a real Pebble."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from acme_client import account_key
from acme_client.account import REGISTRATION, Applicant, account_folder, close_account, open_account, roll_key
from acme_client.errors import AcmeError, ErrorKind
from acme_client.network import Network
from acme_client.order import OrderRequest, issue
from acme_client.private_key import new_key
from acme_client.settings import KeyType
from tests.acme.rig.laboratory import APPLICANT, NAMES, Laboratory, laboratory
from tests.acme.rig.pebble import EAB_KEY, EAB_KID
from tests.acme.rig.shim import at, problem


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    with laboratory(tmp_path_factory.mktemp("lab")) as started:
        yield started


@pytest.fixture(scope="module")
def strict_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    with laboratory(tmp_path_factory.mktemp("strict"), is_binding_wanted=True) as started:
        yield started


@pytest.fixture(autouse=True)
def forgotten(lab: Laboratory) -> None:
    lab.reset()


def test_a_known_account_is_found_again_by_its_key(lab: Laboratory, tmp_path: Path) -> None:
    first = lab.account(tmp_path)
    (tmp_path / REGISTRATION).unlink()
    assert lab.account(tmp_path).uri == first.uri


def test_key_and_registration_are_for_the_owner_alone(lab: Laboratory, tmp_path: Path) -> None:
    folder = tmp_path / "accounts" / "one"
    lab.account(folder)
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
        account_key.KEY: 0o600,
        REGISTRATION: 0o600,
    }
    assert folder.stat().st_mode & 0o777 == 0o700


def test_two_directories_of_one_host_have_two_folders(tmp_path: Path) -> None:
    one, other = (account_folder(tmp_path, f"https://ca.test/{path}") for path in ("rsa", "ecc"))
    assert one != other
    assert one.name.startswith("ca.test-")


def test_an_account_that_the_ca_has_forgotten_is_made_anew_with_its_key(lab: Laboratory, tmp_path: Path) -> None:
    account_key.keep_key(tmp_path)
    key = (tmp_path / account_key.KEY).read_bytes()
    (tmp_path / REGISTRATION).write_text(json.dumps({"uri": "https://ca.test/acct/1"}))
    account = lab.account(tmp_path)
    assert (tmp_path / account_key.KEY).read_bytes() == key
    assert json.loads((tmp_path / REGISTRATION).read_bytes())["uri"] == account.uri


@pytest.mark.parametrize("content", [b"no key", b""], ids=["something else", "empty"])
def test_a_broken_key_is_named_and_not_replaced(lab: Laboratory, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / account_key.KEY
    path.write_bytes(content)
    with pytest.raises(AcmeError, match="move it away") as caught:
        lab.account(tmp_path)
    assert caught.value.kind is ErrorKind.STORE
    assert path.read_bytes() == content


def test_another_address_is_told_to_the_ca_once(lab: Laboratory, tmp_path: Path) -> None:
    lab.account_by_shim(tmp_path)
    for _ in range(2):
        account = lab.account_by_shim(tmp_path, Applicant("other@example.com"))
    updates = [sent for sent in lab.shim.payloads("my-account") if "contact" in sent]
    assert updates == [{"contact": ["mailto:other@example.com"]}]
    assert account.post(account.uri).json()["contact"] == ["mailto:other@example.com"]


def test_an_account_without_an_address_is_possible(lab: Laboratory, tmp_path: Path) -> None:
    account = lab.account(tmp_path, Applicant(""))
    assert not account.post(account.uri).json().get("contact")


def test_a_contact_that_the_ca_does_not_take_is_an_error_of_the_account(lab: Laboratory, tmp_path: Path) -> None:
    lab.shim.first.append(at("sign-me-up", problem(400, "invalidContact", "no such domain")))
    with pytest.raises(AcmeError, match="no such domain") as caught:
        lab.account_by_shim(tmp_path)
    assert caught.value.kind is ErrorKind.ACCOUNT


def test_a_new_key_takes_the_account_over(lab: Laboratory, tmp_path: Path) -> None:
    before = lab.account(tmp_path)
    roll_key(before, tmp_path)
    after = lab.account(tmp_path)
    assert (after.uri, after.key == before.key) == (before.uri, False)
    assert issue(after, OrderRequest(NAMES), lab.records).leaf.names == NAMES
    with pytest.raises(AcmeError):
        before.post(before.uri)


def test_a_change_of_keys_that_was_cut_off_before_the_ca_knew_is_undone(lab: Laboratory, tmp_path: Path) -> None:
    before = lab.account(tmp_path)
    account_key.announce(tmp_path, account_key.new_account_key())
    after = lab.account(tmp_path)
    assert (after.uri, after.key) == (before.uri, before.key)
    assert not (tmp_path / account_key.COMING).exists()


def test_a_change_of_keys_that_was_cut_off_after_the_ca_knew_is_finished(lab: Laboratory, tmp_path: Path) -> None:
    before = lab.account(tmp_path)
    old = (tmp_path / account_key.KEY).read_bytes()
    roll_key(before, tmp_path)
    (tmp_path / account_key.KEY).replace(tmp_path / account_key.COMING)
    (tmp_path / account_key.KEY).write_bytes(old)
    assert lab.account(tmp_path).uri == before.uri
    assert (tmp_path / account_key.KEY).read_bytes() != old


def test_an_rsa_key_from_elsewhere_does_as_well(lab: Laboratory, tmp_path: Path) -> None:
    (tmp_path / account_key.KEY).write_bytes(new_key(KeyType.RSA2048))
    assert issue(lab.account(tmp_path), OrderRequest(("example.com",)), lab.records).leaf.names == ("example.com",)


def test_a_closed_account_is_closed_for_good(lab: Laboratory, tmp_path: Path) -> None:
    account = lab.account(tmp_path)
    close_account(account, tmp_path)
    with pytest.raises(AcmeError) as caught:
        account.post(account.uri)
    assert caught.value.kind is ErrorKind.ACCOUNT
    assert lab.account(tmp_path).uri != account.uri


def test_a_binding_that_the_ca_wants_is_given(strict_lab: Laboratory, tmp_path: Path) -> None:
    account = strict_lab.account(tmp_path, Applicant("a@example.com", EAB_KID, EAB_KEY))
    assert issue(account, OrderRequest(NAMES), strict_lab.records).leaf.names == NAMES


# fmt: off
BINDINGS = [
    pytest.param(APPLICANT,                                          "ACME_EAB_KID",                   id="none is set"),
    pytest.param(Applicant("a@example.com", EAB_KID, "c2VjcmV0LWtleQ"), "answered 4",                 id="the key is wrong"),
    pytest.param(Applicant("a@example.com", "kid-9", EAB_KEY),       "kid-9|unknown|answered 4",       id="the identifier is unknown"),
    pytest.param(Applicant("a@example.com", EAB_KID, "c2VjcmV0LWtleQ\u00e4"), "ACME_EAB_HMAC_KEY",    id="the key is no base64url"),
]
# fmt: on


@pytest.mark.parametrize(("applicant", "cause"), BINDINGS)
def test_a_binding_that_does_not_hold_is_an_error_of_the_account(
    strict_lab: Laboratory, tmp_path: Path, applicant: Applicant, cause: str
) -> None:
    with pytest.raises(AcmeError, match=cause) as caught:
        strict_lab.account(tmp_path, applicant)
    assert caught.value.kind is ErrorKind.ACCOUNT
    assert "c2VjcmV0" not in str(caught.value)


def test_the_secret_of_a_binding_is_in_no_text() -> None:
    assert EAB_KEY not in repr(Applicant("a@example.com", EAB_KID, EAB_KEY))


def test_a_folder_that_cannot_be_written_is_named(lab: Laboratory, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    folder = tmp_path / "file" / "account"
    with pytest.raises(AcmeError, match="cannot be kept: Not a directory") as caught:
        open_account(lab.pebble.directory, folder, APPLICANT, lambda key: Network(lab.line(lab.pebble.ca_file), key))
    assert caught.value.kind is ErrorKind.STORE
