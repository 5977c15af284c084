"""Is this the mitmproxy that the gateway was written for? If so, put the gateway's parts in its place.

Four names of mitmproxy are replaced: the connection that a listener makes, how a listener listens, the HTTP layer that
client replay makes, and when client replay begins. They stay replaced when the script is removed or broken: with no worker, every connection
is refused, so a failed deploy never serves anything by mitmproxy's own rules (HAZARDS A1, A2).
"""

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, override

import mitmproxy.version
from mitmproxy.addons import clientplayback
from mitmproxy.proxy import layer, layers, mode_servers
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import HTTPMode

from mesh_gateway.proxy.connection import GatewayConnection
from mesh_gateway.proxy.doorway import Doorway
from mesh_gateway.proxy.flow_path.layer import GatewayHttpLayer
from mesh_gateway.proxy.handover import DecryptedTransport
from mesh_gateway.proxy.reception import receive
from mesh_gateway.proxy.sockets import inheritance
from mesh_gateway.tasks import Tasks

if TYPE_CHECKING:
    from mesh_gateway.proxy.fast_path.front import Front
    from mesh_gateway.proxy.worker import Worker

logger = logging.getLogger(__name__)

TESTED = ("12.2.3",)
BACKLOG = 4096
# Connections accepted in one go: asyncio tries as many times as its backlog says.
ACCEPTS = 64
_play_back_at_once = clientplayback.ClientPlayback.playback


class InstallationError(RuntimeError):
    """mitmproxy is not one that the gateway was tested with."""


class Door:
    """Who serves the connections that come in. One per process; None while no sound gateway is loaded."""

    worker: "Worker | None" = None
    front: "Front | None" = None
    """The worker's fast path."""
    opened = asyncio.Event()
    """Set once a gateway has opened; client replay waits for it."""
    tasks = Tasks()
    """What outlives a gateway: the retiring of the one before."""


class GuardedConnection(GatewayConnection):
    """A client connection that is let in only while a gateway is loaded."""

    @override
    async def handle_client(self) -> None:
        if Door.worker is None:
            logger.error("refused a connection: no gateway is loaded; see the script's error above")
            if writer := self.transports.pop(self.client).writer:
                writer.close()
            return
        worker = Door.worker
        self._take_over_tls()
        worker.connections.add(self)
        timers = [
            asyncio.get_running_loop().call_later(seconds, self._end_unless, has_arrived)
            for seconds, has_arrived in (
                (worker.settings.handshake_timeout, self._is_past_handshake),
                (worker.settings.header_timeout, self._speaks_http),
            )
        ]
        try:
            await super().handle_client()
        finally:
            worker.connections.discard(self)
            for timer in timers:
                timer.cancel()

    def _take_over_tls(self) -> None:
        """What mitmproxy's TLS layer would have noted, of a connection that the fast path handed over."""
        writer = self.transports[self.client].writer
        if not isinstance(transport := getattr(writer, "transport", None), DecryptedTransport):
            return
        ssl = transport.end.ssl
        self.client.tls = True
        self.client.timestamp_tls_setup = self.client.timestamp_start
        self.client.tls_version = ssl.version()  # type: ignore[assignment] # one of the names that mitmproxy lists
        self.client.sni = getattr(ssl, "sni", None)
        self.client.alpn = (ssl.selected_alpn_protocol() or "http/1.1").encode()

    def _end_unless(self, has_arrived: Callable[[], bool]) -> None:
        if not has_arrived():
            self.abort()

    def _is_past_handshake(self) -> bool:
        return not self.client.tls or self.client.tls_established

    def _speaks_http(self) -> bool:
        has_layer = any(isinstance(layer, GatewayHttpLayer) for layer in self.layer.context.layers)
        return has_layer and self._is_past_handshake()


class ReplayLayer(GatewayHttpLayer):
    """The layer that client replay builds by mitmproxy's own signature."""

    def __init__(self, context: Context, mode: HTTPMode) -> None:
        if Door.worker is None:
            raise InstallationError("no gateway is loaded")
        super().__init__(context, Door.worker)
        self.mode = mode

    @override
    def _request_sweep(self) -> layer.CommandGenerator[None]:
        """No further one after the exchange: a replayed request has no connection whose end would stop it."""
        if self._sweep is None or self.streams:
            yield from super()._request_sweep()


async def _play_back(playback: clientplayback.ClientPlayback) -> None:
    # `mitmdump -C` queues its requests before the gateway is built.
    await Door.opened.wait()
    await _play_back_at_once(playback)  # type: ignore[no-untyped-call]


async def _listen(instance: mode_servers.ReverseInstance, host: str, port: int) -> list[Any]:
    # SO_REUSEPORT: workers of one machine share the port (HAZARDS D13); a real backlog instead of asyncio's 100.
    def protocol() -> asyncio.BaseProtocol:
        return receive(Door.front, instance, port)

    sockets = inheritance().take(port) or await _bind(host, port)
    create_server = asyncio.get_running_loop().create_server
    servers = [await create_server(protocol, sock=Doorway(each.detach()), backlog=ACCEPTS) for each in sockets]
    for server in servers:
        _deepen(server)
    return servers


async def _bind(host: str, port: int) -> list[socket.socket]:
    """Sockets for all addresses of the host that listen to nobody yet."""
    create_server = asyncio.get_running_loop().create_server
    server = await create_server(asyncio.Protocol, host or None, port, reuse_port=True, start_serving=False)
    sockets = [socket.socket(fileno=os.dup(bound.fileno())) for bound in server.sockets]
    server.close()
    return sockets


def _deepen(server: asyncio.Server) -> None:
    """Let the kernel hold more connections than asyncio, which takes its backlog for both, accepts in one go."""
    for listener in server.sockets:
        with socket.socket(fileno=os.dup(listener.fileno())) as twin:
            twin.listen(BACKLOG)


def install() -> None:
    """Replace what the gateway replaces; raises InstallationError for a mitmproxy that was not tested."""
    found = mitmproxy.version.VERSION
    if found not in TESTED:
        raise InstallationError(
            f"mitmproxy {found} is not one the gateway was tested with ({', '.join(TESTED)}); install the locked version"
        )
    mode_servers.ProxyConnectionHandler = GuardedConnection  # type: ignore[misc]
    mode_servers.ReverseInstance.listen = _listen  # type: ignore[method-assign,assignment]
    layers.HttpLayer = ReplayLayer  # type: ignore[misc]
    clientplayback.ClientPlayback.playback = _play_back  # type: ignore[method-assign]
