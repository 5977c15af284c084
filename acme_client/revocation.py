"""How is a certificate taken back (RFC 8555 7.6)?"""

from dataclasses import dataclass
from enum import IntEnum, unique

import acme.client
from cryptography import x509
from josepy.jwk import JWK

from acme_client.account import Account, NetworkFor
from acme_client.account_key import jwk_of
from acme_client.directory import fetch_directory
from acme_client.errors import AcmeError, ErrorKind
from acme_client.network import RefusedError, making_sense


@unique
class RevocationReason(IntEnum):
    """Those that a subscriber may give (RFC 5280 5.3.1)."""

    UNSPECIFIED = 0
    KEY_COMPROMISE = 1
    AFFILIATION_CHANGED = 3
    SUPERSEDED = 4
    CESSATION_OF_OPERATION = 5


@dataclass(frozen=True, slots=True)
class Revocation:
    """What came of it."""

    is_new: bool
    """False when it had been revoked before."""
    is_by_key: bool
    """Whether the certificate's own key signed, and not an account's."""


def revoke(account: Account, chain_pem: bytes, reason: RevocationReason) -> bool:
    """Takes back the leaf of a chain, by an account that may. False when that had been done before. Raises AcmeError."""
    leaf = _leaf(chain_pem)
    with making_sense(account.directory.url):
        return _sent(account.client, leaf, reason)


def revoke_by_key(
    directory_url: str, pair: tuple[bytes, bytes], reason: RevocationReason, network_for: NetworkFor
) -> bool:
    """The same with no account: who has the certificate's key may too. `pair` is chain and key, in PEM."""
    leaf, network = _leaf(pair[0]), network_for(_key(pair[1]))
    directory = fetch_directory(directory_url, network)
    with making_sense(directory_url):  # without an account the key itself goes along (RFC 8555 6.2)
        return _sent(acme.client.ClientV2(directory.resources, network), leaf, reason)


def _leaf(chain_pem: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(chain_pem)[0]
    except ValueError as error:
        raise AcmeError(ErrorKind.BAD_CERTIFICATE, "What is to be revoked is no certificate in PEM") from error


def _key(key_pem: bytes) -> JWK:
    key = jwk_of(key_pem)
    if key is None:
        raise AcmeError(ErrorKind.BAD_CERTIFICATE, "The key of what is to be revoked is no EC or RSA key in PEM")
    return key


def _sent(client: acme.client.ClientV2, leaf: x509.Certificate, reason: RevocationReason) -> bool:
    try:
        client.revoke(leaf, reason.value)
    except RefusedError as refusal:
        if refusal.code == "alreadyRevoked":
            return False
        raise
    return True
