"""How is TLS spoken to clients?"""

import ssl
from pathlib import Path

import pytest
import trustme
from OpenSSL import SSL

from mesh_gateway.proxy.certificates.contexts import bare_context
from tests.proxy.certificates.bench import load
from tests.proxy.certificates.handshakes import shake_hands, trusting

PROTOCOLS = {
    ("h2", "http/1.1"): "h2",
    ("http/1.1", "h2"): "h2",
    ("http/1.1",): "http/1.1",
    ("acme-tls/1",): None,
    (): None,
}


@pytest.mark.parametrize("offers", PROTOCOLS)
def test_the_gateway_chooses_the_protocol(ca: trustme.CA, store: Path, offers: tuple[str, ...]) -> None:
    certificate = load(store).select("alice.example.com")
    assert certificate
    tls = shake_hands(certificate.context, trusting(ca, *offers), "alice.example.com")
    assert tls.selected_alpn_protocol() == PROTOCOLS[offers]


def test_the_whole_chain_is_sent(ca: trustme.CA, store: Path) -> None:
    certificate = load(store).select("other.org")
    assert certificate
    assert shake_hands(certificate.context, trusting(ca), "other.org").version() == "TLSv1.3"
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(certificate.context, trusting(ca), "elsewhere.org")


def test_old_versions_and_weak_ciphers_are_refused(ca: trustme.CA, store: Path) -> None:
    certificate = load(store).select("other.org")
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
