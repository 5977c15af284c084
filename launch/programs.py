"""What is started? The command line and environment of mitmproxy with the gateway in it."""

import secrets
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum, unique
from pathlib import Path

from argon2 import PasswordHasher

from launch.groups import limit_groups
from mesh_gateway.settings import ROWS

ROOT = Path(__file__).parent.parent
WEB_PORT = replace(ROWS["port"], variable="WEB_PORT", default="8081", help="Port of mitmweb's page, on loopback.")

# They make every TLS secret of the process go to a file (mitmproxy 12.2.3, net/tls.py).
LEAKS = frozenset({"SSLKEYLOGFILE", "MITMPROXY_SSLKEYLOGFILE"})


@unique
class Tool(StrEnum):
    """The program of mitmproxy's that the gateway runs in."""

    DUMP = "mitmdump"
    WEB = "mitmweb"


COMMANDS: Mapping[Tool, tuple[str, ...]] = {
    Tool.DUMP: (sys.executable, "-P", "-m", "launch.worker"),  # mitmdump on the event loop of our choice
    Tool.WEB: (str(Path(sys.executable).parent / Tool.WEB),),
}


@dataclass(frozen=True, slots=True)
class Program:
    """What is to be kept running."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    page: str | None = None
    """Where a person can look into it."""


def gateway(
    tool: Tool,
    options: Sequence[str],
    environment: Mapping[str, str],
    private: Path,
    *,
    leash: Sequence[str] = (),
    new_token: Callable[[], str] = secrets.token_urlsafe,
) -> Program:
    """The gateway. `private` is a folder of its own: mitmproxy reads its configuration from there and nowhere else.

    `leash`: words before the command, see `find_leash`.
    """
    page = _web_page(private, environment, new_token()) if tool is Tool.WEB else None
    command = (
        *leash,
        *COMMANDS[tool],
        "--scripts", str(ROOT / "addons" / "gateway.py"),
        "--quiet",
        "--set", f"confdir={private}",
        # The gateway turns the listeners on itself, once it can answer.
        "--set", "server=false",
        *options,
    )  # fmt: skip
    clean = {variable: value for variable, value in environment.items() if variable not in LEAKS}
    return Program(command, limit_groups(clean, private), page)


def find_leash() -> Sequence[str]:
    """Words before a command that end it when this process is killed outright; none where the system has no such words."""
    words = ("setpriv", "--pdeathsig", "TERM")  # util-linux 2.33
    try:
        tried = subprocess.run([*words, "true"], check=False, capture_output=True)  # noqa: S603 - constants
    except FileNotFoundError:
        return ()
    return words if tried.returncode == 0 else ()


def web_port(environment: Mapping[str, str]) -> int:
    """Where mitmweb listens, on loopback; raises SettingsError for a wrong value."""
    port: int = WEB_PORT.read(environment.get(WEB_PORT.variable, WEB_PORT.default))
    return port


def _web_page(private: Path, environment: Mapping[str, str], token: str) -> str:
    # A file rather than an option: a command line can be read by everybody on the machine. A hash, because
    # mitmweb 12.2.3 warns of anything else.
    port = web_port(environment)
    configuration = private / "config.yaml"
    configuration.touch(mode=0o600)
    configuration.write_text(
        f"web_open_browser: false\nweb_port: {port}\nweb_password: {PasswordHasher().hash(token)}\n"
    )
    return f"http://127.0.0.1:{port}/?token={token}"
