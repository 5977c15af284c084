"""What do the fast path's connections of one worker share?

The mutable state is the set of open client connections and the pool of idle upstream ones.
"""

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from mesh_gateway.observe.exchange import Exchange
from mesh_gateway.pages import Answer
from mesh_gateway.pipeline import Candidate, is_loopback
from mesh_gateway.proxy.fast_path.dialling import Dialler
from mesh_gateway.proxy.fast_path.pool import Pool
from mesh_gateway.proxy.paths import Paths
from mesh_gateway.proxy.worker import Worker, http_date
from mesh_gateway.routing.head import Field, Rejection
from mesh_gateway.routing.redirect import secured
from mesh_gateway.tasks import Tasks

if TYPE_CHECKING:
    from mesh_gateway.proxy.fast_path.connection import ClientConnection
    from mesh_gateway.proxy.flow_path.messages import Glimpse

logger = logging.getLogger(__name__)


class Front:
    """The fast path of one worker."""

    def __init__(self, worker: Worker, paths: Paths, max_idle: int) -> None:
        """`max_idle`: how many upstream connections may wait for a further request."""
        self.worker = worker
        self.paths = paths
        self.tasks = Tasks()
        self.connections: set[ClientConnection] = set()
        self.pool = Pool(Dialler(worker.upstream_tls, worker.settings.connect_timeout), worker.clock, max_idle)
        self._date = (0, b"")
        settings = worker.settings
        self._own_ports = {settings.port, settings.ssl_port, settings.admin_port} - {None}

    def start(self) -> None:
        """Begin to look at the deadlines."""
        self.tasks.start(self._sweep(), name="deadlines")

    async def close(self) -> None:
        """End all connections."""
        for connection in tuple(self.connections):
            connection.abort()
        self.pool.close()
        await self.tasks.close()

    def drain(self) -> None:
        """No client may send a further request after those that are on their way."""
        for connection in tuple(self.connections):
            connection.guarded(connection.drain)

    async def _sweep(self) -> None:
        """Look at all deadlines every now and then: a timer per exchange would cost more than the exchange."""
        while True:
            await asyncio.sleep(self.worker.sweep_seconds)
            now = self.worker.clock()
            for connection in tuple(self.connections):
                try:
                    connection.check(now)
                except Exception as error:  # noqa: BLE001 - the guard: one connection's fault is not the others'
                    connection.fault(error)
            self.pool.sweep(now)

    def date(self) -> bytes:
        """The value of `Date`, made once a second (RFC 9110 6.6.1)."""
        now = int(time.time())
        if self._date[0] != now:
            self._date = now, http_date(now).encode()
        return self._date[1]

    def is_own_listener(self, candidate: Candidate) -> bool:
        """Whether a route leads back to a port of this gateway."""
        if candidate.port not in self._own_ports:
            return False
        return candidate.address == self.worker.settings.listen_address or is_loopback(candidate.address)

    def report(self, error: Exception) -> None:
        """A fault that belongs to no exchange."""
        self.worker.metrics.hook_failed("connection")
        logger.error("fault in a client's connection", exc_info=error)

    # Records.

    def open_record(
        self, connection: "ClientConnection", protocol: str, method: str, target: str, authority: str
    ) -> Exchange:
        """Open the record of a request, whose id the brain will tell; the worker's `finish` closes it."""
        record = self.worker.open_record(request_id="", client=connection.peer, tls=connection.tls, via="fast")
        record.protocol, record.method, record.path, record.host = protocol, method, target, authority
        return record

    def refuse_unread(
        self, connection: "ClientConnection", rejection: Rejection, seen: "Glimpse"
    ) -> tuple[Answer, list[Field]]:
        """Record and answer what was not a request: the answer and all its fields; the connection ends with it."""
        worker = self.worker
        record = worker.open_record(
            request_id=worker.brain.new_id(), client=connection.peer, tls=connection.tls, via="fast"
        )
        answer = worker.refusal(record, rejection, seen)
        return answer, self.fields_of(answer, record)

    def fields_of(self, answer: Answer, record: Exchange) -> list[Field]:
        """All fields of an answer of the gateway's own, but for the protocol's framing."""
        fields = secured(answer.fields, self.worker.transport_security(record, None))
        return [*fields, (b"Date", self.date()), (b"X-Request-ID", record.request_id.encode())]
