"""What stands around a gateway? An API, tenants with their origins, and ways to ask."""

import contextlib
import ssl
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from tests.rig.answer import Answer
from tests.rig.api import Api, Json, known, route
from tests.rig.behaviours import describe
from tests.rig.call import Behaviour
from tests.rig.certificates import Authority
from tests.rig.gateway import SCRIPT, Gateway
from tests.rig.http1_client import Http1
from tests.rig.http2_client import Http2
from tests.rig.origin import Origin


class World:
    """One gateway and all that it talks to. `authority` signs for it and for upstreams that may be trusted."""

    def __init__(self, gateway: Gateway, api: Api, authority: Authority, ending: contextlib.AsyncExitStack) -> None:
        self.gateway = gateway
        self.api = api
        self.authority = authority
        self._ending = ending

    @property
    def domain(self) -> str:
        return self.gateway.settings["SERVER_DOMAIN"] or ""

    async def origin(
        self, name: str = "origin", behaviour: Behaviour = describe, tls: ssl.SSLContext | None = None
    ) -> Origin:
        """An upstream that listens until the world ends."""
        return await self._ending.enter_async_context(Origin(name, behaviour=behaviour, tls=tls))

    def serving(self, tenant: str, *alpn: str) -> ssl.SSLContext:
        """TLS for an upstream with the tenant's own good certificate."""
        return self.authority.serving(f"{tenant}.{self.domain}", alpn=alpn or ("http/1.1",))

    def tenant(self, name: str, *routes: Origin | Json, ttl: float = 580, user: str = "abc123") -> str:
        """Let the API know a tenant by its routes, an origin alone being a plain one; its host name."""
        rows = [route(at.port) if isinstance(at, Origin) else at for at in routes]
        self.api.tenants[name] = known(rows, tenant=name, ttl=ttl, user=user)
        return f"{name}.{self.domain}"

    async def new_tenant(self, name: str, behaviour: Behaviour = describe) -> tuple[str, Origin]:
        """A tenant with one plain origin: its host name and the origin."""
        origin = await self.origin(name, behaviour)
        return self.tenant(name, origin), origin

    def connect(self) -> contextlib.AbstractAsyncContextManager[Http1]:
        """A plain HTTP/1.1 connection."""
        return Http1.connect(self.gateway.port)

    def connect_tls(self, sni: str) -> contextlib.AbstractAsyncContextManager[Http1]:
        return Http1.connect(self.gateway.tls_port, tls=self.authority.trusting("http/1.1"), sni=sni)

    def connect_http2(self, sni: str) -> contextlib.AbstractAsyncContextManager[Http2]:
        return Http2.connect(self.gateway.tls_port, self.authority.trusting("h2"), sni)

    async def ask(
        self, method: str, host: str, target: str = "/", *fields: tuple[str, str], body: bytes | None = None
    ) -> Answer:
        """One request on a connection of its own."""
        async with self.connect() as client:
            return await client.ask(method, host, target, *fields, body=body)

    async def ask_raw(self, *pieces: bytes, method: str = "GET") -> Answer:
        """Those bytes on a connection of their own, and the first answer."""
        async with self.connect() as client:
            await client.send(*pieces)
            return await client.answer(method)


@contextlib.asynccontextmanager
async def world(
    folder: Path,
    authority: Authority,
    *,
    api: Api | None = None,
    options: Sequence[str] = (),
    script: Path = SCRIPT,
    **settings: str | None,
) -> AsyncIterator[World]:
    """A world for the time of the block; `settings` are the gateway's own, beside those of the rig."""
    async with contextlib.AsyncExitStack() as ending:
        api = await ending.enter_async_context(api or Api())
        trust = authority.write_pem(folder / "upstream-ca.pem")
        own = {"BACKEND_URL": api.url, "UPSTREAM_CA_FILE": str(trust), **settings}
        gateway = Gateway(folder, own, script=script, options=options)
        domain = gateway.settings["SERVER_DOMAIN"]
        authority.write_store(folder / "certificates", f"{domain}", f"*.{domain}")
        ending.push_async_callback(gateway.stop)
        await gateway.start()
        yield World(gateway, api, authority, ending)
