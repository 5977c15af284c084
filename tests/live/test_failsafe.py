"""Laws of how the gateway fails: it refuses to start, or answers 500; never does a byte leave without a route (HAZARDS A)."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.rig.answer import Answer
from tests.rig.certificates import Authority
from tests.rig.gateway import ROOT, Gateway
from tests.rig.http1_client import Http1
from tests.rig.origin import Origin
from tests.rig.patience import eventually
from tests.rig.ports import free_port, listens
from tests.rig.world import World, world

WRONG = {
    "SERVER_DOMAIN": "not a domain",
    "BACKEND_URL": "ftp://api",
    "PORT": "70000",
    "TRUSTED_PROXIES": "everybody",
    "ROUTE_NETWORKS": "10.0.0.0/99",
    "CONNECT_TIMEOUT": "-1",
    "MAX_BODY_SIZE": "huge",
}
UNSAFE = {
    "stream_large_bodies": "1m",
    "ssl_insecure": "true",
    "validate_inbound_headers": "false",
    "mode": "regular",
    "onboarding": "true",
    "block_global": "true",
    "rawtcp": "true",
    "ignore_hosts": ".*",
    "map_remote": "|.*|http://127.0.0.1:1/",
    "modify_headers": "|~q|Host|evil",
}


async def fate(folder: Path, settings: dict[str, str | None], *options: str) -> tuple[int, str]:
    """Exit code and output of a gateway that must not start."""
    gateway = Gateway(folder, settings, options=options)
    await gateway.launch()
    return await gateway.exited(), gateway.output


async def test_without_a_domain_it_does_not_start_and_says_why(tmp_path: Path) -> None:
    code, output = await fate(tmp_path, {"SERVER_DOMAIN": None})
    assert code == 1
    assert "SERVER_DOMAIN" in output
    assert "Traceback" not in output


@pytest.mark.parametrize("variable", WRONG)
async def test_a_wrong_value_stops_the_start_with_one_line(tmp_path: Path, variable: str) -> None:
    code, output = await fate(tmp_path, {variable: WRONG[variable]})
    assert code == 1
    lines = [line for line in output.splitlines() if variable in line]
    assert len(lines) == 1, output
    assert WRONG[variable] in lines[0]
    assert "wants" in lines[0]
    assert "Traceback" not in output


async def test_a_wrong_option_is_named_by_its_variable(tmp_path: Path) -> None:
    code, output = await fate(tmp_path, {}, "--set", "cache_ttl=soon")
    assert (code, "CACHE_TTL" in output, "Traceback" in output) == (1, True, False)


async def test_an_option_wins_over_the_environment(tmp_path: Path, authority: Authority) -> None:
    async with world(tmp_path, authority, options=["--set", "server_domain=nsl.sh"]) as here:
        origin = await here.origin()
        here.tenant("alice", origin)
        assert (await here.ask("GET", "alice.nsl.sh")).status == 200
        assert (await here.ask("GET", "alice.example.com")).code == "FOREIGN_HOST"


@pytest.mark.parametrize("option", UNSAFE)
async def test_with_an_unsafe_option_it_refuses_to_start_or_stays_safe(
    tmp_path: Path, authority: Authority, option: str
) -> None:
    setting = f"{option}={UNSAFE[option]}"
    async with Origin("bystander") as bystander:
        gateway = Gateway(tmp_path, {"BACKEND_URL": f"http://127.0.0.1:{free_port()}"}, options=["--set", setting])
        await gateway.launch()
        try:
            await eventually(lambda: gateway.exit_code is not None or listens(gateway.port), setting, 20)
            if gateway.exit_code is not None:
                assert gateway.exit_code == 1
                assert option in gateway.output
            else:
                await attack(gateway, bystander)
        finally:
            await gateway.stop()
        assert bystander.wire == b""


async def attack(gateway: Gateway, bystander: Origin) -> None:
    """What an open proxy would carry to the bystander."""
    there = f"127.0.0.1:{bystander.port}"
    for raw in (
        f"GET http://{there}/ HTTP/1.1\r\nHost: {there}\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: {there}\r\n\r\n",
        f"CONNECT {there} HTTP/1.1\r\nHost: {there}\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: mitm.it\r\n\r\n",
    ):
        with contextlib.suppress(ConnectionError):
            async with Http1.connect(gateway.port) as client:
                await client.send(raw.encode())
                answer = await client.answer()
                assert answer.status in {400, 404, 405}, raw
                assert b"mitmproxy" not in bytes(answer.body)


async def test_mitmproxys_own_page_is_not_served(tmp_path: Path, authority: Authority) -> None:
    async with world(tmp_path, authority) as here:
        for target in ("/", "/cert/pem", "/cert/p12"):
            answer = await here.ask("GET", "mitm.it", target)
            assert (answer.status, answer.code) == (404, "FOREIGN_HOST")


# A copy of the sources, so that it can be broken while it runs.


@contextlib.asynccontextmanager
async def copied(folder: Path, authority: Authority, bystander: Origin) -> AsyncIterator[tuple[World, Path]]:
    """A world whose gateway runs a copy of the sources; the copy's script."""
    shutil.copytree(ROOT / "addons", folder / "addons", ignore=shutil.ignore_patterns("__pycache__"))
    script = folder / "addons" / "gateway.py"
    async with world(folder / "run", authority, script=script) as here:
        here.tenant("alice", bystander)
        assert (await here.ask("GET", "alice.example.com")).status == 200
        bystander.forget()
        yield here, script


