"""The gateway as mitmproxy sees it: an addon whose hooks hand over to the parts.

Order of a start: `load` declares and checks the options, `running` builds the worker and opens the ports. Whatever is
wrong is logged as an error before mitmproxy's own start check, which then ends the process with exit code 1.
"""

import asyncio
import logging
import os

from mitmproxy import ctx, exceptions, tls
from mitmproxy.addonmanager import Loader
from mitmproxy.connection import Client, Server
from mitmproxy.proxy.layer import NextLayer
from OpenSSL import SSL

from mesh_gateway.proxy import lookers, options
from mesh_gateway.proxy.certificates.contexts import bare_context
from mesh_gateway.proxy.certificates.unreadable import asked_name
from mesh_gateway.proxy.composition import Parts, build
from mesh_gateway.proxy.entry import choose_layer, port_of
from mesh_gateway.proxy.flow_path.signals import Question
from mesh_gateway.proxy.installation import Door, InstallationError, install
from mesh_gateway.proxy.listening import Listening, cancel_default_listener
from mesh_gateway.proxy.logs import send_to_stderr
from mesh_gateway.proxy.paths import Paths
from mesh_gateway.proxy.upstream_tls import connection_for
from mesh_gateway.proxy.worker import Worker
from mesh_gateway.settings import ROWS, TABLE, Settings, SettingsError, defaults_from, read_settings
from mesh_gateway.tasks import Tasks

logger = logging.getLogger(__name__)


class Gateway:
    """The addon."""

    name = "gateway"

    def __init__(self) -> None:
        self.parts: Parts | None = None
        self._sound = False
        self._modes: list[str] = []
        self._opening: asyncio.Task[None] | None = None
        self._let_in: dict[str, str] = {}
        """Connection id -> the address that its place is taken under."""
        self._tasks = Tasks()

    # Life.

    def load(self, loader: Loader) -> None:
        """Declare the settings as options, and set the options that an edge must have."""
        send_to_stderr()
        try:
            install()
            self._declare(loader)
        except (InstallationError, SettingsError) as error:
            logger.error("%s", error)  # noqa: TRY400 - one line for the operator
            return
        if complaint := options.complaint(ctx.options):
            logger.error("%s", complaint)
            return
        cancel_default_listener()
        ctx.options.update(**options.SAFE)
        for name in options.MEDDLING:
            if addon := ctx.master.addons.get(name):
                ctx.master.addons.remove(addon)
        self._sound = True

    def _declare(self, loader: Loader) -> None:
        defaults = defaults_from(os.environ)
        for row in TABLE:
            loader.add_option(row.option, row.type, row.to_option(defaults[row.option]), row.help)

    def configure(self, updated: set[str]) -> None:
        """Refuse changes that a running gateway could not follow or would not survive."""
        if self.parts is None:
            return
        if changed := sorted(updated & ROWS.keys()):
            raise exceptions.OptionsError(f"{', '.join(changed)}: read at the start only; restart the gateway")
        if complaint := options.complaint_of_running(ctx.options, self._modes):
            raise exceptions.OptionsError(complaint)

    def running(self) -> asyncio.Task[None] | None:
        """Open for business. The task is awaited at a start, and runs on its own after a reload of the script."""
        if self._sound and self._opening is None:
            self._opening = asyncio.get_running_loop().create_task(self._open(), name="gateway opens")
        return self._opening

    async def _open(self) -> None:
        if unknown := sorted(ctx.options.deferred):
            logger.error("unknown option %s: see docs/settings.md and mitmdump --options", ", ".join(unknown))
            return
        try:
            settings = self._read_settings()
            paths = Paths(settings.traffic_path, settings.server_domain, lookers.looks_on)
            self.parts = await build(settings, paths, is_watched=lookers.is_interface())
        except (SettingsError, OSError, ValueError) as error:
            logger.error("%s", error)  # noqa: TRY400 - one line for the operator
            return
        Door.worker, Door.front = self.parts.worker, self.parts.front
        self._modes = options.listeners(settings, has_certificate=len(self.parts.worker.certificates) > 0)
        listening = Listening(self.parts.worker, self._modes)
        await listening.open()
        listening.heed_signals(self.parts.watch.look_anew)
        Door.opened.set()
        if settings.ssl_port is not None and not self.parts.worker.certified.is_set():
            logger.warning("no certificate in %s can serve yet: https opens when one does", settings.cert_dir)
            self._tasks.start(self._open_https(self.parts.worker, listening), name="https opens")

    async def _open_https(self, worker: Worker, listening: Listening) -> None:
        """Wait for the first certificate, and listen for https as well."""
        await worker.certified.wait()
        if worker.keeps_connections:
            self._modes = options.listeners(worker.settings, has_certificate=True)
            await listening.widen(self._modes)

    @staticmethod
    def _read_settings() -> Settings:
        return read_settings({row.option: str(getattr(ctx.options, row.option)) for row in TABLE})

    def done(self) -> asyncio.Task[None] | None:
        """The process ends, or the script was removed or is loaded anew: nobody is let in until a sound one is there.

        The task is awaited at the process's end, and runs on its own after an unloading.
        """
        if self.parts is None:
            return None
        if Door.worker is self.parts.worker:
            Door.worker = Door.front = None
        parts, self.parts = self.parts, None
        self._tasks.cancel()
        if ctx.master.should_exit.is_set():
            return Door.tasks.start(parts.close(), name="gateway closes")
        logger.warning("the gateway script is being unloaded; connections are refused until it is loaded again")
        return Door.tasks.start(parts.retire(), name="gateway retires")

    # Connections.

    def client_connected(self, client: Client) -> None:
        """Count connections, and refuse those over a limit."""
        if self.parts is None:
            client.error = "no gateway"
            return
        worker = self.parts.worker
        if port_of(client) is None:
            client.error = "not a gateway port"
            return
        address = client.peername[0]
        if reason := worker.admission.enter(address, port_of(client)):
            client.error = reason
        else:
            self._let_in[client.id] = address

    def client_disconnected(self, client: Client) -> None:
        """Forget a connection, if it was counted: one from before a reload was not."""
        if self.parts is not None and (address := self._let_in.pop(client.id, None)) is not None:
            self.parts.worker.admission.leave(address, port_of(client))

    def next_layer(self, data: NextLayer) -> None:
        """Choose the layers of a new connection."""
        if self.parts and not data.layer and port_of(data.context.client) is not None:
            data.layer = choose_layer(data, self.parts.worker)

    # TLS.

    def tls_start_client(self, data: tls.TlsData) -> None:
        """Choose the certificate. mitmproxy would mint one for any name it is asked for (HAZARDS E1)."""
        if self.parts:
            data.ssl_conn = self.parts.worker.greeting.flow(data.conn.sni)
        else:
            data.ssl_conn = SSL.Connection(bare_context())
            data.ssl_conn.set_accept_state()

    def tls_start_server(self, data: tls.TlsData) -> None:
        """Verify the upstream as the tenant's."""
        if isinstance(data.conn, Server):
            data.ssl_conn = connection_for(data.conn)

    def tls_failed_client(self, data: tls.TlsData) -> None:
        """Count clients that could not agree on TLS."""
        if self.parts and isinstance(data.conn, Client):
            worker = self.parts.worker
            asked = asked_name(data.ssl_conn, data.conn.sni)
            worker.metrics.connections.handshake_failed(worker.why_no_handshake(asked))

    # Exchanges.

    async def gateway_resolve(self, question: Question) -> None:
        """Answer a stream that waits for a tenant's routes."""
        if self.parts:
            question.answer = await self.parts.worker.resolver.resolve(question.tenant)
