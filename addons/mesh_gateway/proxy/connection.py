"""How are a client's sockets read and written? mitmproxy's connection, with what a public edge needs.

Written for mitmproxy 12.2.3; `installation.py` refuses to start with one that was not tested.
"""

import asyncio
import collections
import contextlib
import logging
from collections.abc import MutableMapping
from typing import Any, override
from weakref import WeakKeyDictionary

from mitmproxy.addonmanager import AddonManager
from mitmproxy.connection import Client, Connection, ConnectionState
from mitmproxy.flow import Flow
from mitmproxy.proxy import events
from mitmproxy.proxy.commands import OpenConnection, StartHook
from mitmproxy.proxy.events import OpenConnectionCompleted
from mitmproxy.proxy.mode_servers import ProxyConnectionHandler

from mesh_gateway.proxy.bounds import LAST_BYTES_SECONDS
from mesh_gateway.proxy.flow_path.layer import GatewayHttpLayer
from mesh_gateway.proxy.flow_path.signals import GatewayDrainHook, GatewayReadingHook
from mesh_gateway.proxy.hooks import HookTable, PromptHooks, subject_of
from mesh_gateway.tasks import Tasks

READ_SIZE = 65_536
# mitmproxy allows 5 upstream connections per address and client connection (HAZARDS D3): an HTTP/2 client's sixth
# stream would wait for ever. h2's own limit on concurrent streams, 100, bounds this from below.
UPSTREAMS_PER_ADDRESS = 256
# The gateway's own words (pages, pings) that a client may leave unread before it is not listened to.
OWN_WORDS = 1 << 20


