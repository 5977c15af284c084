"""How is an upstream connected to? One address, one deadline, TLS verified as the tenant's (CONTRACT part 8)."""

import asyncio
import select
import socket
from dataclasses import dataclass, field

from cachetools import LRUCache
from OpenSSL import SSL

from mesh_gateway.pipeline import Candidate
from mesh_gateway.proxy.fast_path.channel import Channel, TlsChannel
from mesh_gateway.proxy.fast_path.tls import ClientEnd
from mesh_gateway.proxy.upstream_tls import UpstreamTls
from mesh_gateway.routing.routes import Scheme

CONNECT_TIMEOUT = "connect timeout"
HANDSHAKE_TIMEOUT = "TLS handshake timeout"
# TLS sessions of upstreams, to be taken up again (RFC 8446 2.2); a few kilobytes each.
SESSIONS = 2048


class DialError(Exception):
    """The upstream cannot be used. The text is the operator's, never a client's."""

    def __init__(self, reason: str, *, tls_failed: bool = False) -> None:
        super().__init__(reason)
        self.tls_failed = tls_failed


@dataclass(slots=True)
class Handshake:
    """What a handshake is for, and why it came to nothing."""

    alpn_offers: tuple[bytes, ...]
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """An open connection to an upstream."""

    channel: Channel
    sock: socket.socket
    """The channel's own, to look at: asyncio shows it no more, uvloop never did."""
    protocol: bytes
    """What TLS agreed on: `h2`, or something else for HTTP/1.1."""
    early: bytes
    """What the upstream has said already."""
    poll: select.poll = field(init=False)
    """Made for one question, which is asked for each exchange: `recv` would answer it with an exception."""

    def __post_init__(self) -> None:
        poll = select.poll()
        poll.register(self.sock, select.POLLIN | select.POLLRDHUP)
        object.__setattr__(self, "poll", poll)

    @property
    def is_silent(self) -> bool:
        """Whether neither bytes nor an end wait in the kernel that nobody has read yet."""
        return self.sock.fileno() >= 0 and not self.poll.poll(0)


class Greeting:
    """The first owner of an upstream's channel, until it can be used."""

    def __init__(self) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.early = b""
        """What the upstream said before anybody asked: at most what one read gives, or the channel is not read on."""
        self.has_ended = False

    def made(self) -> bool:
        return True

    def lost(self) -> None:
        """`ended` has told."""

    def opened(self) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def received(self, data: bytes) -> None:
        # HTTP/2 servers begin with their settings, in the same breath as the handshake's last bytes.
        self.early += data

    def ended(self, error: str | None) -> None:
        self.has_ended = True
        self._fail(error or "connection closed")

    def clogged(self, is_clogged: bool) -> None:
        """Nothing is sent yet that could wait."""

    def fault(self, error: Exception) -> None:
        self._fail(repr(error))

    def _fail(self, reason: str) -> None:
        if not self.done.done():
            self.done.set_exception(DialError(reason, tls_failed=True))


class Dialler:
    """Connects to candidates. Remembers TLS sessions by all that a certificate was checked against."""

    def __init__(self, upstream_tls: UpstreamTls, timeout: float) -> None:
        self._upstream_tls = upstream_tls
        self._timeout = timeout
        self._sessions: LRUCache[tuple[Candidate, int], SSL.Session] = LRUCache(SESSIONS)

    async def dial(self, candidate: Candidate, *, http2: bool) -> Line:
        """An open line to the candidate; raises DialError."""
        greeting = Greeting()
        handshake = Handshake((b"h2", b"http/1.1") if http2 else (b"http/1.1",))
        channel = self._channel(candidate, greeting, handshake)
        sock: socket.socket | None = None
        try:
            async with asyncio.timeout(self._timeout):
                sock = await _connected_socket(candidate.address, candidate.port)
                try:
                    await asyncio.get_running_loop().create_connection(lambda: channel, sock=sock)
                except BaseException:
                    sock.close()
                    raise
                await greeting.done
        except DialError as error:
            channel.abort()
            raise DialError(handshake.error or str(error), tls_failed=True) from error
        except TimeoutError as error:
            _give_up(channel)
            raise (DialError(HANDSHAKE_TIMEOUT, tls_failed=True) if sock else DialError(CONNECT_TIMEOUT)) from error
        except OSError as error:
            raise DialError(str(error)) from error
        except BaseException:
            _give_up(channel)
            raise
        if greeting.has_ended:
            raise DialError("connection closed", tls_failed=candidate.scheme is Scheme.HTTPS)
        return Line(channel, sock, self._agreed(channel), greeting.early)

    def _channel(self, candidate: Candidate, greeting: Greeting, handshake: Handshake) -> Channel:
        if candidate.scheme is not Scheme.HTTPS:
            return Channel(greeting)
        connection = self._upstream_tls.handshake(handshake, candidate)
        if session := self._sessions.get(self._session_key(candidate)):
            connection.set_session(session)
        return TlsChannel(greeting, ClientEnd(connection))

    def _agreed(self, channel: Channel) -> bytes:
        if isinstance(channel, TlsChannel) and isinstance(channel.end, ClientEnd):
            return channel.end.connection.get_alpn_proto_negotiated()
        return b""

    def remember(self, candidate: Candidate, channel: Channel) -> None:
        """Keep the TLS session of a channel that has served: with TLS 1.3 it comes after the handshake."""
        end = channel.end if isinstance(channel, TlsChannel) else None
        if isinstance(end, ClientEnd) and (session := end.connection.get_session()):
            self._sessions[self._session_key(candidate)] = session

    def _session_key(self, candidate: Candidate) -> tuple[Candidate, int]:
        # A resumed handshake shows no certificate: what the first one was checked against must be the same.
        return candidate, self._upstream_tls.generation


def _give_up(channel: Channel) -> None:
    if channel.transport is not None:
        channel.abort()


async def _connected_socket(address: str, port: int) -> socket.socket:
    """Connect to a literal address, or to the first address of a name (DEFAULT_BACKEND's) that takes it."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(address, port, type=socket.SOCK_STREAM) if not _is_literal(address) else None
    if found is None:
        return await _connect(socket.AF_INET6 if ":" in address else socket.AF_INET, (address, port))
    errors: list[OSError] = []
    for family, _, _, _, place in found:
        try:
            return await _connect(family, (str(place[0]), int(place[1])))
        except OSError as error:
            errors.append(error)
    raise errors[0]


async def _connect(family: int, place: tuple[str, int]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, place)
    except BaseException:
        sock.close()
        raise
    return sock


def _is_literal(address: str) -> bool:
    return ":" in address or address.rpartition(".")[2].isdecimal()
