"""The start on one page: settings, ports, surroundings, the gateway, and a word when it is up."""

import asyncio
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

from launch import demo, ports
from launch.certification import Certification, certificate_program
from launch.cores import usable_cores
from launch.listeners import Listeners
from launch.place import Place
from launch.programs import Program, Tool, find_leash, gateway, web_port
from launch.supervision import AS_A_SERVICE, AS_MITMWEB, AT_A_TERMINAL, Order, Supervisor, report, say, supervise
from launch.yard import Yard
from mesh_gateway.healthcheck import complaint, own_address
from mesh_gateway.settings import Settings, SettingsError, defaults_from, read_settings
from mesh_gateway.settings_paths import check_paths
from mesh_gateway.tasks import Tasks

USAGE = """\
scripts/run [web] [OPTIONS OF MITMPROXY]

With SERVER_DOMAIN set: the gateway. Without: the demo, the same gateway for *.localhost with two upstreams.
With SSL_EMAIL set, too: the certificate program beside it (docs/certificates.md).
web: in mitmweb, where every request can be looked at. Settings are environment variables: docs/settings.md.
"""

WRONG_USE = 2
_POLL_SECONDS = 0.1
# On top of the time that running exchanges get to finish.
_PATIENCE_SECONDS = 5.0


def start(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run until the end; the exit status for the shell."""
    if {"-h", "--help"} & set(arguments):
        sys.stdout.write(USAGE)
        return 0
    tool, options = (Tool.WEB, arguments[1:]) if arguments[:1] == ["web"] else (Tool.DUMP, arguments)
    if options and not options[0].startswith("-"):
        # mitmproxy would take a word for a filter, and with one every request becomes a flow.
        say(f"{options[0]!r} is no way to start: wanted is web, nothing, or options of mitmproxy\n\n{USAGE.rstrip()}")
        return WRONG_USE
    try:
        with TemporaryDirectory(prefix="mesh-router-gateway-") as private:
            return asyncio.run(_run(tool, options, environment, Path(private)))
    except (SettingsError, ports.PortError) as error:
        say(str(error))
        return WRONG_USE


async def _run(tool: Tool, options: Sequence[str], environment: Mapping[str, str], private: Path) -> int:
    is_demo = not environment.get("SERVER_DOMAIN", "").strip()
    async with _surroundings(environment, private, is_demo=is_demo) as surroundings:
        settings = read_settings(defaults_from(surroundings))
        check_paths(settings)
        for wish in ports.wishes(settings):
            ports.check(wish, shared=not is_demo)
        if tool is Tool.WEB:
            ports.check(ports.Wish("WEB_PORT", "127.0.0.1", web_port(surroundings)))
        program = gateway(tool, options, surroundings, private, leash=find_leash())
        workers = 1 if tool is Tool.WEB else settings.workers
        certification = Certification(certificate_program(surroundings, find_leash()), report)
        supervisor = _supervisor(program, settings, private, workers=workers, look_now=certification.look_now)
        beside = Tasks()
        if ports.obtains_certificates(settings) and not is_demo:
            beside.start(certification.run(), name="certificates")
        beside.start(_announce(settings, program, surroundings, is_demo=is_demo), name="announcement")
        try:
            return await supervise(supervisor, _orders(tool, is_demo=is_demo))
        finally:
            await beside.close()


def _supervisor(
    program: Program, settings: Settings, private: Path, *, workers: int | None, look_now: Callable[[], None]
) -> Supervisor:
    """Places with their ports, which are taken now."""
    folder = private / "workers"
    folder.mkdir()
    places = workers or usable_cores()
    patience = settings.drain_timeout + _PATIENCE_SECONDS
    yard = Yard(program, folder, patience, report=report, is_single=places == 1)
    listeners = [Listeners(lambda: (*ports.wishes(settings), *ports.https_wish(settings))) for _ in range(places)]
    for each in listeners:
        each.open()
    return Supervisor([Place(yard, each) for each in listeners], yard, look_now)


def _orders(tool: Tool, *, is_demo: bool) -> Mapping[signal.Signals, Order]:
    if is_demo:
        return AT_A_TERMINAL
    return AS_MITMWEB if tool is Tool.WEB else AS_A_SERVICE


def _surroundings(
    environment: Mapping[str, str], private: Path, *, is_demo: bool
) -> AbstractAsyncContextManager[Mapping[str, str]]:
    return demo.demo(environment, private) if is_demo else nullcontext(environment)


async def _announce(settings: Settings, program: Program, environment: Mapping[str, str], *, is_demo: bool) -> None:
    address = own_address(environment)
    while await asyncio.to_thread(complaint, *address):  # noqa: ASYNC110 - another process can set no Event of ours
        await asyncio.sleep(_POLL_SECONDS)
    if is_demo:
        say("The demo is up, Ctrl-C ends it.\n" + demo.addresses(settings).rstrip("\n"))
    if program.page:
        say(f"  {program.page}  every request in mitmweb")
