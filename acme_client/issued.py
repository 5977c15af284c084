"""Is what the CA sent the certificate that was asked for, and which of its chains is wanted? Pure."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from acme_client.errors import AcmeError, ErrorKind
from acme_client.pair import Leaf, check_dates, check_names, read_pair


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate that can serve."""

    chain_pem: bytes
    """The leaf first, each one issued by the next."""
    key_pem: bytes = field(repr=False)
    leaf: Leaf
    certificate_id: str | None
    """How the CA knows it for renewal information (RFC 9773 4.1)."""


def check_issued(chain_pem: bytes, key_pem: bytes, names: Sequence[str], now: datetime) -> Issued:
    """Raises AcmeError (BAD_CERTIFICATE) that names what is wrong: pair, order of the chain, names, dates, no issuer."""
    leaf = read_pair(chain_pem, key_pem)
    check_names(leaf, names)
    check_dates(leaf, now)
    chain = x509.load_pem_x509_certificates(chain_pem)
    if len(chain) == 1 and chain[0].issuer != chain[0].subject:
        text = (
            f"The chain is broken: it ends with the certificate itself, and {leaf.issuer}, which issued it, is missing"
        )
        raise AcmeError(ErrorKind.BAD_CERTIFICATE, text)
    # only the certificates: a CA may send comments and other line ends with them (RFC 7468 2)
    pem = b"".join(certificate.public_bytes(Encoding.PEM) for certificate in chain)
    return Issued(pem, key_pem, leaf, certificate_id(chain[0]))


def topmost_issuer(chain_pem: bytes) -> str | None:
    """The common name of the one who issued the last certificate of a chain; None when there is no such name."""
    try:
        names = x509.load_pem_x509_certificates(chain_pem)[-1].issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
    except ValueError:
        return None
    return str(names[0].value) if names else None


def certificate_id(certificate: x509.Certificate) -> str | None:
    """The key identifier of the issuer and the serial, as RFC 9773 4.1 writes them; None without the former."""
    try:
        issuer = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except (x509.ExtensionNotFound, ValueError):
        return None
    if issuer is None:
        return None
    # DER writes a serial with a sign bit, so it may need one byte more.
    serial = certificate.serial_number.to_bytes(certificate.serial_number.bit_length() // 8 + 1)
    return f"{_base64url(issuer)}.{_base64url(serial)}"


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode("ascii").rstrip("=")
