"""One client connection on the fast path, from its socket to its protocol.

Which protocol is told by the port and by TLS's ALPN, never by a guess at the bytes (HAZARDS E5).
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from mesh_gateway.observe.labels import HandshakeFailure
from mesh_gateway.pipeline import Arrival, Listener
from mesh_gateway.proxy.fast_path.channel import Channel, TlsChannel
from mesh_gateway.proxy.fast_path.http1 import Http1Client
from mesh_gateway.proxy.fast_path.http2 import Http2Client
from mesh_gateway.proxy.fast_path.tls import TLS_HANDSHAKE, ServerEnd

if TYPE_CHECKING:
    from mesh_gateway.proxy.fast_path.front import Front


class Codec(Protocol):
    """What speaks to the client."""

    def received(self, data: bytes) -> None:
        """Bytes from the client."""

    def ended(self, error: str | None) -> None:
        """The client will send no more."""

    def lost(self) -> None:
        """The socket is closed."""

    @property
    def has_unsent(self) -> bool:
        """Whether bytes for the client wait for its window."""

    def clogged(self, is_clogged: bool) -> None:
        """The client does not take bytes as fast as they come, or does again."""

    def fault(self, error: Exception) -> None:
        """A fault of the gateway's own."""

    def drain(self) -> None:
        """No further request after those that are on their way."""

    def check(self, now: float) -> None:
        """Look at the deadlines."""


class ClientConnection:
    """Owner of a client's channel."""

    def __init__(self, front: "Front", port: int, give_away: Callable[[Channel, bytes], None]) -> None:
        self.front = front
        self.port = port
        self.peer = ""
        self.tls: str | None = None
        """The version of TLS, None for plain http."""
        self.sni: str | None = None
        self.has_client_ended = False
        self._give_away = give_away
        self._since = front.worker.clock()
        self._codec: Codec | None = None
        self._is_counted = False
        self._arrival: Arrival | None = None
        self.is_tls = port == front.worker.settings.ssl_port
        self.channel: Channel = TlsChannel(self, self._tls_end()) if self.is_tls else Channel(self)

    def _tls_end(self) -> ServerEnd:
        return ServerEnd(self.front.worker.greeting.fast())

    @property
    def listener(self) -> Listener:
        return Listener.ADMIN if self.port == self.front.worker.settings.admin_port else Listener.PUBLIC

    @property
    def arrival(self) -> Arrival:
        """How requests reach the gateway here."""
        worker = self.front.worker
        if self._arrival is None:
            self._arrival = Arrival(
                peer=self.peer,
                scheme="https" if self.tls else "http",
                listener=self.listener,
                accepting=True,
                same_certificate=self._is_same_certificate if self.tls else None,
            )
        return self._arrival if worker.is_accepting else replace(self._arrival, accepting=False)

    def _is_same_certificate(self, host: str) -> bool:
        return self.front.worker.certificates.are_same(self.sni, host)

    # What the channel says.

    def made(self) -> bool:
        """A client has connected; whether there is a place for it."""
        self.peer = self.channel.peer
        if not self.peer or self.front.worker.admission.enter(self.peer, self.port):
            return False
        self._is_counted = True
        self.front.connections.add(self)
        return True

    def opened(self) -> None:
        if isinstance(self.channel, TlsChannel) and isinstance(self.channel.end, ServerEnd):
            ssl = self.channel.end.ssl
            self.tls = ssl.version()
            self.sni = getattr(ssl, "sni", None)
            if ssl.selected_alpn_protocol() == "h2":
                if self.takes_flow_path(self.sni or ""):
                    self.hand_over(b"")  # HTTP/2 cannot change its way later on
                    return
                self._codec = Http2Client(self)
                return
        self._codec = Http1Client(self)

    def received(self, data: bytes) -> None:
        if self._codec is None:
            return
        if self._arrival is None and not self.tls and data[0] == TLS_HANDSHAKE:
            self.channel.close()
            return
        self._codec.received(data)

    def ended(self, error: str | None) -> None:
        self.has_client_ended = True
        if self._codec:
            self._codec.ended(error)
        else:
            if self.is_tls and self._is_counted:
                self.front.worker.metrics.connections.handshake_failed(self._why_no_handshake())
            self.channel.close()

    def lost(self) -> None:
        """The socket is closed: nothing of this connection may remain."""
        if self._codec:
            self._codec.lost()
        if self._is_counted:
            self._is_counted = False
            self.front.connections.discard(self)
            self.front.worker.admission.leave(self.peer, self.port)

    def clogged(self, is_clogged: bool) -> None:
        if self._codec:
            self._codec.clogged(is_clogged)

    def fault(self, error: Exception) -> None:
        if self._codec:
            self._codec.fault(error)
        else:
            self.front.report(error)
            self.channel.abort()

    def guarded(self, work: Callable[[], None]) -> None:
        """Do something later that a channel's guard does not see."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the guard
            self.fault(error)

    # What others want.

    def takes_flow_path(self, authority: str) -> bool:
        """Whether somebody wants to see the request for `authority`."""
        return self.front.paths.is_watched(authority)

    @property
    def has_unsent(self) -> bool:
        """Whether bytes for the client wait in this process, which would be lost with it."""
        return bool(self.channel.transport.get_write_buffer_size()) or (
            self._codec is not None and self._codec.has_unsent
        )

    def hand_over(self, data: bytes) -> None:
        """Give the connection to mitmproxy's layers, with the bytes that they shall read first."""
        self._codec = None
        self.lost()
        self._give_away(self.channel, data)

    def drain(self) -> None:
        """No further request after those that are on their way."""
        if self._codec:
            self._codec.drain()

    def check(self, now: float) -> None:
        """Look at the deadlines."""
        settings = self.front.worker.settings
        if self._codec:
            self._codec.check(now)
        elif self.is_tls and now - self._since > settings.handshake_timeout:
            self.channel.abort()

    def abort(self) -> None:
        """End it at once."""
        self.channel.abort()
        if not self.has_client_ended:
            self.ended("aborted")

    def _why_no_handshake(self) -> HandshakeFailure:
        end = self.channel.end if isinstance(self.channel, TlsChannel) else None
        sni = getattr(end.ssl, "sni", None) if isinstance(end, ServerEnd) else None
        return self.front.worker.why_no_handshake(sni)
