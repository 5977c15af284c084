"""Is the server at the other end the tenant's? TLS towards upstreams (CONTRACT part 8).

A public certificate must carry the public host's name. A certificate of the private CA is the same for all tenants'
names, so its CN must be the tenant's `userId`: no tenant can answer for another.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Protocol
from weakref import WeakKeyDictionary

import certifi
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from mitmproxy.connection import Server
from OpenSSL import SSL, crypto
from service_identity import CertificateError, VerificationError
from service_identity.cryptography import verify_certificate_hostname, verify_certificate_ip_address

from mesh_gateway.pipeline import Candidate
from mesh_gateway.settings import Settings

logger = logging.getLogger(__name__)


class PrivateAuthority(Protocol):
    """The private CA as far as TLS needs it."""

    @property
    def certificates(self) -> tuple[bytes, ...]:
        """DER."""

    @property
    def generation(self) -> int:
        """Another number for other certificates."""


class Handshake(Protocol):
    """What a handshake offers, and where it is noted why it failed: mitmproxy's Server, or the fast path's own."""

    error: str | None

    @property
    def alpn_offers(self) -> Sequence[bytes]:
        """In the order of preference."""


@dataclass(slots=True)
class Expectation:
    """Whom a handshake must end at, and why it did not."""

    attempt: Handshake
    candidate: Candidate
    private_name: str
    """The name that a private CA's certificate must cover: the tenant's own, whatever host was asked for."""
    is_private: bool = False

    def refuse(self, reason: str) -> bool:
        """Note why the handshake fails; the answer for OpenSSL."""
        self.attempt.error = reason
        return False


class UpstreamTls:
    """The contexts that upstream handshakes are made with, one per generation of the private CA."""

    def __init__(self, settings: Settings, authority: PrivateAuthority | None) -> None:
        self._settings = settings
        self._authority = authority
        self._context: tuple[int, SSL.Context] | None = None
        self._private: frozenset[bytes] = frozenset()

    def check(self) -> None:
        """Make the context once, so that an unusable UPSTREAM_CA_FILE stops the start; raises ValueError."""
        try:
            self._current_context()
        except SSL.Error as error:
            raise ValueError(f"UPSTREAM_CA_FILE {self._settings.upstream_ca_file} holds no certificates") from error

    def expect(self, server: Server, candidate: Candidate) -> None:
        """Announce a connection and whom it is for."""
        _ANNOUNCED[server] = self, candidate

    @property
    def generation(self) -> int:
        """Another number for other certificates of the private CA."""
        return self._authority.generation if self._authority else 0

    def handshake(self, attempt: Handshake, candidate: Candidate) -> SSL.Connection:
        """A handshake that ends well only at the candidate."""
        connection = SSL.Connection(self._current_context())
        private_name = f"{candidate.tenant}.{self._settings.server_domain}"
        connection.set_app_data(Expectation(attempt, candidate, private_name))
        if not _is_ip(candidate.server_name):
            connection.set_tlsext_host_name(candidate.server_name.encode("ascii"))
        if attempt.alpn_offers:
            connection.set_alpn_protos(list(attempt.alpn_offers))
        connection.set_connect_state()
        return connection

    def _current_context(self) -> SSL.Context:
        generation = self.generation
        if self._context is None or self._context[0] != generation:
            self._context = generation, self._make_context()
        return self._context[1]

    def _make_context(self) -> SSL.Context:
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        if self._settings.upstream_ca_file:
            context.load_verify_locations(str(self._settings.upstream_ca_file))
        else:
            context.set_default_verify_paths()
            context.load_verify_locations(certifi.where())
        private = self._authority.certificates if self._authority else ()
        store = context.get_cert_store()
        for der in private:
            if store:
                store.add_cert(crypto.X509.from_cryptography(x509.load_der_x509_certificate(der)))
        self._private = frozenset(private)
        context.set_verify(SSL.VERIFY_PEER, self._verify)
        return context

    def _verify(self, connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, ok: int) -> bool:
        """OpenSSL asks for each certificate of the chain, the root's first, the leaf's last."""
        expectation: Expectation = connection.get_app_data()
        if not ok:
            return expectation.refuse(f"certificate: {_error_text(error)}")
        parsed = certificate.to_cryptography()
        if depth:
            expectation.is_private |= parsed.public_bytes(Encoding.DER) in self._private
            return True
        return _is_right_leaf(parsed, expectation)


_ANNOUNCED: WeakKeyDictionary[Server, tuple[UpstreamTls, Candidate]] = WeakKeyDictionary()
"""Which connections were announced, by whom: the hook that starts a handshake knows the connection alone."""


def connection_for(server: Server) -> SSL.Connection:
    """The handshake for an announced connection. One that nobody announced is never verified: it comes to nothing."""
    if server in _ANNOUNCED:
        upstream_tls, candidate = _ANNOUNCED[server]
        return upstream_tls.handshake(server, candidate)
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_verify(SSL.VERIFY_PEER, lambda *_: False)
    connection = SSL.Connection(context)
    connection.set_connect_state()
    return connection


def _is_right_leaf(leaf: x509.Certificate, expectation: Expectation) -> bool:
    if not expectation.is_private:
        return _covers(leaf, expectation.candidate.server_name, expectation)
    user_id = expectation.candidate.user_id
    names = [str(name.value) for name in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if not user_id or names != [user_id]:
        return expectation.refuse(f"certificate: CN {names} is not the tenant's user id {user_id!r}")
    return _covers(leaf, expectation.private_name, expectation)


def _covers(leaf: x509.Certificate, name: str, expectation: Expectation) -> bool:
    try:
        if _is_ip(name):
            verify_certificate_ip_address(leaf, name)
        else:
            verify_certificate_hostname(leaf, name)
    except (VerificationError, CertificateError):
        return expectation.refuse(f"certificate: not valid for {name}")
    return True


def _is_ip(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _error_text(error: int) -> str:
    # pyOpenSSL hands over the number; its text is one of OpenSSL's constants.
    text: bytes = SSL._ffi.string(SSL._lib.X509_verify_cert_error_string(error))  # type: ignore[attr-defined] # noqa: SLF001 - no public way
    return text.decode("utf-8", "replace")
