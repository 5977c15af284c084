"""What does the demo set up, and what does it leave to the environment?"""

import socket
from pathlib import Path

import yaml

from launch.demo import ECHO_PORT, PAGE_PORT, ROUTES, addresses, demo
from mesh_gateway.settings import defaults_from, read_settings


def ports_of(backend_url: str) -> set[int]:
    tenants = yaml.safe_load(Path(backend_url.removeprefix("file:")).read_text())
    routes = [
        route for tenant in tenants.values() for route in (tenant if isinstance(tenant, list) else tenant["routes"])
    ]
    return {route["port"] for route in routes}


async def test_its_environment_is_a_whole_gateways(tmp_path: Path) -> None:
    async with demo({"HOME": "/nowhere"}, tmp_path) as environment:
        settings = read_settings(defaults_from(environment))
    assert (settings.server_domain, settings.port, settings.ssl_port) == ("localhost", 8080, None)
    assert settings.listen_address == "127.0.0.1"
    assert settings.state_dir == tmp_path / "state"
    assert environment["HOME"] == "/nowhere"


async def test_what_the_environment_sets_wins(tmp_path: Path) -> None:
    own = {"PORT": "9000", "LISTEN_ADDRESS": "", "BACKEND_URL": "http://localhost:1", "SERVER_DOMAIN": ""}
    async with demo(own, tmp_path) as environment:
        settings = read_settings(defaults_from(environment))
    assert (settings.port, settings.listen_address) == (9000, "")
    assert settings.backend_url == "http://localhost:1"
    assert "http://hello.localhost:9000/" in addresses(settings)


async def test_its_routes_lead_to_its_upstreams_even_when_their_usual_ports_are_taken(tmp_path: Path) -> None:
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            squatter.bind(("127.0.0.1", PAGE_PORT))
            squatter.listen()
        except OSError:
            pass  # somebody else has it, which is as good
        async with demo({}, tmp_path) as environment:
            ports = ports_of(environment["BACKEND_URL"])
            assert PAGE_PORT not in ports
            for port in ports - {9}:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()


def test_the_shipped_routes_name_the_usual_ports() -> None:
    assert ports_of(f"file:{ROUTES}") == {PAGE_PORT, ECHO_PORT, 9}
