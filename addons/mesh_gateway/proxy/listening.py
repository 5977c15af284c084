"""When does the gateway listen, and how does it stop?"""

import asyncio
import logging
import signal
from collections.abc import Sequence

from mitmproxy import ctx

from mesh_gateway.proxy.worker import Worker
from mesh_gateway.tasks import Tasks

logger = logging.getLogger(__name__)

DRAIN_POLL_SECONDS = 0.05


def cancel_default_listener() -> None:
    """Stop mitmproxy's own default listener, a forward proxy on port 8080, before it opens.

    mitmproxy sets its listeners up before it loads scripts (HAZARDS A3). At this moment it still looks up an address,
    so no socket is open yet; an instance that is registered but does not run would fail when it is stopped later.
    """
    for task in asyncio.all_tasks():
        if task.get_name() == "setup_servers":
            task.cancel()
    servers = ctx.master.addons.get("proxyserver").servers
    for spec, instance in list(servers._instances.items()):  # noqa: SLF001 - no public way to forget an instance
        if not instance.is_running:
            del servers._instances[spec]  # noqa: SLF001


class Listening:
    """The ports of a worker, from open to drained."""

    def __init__(self, worker: Worker, modes: Sequence[str]) -> None:
        self._worker = worker
        self._modes = list(modes)
        self._tasks = Tasks()

    async def open(self) -> None:
        """Listen on all ports; a port that cannot be had is logged as an error."""
        worker = self._worker
        longest = max(
            worker.settings.tunnel_idle_timeout, worker.settings.idle_timeout, worker.settings.first_byte_timeout
        )
        # mitmproxy's one timer is the last resort behind the gateway's own deadlines.
        ctx.options.update(mode=self._modes, server=True, tcp_timeout=int(longest) + 60)
        proxyserver = ctx.master.addons.get("proxyserver")
        await proxyserver.setup_servers()
        if all(instance.is_running for instance in proxyserver.servers):
            worker.listening = True
            logger.info("listening on %s", ", ".join(mode.rpartition("@")[2] for mode in self._modes))

    def drain_on_sigterm(self) -> None:
        """Finish what runs before the process ends; mitmproxy would end it at once (HAZARDS D12)."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._terminate)

    def _terminate(self) -> None:
        if self._worker.draining:
            logger.warning("asked to end a second time: ending now")
            ctx.master.shutdown()
            return
        self._worker.draining = True
        self._tasks.start(self._drain(), name="drain")

    async def _drain(self) -> None:
        worker = self._worker
        logger.info("draining: %d requests in flight", worker.in_flight)
        ctx.options.update(server=False)
        deadline = worker.clock() + worker.settings.drain_timeout
        while worker.in_flight and worker.clock() < deadline:  # noqa: ASYNC110 - an event would cost every exchange a set
            await asyncio.sleep(DRAIN_POLL_SECONDS)
        if worker.in_flight:
            logger.warning("drain timeout: %d requests are cut off", worker.in_flight)
            for connection in tuple(worker.connections):
                connection.abort()
            await asyncio.sleep(DRAIN_POLL_SECONDS)  # their records end before the process does
        ctx.master.shutdown()
