"""What is started? The command line and environment of mitmproxy with the gateway in it."""

import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from pathlib import Path

ROOT = Path(__file__).parent.parent
WEB_PORT = "8081"

# They make every TLS secret of the process go to a file (mitmproxy 12.2.3, net/tls.py).
LEAKS = frozenset({"SSLKEYLOGFILE", "MITMPROXY_SSLKEYLOGFILE"})


@unique
class Tool(StrEnum):
    """The program of mitmproxy's that the gateway runs in."""

    DUMP = "mitmdump"
    WEB = "mitmweb"


@dataclass(frozen=True, slots=True)
class Program:
    """One process to be kept running."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    page: str | None = None
    """Where a person can look into it."""


def gateway(
    tool: Tool,
    options: Sequence[str],
    environment: Mapping[str, str],
    private: Path,
    new_token: Callable[[], str] = secrets.token_urlsafe,
) -> Program:
    """The gateway. `private` is a folder of its own: mitmproxy reads its configuration from there and nowhere else."""
    page = _web_page(private, environment, new_token()) if tool is Tool.WEB else None
    command = (
        str(Path(sys.executable).parent / tool),
        "--scripts", str(ROOT / "addons" / "gateway.py"),
        "--quiet",
        "--set", f"confdir={private}",
        # The gateway turns the listeners on itself, once it can answer.
        "--set", "server=false",
        *options,
    )  # fmt: skip
    clean = {variable: value for variable, value in environment.items() if variable not in LEAKS}
    return Program("gateway", command, clean, page)


def _web_page(private: Path, environment: Mapping[str, str], token: str) -> str:
    # A file rather than an option: a command line can be read by everybody on the machine.
    port = int(environment.get("WEB_PORT") or WEB_PORT)
    configuration = private / "config.yaml"
    configuration.touch(mode=0o600)
    configuration.write_text(f"web_open_browser: false\nweb_port: {port}\nweb_password: {token}\n")
    return f"http://127.0.0.1:{port}/?token={token}"
