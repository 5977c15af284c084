"""What may an operator ask of a running gateway? Commands for mitmweb's and mitmproxy's prompt.

Named `[a-z.]+`, or mitmweb does not offer them.
"""

import logging
from collections.abc import Callable, Sequence

from mitmproxy import command, exceptions

from mesh_gateway.proxy.gateway import Gateway
from mesh_gateway.proxy.worker import Worker
from mesh_gateway.routing.hostname import TENANT
from mesh_gateway.routing.resolution import Resolution
from mesh_gateway.routing.routes import Route
from mesh_gateway.settings import TrafficPath
from mesh_gateway.tasks import Tasks

logger = logging.getLogger(__name__)


class GatewayCommands:
    """The addon that holds the commands."""

    name = "gatewaycommands"

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._tasks = Tasks()

    @property
    def _worker(self) -> Worker | None:
        return self._gateway.parts.worker if self._gateway.parts else None

    @command.command("gateway.routes")
    def routes(self) -> Sequence[str]:
        """The tenants in the cache and where they live."""
        if not self._worker:
            return []
        return [
            f"{tenant}: {', '.join(map(_shown, routes.routes)) or 'offline'} ({age:.0f} s old)"
            for tenant, age, routes in self._worker.resolver.entries()
        ]

    @command.command("gateway.resolve")
    def resolve(self, tenant: str) -> str:
        """Where a tenant lives. A tenant that is not at hand is asked for; the answer goes to the log."""
        if not self._worker:
            return "the gateway is not running"
        if resolution := self._worker.resolver.peek(tenant):
            return _told(resolution)
        self._tasks.start(self._ask(self._worker, tenant), name=f"resolve {tenant}")
        return f"{tenant}: not at hand, asking; the answer is in the log"

    async def _ask(self, worker: Worker, tenant: str) -> None:
        # mitmproxy 12 takes a command's result as it is returned: a command cannot wait.
        logger.warning("%s", _told(await worker.resolver.resolve(tenant)))

    @command.command("gateway.cache.clear")
    def clear(self, tenant: str = "") -> None:
        """Forget a tenant's routes, or all routes."""
        if self._worker:
            self._worker.resolver.clear(tenant or None)

    @command.command("gateway.tap")
    def tap(self, tenant: str) -> Sequence[str]:
        """See a tenant's requests: from now on they go the flow path. Gives the tenants that are seen."""
        if not TENANT.fullmatch(tenant):
            raise exceptions.CommandError(
                f"{tenant!r} is no tenant: letters a to z in lower case and digits, at most 63"
            )
        return self._tap(lambda tapped: tapped | {tenant})

    @command.command("gateway.untap")
    def untap(self, tenant: str = "") -> Sequence[str]:
        """See a tenant's requests no longer, or nobody's. Gives the tenants that are still seen."""
        return self._tap(lambda tapped: tapped - {tenant} if tenant else frozenset())

    def _tap(self, change: Callable[[frozenset[str]], frozenset[str]]) -> Sequence[str]:
        if not self._gateway.parts:
            return []
        paths = self._gateway.parts.front.paths
        if paths.setting is TrafficPath.FAST:
            raise exceptions.CommandError("TRAFFIC_PATH is fast: no request becomes a flow")
        paths.tapped = change(paths.tapped)
        return sorted(paths.tapped)

    @command.command("gateway.certificates")
    def certificates(self) -> Sequence[str]:
        """The certificates that serve. All files are read anew; what comes of it is in the log and in the next answer."""
        if not self._gateway.parts:
            return []
        self._gateway.parts.watch.look_anew()
        return [
            f"{each.name}: {', '.join(sorted(each.hosts))}; serial {each.serial:x}, until {each.not_after:%Y-%m-%d %H:%M}"
            for each in self._gateway.parts.worker.certificates.all
        ]

    @command.command("gateway.health")
    def health(self) -> Sequence[str]:
        """The routes that failed lately."""
        if not self._worker:
            return []
        return [
            f"{row.tenant} {row.scheme.value}://{row.ip}:{row.port}: {row.failures} outages in a row, "
            + ("tried again" if row.up else f"down for {row.down_seconds:.1f} s more")
            for row in self._worker.brain.health.rows(self._worker.clock())
        ]


def _told(resolution: Resolution) -> str:
    routes = resolution.routes.routes if resolution.routes else ()
    where = ", ".join(map(_shown, routes)) or "no routes"
    return f"{resolution.tenant}: {resolution.standing.value}, {where} ({resolution.cache.value})"


def _shown(route: Route) -> str:
    return f"{route.scheme.value}://{route.ip}:{route.port} {route.source} {route.priority}"
