"""May this pair of files serve? Chain and key are read from one generation and checked before a client sees them."""

import os
import ssl
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from OpenSSL import SSL

from mesh_gateway.proxy.certificates.contexts import bare_context, fast_context
from mesh_gateway.proxy.certificates.places import Place, printable

MOST_BYTES = 1 << 20
"""A chain has some 10 KB."""
LONGEST_CHAIN = 10
"""OpenSSL's clients go no deeper by far, and each link costs a check of its signature."""


class CertificateFileError(ValueError):
    """A certificate's files cannot serve; the text says why, in one line."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """One checked pair of chain and key, ready to serve."""

    name: str
    hosts: frozenset[str]
    """DNS names, wildcards as they are, lower case."""
    not_before: datetime
    not_after: datetime
    serial: int
    context: SSL.Context
    """For the flow path, whose TLS layer is mitmproxy's."""
    serving: ssl.SSLContext
    """The same for the fast path."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The bytes of both files."""

    name: str
    chain: bytes
    key: bytes

    def __repr__(self) -> str:  # the key is nobody's business
        return f"Pair({self.name!r})"


Stamp = tuple[tuple[int, ...], ...]
"""What tells one state of both files from another."""


def stamp(place: Place) -> Stamp:
    """The state of a place's files now. Works on secrets and NFS, where no notice of changes can be had."""
    return tuple(_file_stamp(place.folder / name) for name in (place.chain, place.key))


def _file_stamp(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError as error:
        return (error.errno or 0,)
    return (found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev, found.st_size, found.st_mode)


def read_pair(place: Place) -> Pair:
    """Both files of one generation; raises CertificateFileError.

    The folder's links are followed once, so that a swap between the two reads cannot mix two generations.
    """
    try:
        folder = place.folder.resolve(strict=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, before Python 3.13
        raise CertificateFileError(f"{printable(place.folder.name)}: {_why(error)}") from error
    return Pair(place.name, _read(folder / place.chain), _read(folder / place.key))


def _read(path: Path) -> bytes:
    try:
        # A pipe in its place must not hold the reader up.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise CertificateFileError(f"{printable(path.name)} is no file")
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise CertificateFileError(f"{printable(path.name)}: {_why(error)}") from error
    if not content:
        raise CertificateFileError(f"{printable(path.name)} is empty")
    if len(content) > MOST_BYTES:
        raise CertificateFileError(f"{printable(path.name)} is larger than {MOST_BYTES} bytes")
    return content


def _why(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or printable(str(error)) or type(error).__name__


def make_certificate(pair: Pair, now: datetime) -> Certificate:
    """Check the pair as of `now` and make it ready; raises CertificateFileError."""
    chain, key = _parse(pair)
    leaf = chain[0]
    _check_pair(leaf, key)
    _check_order(chain)
    _check_dates(leaf, now)
    if not (hosts := _hosts(leaf)):
        raise CertificateFileError("it names no host (subjectAltName)")
    try:
        context, serving = _flow_context(chain, key), _fast_context(pair)
    except (OSError, ValueError, TypeError, SSL.Error) as error:  # such as a key that is too short for OpenSSL
        raise CertificateFileError(f"OpenSSL does not take it: {error or type(error).__name__}") from error
    return Certificate(
        pair.name, hosts, leaf.not_valid_before_utc, leaf.not_valid_after_utc, leaf.serial_number, context, serving
    )


def _parse(pair: Pair) -> tuple[list[x509.Certificate], PrivateKeyTypes]:
    try:
        chain = x509.load_pem_x509_certificates(pair.chain)
    except ValueError as error:
        raise CertificateFileError(f"the chain is no PEM of certificates, or not all of one: {error}") from error
    try:
        key = load_pem_private_key(pair.key, None)
    except TypeError as error:
        raise CertificateFileError("the key has a password, which nobody could type in") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        # Their words may quote the input.
        raise CertificateFileError("the key is no PEM of a private key, or not all of one") from error
    return chain, key


def _check_pair(leaf: x509.Certificate, key: PrivateKeyTypes) -> None:
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    try:
        belongs = leaf.public_key().public_bytes(*form) == key.public_key().public_bytes(*form)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateFileError(f"its kind of key is not known: {error}") from error
    if not belongs:
        raise CertificateFileError("the key belongs to another certificate than the first of the chain")


def _check_order(chain: Sequence[x509.Certificate]) -> None:
    """Each certificate is signed by the one after it (RFC 8446 4.4.2)."""
    if len(chain) > LONGEST_CHAIN:
        raise CertificateFileError(f"the chain has {len(chain)} certificates, more than {LONGEST_CHAIN}")
    for number, (certificate, issuer) in enumerate(pairwise(chain), start=1):
        try:
            certificate.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm) as error:
            raise CertificateFileError(
                f"the chain is not in order: certificate {number} is not signed by the one after it"
            ) from error


def _check_dates(leaf: x509.Certificate, now: datetime) -> None:
    if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
        raise CertificateFileError(f"valid from {leaf.not_valid_before_utc} to {leaf.not_valid_after_utc}")


def _hosts(leaf: x509.Certificate) -> frozenset[str]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return frozenset()
    return frozenset(name.lower() for name in names.get_values_for_type(x509.DNSName))


def _flow_context(chain: Sequence[x509.Certificate], key: PrivateKeyTypes) -> SSL.Context:
    context = bare_context()
    context.use_certificate(chain[0])
    for issuer in chain[1:]:
        context.add_extra_chain_cert(issuer)
    context.use_privatekey(key)  # type: ignore[arg-type] # a kind that it does not know is a TypeError
    context.check_privatekey()
    return context


def _fast_context(pair: Pair) -> ssl.SSLContext:
    context = fast_context()
    # The standard library takes files only; these hold the bytes that were checked, and lie on no disk.
    with _in_memory(pair.chain) as chain_file, _in_memory(pair.key) as key_file:
        context.load_cert_chain(chain_file, key_file)
    return context


@contextmanager
def _in_memory(content: bytes) -> Iterator[str]:
    descriptor = os.memfd_create("certificate", os.MFD_CLOEXEC)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        file.write(content)
        yield f"/proc/self/fd/{descriptor}"


def utc_now() -> datetime:
    """The wall clock: certificates are dated by it."""
    return datetime.now(UTC)
