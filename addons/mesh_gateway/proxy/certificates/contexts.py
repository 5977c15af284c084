"""How is TLS spoken to clients? One set of rules for both libraries (Mozilla's intermediate profile, 5.7)."""

import ssl

from OpenSSL import SSL

# TLS 1.2 with forward secrecy and AEAD only; TLS 1.3 has its own list.
CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    b"ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)
ALPN = (b"h2", b"http/1.1")


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


def _agree_on_protocol(_: SSL.Connection, offers: list[bytes]) -> "bytes | SSL._NoOverlappingProtocols":
    return next((protocol for protocol in ALPN if protocol in offers), SSL.NO_OVERLAPPING_PROTOCOLS)