BREAKING = {
    "half written": "import (",
    "raises": "raise RuntimeError('broken deploy')\n",
    "empty": "",
    "without addons": "addons = []\n",
    "deleted": None,
}


@pytest.mark.provokes_fault
@pytest.mark.parametrize("text", BREAKING.values(), ids=BREAKING)
async def test_a_script_that_breaks_while_it_runs_opens_nothing(
    tmp_path: Path, authority: Authority, text: str | None
) -> None:
    async with Origin("alice") as alice, copied(tmp_path, authority, alice) as (here, script):
        if text is None:
            script.unlink()
        else:
            script.write_text(text)
        await asyncio.sleep(2.5)  # mitmproxy looks once a second (addons/script.py)
        for host in ("alice.example.com", "evil.org", "nobody.example.com"):
            await assert_shut(here, host, alice)


async def assert_shut(here: World, host: str, alice: Origin) -> None:
    """Either served as before, or nothing leaves: what is served went to its tenant."""
    alice.forget()
    answer = await answer_of(here, host)
    if answer is not None and answer.status == 200:
        assert host == "alice.example.com"
        assert [arrival.one("host") for arrival in alice.arrivals] == [host]
    else:
        assert not alice.arrivals
        assert answer is None or answer.status >= 400


async def answer_of(here: World, host: str) -> Answer | None:
    """None where there is none: a refused or a closed connection."""
    try:
        return await here.ask("GET", host)
    except (ConnectionError, TimeoutError):
        return None


SABOTAGE = """
from pathlib import Path

import mesh_gateway.pipeline as pipeline

sound = pipeline.Brain.{method}

def raising(*arguments, **named):
    if Path({armed!r}).exists():
        raise RuntimeError("secret detail 0451")
    return sound(*arguments, **named)

setattr(pipeline.Brain, {method!r}, raising)
"""


@pytest.mark.provokes_fault
@pytest.mark.parametrize("method", ["admit", "choose", "forwarded"])
async def test_a_fault_in_the_brain_is_500_and_is_logged(tmp_path: Path, authority: Authority, method: str) -> None:
    saboteur, armed = tmp_path / "saboteur.py", tmp_path / "armed"
    saboteur.write_text(SABOTAGE.format(method=method, armed=str(armed)))
    async with world(tmp_path / "run", authority, options=["-s", str(saboteur)]) as here:
        host, origin = await here.new_tenant("alice")
        async with here.connect() as client:
            assert (await client.ask("GET", host)).status == 200
        origin.forget()
        armed.touch()
        answer = await here.ask("GET", host, "/x")
        assert (answer.status, answer.code) == (500, "INTERNAL")
        assert "0451" not in answer.text
        assert origin.wire == b""
        assert "secret detail 0451" in here.gateway.log
        armed.unlink()
        assert (await here.ask("GET", host)).status == 200


async def test_a_mistyped_option_stops_the_start(tmp_path: Path) -> None:
    code, output = await fate(tmp_path, {}, "--set", "cache_tll=60")
    assert (code, "unknown option cache_tll" in output, "Traceback" in output) == (1, True, False)
