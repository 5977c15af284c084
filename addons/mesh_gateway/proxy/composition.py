"""From settings to parts: the one place that knows how they fit together."""

import asyncio
import hashlib
import os
import random
import ssl
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import mitmproxy.version
from prometheus_client import CollectorRegistry

from mesh_gateway.observe.access_log import AccessLog
from mesh_gateway.observe.metrics import Metrics
from mesh_gateway.pipeline import Brain
from mesh_gateway.proxy.admission import Admission
from mesh_gateway.proxy.certificates.watch import Watch
from mesh_gateway.proxy.fast_path.front import Front
from mesh_gateway.proxy.open_files import room_for
from mesh_gateway.proxy.paths import Paths
from mesh_gateway.proxy.upstream_tls import UpstreamTls
from mesh_gateway.proxy.worker import Worker
from mesh_gateway.resolve.api_client import ApiClient
from mesh_gateway.resolve.dialing import Dialing
from mesh_gateway.resolve.file_source import FileSource
from mesh_gateway.resolve.http_source import HttpSource
from mesh_gateway.resolve.names import Names, name_server_look_up, system_look_up
from mesh_gateway.resolve.own_addresses import own_addresses
from mesh_gateway.resolve.private_ca import PrivateCa
from mesh_gateway.resolve.prober import Prober
from mesh_gateway.resolve.resolver import Resolver
from mesh_gateway.resolve.source import Source
from mesh_gateway.routing.addresses import AddressPolicy
from mesh_gateway.routing.health import HealthTable
from mesh_gateway.routing.limits import RateLimiter
from mesh_gateway.routing.request_ids import RequestIds
from mesh_gateway.routing.routes import Route
from mesh_gateway.settings import Settings
from mesh_gateway.settings_paths import check_routes_file, routes_file

RETIRE_POLL_SECONDS = 0.2
JITTER = random.Random()  # noqa: S311 - spreads retries, guards nothing
# What mitmweb collects of bodies where INSPECT_BODY_SIZE says nothing.
WATCHED_BODY_SIZE = 1 << 20


@dataclass(slots=True)
class Parts:
    """All that must be closed again."""

    worker: Worker
    front: Front
    watch: Watch
    prober: Prober
    private_ca: PrivateCa | None

    async def retire(self) -> None:
        """Another gateway has taken over (the script was loaded anew): serve the connections made before to their end."""
        self.worker.retiring = True
        deadline = self.worker.clock() + self.worker.settings.drain_timeout
        self.front.drain()
        while (self.worker.connections or self.front.connections) and self.worker.clock() < deadline:  # noqa: ASYNC110 - it happens once
            await asyncio.sleep(RETIRE_POLL_SECONDS)
        for connection in tuple(self.worker.connections):
            connection.abort()
        await self.close()

    async def close(self) -> None:
        """Give everything back; access lines that are written already reach the log."""
        self.watch.close()
        await self.front.close()
        if self.worker.access_log:
            await asyncio.to_thread(self.worker.access_log.close)
        await self.prober.close()
        if self.private_ca:
            await self.private_ca.close()
        await self.worker.resolver.close()


async def build(settings: Settings, paths: Paths, *, is_watched: bool) -> Parts:
    """Make and start all parts. `is_watched`: someone looks at flows (mitmweb).

    Raises ValueError or OSError for files that the settings name and that cannot be used.
    """
    check_routes_file(settings)
    room = room_for(settings.max_connections, settings.max_exchanges)
    settings = replace(settings, max_connections=room.connections, max_exchanges=room.exchanges)
    metrics = Metrics(CollectorRegistry(), {"mitmproxy": mitmproxy.version.VERSION, "python": sys.version.split()[0]})
    source, private_ca = _source(settings)
    resolver = Resolver(source, settings, clock=time.monotonic, random=JITTER, observer=metrics.resolver)
    worker = Worker(
        settings=settings,
        brain=_brain(settings, lambda host: worker.certificates.covering(host) is not None),
        resolver=resolver,
        upstream_tls=UpstreamTls(settings, private_ca),
        access_log=_access_log(settings, metrics),
        metrics=metrics,
        admission=Admission(settings, metrics.connections),
        inspect_body_size=settings.inspect_body_size or (WATCHED_BODY_SIZE if is_watched else 0),
    )
    worker.upstream_tls.check()
    prober = _prober(settings, worker, private_ca)
    _watch(metrics, worker, private_ca)
    for part in (resolver, private_ca, prober):
        if part:
            await part.start()
    watch = Watch(settings.cert_dir, settings.default_certificate, worker.adopt)
    await watch.start()
    front = Front(worker, paths, room.idle)
    front.start()
    return Parts(worker, front, watch, prober, private_ca)


def _watch(metrics: Metrics, worker: Worker, private_ca: PrivateCa | None) -> None:
    """Let the metrics ask the parts that count for themselves."""
    metrics.resolver.watch_cache(lambda: worker.resolver.cached)
    if private_ca:
        metrics.watch_private_ca(lambda: private_ca.generation)


def _brain(settings: Settings, has_certificate: Callable[[str], bool]) -> Brain:
    limiter = RateLimiter(settings.rate_limit)
    return Brain(settings, HealthTable(), limiter, _loop_token(settings), RequestIds(os.urandom), has_certificate)


def _access_log(settings: Settings, metrics: Metrics) -> AccessLog | None:
    if not settings.access_log:
        return None
    access_log = AccessLog(sys.stdout.buffer)
    metrics.watch_access_log(lambda: access_log.dropped)
    return access_log


def _source(settings: Settings) -> tuple[Source, PrivateCa | None]:
    """Where routes come from, and with an API the authorities it vouches for."""
    policy = AddressPolicy(settings.route_networks, own_addresses())
    if path := routes_file(settings):
        return FileSource(path, policy, clock=time.monotonic), None
    look_up = name_server_look_up(settings.backend_nameserver) if settings.backend_nameserver else system_look_up
    client = ApiClient(settings.backend_url, Dialing(Names(look_up, clock=time.monotonic)))
    private_ca = PrivateCa(client, settings.backend_url, settings.state_dir, random=JITTER)
    return HttpSource(client, policy, clock=time.monotonic), private_ca


def _prober(settings: Settings, worker: Worker, private_ca: PrivateCa | None) -> Prober:
    def report(tenant: str, route: Route, healthy: bool) -> None:
        worker.brain.health.probed(tenant, route, healthy=healthy, now=worker.clock())

    return Prober(
        worker.resolver.used_since,
        report,
        interval=settings.health_check_interval,
        server_domain=settings.server_domain,
        tls=lambda: _probing_context(settings, private_ca),
        clock=time.monotonic,
        random=JITTER,
    )


def _probing_context(settings: Settings, private_ca: PrivateCa | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(settings.upstream_ca_file) if settings.upstream_ca_file else None)
    for der in private_ca.certificates if private_ca else ():
        context.load_verify_locations(cadata=der)
    return context


def _loop_token(settings: Settings) -> str:
    """What this node is called in `CDN-Loop`: the same for all its workers, and not its name in clear."""
    return hashlib.sha256(f"{settings.node_name} {settings.server_domain}".encode()).hexdigest()[:16]
