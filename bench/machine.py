"""What was it measured on, and with which releases?"""

import asyncio
import os
import platform
import re
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

_VERSION = re.compile(r"\d+(\.\d+)+")
_ASKED = {
    "nginx": ("nginx", "-v"),
    "HAProxy": ("haproxy", "-v"),
    "Caddy": ("caddy", "version"),
    "wrk": ("wrk", "-v"),
    "h2load": ("h2load", "--version"),
    "ab": ("ab", "-V"),
}


async def describe(today: str) -> Mapping[str, str]:
    """Title to value, in the order of the page."""
    releases = {name: await _release(*command) for name, command in _ASKED.items()}
    return {
        "date": today,
        "processor": _field("/proc/cpuinfo", "model name") or platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": _memory(),
        "load before": f"{os.getloadavg()[0]:.2f}",
        "system": _field("/etc/os-release", "PRETTY_NAME", "=") or platform.system(),
        "kernel": platform.release().partition("-")[0],
        "Python": platform.python_version(),
        "mitmproxy": version("mitmproxy"),
        **{name: release for name, release in releases.items() if release},
    }


async def _release(*command: str) -> str:
    """The first version number in what it says; empty where it is not installed."""
    try:
        process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT)
    except FileNotFoundError:
        return ""
    output, _ = await process.communicate()
    found = _VERSION.search(output.decode(errors="replace"))
    return found[0] if found else ""


def _memory() -> str:
    kibibytes = _field("/proc/meminfo", "MemTotal").split()
    return f"{int(kibibytes[0]) / (1 << 20):.1f} GiB" if kibibytes else ""


def _field(path: str, name: str, separator: str = ":") -> str:
    """The value of the first line `name<separator>value`."""
    lines = Path(path).read_text(encoding="utf-8").splitlines() if Path(path).exists() else []
    pairs = (line.partition(separator) for line in lines)
    return next((value.strip().strip('"') for key, _, value in pairs if key.strip() == name), "")
