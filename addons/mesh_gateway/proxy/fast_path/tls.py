"""How does TLS look without sockets? Bytes in, bytes out, for both sides of the fast path.

The client's side runs on the standard library's `ssl`, whose memory BIOs cost half of pyOpenSSL's; the upstream's side
needs pyOpenSSL, because only that asks for each certificate of a chain (`upstream_tls.py`).
"""

import contextlib
import ssl
from typing import Protocol

from OpenSSL import SSL

# A record holds no more (RFC 8446 5.1), and a larger buffer is made anew, and cleared, for each read.
READ_SIZE = 16_384
TLS_HANDSHAKE = 0x16  # RFC 8446 5.1: the content type of a ClientHello's record


class TlsError(Exception):
    """The peer and we cannot talk, or not any more. The text says why."""


class TlsEnd(Protocol):
    """One end of a TLS connection."""

    def shake_hands(self) -> bool:
        """Go on with the handshake; whether it is done. Raises TlsError."""

    def feed(self, data: bytes) -> None:
        """Take bytes from the wire."""

    def decrypt(self) -> tuple[bytes, bool]:
        """What the peer said, and whether it has said goodbye. Raises TlsError."""

    def encrypt(self, data: bytes) -> bytes:
        """What goes on the wire for `data`, with whatever else waits to go. Raises TlsError."""

    def outgoing(self) -> bytes:
        """What waits to go on the wire: parts of a handshake, alerts."""

    def say_goodbye(self) -> bytes:
        """The wire's bytes of a close_notify (RFC 8446 6.1)."""


class ServerEnd:
    """The client's side."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.ssl = context.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def shake_hands(self) -> bool:
        try:
            self.ssl.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError as error:
            raise TlsError(error.reason or str(error)) from error
        return True

    def feed(self, data: bytes) -> None:
        self._incoming.write(data)

    def decrypt(self) -> tuple[bytes, bool]:
        parts: list[bytes] = []
        try:
            # One call gives one record; asking while nothing is left costs an exception.
            while self._incoming.pending or self.ssl.pending():
                part = self.ssl.read(READ_SIZE)
                if not part:
                    return b"".join(parts), True
                parts.append(part)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            return b"".join(parts), True
        except ssl.SSLError as error:
            raise TlsError(error.reason or str(error)) from error
        return parts[0] if len(parts) == 1 else b"".join(parts), False

    def encrypt(self, data: bytes) -> bytes:
        try:
            sent = self.ssl.write(data)
            while sent < len(data):
                sent += self.ssl.write(memoryview(data)[sent:])
        except ssl.SSLError as error:
            raise TlsError(error.reason or str(error)) from error
        return self._outgoing.read()

    def outgoing(self) -> bytes:
        return self._outgoing.read() if self._outgoing.pending else b""

    def say_goodbye(self) -> bytes:
        # It would wait for the peer's goodbye, or there never was a handshake.
        with contextlib.suppress(ssl.SSLError, ValueError):
            self.ssl.unwrap()
        return self._outgoing.read()


class ClientEnd:
    """The upstream's side, over a handshake that `upstream_tls.py` has prepared."""

    def __init__(self, connection: SSL.Connection) -> None:
        self.connection = connection

    def shake_hands(self) -> bool:
        try:
            self.connection.do_handshake()
        except SSL.WantReadError:
            return False
        except SSL.Error as error:
            raise TlsError(_reason(error)) from error
        return True

    def feed(self, data: bytes) -> None:
        # pyOpenSSL takes as much as its BIO has room for; a memory BIO has room for all.
        self.connection.bio_write(data)

    def decrypt(self) -> tuple[bytes, bool]:
        parts: list[bytes] = []
        try:
            while True:
                parts.append(self.connection.recv(READ_SIZE))
        except SSL.WantReadError:
            return b"".join(parts), False
        except SSL.ZeroReturnError:
            return b"".join(parts), True
        except SSL.Error as error:
            raise TlsError(_reason(error)) from error

    def encrypt(self, data: bytes) -> bytes:
        try:
            self.connection.sendall(data)
        except SSL.Error as error:
            raise TlsError(_reason(error)) from error
        return self.outgoing()

    def outgoing(self) -> bytes:
        parts: list[bytes] = []
        try:
            while True:
                parts.append(self.connection.bio_read(READ_SIZE))
        except SSL.WantReadError:
            return b"".join(parts)

    def say_goodbye(self) -> bytes:
        with contextlib.suppress(SSL.Error):
            self.connection.shutdown()
        return self.outgoing()


def _reason(error: SSL.Error) -> str:
    """OpenSSL's words: pyOpenSSL gives (library, function, reason) of each error in its queue."""
    queue = error.args[0] if error.args and isinstance(error.args[0], list) else []
    return str(queue[-1][2]) if queue else str(error) or type(error).__name__
