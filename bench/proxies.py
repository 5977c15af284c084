"""What is the gateway measured beside? The table of proxies: how each is set up and started, with one worker or thread."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.config import most_connections, nginx_command, nginx_preamble, write
from bench.ground import ROOT, Ground
from bench.places import DOMAIN, ECHO_HOST, HOST, LOOPBACK, Door
from bench.server import Launch

_BIN: Final = Path(sys.executable).parent


@dataclass(frozen=True, slots=True)
class Site:
    """Where one proxy stands for one case."""

    ground: Ground
    folder: Path
    door: Door
    upstream_port: int
    """Where a proxy goes that does not look tenants up."""

    @property
    def values(self) -> Mapping[str, object]:
        """For the blanks in bench/config."""
        pem = self.ground.key.read_text() + self.ground.chain.read_text()
        (self.folder / "both.pem").write_text(pem)
        return {
            "folder": self.folder,
            "port": self.door.port,
            "tls_port": self.door.tls_port,
            "api_port": self.ground.port,
            "upstream_port": self.upstream_port,
            "chain": self.ground.chain,
            "key": self.ground.key,
            "pem": self.folder / "both.pem",
            "connections": most_connections(),
        }


@dataclass(frozen=True, slots=True)
class Start:
    """A command, and the environment on top of a bare one."""

    command: Sequence[str]
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Proxy:
    """One row of the table."""

    key: str
    title: str
    programs: tuple[str, ...]
    """What must be installed for it."""
    start: Callable[[Site], Start]
    looks_up: bool = False
    """Whether it asks the resolution API where a tenant lives."""
    is_ours: bool = False


def launch(proxy: Proxy, ground: Ground, folder: Path, *, echo: bool) -> Launch:
    """Set `proxy` up in `folder`; with `echo` in front of the WebSocket echo."""
    folder.mkdir(parents=True)
    site = Site(ground, folder, ground.new_door(), ground.echo_port if echo else ground.port)
    start = proxy.start(site)
    return Launch(proxy.title, start.command, folder, site.door, ECHO_HOST if echo else HOST, start.environment)


def _nginx_lua(site: Site) -> Start:
    return _nginx(site, "nginx-lua.conf", "lookup.lua")


def _nginx_keepalive(site: Site) -> Start:
    return _nginx(site, "nginx.conf")


def _nginx(site: Site, name: str, *more: str) -> Start:
    values = {**site.values, "preamble": nginx_preamble(site.folder)}
    write(site.folder, (name, "edge.conf", "paths.conf", *more), values)
    return Start(nginx_command(site.folder, name), {})


def _haproxy(site: Site) -> Start:
    write(site.folder, ("haproxy.cfg",), site.values)
    return Start(["haproxy", "-db", "-f", str(site.folder / "haproxy.cfg")], {})


def _caddy(site: Site) -> Start:
    write(site.folder, ("Caddyfile",), site.values)
    command = ["caddy", "run", "--config", str(site.folder / "Caddyfile"), "--adapter", "caddyfile"]
    return Start(command, {"GOMAXPROCS": "1"})


def _mitmdump(site: Site) -> Start:
    # Its own line per request is its access log. It speaks TLS on the same port, so the second one is a mode more.
    modes = [f"reverse:http://{LOOPBACK}:{site.upstream_port}@{port}" for port in (site.door.port, site.door.tls_port)]
    return Start(
        [
            str(_BIN / "mitmdump"),
            "--set", f"confdir={site.folder / 'conf'}",
            "--set", f"certs={site.values['pem']}",
            "--listen-host", LOOPBACK,
            *(word for mode in modes for word in ("--mode", mode)),
        ],
        {},
    )  # fmt: skip


def _gateway(path: str) -> Callable[[Site], Start]:
    """As an operator starts it, with one worker."""

    def start(site: Site) -> Start:
        command = [sys.executable, "-P", "-m", "launch"]
        return Start(command, {**_settings(site), "TRAFFIC_PATH": path})

    return start


def _settings(site: Site) -> Mapping[str, str]:
    return {
        "PYTHONPATH": f"{ROOT}:{ROOT / 'addons'}",
        "WORKERS": "1",
        "SERVER_DOMAIN": DOMAIN,
        "BACKEND_URL": f"http://{LOOPBACK}:{site.ground.port}",
        "CACHE_TTL": "10m",
        "LISTEN_ADDRESS": LOOPBACK,
        "PORT": str(site.door.port),
        "SSL_PORT": str(site.door.tls_port),
        "ADMIN_PORT": str(next(site.ground.ports)),
        "CERT_DIR": str(site.ground.certificates),
        "DEFAULT_CERTIFICATE": DOMAIN,  # wrk has no name for SNI
        "STATE_DIR": str(site.folder / "state"),
        "ROUTE_NETWORKS": "127.0.0.0/8",
        "DRAIN_TIMEOUT": "1s",
    }


PROXIES = (
    Proxy("nginx-lua", "nginx with a look-up in Lua", ("nginx",), _nginx_lua, looks_up=True),
    Proxy("nginx", "nginx", ("nginx",), _nginx_keepalive),
    Proxy("haproxy", "HAProxy", ("haproxy",), _haproxy),
    Proxy("caddy", "Caddy", ("caddy",), _caddy),
    Proxy("mitmdump", "mitmdump without a script", (), _mitmdump),
    Proxy("flow", "gateway, flow path", (), _gateway("flow"), looks_up=True, is_ours=True),
    Proxy("fast", "gateway, fast path", (), _gateway("fast"), looks_up=True, is_ours=True),
)
BY_KEY = {proxy.key: proxy for proxy in PROXIES}
