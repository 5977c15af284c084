"""What does a client that we did not write get? curl, pointed at the gateway's ports."""

import asyncio
from asyncio.subprocess import PIPE
from dataclasses import dataclass

from tests.rig.patience import PATIENCE_SECONDS
from tests.rig.ports import LOOPBACK


@dataclass(frozen=True, slots=True)
class Printed:
    """How a run of curl ended (exit code as in curl(1)) and what it printed."""

    exit_code: int
    out: bytes
    err: str


async def curl(url: str, port: int, *arguments: str, host: str) -> Printed:
    """Run curl on `url`, whose `host` leads to the port on loopback."""
    # --connect-to HOST1:PORT1:HOST2:PORT2 keeps Host and SNI as they are in the URL.
    connect = [word for number in (80, 443) for word in ("--connect-to", f"{host}:{number}:{LOOPBACK}:{port}")]
    process = await asyncio.create_subprocess_exec(
        "curl",
        "-sS",
        "--max-time",
        str(PATIENCE_SECONDS),
        "--noproxy",
        "*",
        *connect,
        *arguments,
        url,
        stdout=PIPE,
        stderr=PIPE,
    )
    out, err = await process.communicate()
    return Printed(process.returncode or 0, out, err.decode())
