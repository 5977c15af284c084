"""From settings to parts: the one place that knows how they fit together."""

import hashlib
import random
import socket
import sys
import time
from dataclasses import dataclass

import mitmproxy.version
from prometheus_client import CollectorRegistry

from mesh_gateway.observe.access_log import AccessLog
from mesh_gateway.observe.metrics import Metrics
from mesh_gateway.pipeline import Brain
from mesh_gateway.proxy.certificates import load_certificates
from mesh_gateway.proxy.upstream_tls import UpstreamTls
from mesh_gateway.proxy.worker import Worker, new_request_id
from mesh_gateway.resolve.file_source import FileSource
from mesh_gateway.resolve.http_source import HttpSource
from mesh_gateway.resolve.private_ca import PrivateCa
from mesh_gateway.resolve.prober import Prober
from mesh_gateway.resolve.resolver import Resolver
from mesh_gateway.resolve.source import Source
from mesh_gateway.routing.addresses import AddressPolicy
from mesh_gateway.routing.health import HealthTable
from mesh_gateway.routing.limits import RateLimiter
from mesh_gateway.settings import Settings
from mesh_gateway.tasks import Tasks

FILE_PREFIX = "file:"
# What mitmweb collects of bodies where INSPECT_BODY_SIZE says nothing.
WATCHED_BODY_SIZE = 1 << 20


@dataclass(slots=True)
class Parts:
    """All that must be closed again."""

    worker: Worker
    prober: Prober | None
    private_ca: PrivateCa | None
    tasks: Tasks

    def close_soon(self) -> None:
        """Close without being waited for: mitmproxy's `done` hook may not await."""
        self.tasks.start(self._close(), name="gateway closes")
        if self.worker.access_log:
            self.worker.access_log.close()

    async def _close(self) -> None:
        if self.prober:
            await self.prober.close()
        if self.private_ca:
            await self.private_ca.close()
        await self.worker.resolver.close()


async def build(settings: Settings, *, is_watched: bool) -> Parts:
    """Make and start all parts. `is_watched`: someone looks at flows (mitmweb).

    Raises ValueError or OSError for files that the settings name and that cannot be used.
    """
    metrics = Metrics(CollectorRegistry(), {"mitmproxy": mitmproxy.version.VERSION, "python": sys.version.split()[0]})
    health = HealthTable()
    source = _source(settings)
    resolver = Resolver(
        source,
        settings,
        clock=time.monotonic,
        random=random.Random(),
        observer=metrics.resolver,  # noqa: S311 - jitter
    )
    private_ca = _private_ca(settings)
    access_log = AccessLog(sys.stdout.buffer) if settings.access_log else None
    if access_log:
        metrics.watch_access_log(lambda: access_log.dropped)
    worker = Worker(
        settings=settings,
        brain=Brain(settings, health, RateLimiter(settings.rate_limit), _loop_token(settings), new_request_id),
        resolver=resolver,
        certificates=load_certificates(settings.cert_dir, settings.default_certificate),
        upstream_tls=UpstreamTls(settings, private_ca),
        access_log=access_log,
        metrics=metrics,
        inspect_body_size=settings.inspect_body_size or (WATCHED_BODY_SIZE if is_watched else 0),
    )
    prober = _prober(settings, worker)
    await resolver.start()
    if private_ca:
        await private_ca.start()
    if prober:
        await prober.start()
    return Parts(worker, prober, private_ca, Tasks())


def _source(settings: Settings) -> Source:
    policy = AddressPolicy(settings.route_networks, _own_addresses())
    if settings.backend_url.startswith(FILE_PREFIX):
        return FileSource(settings, policy, clock=time.monotonic)
    return HttpSource(settings, policy)


def _private_ca(settings: Settings) -> PrivateCa | None:
    if settings.backend_url.startswith(FILE_PREFIX):
        return None
    return PrivateCa(settings, random=random.Random())  # noqa: S311 - jitter


def _prober(settings: Settings, worker: Worker) -> Prober | None:
    if not settings.health_check_interval:
        return None
    raise NotImplementedError


def _own_addresses() -> frozenset[str]:
    """The addresses that this machine's name stands for; the listeners' port check of mitmproxy knows the rest."""
    try:
        found = socket.getaddrinfo(socket.gethostname(), None)
    except OSError:
        return frozenset()
    return frozenset(str(address[4][0]).partition("%")[0] for address in found)


def _loop_token(settings: Settings) -> str:
    """What this node is called in `CDN-Loop`: the same for all its workers, and not its name in clear."""
    return hashlib.sha256(f"{settings.node_name} {settings.server_domain}".encode()).hexdigest()[:16]
