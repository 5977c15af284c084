"""How is a server told what to do? Files of bench/config with this run's ports and paths filled in."""

import os
import pwd
import resource
import string
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

CONFIG = Path(__file__).parent / "config"
_MOST_CONNECTIONS = 8192
"""As the gateway's MAX_CONNECTIONS."""
_OTHER_FILES = 64


class _Blanks(string.Template):
    """`@{name}`: the files are full of dollars of their own."""

    delimiter = "@"


def fill(name: str, values: Mapping[str, object]) -> str:
    """The text of bench/config's `name`; a blank that has no value is a KeyError."""
    return _Blanks((CONFIG / name).read_text(encoding="utf-8")).substitute(values)


def write(folder: Path, names: tuple[str, ...], values: Mapping[str, object]) -> None:
    """Fill the files in and put them into `folder`."""
    for name in names:
        (folder / name).write_text(fill(name, values), encoding="utf-8")


def most_connections() -> int:
    """As many clients as a server may hold: each is two descriptors in a proxy."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST_CONNECTIONS if hard == resource.RLIM_INFINITY else min(_MOST_CONNECTIONS, hard // 2 - _OTHER_FILES)


def nginx_preamble(folder: Path) -> str:
    """What an nginx configuration of ours begins with."""
    # nginx counts the connections to the upstream too.
    values = {"modules": _modules(), "user": _user(), "folder": folder, "connections": 2 * most_connections()}
    return fill("preamble.conf", values)


def nginx_command(folder: Path, name: str) -> list[str]:
    """`-e`: until it has read its configuration nginx writes to a file of the system's."""
    return ["nginx", "-e", "stderr", "-p", str(folder), "-c", str(folder / name)]


@cache
def _modules() -> str:
    """Lua for nginx, which Debian builds as modules."""
    flags = subprocess.run(["nginx", "-V"], check=True, capture_output=True, text=True).stderr  # noqa: S607 - the one that is installed
    path = next((flag.partition("=")[2] for flag in flags.split() if flag.startswith("--modules-path=")), "")
    files = (Path(path) / name for name in ("ndk_http_module.so", "ngx_http_lua_module.so"))
    return "\n".join(f"load_module {file};" for file in files if file.exists())


def _user() -> str:
    # Started as root, nginx's worker becomes nobody, who must not read this run's folder.
    return f"user {pwd.getpwuid(0).pw_name};" if os.geteuid() == 0 else ""
