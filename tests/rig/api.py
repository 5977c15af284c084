"""What does the resolution API say of a tenant? A real server with a table (CONTRACT part 3) that counts who asks."""

import asyncio
import json
from asyncio import StreamReader, StreamWriter
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.rig.arrival import parse_head
from tests.rig.call import Call
from tests.rig.listener import Listener
from tests.rig.ports import LOOPBACK

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Said:
    """One answer of the API."""

    status: int
    body: bytes
    content_type: str = "application/json"
    delay_seconds: float = 0.0


def route(
    port: int, *, source: str = "agent", scheme: str = "http", priority: int = 1, ip: str = LOOPBACK, **more: object
) -> Json:
    """One route as the API writes it."""
    return {"ip": ip, "port": port, "priority": priority, "source": source, "scheme": scheme, "type": "ip", **more}


def known(
    routes: Sequence[Json] | None, *, tenant: str = "alice", ttl: float = 580, user: str = "abc123", **more: object
) -> Said:
    """A v2 answer."""
    answer = {"userId": user, "domainName": tenant, "serverDomain": "example.com", "routes": routes, "routesTtl": ttl}
    return said({**answer, "lastSeenOnline": "2024-01-15T10:30:00Z", **more})


def said(answer: object, status: int = 200, delay_seconds: float = 0.0) -> Said:
    """Any JSON."""
    return Said(status, json.dumps(answer).encode(), delay_seconds=delay_seconds)


UNKNOWN = said({"error": "Domain not found"}, 404)
BARE_404 = Said(404, b"<html><h1>404 Not Found</h1></html>", "text/html")
BROKEN = said({"error": "internal"}, 500)
GARBAGE = Said(200, b"<html>welcome</html>", "text/html")
HANGS = Said(200, b"", delay_seconds=3600)


class Api(Listener):
    """`tenants` is asked at /resolve/v2/, `old_tenants` at /resolve/; a name that is in neither is UNKNOWN."""

    def __init__(self, path: str = "") -> None:
        super().__init__()
        self.path = path
        self.tenants: dict[str, Said] = {}
        self.old_tenants: dict[str, Said] = {}
        self.default = UNKNOWN
        self.ca_pem: bytes | None = None
        self.calls: Counter[str] = Counter()
        """How often each path was asked for."""

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}{self.path}"

    def asked_for(self, tenant: str) -> int:
        """How many calls there were about a tenant, in both versions."""
        return self.calls[f"/resolve/v2/{tenant}"] + self.calls[f"/resolve/{tenant}"]

    @property
    def asked(self) -> int:
        """How many calls there were about any name."""
        return sum(count for path, count in self.calls.items() if path.startswith("/resolve/"))

    async def serve(self, reader: StreamReader, writer: StreamWriter, connection: int) -> None:
        while True:
            arrival = parse_head(await reader.readuntil(b"\r\n\r\n"), connection)
            assert arrival.target.startswith(self.path)
            path = arrival.target.removeprefix(self.path)
            self.calls[path] += 1
            answer = self._find(path)
            await asyncio.sleep(answer.delay_seconds)
            await Call("api", arrival, reader, writer).reply(
                answer.status, answer.body, ("Content-Type", answer.content_type)
            )

    def _find(self, path: str) -> Said:
        match path.split("/")[1:]:
            case ["resolve", "v2", tenant]:
                return self.tenants.get(tenant, self.default)
            case ["resolve", tenant]:
                return self.old_tenants.get(tenant, self.default)
            case ["ca-cert"] if self.ca_pem is not None:
                return Said(200, self.ca_pem, "application/x-pem-file")
            case ["ca-cert"]:
                return said({"error": "not ready"}, 503)
            case _:
                return BARE_404
