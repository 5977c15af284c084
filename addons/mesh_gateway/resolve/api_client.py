"""How is one document read from the API, in bounded time and memory?

By httpx, with all of its comforts off: redirects, proxies from the environment and inflating of compressed bodies must
not happen here.
"""

import asyncio
import ssl
from dataclasses import dataclass

import httpcore
import httpx

from mesh_gateway.resolve.dialing import Dialing
from mesh_gateway.resolve.source import SourceUnavailable

MAX_BODY = 256 * 1024
_CONNECTIONS = 64
_IDLE_CONNECTIONS = 8
_IDLE_SECONDS = 30.0
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "mesh-router-gateway"}


@dataclass(frozen=True, slots=True)
class Document:
    """A response, whatever its status."""

    status: int
    body: bytes


class DialedTransport(httpx.AsyncHTTPTransport):
    """httpx's transport over connections that `Dialing` makes."""

    def __init__(self, dialing: Dialing, tls: ssl.SSLContext) -> None:
        super().__init__(verify=tls, trust_env=False)
        # httpx 0.28 has no argument for the network backend of its pool, httpcore has.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=_CONNECTIONS,
            max_keepalive_connections=_IDLE_CONNECTIONS,
            keepalive_expiry=_IDLE_SECONDS,
            network_backend=dialing,
        )


class ApiClient:
    """Connections to the API, kept for reuse. `tls` verifies it; by default with the system's authorities."""

    def __init__(self, base_url: str, dialing: Dialing, *, tls: ssl.SSLContext | None = None) -> None:
        self._base_url = base_url.rstrip("/")
        self._dialing = dialing
        transport = DialedTransport(dialing, tls or ssl.create_default_context())
        self._client = httpx.AsyncClient(transport=transport, headers=_HEADERS, trust_env=False, follow_redirects=False)

    async def get(self, path: str, *, accept: str, deadline: float, most: int = MAX_BODY) -> Document:
        """The response to `GET path`, read before `deadline` of the loop's clock.

        Raises SourceUnavailable when there is none in time, or it is longer than `most` bytes.
        """
        try:
            async with asyncio.timeout_at(deadline):
                return await self._get(path, accept, deadline - asyncio.get_running_loop().time(), most)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise SourceUnavailable("no answer in time", timed_out=True) from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise SourceUnavailable(f"{type(error).__name__}: {error}") from error

    async def close(self) -> None:
        await self._client.aclose()
        await self._dialing.close()

    async def _get(self, path: str, accept: str, seconds: float, most: int) -> Document:
        # Cookies are the one comfort that has no switch: those of one answer must not colour the next question.
        self._client.cookies.clear()
        request = self._client.build_request(
            "GET", self._base_url + path, headers={"Accept": accept}, timeout=max(seconds, 0)
        )
        response = await self._client.send(request, stream=True)
        try:
            return Document(response.status_code, await _read(response, most))
        finally:
            await response.aclose()


async def _read(response: httpx.Response, most: int) -> bytes:
    """The body; leaving it half read makes the pool close the connection."""
    too_long = SourceUnavailable(f"the answer is longer than {most} bytes")
    if any(int(value) > most for value in response.headers.get_list("content-length")):
        raise too_long
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > most:
            raise too_long
    return bytes(body)
