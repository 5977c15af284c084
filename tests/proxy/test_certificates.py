"""Which certificate serves which name, and what never serves? Real files, made by a CA of the test's own."""

import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from OpenSSL import SSL

from mesh_gateway.proxy.certificates import (
    CertificateFileError,
    Certificates,
    bare_context,
    load_certificate,
    load_certificates,
)

PIECE = 1 << 16


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


def issue(ca: trustme.CA, folder: Path, *names: str, not_after: datetime | None = None) -> Path:
    """A folder as CERT_DIR wants it."""
    folder.mkdir(parents=True, exist_ok=True)
    leaf = ca.issue_cert(*names, not_after=not_after)
    (folder / "privkey.pem").write_bytes(leaf.private_key_pem.bytes())
    (folder / "fullchain.pem").write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    return folder


@pytest.fixture(scope="module")
def store(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two domains, one wildcard below a tenant."""
    folder = tmp_path_factory.mktemp("store")
    issue(ca, folder / "main", "example.com", "*.example.com")
    issue(ca, folder / "alice", "*.alice.example.com")
    issue(ca, folder / "other", "other.org")
    return folder


# Selection.

SELECTED = {
    "example.com": "main",
    "alice.example.com": "main",
    "ALICE.Example.COM": "main",
    "alice.example.com.": "main",
    "app-alice.example.com": "main",
    "app.alice.example.com": "alice",
    "x.app.alice.example.com": None,
    "app.bob.example.com": None,
    "other.org": "other",
    "www.other.org": None,
    "evil.org": None,
    "com": None,
    "": None,
    None: None,
}


@pytest.mark.parametrize("name", SELECTED)
@pytest.mark.parametrize("default", ["", "other"])
def test_a_name_gets_the_certificate_that_is_valid_for_it(store: Path, name: str | None, default: str) -> None:
    selected = load_certificates(store, default).select(name)
    assert (selected.name if selected else "") == (SELECTED[name] or default)


SAME = {
    ("alice.example.com", "alice.example.com"): True,
    ("alice.example.com", "bob.example.com"): True,
    ("ALICE.example.com", "alice.example.com"): True,
    ("alice.example.com", "app.alice.example.com"): False,
    ("app.alice.example.com", "x.alice.example.com"): True,
    ("alice.example.com", "other.org"): False,
    ("alice.example.com", "evil.org"): False,
    ("evil.org", "evil.org"): True,
    (None, "alice.example.com"): False,
    (None, "evil.org"): False,
}


@pytest.mark.parametrize(("server_name", "host"), SAME)
def test_a_connection_carries_what_its_certificate_is_valid_for(
    store: Path, server_name: str | None, host: str
) -> None:
    assert load_certificates(store).are_same(server_name, host) == SAME[server_name, host]


SAME_WITH_DEFAULT = {
    (None, "evil.org"): True,
    ("evil.org", "elsewhere.org"): True,
    (None, "other.org"): True,
    (None, "alice.example.com"): False,
    ("alice.example.com", "evil.org"): False,
}


@pytest.mark.parametrize(("server_name", "host"), SAME_WITH_DEFAULT)
def test_a_connection_with_the_default_certificate_carries_what_has_no_other(
    store: Path, server_name: str | None, host: str
) -> None:
    assert load_certificates(store, "other").are_same(server_name, host) == SAME_WITH_DEFAULT[server_name, host]


# Loading.


def test_what_is_loaded_is_counted_and_its_first_end_known(ca: trustme.CA, tmp_path: Path) -> None:
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    issue(ca, tmp_path / "long", "long.example.com")
    issue(ca, tmp_path / "short", "short.example.com", not_after=soon)
    found = load_certificates(tmp_path)
    assert (len(found), found.refused, found.first_not_after) == (2, 0, soon)


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    found = load_certificates(tmp_path / "missing")
    assert (len(found), found.refused, found.first_not_after) == (0, 0, None)
    assert found.select("alice.example.com") is None


def test_what_is_no_certificate_folder_is_passed_over(ca: trustme.CA, tmp_path: Path) -> None:
    (tmp_path / "accounts").mkdir()
    (tmp_path / "note.txt").write_text("not a folder")
    issue(ca, tmp_path / "good", "example.com")
    found = load_certificates(tmp_path)
    assert (len(found), found.refused) == (1, 0)


def another_key(ca: trustme.CA, folder: Path) -> None:
    (folder / "privkey.pem").write_bytes(ca.issue_cert("example.com").private_key_pem.bytes())


def cut(name: str) -> Callable[[trustme.CA, Path], None]:
    def spoil(_: trustme.CA, folder: Path) -> None:
        (folder / name).write_bytes((folder / name).read_bytes()[:100])

    return spoil


def empty(name: str) -> Callable[[trustme.CA, Path], None]:
    def spoil(_: trustme.CA, folder: Path) -> None:
        (folder / name).write_bytes(b"")

    return spoil


def without_key(_: trustme.CA, folder: Path) -> None:
    (folder / "privkey.pem").unlink()


def expired(ca: trustme.CA, folder: Path) -> None:
    issue(ca, folder, "example.com", not_after=datetime(2020, 1, 1, tzinfo=UTC))


def of_an_address(ca: trustme.CA, folder: Path) -> None:
    issue(ca, folder, "192.0.2.1")


SPOILED = {
    "another certificate's key": another_key,
    "half a chain": cut("fullchain.pem"),
    "half a key": cut("privkey.pem"),
    "an empty chain": empty("fullchain.pem"),
    "an empty key": empty("privkey.pem"),
    "no key": without_key,
    "expired": expired,
    "for no name": of_an_address,
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_what_cannot_serve_is_left_out_and_the_others_serve(
    ca: trustme.CA, tmp_path: Path, spoil: Callable[[trustme.CA, Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    issue(ca, tmp_path / "good", "good.org")
    spoil(ca, issue(ca, tmp_path / "bad", "example.com"))
    with pytest.raises(CertificateFileError):
        load_certificate(tmp_path / "bad")
    found = load_certificates(tmp_path)
    assert (len(found), found.refused) == (1, 1)
    assert found.select("example.com") is None
    assert found.select("good.org")
    (record,) = caplog.records
    assert record.getMessage().startswith("certificate bad does not serve: ")
    assert "\n" not in record.getMessage()


def test_a_certificate_serves_from_its_first_to_its_last_moment(ca: trustme.CA, tmp_path: Path) -> None:
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    folder = issue(ca, tmp_path / "main", "example.com", not_after=ends)
    assert load_certificate(folder, now=ends).not_after == ends
    for moment in (ends + timedelta(seconds=1), datetime(1999, 1, 1, tzinfo=UTC)):
        with pytest.raises(CertificateFileError, match="valid from"):
            load_certificate(folder, now=moment)


def test_a_default_that_is_not_there_is_told_and_serves_nobody(store: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert load_certificates(store, "missing").select("evil.org") is None
    assert "DEFAULT_CERTIFICATE missing" in caplog.text


# Handshakes, in memory.


def shake_hands(context: SSL.Context, client: ssl.SSLContext, server_name: str) -> ssl.SSLObject:
    """The client's end of a finished handshake; raises what either side has against it."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = client.wrap_bio(incoming, outgoing, server_hostname=server_name)
    there = SSL.Connection(context)
    there.set_accept_state()
    for _ in range(4):
        try:
            here.do_handshake()
            done = True
        except ssl.SSLWantReadError:
            done = False
        if sent := outgoing.read():
            there.bio_write(sent)
        try:
            there.do_handshake()
        except SSL.WantReadError:
            pass
        finally:
            _pump(there, incoming)
        if done:
            break
    return here


def _pump(source: SSL.Connection, sink: ssl.MemoryBIO) -> None:
    try:
        while True:
            sink.write(source.bio_read(PIECE))
    except SSL.WantReadError:
        pass


def trusting(ca: trustme.CA, *alpn: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    ca.configure_trust(context)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


PROTOCOLS = {
    ("h2", "http/1.1"): "h2",
    ("http/1.1", "h2"): "h2",
    ("http/1.1",): "http/1.1",
    ("acme-tls/1",): None,
    (): None,
}


@pytest.mark.parametrize("offers", PROTOCOLS)
def test_the_gateway_chooses_the_protocol(ca: trustme.CA, store: Path, offers: tuple[str, ...]) -> None:
    certificate = load_certificates(store).select("alice.example.com")
    assert certificate
    tls = shake_hands(certificate.context, trusting(ca, *offers), "alice.example.com")
    assert tls.selected_alpn_protocol() == PROTOCOLS[offers]


def test_the_whole_chain_is_sent(ca: trustme.CA, store: Path) -> None:
    certificate = load_certificates(store).select("other.org")
    assert certificate
    assert shake_hands(certificate.context, trusting(ca), "other.org").version() == "TLSv1.3"
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(certificate.context, trusting(ca), "elsewhere.org")


def test_old_versions_and_weak_ciphers_are_refused(ca: trustme.CA, store: Path) -> None:
    certificate = load_certificates(store).select("other.org")
    assert certificate
    weak = trusting(ca)
    weak.maximum_version = ssl.TLSVersion.TLSv1_2
    assert shake_hands(certificate.context, weak, "other.org").version() == "TLSv1.2"
    weak.set_ciphers("ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA:AES128-GCM-SHA256")
    with pytest.raises((ssl.SSLError, SSL.Error)):
        shake_hands(certificate.context, weak, "other.org")


def test_without_a_certificate_a_handshake_ends_and_shows_none(ca: trustme.CA) -> None:
    blind = ssl.create_default_context()
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    with pytest.raises((ssl.SSLError, SSL.Error)):
        shake_hands(bare_context(), blind, "evil.org")


def test_a_table_without_certificates_covers_nothing() -> None:
    assert Certificates({}).covering("example.com") is None
    assert not Certificates({}).are_same("example.com", "other.org")
