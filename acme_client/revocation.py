"""How is a certificate taken back (RFC 8555 7.6)?"""

from enum import IntEnum, unique

from cryptography import x509

from acme_client.account import Account
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


def revoke(account: Account, chain_pem: bytes, reason: RevocationReason) -> bool:
    """Takes back the leaf of a chain, by an account that may. False when that had been done before. Raises AcmeError."""
    try:
        leaf = x509.load_pem_x509_certificates(chain_pem)[0]
    except ValueError as error:
        raise AcmeError(ErrorKind.BAD_CERTIFICATE, "What is to be revoked is no certificate in PEM") from error
    try:
        with making_sense(account.directory.url):
            account.client.revoke(leaf, reason.value)
    except RefusedError as refusal:
        if refusal.code == "alreadyRevoked":
            return False
        raise
    return True
