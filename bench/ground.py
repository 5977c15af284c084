"""What do all proxies stand on? The upstream with the resolution API in it, the WebSocket echo, one certificate."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import trustme

from bench.cases import SIZES
from bench.config import nginx_command, nginx_preamble, write
from bench.places import DOMAIN, HOST, LOOPBACK, Door
from bench.server import Launch, Server, serving

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Ground:
    """Where the upstream is, and what the servers' files are."""

    folder: Path
    ports: Iterator[int]
    port: int
    """The upstream's, and the API's."""
    echo_port: int
    servers: tuple[Server, ...] = ()
    """The upstream and the echo, once they run."""

    def direct(self, *, echo: bool) -> Server:
        """What a proxy is in front of."""
        return self.servers[1 if echo else 0]

    @property
    def certificates(self) -> Path:
        """As the gateway's CERT_DIR wants them."""
        return self.folder / "certificates"

    @property
    def chain(self) -> Path:
        return self.certificates / DOMAIN / "fullchain.pem"

    @property
    def key(self) -> Path:
        return self.certificates / DOMAIN / "privkey.pem"

    def new_door(self) -> Door:
        return Door(next(self.ports), next(self.ports))


@asynccontextmanager
async def ground(folder: Path, ports: Iterator[int]) -> AsyncIterator[Ground]:
    """The upstream and the echo run while the block does."""
    made = Ground(folder, ports, next(ports), next(ports))
    _issue_certificate(made)
    async with serving([_upstream(made), _echo(made)]) as servers:
        await asyncio.gather(*(server.become_ready() for server in servers))
        yield replace(made, servers=tuple(servers))


def _issue_certificate(made: Ground) -> None:
    """ECDSA P-256, which is what trustme makes. For clients without SNI it names the address too."""
    leaf = trustme.CA(key_type=trustme.KeyType.ECDSA).issue_cert(f"*.{DOMAIN}", DOMAIN, LOOPBACK)
    chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
    made.chain.parent.mkdir(parents=True)
    made.chain.write_bytes(chain)
    made.key.write_bytes(leaf.private_key_pem.bytes())


def _upstream(made: Ground) -> Launch:
    folder = made.folder / "upstream"
    (folder / "sized").mkdir(parents=True)
    for name, size in SIZES.items():
        (folder / "sized" / name).write_bytes(b"x" * size)
    values = {
        "folder": folder,
        "preamble": nginx_preamble(folder),
        "port": made.port,
        "echo_port": made.echo_port,
    }
    write(folder, ("upstream.conf", "paths.conf"), values)
    return Launch("the upstream", nginx_command(folder, "upstream.conf"), folder, Door(made.port, 0), HOST, {})


def _echo(made: Ground) -> Launch:
    folder = made.folder / "echo"
    folder.mkdir()
    command = [sys.executable, "-P", "-m", "bench.echo", str(made.echo_port)]
    return Launch("the echo", command, folder, Door(made.echo_port, 0), HOST, {"PYTHONPATH": str(ROOT)})
