"""When does the gateway listen, and who is told?"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from mitmproxy import ctx
from mitmproxy.proxy.mode_servers import ServerInstance

from mesh_gateway.admin.metrics_page import MetricsPage
from mesh_gateway.admin.siblings import Siblings
from mesh_gateway.proxy.ending import Ending
from mesh_gateway.proxy.sockets import Inheritance, inheritance
from mesh_gateway.proxy.worker import Worker
from mesh_gateway.tasks import Tasks

logger = logging.getLogger(__name__)

READY_POLL_SECONDS = 0.05
FIRST_TRY_SECONDS, LONGEST_TRY_SECONDS = 1.0, 60.0
"""Until a port that was taken is tried again: doubled each time, up to the second."""


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
    """The ports of a worker, and what those who wait for them are told."""

    def __init__(self, worker: Worker, modes: Sequence[str]) -> None:
        self._worker = worker
        self._modes = list(modes)
        self._tasks = Tasks()

    async def open(self) -> None:
        """Listen on all ports; a port that cannot be had is logged as an error."""
        worker, estate = self._worker, inheritance()
        longest = max(
            worker.settings.tunnel_idle_timeout, worker.settings.idle_timeout, worker.settings.first_byte_timeout
        )
        # mitmproxy's one timer is the last resort behind the gateway's own deadlines.
        ctx.options.update(mode=self._modes, server=True, tcp_timeout=int(longest) + 60)
        proxyserver = ctx.master.addons.get("proxyserver")
        await proxyserver.setup_servers()
        await self._join(estate)
        if all(instance.is_running for instance in proxyserver.servers):
            worker.listening = True
            ports = ", ".join(mode.rpartition("@")[2] for mode in self._modes)
            logger.info("%slistening on %s; event loop: %s", estate.title, ports, event_loop())
            estate.tell(f"ports {len(self._modes)}")
            estate.tell("listening")
            self._tasks.start(self._tell_when_ready(estate), name="readiness is told")

    async def widen(self, modes: Sequence[str]) -> None:
        """Listen on what is new in `modes` as well. A port that cannot be had is tried again until the worker ends."""
        estate = inheritance()
        self._modes = list(modes)
        ctx.options.update(mode=self._modes)
        proxyserver = ctx.master.addons.get("proxyserver")
        await proxyserver.setup_servers()
        closed = [instance for instance in proxyserver.servers if not instance.is_running]
        if closed:
            logger.error("%shttps stays closed, as its port cannot be had: it is tried again by itself", estate.title)
            await self._open_in_time(closed)
        if self._worker.keeps_connections:
            logger.warning("%sa certificate is there: https is open, %d ports now", estate.title, len(self._modes))
            estate.tell(f"ports {len(self._modes)}")

    async def _open_in_time(self, closed: Sequence[ServerInstance[Any]]) -> None:
        """Returns once all listen, or the worker is asked to end."""
        pause = FIRST_TRY_SECONDS
        while self._worker.keeps_connections and not all(instance.is_running for instance in closed):
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_TRY_SECONDS)
            for instance in closed:
                if self._worker.keeps_connections and not instance.is_running:
                    with suppress(OSError):  # it has been told
                        await instance.start()

    def heed_signals(self, look_anew: Callable[[], None]) -> None:
        """From now on signals end the worker as they should, and SIGHUP looks at the certificates anew."""
        Ending(self._worker, look_anew).heed_signals()

    async def _join(self, estate: Inheritance) -> None:
        """Show metrics to the other workers, and theirs to operators."""
        if old := ctx.master.addons.get(MetricsPage.name):  # from before the script was loaded anew
            ctx.master.addons.remove(old)
            old.siblings.close()
        if estate.folder is None or estate.number is None:
            return
        metrics, admin_port = self._worker.metrics, self._worker.settings.admin_port
        metrics.call_worker(estate.number)
        siblings = Siblings(estate.folder, estate.number, metrics.page)
        await siblings.start()
        if admin_port is not None:
            ctx.master.addons.add(MetricsPage(siblings, admin_port))

    async def _tell_when_ready(self, estate: Inheritance) -> None:
        while self._worker.unready_reasons():  # noqa: ASYNC110 - nobody counts the ways to become ready
            await asyncio.sleep(READY_POLL_SECONDS)
        estate.tell("ready")


def event_loop() -> str:
    """What the gateway runs on: uvloop or asyncio, and whether tasks begin at once."""
    loop = asyncio.get_running_loop()
    eagerness = "" if loop.get_task_factory() is asyncio.eager_task_factory else " without eager tasks"
    return f"{type(loop).__module__.partition('.')[0]}{eagerness}"
