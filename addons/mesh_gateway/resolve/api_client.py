"""How is one document read from the API, in bounded time and memory?

httpcore rather than httpx on top of it: what httpx adds (redirects, proxies from the environment, cookies, inflating
compressed bodies) is what must not happen here, and the network backend is httpcore's to choose.
"""

import asyncio
import ssl
from dataclasses import dataclass

import httpcore

from mesh_gateway.resolve.dialing import Dialing
from mesh_gateway.resolve.source import SourceUnavailable

MAX_BODY = 256 * 1024
_CONNECTIONS = 64
_IDLE_CONNECTIONS = 8
_IDLE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Document:
    """A response, whatever its status."""

    status: int
    body: bytes


class ApiClient:
    """Connections to the API, kept for reuse."""

    def __init__(self, base_url: str, dialing: Dialing, *, tls: ssl.SSLContext | None = None) -> None:
        self._base_url = base_url.rstrip("/")
        self._dialing = dialing
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,  # None: the system's authorities and certifi's
            max_connections=_CONNECTIONS,
            max_keepalive_connections=_IDLE_CONNECTIONS,
            keepalive_expiry=_IDLE_SECONDS,
            network_backend=dialing,
        )

    async def get(self, path: str, *, accept: str, deadline: float, most: int = MAX_BODY) -> Document:
        """The response to `GET path`, read before `deadline` of the loop's clock.

        Raises SourceUnavailable when there is none in time, or it is longer than `most` bytes.
        """
        try:
            async with asyncio.timeout_at(deadline):
                return await self._get(path, accept, deadline - asyncio.get_running_loop().time(), most)
        except (TimeoutError, httpcore.TimeoutException) as error:
            raise SourceUnavailable("no answer in time", timed_out=True) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            raise SourceUnavailable(f"{type(error).__name__}: {error}") from error

    async def close(self) -> None:
        await self._pool.aclose()
        await self._dialing.close()

    async def _get(self, path: str, accept: str, seconds: float, most: int) -> Document:
        headers = {"Accept": accept, "Accept-Encoding": "identity", "User-Agent": "mesh-router-gateway"}
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), max(seconds, 0))
        url = self._base_url + path
        async with self._pool.stream(
            "GET", url, headers=list(headers.items()), extensions={"timeout": timeouts}
        ) as response:
            return Document(response.status, await _read(response, most))


async def _read(response: httpcore.Response, most: int) -> bytes:
    """The body; leaving it half read makes the pool close the connection."""
    too_long = SourceUnavailable(f"the answer is longer than {most} bytes")
    if any(int(value) > most for name, value in response.headers if name.lower() == b"content-length"):
        raise too_long
    body = bytearray()
    async for chunk in response.aiter_stream():
        body += chunk
        if len(body) > most:
            raise too_long
    return bytes(body)
