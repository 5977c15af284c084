"""Which certificate does a client get? Certificates from files, each checked before it serves (CONTRACT part 8)."""

import logging
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from OpenSSL import SSL

logger = logging.getLogger(__name__)

# TLS 1.2 with forward secrecy and AEAD only, as Mozilla's intermediate profile (5.7); TLS 1.3 has its own list.
CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    b"ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)
ALPN = (b"h2", b"http/1.1")


class CertificateFileError(ValueError):
    """A certificate's files cannot serve; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """One checked pair of chain and key, ready to serve."""

    name: str
    """The folder's."""
    hosts: frozenset[str]
    """DNS names, wildcards as they are, lower case."""
    not_after: datetime
    context: SSL.Context
    """For the flow path, whose TLS layer is mitmproxy's."""
    serving: ssl.SSLContext
    """The same for the fast path."""


class Certificates:
    """All that serve at a moment: an immutable table, swapped whole."""

    def __init__(self, certificates: Mapping[str, Certificate], default: str = "", *, refused: int = 0) -> None:
        self.refused = refused
        """How many folders held something that cannot serve."""
        self._by_host = {host: certificate for certificate in certificates.values() for host in certificate.hosts}
        self._default = certificates.get(default)
        self.greeting = _greeting(self)
        """What a handshake on the fast path begins with, until its SNI tells which certificate it is for."""

    def __len__(self) -> int:
        return len({certificate.name for certificate in self._by_host.values()})

    @property
    def first_not_after(self) -> datetime | None:
        """When the first of them ends."""
        return min((certificate.not_after for certificate in self._by_host.values()), default=None)

    def select(self, server_name: str | None) -> Certificate | None:
        """By exact name, then by a wildcard for its first label; else the default, where one is set."""
        return self.covering(server_name) or self._default

    def covering(self, host: str | None) -> Certificate | None:
        """The certificate that is valid for `host`."""
        if not host:
            return None
        name = host.lower().removesuffix(".")
        return self._by_host.get(name) or self._by_host.get("*." + name.partition(".")[2])

    def are_same(self, server_name: str | None, host: str) -> bool:
        """Whether a connection made for `server_name` may carry requests for `host` (RFC 9110 15.5.20)."""
        if server_name and server_name.lower() == host:
            return True
        wanted = self.covering(host)
        if wanted is None:
            # Under no certificate at all: only where the default certificate was handed out on purpose.
            return self._default is not None and self.covering(server_name) is None
        return wanted is self.select(server_name)


def load_certificates(folder: Path, default: str = "") -> Certificates:
    """Everything in `folder` that can serve; what cannot is logged and left out."""
    loaded: dict[str, Certificate] = {}
    refused = 0
    for path in _pairs(folder):
        try:
            loaded[path.name] = load_certificate(path)
        except CertificateFileError as error:
            refused += 1
            logger.warning("certificate %s does not serve: %s", path.name, error)
    if default and default not in loaded:
        logger.warning("DEFAULT_CERTIFICATE %s is not among the certificates that serve", default)
    return Certificates(loaded, default, refused=refused)


def _pairs(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from sorted(path for path in folder.iterdir() if (path / "fullchain.pem").is_file())


def load_certificate(folder: Path, *, now: datetime | None = None) -> Certificate:
    """Read and check `fullchain.pem` and `privkey.pem`; raises CertificateFileError."""
    chain_file, key_file = folder / "fullchain.pem", folder / "privkey.pem"
    try:
        leaf = x509.load_pem_x509_certificates(chain_file.read_bytes())[0]
        context = _server_context(chain_file, key_file)
        serving = fast_context()
        serving.load_cert_chain(chain_file, key_file)
    except (OSError, ValueError, SSL.Error) as error:
        raise CertificateFileError(f"{error or type(error).__name__}") from error
    moment = now or datetime.now(UTC)
    if not leaf.not_valid_before_utc <= moment <= leaf.not_valid_after_utc:
        raise CertificateFileError(f"valid from {leaf.not_valid_before_utc} to {leaf.not_valid_after_utc}")
    if not (hosts := _hosts(leaf)):
        raise CertificateFileError("it names no host")
    return Certificate(folder.name, hosts, leaf.not_valid_after_utc, context, serving)


def _hosts(leaf: x509.Certificate) -> frozenset[str]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(name.lower() for name in names.get_values_for_type(x509.DNSName))


def _server_context(chain_file: Path, key_file: Path) -> SSL.Context:
    context = bare_context()
    context.use_certificate_chain_file(str(chain_file))
    context.use_privatekey_file(str(key_file))
    context.check_privatekey()
    return context


def bare_context() -> SSL.Context:
    """A server's context without a certificate: a handshake with it ends in an alert and shows nothing."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_cipher_list(CIPHERS)
    context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_CIPHER_SERVER_PREFERENCE)
    context.set_session_id(b"mesh-router-gateway")
    context.set_alpn_select_callback(_agree_on_protocol)
    return context


def fast_context() -> ssl.SSLContext:
    """The same rules for the standard library's TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS.decode())
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols([protocol.decode() for protocol in ALPN])
    return context


def _greeting(certificates: Certificates) -> ssl.SSLContext:
    """A context without a certificate of its own: the SNI chooses one, or the handshake ends (HAZARDS E1)."""

    def choose(connection: ssl.SSLObject, server_name: str | None, _: ssl.SSLContext) -> int | None:
        connection.sni = server_name  # type: ignore[attr-defined] # the one place where the name can be had
        certificate = certificates.select(server_name)
        if certificate is None:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        connection.context = certificate.serving
        return None

    context = fast_context()
    context.sni_callback = choose
    return context


def _agree_on_protocol(_: SSL.Connection, offers: list[bytes]) -> "bytes | SSL._NoOverlappingProtocols":
    return next((protocol for protocol in ALPN if protocol in offers), SSL.NO_OVERLAPPING_PROTOCOLS)
