"""What may an operator ask of a running gateway? Commands for mitmweb's and mitmproxy's prompt.

Named `[a-z.]+`, or mitmweb does not offer them.
"""

from collections.abc import Sequence

from mitmproxy import command

from mesh_gateway.proxy.gateway import Gateway
from mesh_gateway.proxy.worker import Worker
from mesh_gateway.routing.routes import Route


class GatewayCommands:
    """The addon that holds the commands."""

    name = "gatewaycommands"

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

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
    async def resolve(self, tenant: str) -> str:
        """Ask the source of routes for a tenant now."""
        if not self._worker:
            return "the gateway is not running"
        resolution = await self._worker.resolver.resolve(tenant)
        routes = resolution.routes.routes if resolution.routes else ()
        return f"{tenant}: {resolution.standing.value}, {', '.join(map(_shown, routes)) or 'no routes'}"

    @command.command("gateway.cache.clear")
    def clear(self, tenant: str = "") -> None:
        """Forget a tenant's routes, or all routes."""
        if self._worker:
            self._worker.resolver.clear(tenant or None)

    @command.command("gateway.health")
    def health(self) -> Sequence[str]:
        """The routes that failed lately."""
        if not self._worker:
            return []
        return [str(row) for row in self._worker.brain.health.rows(self._worker.clock())]


def _shown(route: Route) -> str:
    return f"{route.scheme.value}://{route.ip}:{route.port} {route.source} {route.priority}"
