"""How is the API connected to, given that its name may have several addresses and no working name server?"""

import asyncio
from collections.abc import Iterable

import httpcore

from mesh_gateway.resolve.names import Names


class Dialing(httpcore.AsyncNetworkBackend):
    """An httpcore backend that asks `Names` instead of the system, and tries one address after the other.

    TLS is not touched: httpcore takes the name to verify from the URL.
    """

    def __init__(self, names: Names) -> None:
        self._names = names
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._addresses(host, timeout)
        failure: Exception = httpcore.ConnectError(f"no address for {host}")
        for tried, address in enumerate(addresses):
            # Each address gets its share of the time, so that one black hole does not use up the others' chance.
            share = None if timeout is None else timeout / (len(addresses) - tried)
            try:
                return await self._network.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        await self._names.close()

    async def _addresses(self, host: str, seconds: float | None) -> tuple[str, ...]:
        try:
            async with asyncio.timeout(seconds):
                return await self._names.addresses(host)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"looking up {host} took too long") from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
