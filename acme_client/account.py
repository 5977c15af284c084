"""Who asks for certificates? One account with each CA, made when it is first needed (RFC 8555 7.3)."""

import binascii
import contextlib
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import acme.client
import acme.errors
import acme.jws
import acme.messages
import josepy.errors
import requests
from josepy.interfaces import JSONDeSerializable
from josepy.jwk import JWK

from acme_client import account_key
from acme_client.directory import Directory, fetch_directory
from acme_client.errors import AcmeError, ErrorKind
from acme_client.network import Network, RefusedError, making_sense, signature_of
from acme_client.private_file import write_private
from acme_client.regular_file import read_regular

REGISTRATION = "registration.json"
MOST_BYTES = 1 << 16
"""Of that file."""
NetworkFor = Callable[[JWK], Network]
"""The way to the CA for the account with this key."""


@dataclass(frozen=True, slots=True)
class Applicant:
    """Who the account is for. To apply means to agree to the CA's terms of service."""

    email: str
    """Empty for none."""
    eab_kid: str | None = None
    """What the CA gave out, to bind the account to a customer of its own (RFC 8555 7.3.4)."""
    eab_hmac_key: str | None = field(default=None, repr=False)
    """Base64url."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account that is open: its CA can be asked."""

    directory: Directory
    uri: str
    key: JWK = field(repr=False)
    client: acme.client.ClientV2 = field(repr=False)
    network: Network = field(repr=False)

    @property
    def caa_identities(self) -> tuple[str, ...]:
        return self.directory.caa_identities

    def post(self, url: str, content: JSONDeSerializable | None = None) -> requests.Response:
        """Signed; without content it asks and changes nothing (RFC 8555 6.3). Raises AcmeError."""
        return self.network.post(url, content, new_nonce_url=self.directory.resources["newNonce"])


def account_folder(accounts: Path, directory_url: str) -> Path:
    """Where the account with a CA is kept: readable, and another one for each directory of a host."""
    digest = hashlib.sha256(directory_url.encode()).hexdigest()[:8]
    return accounts / f"{urlsplit(directory_url).hostname}-{digest}"


def open_account(directory_url: str, folder: Path, applicant: Applicant, network_for: NetworkFor) -> Account:
    """Finds the account by its key, or registers it. Raises AcmeError (ACCOUNT, STORE, CA_UNREACHABLE and its like).

    The CA is asked each time, for orders are rare: so an account that it has forgotten is made anew, and a lost
    registration.json is no loss.
    """
    if (folder / account_key.COMING).exists():
        _settle(directory_url, folder, network_for)
    key = account_key.keep_key(folder)
    network = network_for(key)
    directory = fetch_directory(directory_url, network)
    client = acme.client.ClientV2(directory.resources, network)
    with making_sense(directory_url):
        uri = _find(client) or _register(client, directory, applicant, key)
    client.net.account = acme.messages.RegistrationResource(body=acme.messages.Registration(), uri=uri)
    account = Account(directory, uri, key, client, network)
    _keep_contact(account, folder / REGISTRATION, applicant)
    return account


def roll_key(account: Account, folder: Path) -> None:
    """Gives the account a new key (RFC 8555 7.3.5); open it again afterwards. Raises AcmeError.

    Both keys are kept until the CA has answered, so that a crash at any moment loses nothing.
    """
    url = account.directory.resources["keyChange"]
    new = account_key.announce(folder, account_key.new_account_key())
    claim = json.dumps({"account": account.uri, "oldKey": account.key.public_key().to_partial_json()})
    # neither nonce nor kid in the inner signature (RFC 8555 7.3.5)
    inner = acme.jws.JWS.sign(claim.encode(), key=new, alg=signature_of(new), nonce=None, url=url, kid=None)
    with making_sense(url):
        account.post(url, inner)
    account_key.adopt(folder)


def close_account(account: Account, folder: Path) -> None:
    """Deactivates it for good (RFC 8555 7.3.6) and removes its key, which is worth nothing then. Raises AcmeError."""
    with making_sense(account.uri):
        account.post(account.uri, acme.messages.UpdateRegistration.from_json({"status": "deactivated"}))
    account_key.forget(folder, account_key.KEY)


def _find(client: acme.client.ClientV2) -> str | None:
    try:
        client.new_account(acme.messages.NewRegistration(only_return_existing=True))
    except acme.errors.ConflictError as known:  # acme's word for an account that is there already
        return str(known.location)
    except RefusedError as refusal:
        if refusal.kind not in (ErrorKind.ACCOUNT, ErrorKind.ORDER_FAILED):
            raise
    return None


def _register(client: acme.client.ClientV2, directory: Directory, applicant: Applicant, key: JWK) -> str:
    wish = acme.messages.NewRegistration.from_data(
        email=applicant.email or None,
        terms_of_service_agreed=True,
        external_account_binding=_binding(directory, applicant, key),
    )
    try:
        return str(client.new_account(wish).uri)
    except acme.errors.ConflictError as known:  # another instance was quicker
        return str(known.location)
    except RefusedError as refusal:
        kind = ErrorKind.ACCOUNT if refusal.kind is ErrorKind.ORDER_FAILED else refusal.kind
        text = f"No account with the CA: {refusal}"
        raise RefusedError(kind, text, refusal.code, retry_after=refusal.retry_after) from refusal


def _binding(directory: Directory, applicant: Applicant, key: JWK) -> dict[str, object] | None:
    if not applicant.eab_kid or not applicant.eab_hmac_key:
        if directory.wants_binding:
            text = f"{directory.url} wants an account that is bound to a customer of its own: set ACME_EAB_KID and ACME_EAB_HMAC_KEY as it gave them to you"
            raise AcmeError(ErrorKind.ACCOUNT, text)
        return None
    try:
        return acme.messages.ExternalAccountBinding.from_data(
            key.public_key(), applicant.eab_kid, applicant.eab_hmac_key, directory.resources
        )
    except (ValueError, binascii.Error, josepy.errors.Error):
        # without the cause: its text may hold the key
        raise AcmeError(ErrorKind.ACCOUNT, "ACME_EAB_HMAC_KEY holds something that is no base64url") from None


def _keep_contact(account: Account, path: Path, applicant: Applicant) -> None:
    """Tells the CA another address once: some do not say which one they have."""
    noted: object = None
    with contextlib.suppress(OSError, ValueError):
        noted = json.loads(read_regular(path, MOST_BYTES))
    wanted = {"directory": account.directory.url, "uri": account.uri, "email": applicant.email}
    if noted == wanted:
        return
    if isinstance(noted, dict) and noted.get("uri") == account.uri:
        body = acme.messages.UpdateRegistration.from_data(email=applicant.email or None, contact=())
        with making_sense(account.uri):
            account.post(account.uri, body)
    try:
        write_private(path, json.dumps(wanted, indent=1).encode())
    except OSError as error:
        raise AcmeError(ErrorKind.STORE, f"{path} cannot be written: {error.strerror}") from error


def _settle(directory_url: str, folder: Path, network_for: NetworkFor) -> None:
    """A change of keys was cut off: which of the two does the CA know?"""
    network = network_for(account_key.read_key(folder / account_key.COMING))
    directory = fetch_directory(directory_url, network)
    with making_sense(directory_url):
        found = _find(acme.client.ClientV2(directory.resources, network))
    if found:
        account_key.adopt(folder)
    else:
        account_key.forget(folder, account_key.COMING)
