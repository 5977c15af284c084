"""Do a chain and a key belong together, and what do they say? Checked before anything goes live."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

from acme_client.errors import AcmeError, ErrorKind

MOST_BYTES = 1 << 20
"""A chain takes some 5 kB."""
MOST_CERTIFICATES = 10
CLOCKS_APART = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Leaf:
    """What the certificate of a pair says."""

    names: tuple[str, ...]
    issuer: str
    serial: str
    """Lower-case hex."""
    not_before: datetime
    not_after: datetime


def read_pair(chain_pem: bytes, key_pem: bytes) -> Leaf:
    """The leaf of a pair that can serve; raises AcmeError (BAD_CERTIFICATE) that names what is wrong with it."""
    chain = _chain(chain_pem)
    _check_key(chain[0], key_pem)
    _check_order(chain)
    return _leaf(chain[0])


def serial_of(chain_pem: bytes) -> str:
    """The leaf's serial number, lower-case hex; raises AcmeError (BAD_CERTIFICATE)."""
    return f"{_chain(chain_pem)[0].serial_number:x}"


def check_names(leaf: Leaf, names: Iterable[str]) -> None:
    """Raises AcmeError (BAD_CERTIFICATE) when the certificate is not for exactly these names."""
    wanted = set(names)
    if wanted != set(leaf.names):
        text = f"The certificate is for {_list(leaf.names)} where {_list(wanted)} is wanted"
        raise AcmeError(ErrorKind.BAD_CERTIFICATE, text)


def check_dates(leaf: Leaf, now: datetime) -> None:
    """Raises AcmeError (BAD_CERTIFICATE) when the certificate is over, or begins later than clocks are apart."""
    span = f"valid from {leaf.not_before:%Y-%m-%d %H:%M} to {leaf.not_after:%Y-%m-%d %H:%M} UTC"
    if now >= leaf.not_after or leaf.not_before - CLOCKS_APART > now:
        text = f"The certificate is {span}, and here it is {now:%Y-%m-%d %H:%M} UTC; is the clock right?"
        raise AcmeError(ErrorKind.BAD_CERTIFICATE, text)


def seconds_ahead(leaf: Leaf, now: datetime) -> float:
    """How long to wait with a certificate that is dated a little ahead, by the CA or by this clock; 0 for any other.

    Live before it begins, it would be refused by the gateway and by each client whose clock is right; thrown away, it
    would have cost an order for nothing.
    """
    ahead = leaf.not_before - now
    return ahead.total_seconds() if timedelta() < ahead <= CLOCKS_APART else 0.0


def _chain(pem: bytes) -> list[x509.Certificate]:
    if len(pem) > MOST_BYTES:
        raise AcmeError(ErrorKind.BAD_CERTIFICATE, f"The chain has {len(pem)} bytes, more than {MOST_BYTES}")
    try:
        chain = x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise AcmeError(ErrorKind.BAD_CERTIFICATE, f"The chain is no PEM certificate: {error}") from error
    if len(chain) > MOST_CERTIFICATES:
        text = f"The chain has {len(chain)} certificates, more than {MOST_CERTIFICATES}"
        raise AcmeError(ErrorKind.BAD_CERTIFICATE, text)
    return chain


def _check_key(leaf: x509.Certificate, pem: bytes) -> None:
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError) as error:  # TypeError: it wants a password
        raise AcmeError(ErrorKind.BAD_CERTIFICATE, "The private key cannot be read") from error
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != leaf.public_key().public_bytes(*form):
        raise AcmeError(ErrorKind.BAD_CERTIFICATE, "The private key belongs to another certificate")


def _check_order(chain: list[x509.Certificate]) -> None:
    for lower, upper in pairwise(chain):
        try:
            lower.verify_directly_issued_by(upper)
        except (ValueError, TypeError, InvalidSignature) as error:
            text = f"The chain is broken: {_common_name(upper.subject)} did not issue {_common_name(lower.subject)}"
            raise AcmeError(ErrorKind.BAD_CERTIFICATE, text) from error


def _leaf(certificate: x509.Certificate) -> Leaf:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError) as error:
        raise AcmeError(ErrorKind.BAD_CERTIFICATE, "The certificate names no host (subjectAltName)") from error
    return Leaf(
        tuple(names.get_values_for_type(x509.DNSName)),
        _common_name(certificate.issuer),
        f"{certificate.serial_number:x}",
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
    )


def _common_name(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else name.rfc4514_string() or "a certificate without a name"


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
