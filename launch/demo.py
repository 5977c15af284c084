"""What runs where nothing is set up? The demo: a real gateway for *.localhost, its routes and two upstreams."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from demo.upstream import upstream
from launch.programs import ROOT
from mesh_gateway.settings import Settings

ROUTES = ROOT / "demo" / "routes.yaml"
PAGE_PORT = 8181
ECHO_PORT = 8182

# What the environment sets wins over these.
DEFAULTS: Mapping[str, str] = {
    "PORT": "8080",
    "SSL_PORT": "off",
    "LISTEN_ADDRESS": "127.0.0.1",
    "ROUTE_NETWORKS": "127.0.0.0/8",
    "WORKERS": "1",
    # Nobody wants to wait for an open page after Ctrl-C.
    "DRAIN_TIMEOUT": "2",
}


@asynccontextmanager
async def demo(environment: Mapping[str, str], private: Path) -> AsyncIterator[Mapping[str, str]]:
    """The upstreams run within; gives the environment of a gateway that leads to them."""
    async with upstream("page", PAGE_PORT) as page_port, upstream("echo", ECHO_PORT) as echo_port:
        routes = _routes_file({PAGE_PORT: page_port, ECHO_PORT: echo_port}, private)
        places = {"BACKEND_URL": f"file:{routes}", "STATE_DIR": str(private / "state")}
        yield {**DEFAULTS, **places, **environment, "SERVER_DOMAIN": "localhost"}


def addresses(settings: Settings) -> str:
    """What to open, once it runs."""
    at = f"localhost:{settings.port}"
    lines = [
        (f"http://hello.{at}/", "a request as the upstream sees it"),
        (f"http://app-hello.{at}/", "the same tenant, another name"),
        (f"http://failover.{at}/", "the better route is dead"),
        (f"http://offline.{at}/", "a tenant that is not connected"),
        (f"http://nobody.{at}/", "a name that nobody claimed"),
        (f"ws://echo.{at}/", "a WebSocket echo"),
        (f"http://{at}/_health", "is the gateway well"),
    ]
    if settings.admin_port:
        lines.append((f"http://{settings.admin_address}:{settings.admin_port}/_metrics", "its metrics"))
    return "".join(f"  {address:<38} {meaning}\n" for address, meaning in lines)


def _routes_file(ports: Mapping[int, int], private: Path) -> Path:
    """The shipped file, so that editing it shows; a copy with other ports where the usual ones are taken."""
    if all(wished == actual for wished, actual in ports.items()):
        return ROUTES
    text = ROUTES.read_text(encoding="utf-8")
    for wished, actual in ports.items():
        text = text.replace(f"port: {wished}", f"port: {actual}")
    copy = private / ROUTES.name
    copy.write_text(text, encoding="utf-8")
    return copy
