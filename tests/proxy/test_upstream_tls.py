"""Is the server at the other end the tenant's? Real handshakes, in memory, with certificates of every kind."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from mitmproxy.connection import Server
from OpenSSL import SSL

from mesh_gateway.pipeline import Candidate
from mesh_gateway.proxy.upstream_tls import UpstreamTls, connection_for
from mesh_gateway.routing.routes import Scheme
from mesh_gateway.settings import read_settings

PUBLIC, PRIVATE, STRANGER = (trustme.CA(organization_name=name) for name in ("Public", "Private", "Stranger"))
PIECE = 1 << 16
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Authority:
    """The private CA of the API, as it is at the moment."""

    certificates: tuple[bytes, ...] = ()
    generation: int = 0

    def issue(self, *authorities: trustme.CA) -> None:
        """Another generation."""
        self.certificates = tuple(der_of(authority) for authority in authorities)
        self.generation += 1


def der_of(authority: trustme.CA) -> bytes:
    return x509.load_pem_x509_certificate(authority.cert_pem.bytes()).public_bytes(Encoding.DER)


@pytest.fixture
def private() -> Authority:
    authority = Authority()
    authority.issue(PRIVATE)
    return authority


@pytest.fixture
def upstream_tls(tmp_path: Path, private: Authority) -> UpstreamTls:
    path = tmp_path / "ca.pem"
    path.write_bytes(PUBLIC.cert_pem.bytes())
    settings = read_settings({"server_domain": "example.com", "upstream_ca_file": str(path)})
    return UpstreamTls(settings, private)


def candidate(
    server_name: str = "alice.example.com", *, tenant: str | None = "alice", user: str | None = "abc"
) -> Candidate:
    return Candidate(tenant, "agent", Scheme.HTTPS, "203.0.113.5", 443, server_name, user)


def expected(upstream_tls: UpstreamTls, whom: Candidate) -> Server:
    """A connection that was announced."""
    server = Server(address=(whom.address, whom.port))
    upstream_tls.expect(server, whom)
    return server


def serving(
    authority: trustme.CA, *names: str, cn: str | None = None, not_after: datetime | None = None
) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names, common_name=cn, not_after=not_after).configure_cert(context)
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


def shake_hands(here: SSL.Connection, server: ssl.SSLContext) -> bool:
    """Whether the client's end of the handshake ends well."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    there = server.wrap_bio(incoming, outgoing, server_side=True)
    for _ in range(4):
        try:
            here.do_handshake()
        except SSL.WantReadError:
            pass
        except SSL.Error:
            return False
        else:
            return True
        incoming.write(here.bio_read(PIECE))
        try:
            there.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            return False
        if answered := outgoing.read():
            here.bio_write(answered)
    raise AssertionError("a handshake without an end")


@dataclass(frozen=True, slots=True)
class Row:
    """A server's certificate, who is wanted there, and whether that is the same."""

    good: bool
    server: ssl.SSLContext
    whom: Candidate
    says: str = ""
    """What the connection's error tells of a refusal."""