class GatewayConnection(ProxyConnectionHandler):
    """One client connection and its upstream connections.

    Unlike mitmproxy's it waits, after reading from one side, only for the other side to take the bytes (mitmproxy
    waits for all sides, which locks up when an upstream sends while it is being sent to), it can stop reading from a
    peer whose bytes nobody takes, and it tells a reset from an end.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)  # type: ignore[no-untyped-call]
        self.max_conns = collections.defaultdict(lambda: asyncio.Semaphore(UPSTREAMS_PER_ADDRESS))
        self._readable: MutableMapping[Connection, asyncio.Event] = collections.defaultdict(_set_event)
        self._crashed = False
        self._table = _table_of(self.master.addons)
        self._hooks = Tasks()

    @override
    async def handle_client(self) -> None:
        self.layer = PromptHooks(self.layer, self._call)  # type: ignore[assignment] # all that is asked of a layer here
        try:
            await super().handle_client()
        finally:
            for transport in tuple(self.transports.values()):  # opened while the others were being closed
                if transport.handler:
                    transport.handler.cancel("client disconnected")
            for layer in self.layer.context.layers:
                if isinstance(layer, GatewayHttpLayer):
                    layer.abandon()

    @override
    async def handle_hook(self, hook: StartHook) -> None:
        with self.timeout_watchdog.disarm():
            await self._perform(hook)

    async def _perform(self, hook: StartHook) -> None:
        match hook:
            case GatewayReadingHook():
                event = self._readable[hook.reading.connection]
                event.set() if hook.reading.allowed else event.clear()
            case GatewayDrainHook():
                await self._drain(hook.connection)
            case _:
                await self._table.handle(hook)
                if isinstance(subject := subject_of(hook), Flow):
                    await subject.wait_for_resume()

    def _call(self, hook: StartHook) -> bool:
        """Begin at once with what a layer's hook asks for; whether that is done, or has to wait and answers then."""
        begun = asyncio.Task(self._perform(hook), loop=asyncio.get_running_loop(), eager_start=True)
        if begun.done() and not begun.cancelled() and not begun.exception():
            return True
        self._hooks.start(self._finish(hook, begun), name=f"hook {hook.name}")
        return False

    async def _finish(self, hook: StartHook, begun: asyncio.Task[None]) -> None:
        with self.timeout_watchdog.disarm():
            await begun
        if hook.blocking:
            await self.server_event(events.HookCompleted(hook))

    @override
    async def open_connection(self, command: OpenConnection) -> None:
        if self.client.state is ConnectionState.CLOSED:
            await self.server_event(OpenConnectionCompleted(command, "the client is gone"))
            return
        try:
            await super().open_connection(command)
        finally:
            # mitmproxy keeps what failed for the client's life, and leaves the socket of a task that is cancelled
            # between connecting and reading to the garbage collector.
            transport = self.transports.pop(command.connection, None)
            if transport and isinstance(transport.writer, asyncio.StreamWriter):
                _close(transport.writer)

    @override
    async def handle_connection(self, connection: Connection) -> None:
        cancelled = await self._read(connection)
        if cancelled is None:
            connection.state &= ~ConnectionState.CAN_READ
        else:
            connection.state = ConnectionState.CLOSED
        self._readable.pop(connection, None)
        try:
            await self.server_event(events.ConnectionClosed(connection))
            if connection.state is ConnectionState.CAN_WRITE:
                # The peer has said all it wants to say and may still listen: stay until the layers close.
                await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            cancelled = error
        finally:
            # cancelled twice (by a layer, then by the client's end) must still give the socket back
            if isinstance(writer := self.transports.pop(connection).writer, asyncio.StreamWriter):
                _close(writer)
        if cancelled is not None:
            raise cancelled

    async def _read(self, connection: Connection) -> asyncio.CancelledError | None:
        """Feed the layers until the peer has ended or somebody cancels; the cancellation is the caller's to raise."""
        reader = self.transports[connection].reader
        assert reader  # noqa: S101 - set by whoever opened the connection
        try:
            while True:
                await self._readable[connection].wait()
                data = await reader.read(READ_SIZE)
                if not data:
                    return None
                await self.server_event(events.DataReceived(connection, data))
                await self._relieve(connection)
        except asyncio.CancelledError as error:
            return error
        except OSError as error:
            # An answer that ends with its connection must not be taken for whole after a reset (HAZARDS B14).
            connection.error = connection.error or str(error) or type(error).__name__
            return None

    async def _relieve(self, source: Connection) -> None:
        """Wait until the bytes that `source` caused have been taken.

        An HTTP/2 client is not waited for here: its streams wait one by one and its windows do the rest.
        """
        if isinstance(source, Client):
            writer = self.transports[source].writer if source in self.transports else None
            if isinstance(writer, asyncio.StreamWriter) and writer.transport.get_write_buffer_size() > OWN_WORDS:
                await self._drain(source)  # it asks (pings, pipelined requests) and does not listen
            if source.alpn != b"h2":
                for connection in [c for c in self.transports if c is not source]:
                    await self._drain(connection)
        else:
            await self._drain(self.client)

    async def _drain(self, connection: Connection) -> None:
        transport = self.transports.get(connection)
        if transport and isinstance(transport.writer, asyncio.StreamWriter):
            # A broken peer shows at its own reader; nothing to do here.
            with contextlib.suppress(OSError):
                await transport.writer.drain()

    @override
    def log(self, message: str, level: int = logging.INFO, exc_info: Any = None) -> None:
        super().log(message, level, exc_info)
        # mitmproxy logs a layer's crash and leaves the client hanging (HAZARDS A7).
        if message == "mitmproxy has crashed!" and not self._crashed:
            self._crashed = True
            asyncio.get_running_loop().call_soon(self.abort)

    def abort(self) -> None:
        """End the client's connection at once."""
        if (transport := self.transports.get(self.client)) and transport.handler:
            transport.handler.cancel("aborted")


def _close(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        writer.close()
    if writer.transport.get_write_buffer_size():
        # A peer that never reads its last bytes would hold them, and the socket, for ever.
        asyncio.get_running_loop().call_later(LAST_BYTES_SECONDS, writer.transport.abort)


_TABLES: WeakKeyDictionary[AddonManager, HookTable] = WeakKeyDictionary()


def _table_of(addons: AddonManager) -> HookTable:
    """One table per master, whoever's connection it is."""
    if addons not in _TABLES:
        _TABLES[addons] = HookTable(addons)
    return _TABLES[addons]


def _set_event() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event
