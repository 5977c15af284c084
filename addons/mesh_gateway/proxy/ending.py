"""How does a worker end? By signals, and never in the middle of an exchange that could be finished."""

import asyncio
import logging
import signal
from collections.abc import Callable

from mitmproxy import ctx

from mesh_gateway.proxy.connection import GatewayConnection
from mesh_gateway.proxy.entry import port_of
from mesh_gateway.proxy.fast_path.connection import ClientConnection
from mesh_gateway.proxy.flow_path.signals import DrainBegun
from mesh_gateway.proxy.installation import Door
from mesh_gateway.proxy.sockets import inheritance
from mesh_gateway.proxy.worker import Worker
from mesh_gateway.tasks import Tasks

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.05
# A relieved worker answers what still comes over the connections that it has, and says with each answer that it was
# the last one. A client that asks nothing in this time has its connection closed.
LAST_CALL_SECONDS = 1.0
# What an answer that is written takes to reach its client, and the client to close.
FAREWELL_SECONDS = 1.0


class Ending:
    """What signals make of a worker.

    SIGTERM: end. The admin port stays open until the process is gone, and says that it drains.
    SIGQUIT: another worker has taken over (`launch/place.py`). It has the ports, the admin one too.
    SIGHUP: certificates are read anew; mitmproxy alone would die of it.
    """

    def __init__(self, worker: Worker, look_anew: Callable[[], None]) -> None:
        self._worker = worker
        self._look_anew = look_anew
        self._tasks = Tasks()
        self._is_under_way = False

    def heed_signals(self) -> None:
        """Put these in mitmproxy's place, which ends at once (HAZARDS D12)."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._terminate)
        loop.add_signal_handler(signal.SIGQUIT, self._relieve)
        loop.add_signal_handler(signal.SIGHUP, self._stay)

    def _terminate(self) -> None:
        if self._is_under_way:
            logger.warning("asked to end a second time: ending now")
            ctx.master.shutdown()
            return
        self._worker.draining = True
        self._begin(is_relieved=False)

    def _relieve(self) -> None:
        if not self._is_under_way:
            self._worker.retiring = True
            self._begin(is_relieved=True)

    def _stay(self) -> None:
        self._look_anew()
        logger.warning(
            "SIGHUP: certificates are read anew; settings are read at the start, scripts/run replaces its workers"
        )

    def _begin(self, *, is_relieved: bool) -> None:
        self._is_under_way = True
        inheritance().tell("leaving")
        self._tasks.start(self._end(is_relieved=is_relieved), name="drain")

    async def _end(self, *, is_relieved: bool) -> None:
        worker = self._worker
        deadline = worker.clock() + worker.settings.drain_timeout
        logger.info("%sdraining: %d requests in flight", inheritance().title, worker.in_flight)
        await self._close_ports(admin_too=is_relieved)
        if is_relieved:
            await self._until(lambda: not self._clients(), min(deadline, worker.clock() + LAST_CALL_SECONDS))
        self._announce()
        await self._until(lambda: not worker.in_flight, deadline)
        await self._until(lambda: not self._clients(), min(deadline, worker.clock() + FAREWELL_SECONDS))
        await self._until(lambda: not worker.in_flight and not any(map(has_unsent, self._clients())), deadline)
        if worker.in_flight:
            logger.warning("drain timeout: %d requests are cut off", worker.in_flight)
        for connection in self._clients():
            connection.abort()
        await self._close_ports(admin_too=True)
        # Their records end before the process does, and operators who have asked are answered.
        await asyncio.sleep(POLL_SECONDS)
        await self._until(lambda: not worker.in_flight, worker.clock() + FAREWELL_SECONDS)
        ctx.master.shutdown()

    async def _close_ports(self, *, admin_too: bool) -> None:
        admin_port = None if admin_too else self._worker.settings.admin_port
        for instance in tuple(ctx.master.addons.get("proxyserver").servers):
            if instance.is_running and instance.mode.custom_listen_port != admin_port:
                await instance.stop()
        inheritance().give_up()

    def _announce(self) -> None:
        """Ask all clients to go on over other connections."""
        if Door.front:
            Door.front.drain()
        for connection in self._flow_path_clients():
            self._tasks.start(connection.server_event(DrainBegun(0)), name="drain is announced")

    def _clients(self) -> list[GatewayConnection | ClientConnection]:
        """All that are connected, but for operators."""
        return [*self._flow_path_clients(), *(Door.front.connections if Door.front else ())]

    def _flow_path_clients(self) -> list[GatewayConnection]:
        admin_port = self._worker.settings.admin_port
        return [
            connection
            for connection in self._worker.connections
            if isinstance(connection, GatewayConnection) and port_of(connection.client) != admin_port
        ]

    async def _until(self, is_reached: Callable[[], bool], deadline: float) -> None:
        while not is_reached() and self._worker.clock() < deadline:  # noqa: ASYNC110 - an event would cost every exchange a set
            await asyncio.sleep(POLL_SECONDS)


def has_unsent(connection: GatewayConnection | ClientConnection) -> bool:
    """Whether bytes for the client wait in this process, which would be lost with it."""
    if isinstance(connection, ClientConnection):
        return connection.has_unsent
    ends = connection.transports.get(connection.client)
    transport = ends.writer.transport if ends and isinstance(ends.writer, asyncio.StreamWriter) else None
    return transport is not None and transport.get_write_buffer_size() > 0