WANTED = candidate()
ROWS = {
    "public, its own name": Row(True, serving(PUBLIC, "alice.example.com"), WANTED),
    "public, the wildcard": Row(True, serving(PUBLIC, "*.example.com"), WANTED),
    "public, any CN": Row(True, serving(PUBLIC, "alice.example.com", cn="someone"), WANTED),
    "public, another name": Row(False, serving(PUBLIC, "bob.example.com"), WANTED, "not valid for alice.example.com"),
    "public, the name as CN alone": Row(
        False, serving(PUBLIC, "bob.example.com", cn="alice.example.com"), WANTED, "not valid for alice.example.com"
    ),
    "public, expired": Row(False, serving(PUBLIC, "alice.example.com", not_after=LONG_AGO), WANTED, "expired"),
    "public, an app of the tenant": Row(
        True, serving(PUBLIC, "app.alice.example.com"), candidate("app.alice.example.com")
    ),
    "public, an app under the tenant's own name": Row(
        False, serving(PUBLIC, "alice.example.com"), candidate("app.alice.example.com"), "app.alice.example.com"
    ),
    "public, two labels under a wildcard": Row(
        False, serving(PUBLIC, "*.example.com"), candidate("app.alice.example.com"), "app.alice.example.com"
    ),
    "unknown authority": Row(False, serving(STRANGER, "alice.example.com"), WANTED, "certificate: "),
    "unknown authority, right CN": Row(False, serving(STRANGER, "*.example.com", cn="abc"), WANTED, "certificate: "),
    "private, the tenant's user": Row(True, serving(PRIVATE, "*.example.com", cn="abc"), WANTED),
    "private, another user": Row(
        False, serving(PRIVATE, "*.example.com", cn="abd"), WANTED, "is not the tenant's user id"
    ),
    "private, no CN": Row(False, serving(PRIVATE, "*.example.com"), WANTED, "is not the tenant's user id"),
    "private, nobody known": Row(
        False, serving(PRIVATE, "*.example.com", cn="abc"), candidate(user=None), "is not the tenant's user id"
    ),
    "private, empty user": Row(
        False, serving(PRIVATE, "*.example.com"), candidate(user=""), "is not the tenant's user id"
    ),
    "private, an app of the tenant": Row(
        True, serving(PRIVATE, "*.example.com", cn="abc"), candidate("app.alice.example.com")
    ),
    "private, another domain": Row(
        False, serving(PRIVATE, "*.example.org", cn="abc"), WANTED, "not valid for alice.example.com"
    ),
    "private, expired": Row(False, serving(PRIVATE, "*.example.com", cn="abc", not_after=LONG_AGO), WANTED, "expired"),
    "the default backend": Row(True, serving(PUBLIC, "landing.org"), candidate("landing.org", tenant=None, user=None)),
    "the default backend, privately": Row(
        False, serving(PRIVATE, "landing.org", cn="abc"), candidate("landing.org", tenant=None, user=None), "user id"
    ),
    "a backend by address": Row(True, serving(PUBLIC, "203.0.113.5"), candidate("203.0.113.5", tenant=None, user=None)),
    "a backend by another address": Row(
        False, serving(PUBLIC, "203.0.113.6"), candidate("203.0.113.5", tenant=None, user=None), "203.0.113.5"
    ),
    "a backend by address, with a name": Row(
        False, serving(PUBLIC, "landing.org"), candidate("203.0.113.5", tenant=None, user=None), "203.0.113.5"
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_handshake_ends_well_only_at_the_tenants_own_server(upstream_tls: UpstreamTls, row: Row) -> None:
    server = expected(upstream_tls, row.whom)
    assert shake_hands(connection_for(server), row.server) == row.good
    assert row.good == (server.error is None)
    assert row.says in (server.error or "")


def test_one_refusal_does_not_spoil_the_next_handshake(upstream_tls: UpstreamTls) -> None:
    thief, owner = (expected(upstream_tls, candidate(user=user)) for user in ("thief", "abc"))
    agent = serving(PRIVATE, "*.example.com", cn="abc")
    first, second = connection_for(thief), connection_for(owner)
    assert shake_hands(second, agent)
    assert not shake_hands(first, agent)
    assert owner.error is None


# Announcements.


def test_a_connection_that_nobody_announced_comes_to_nothing() -> None:
    assert not shake_hands(connection_for(Server(address=("203.0.113.5", 443))), ROWS["public, its own name"].server)


def test_an_announcement_ends_with_its_connection(upstream_tls: UpstreamTls) -> None:
    server = expected(upstream_tls, WANTED)
    other = Server(address=server.address)
    assert not shake_hands(connection_for(other), ROWS["public, its own name"].server), "an address is no announcement"
    assert shake_hands(connection_for(server), ROWS["public, its own name"].server)


# What is said at the start.


def hello(upstream_tls: UpstreamTls, whom: Candidate, *alpn: bytes) -> tuple[str | None, str | None]:
    """The name and the protocol that the server sees."""
    seen: list[str | None] = []
    context = serving(PUBLIC, "*.example.com", "203.0.113.5")
    context.sni_callback = lambda _, name, __: seen.append(name)
    server = expected(upstream_tls, whom)
    server.alpn_offers = alpn
    here = connection_for(server)
    assert shake_hands(here, context)
    return seen[0], here.get_alpn_proto_negotiated().decode() or None


HELLOS = {
    ("alice.example.com", (b"http/1.1",)): ("alice.example.com", "http/1.1"),
    ("alice.example.com", (b"h2", b"http/1.1")): ("alice.example.com", "h2"),
    ("alice.example.com", ()): ("alice.example.com", None),
    ("203.0.113.5", (b"http/1.1",)): (None, "http/1.1"),
}


@pytest.mark.parametrize(("name", "alpn"), HELLOS)
def test_the_server_is_asked_for_by_the_public_name(
    upstream_tls: UpstreamTls, name: str, alpn: tuple[bytes, ...]
) -> None:
    assert hello(upstream_tls, candidate(name), *alpn) == HELLOS[name, alpn]


# Generations.


def test_a_private_authority_counts_from_the_moment_it_is_known(upstream_tls: UpstreamTls, private: Authority) -> None:
    agent = serving(PRIVATE, "*.example.com", cn="abc")
    private.issue()
    assert not shake_hands(connection_for(expected(upstream_tls, WANTED)), agent)
    private.issue(PRIVATE)
    assert shake_hands(connection_for(expected(upstream_tls, WANTED)), agent)


def test_a_private_authority_counts_no_longer_than_it_is_named(upstream_tls: UpstreamTls, private: Authority) -> None:
    agent = serving(PRIVATE, "*.example.com", cn="abc")
    successor = trustme.CA(organization_name="Successor")
    assert shake_hands(connection_for(expected(upstream_tls, WANTED)), agent)
    private.issue(successor)
    assert not shake_hands(connection_for(expected(upstream_tls, WANTED)), agent)
    private.issue(successor, PRIVATE)
    assert shake_hands(connection_for(expected(upstream_tls, WANTED)), agent)


def test_without_an_api_there_is_no_private_authority(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_bytes(PUBLIC.cert_pem.bytes())
    settings = read_settings({"server_domain": "example.com", "upstream_ca_file": str(path)})
    alone = UpstreamTls(settings, None)
    assert shake_hands(connection_for(expected(alone, WANTED)), ROWS["public, its own name"].server)
    assert not shake_hands(connection_for(expected(alone, WANTED)), ROWS["private, the tenant's user"].server)


def test_without_a_file_the_systems_authorities_are_believed_and_no_others() -> None:
    public = UpstreamTls(read_settings({"server_domain": "example.com"}), None)
    assert not shake_hands(connection_for(expected(public, WANTED)), ROWS["public, its own name"].server)
    assert public._current_context() is public._current_context(), "made once"
    store = public._current_context().get_cert_store()
    assert store
