"""Laws of certificates that come, change and go while the gateway serves (DESIGN part 5, FAULTS 27 and 28)."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
import trustme

from tests.rig.certificates import Authority
from tests.rig.http1_client import Http1
from tests.rig.pairs import SPOILED, issue
from tests.rig.patience import PATIENCE_SECONDS, eventually
from tests.rig.ports import LOOPBACK, listens
from tests.rig.samples import total
from tests.rig.world import World, world

NAMES = ("example.com", "*.example.com")
RENEWALS = 50
REQUESTS_PER_SECOND = 100
SEEN_SECONDS = 2.0
FAILURES = "gateway_certificate_reloads_total"
BAD = (
    "another certificate's key", "half a chain", "an empty chain", "no key", "expired", "not yet valid", "for no name",
    "the issuer first", "a folder", "a link to nowhere", "garbage", "half-written",
)  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("certificates")
    authority.renew(folder / "store" / "live" / "example.com", *NAMES)
    async with world(folder, authority, CERT_DIR=str(folder / "store"), HTTPS_REDIRECT="on", HSTS="1h") as here:
        yield here


def link(place: World) -> Path:
    return place.gateway.folder / "store" / "live" / "example.com"


async def serial_at(place: World, server_name: str) -> int:
    """The serial number of what a client is shown."""
    tls = place.authority.trusting("http/1.1")
    async with asyncio.timeout(PATIENCE_SECONDS):
        _, writer = await asyncio.open_connection(
            LOOPBACK, place.gateway.tls_port, ssl=tls, server_hostname=server_name
        )
    shown = writer.get_extra_info("ssl_object").getpeercert()
    writer.transport.abort()
    return int(shown["serialNumber"], 16)


async def until_serial(place: World, server_name: str, serial: int) -> float:
    """Seconds until a client is shown it."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while await serial_at(place, server_name) != serial:
        assert loop.time() - began < PATIENCE_SECONDS
        await asyncio.sleep(0.05)
    return loop.time() - began


@dataclass
class Traffic:
    """Requests at a steady rate, each over a TLS connection of its own, until told to stop."""

    place: World
    host: str
    sent: int = 0
    failed: list[str] = field(default_factory=list)

    async def run(self, ended: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.TaskGroup() as requests:
            while not ended.is_set():
                self.sent += 1
                requests.create_task(self._ask())
                await asyncio.sleep(max(0.0, began + self.sent / REQUESTS_PER_SECOND - loop.time()))

    async def _ask(self) -> None:
        try:
            async with self.place.connect_tls(self.host) as client:
                answer = await client.ask("GET", self.host)
        except (OSError, AssertionError, TimeoutError) as error:
            self.failed.append(repr(error))
        else:
            if answer.status != 200:
                self.failed.append(str(answer.status))


async def test_fifty_renewals_under_load_hurt_nobody_and_are_seen_within_two_seconds(place: World) -> None:
    host, _ = await place.new_tenant("steady")
    ended = asyncio.Event()
    traffic = Traffic(place, host)
    seen: list[float] = []
    async with (
        place.connect_tls(host) as old,
        place.connect_http2(host) as old_http2,
        asyncio.TaskGroup() as load,
    ):
        load.create_task(traffic.run(ended))
        try:
            for _ in range(RENEWALS):
                seen.append(await until_serial(place, host, place.authority.renew(link(place), *NAMES)))
                assert (await old.ask("GET", host)).status == 200
                assert (await old_http2.ask("GET", host)).status == 200
        finally:
            ended.set()
    assert traffic.failed == []
    assert traffic.sent > RENEWALS
    assert max(seen) < SEEN_SECONDS


async def failures(place: World) -> float:
    return total(await place.gateway.metrics(), FAILURES, result="failure")


async def refused(place: World) -> float:
    return total(await place.gateway.metrics(), "gateway_certificates_refused")


async def counts_more_than(place: World, before: float) -> bool:
    return await failures(place) > before


async def refuses_none(place: World) -> bool:
    return not await refused(place)


async def until(look: Callable[[], Awaitable[bool]]) -> None:
    """Returns once it is so; fails after the usual patience."""
    end = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while not await look():
        assert asyncio.get_running_loop().time() < end
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("kind", BAD)
async def test_over_bad_files_the_certificate_from_before_serves_on_and_a_metric_says_so(
    place: World, kind: str
) -> None:
    host, _ = await place.new_tenant("spoiled")
    good = place.authority.renew(link(place), *NAMES)
    await until_serial(place, host, good)
    before = await failures(place)
    generation, spare = link(place).resolve(), trustme.CA()
    kept = {path: path.read_bytes() for path in generation.iterdir()}
    SPOILED[kind](spare, generation)
    await until(lambda: counts_more_than(place, before))
    assert await refused(place) == 1
    assert await serial_at(place, host) == good
    async with place.connect_tls(host) as client:
        assert (await client.ask("GET", host)).status == 200
    for path, content in kept.items():
        if path.is_dir():
            path.rmdir()
        elif path.is_symlink():
            path.unlink()
        path.write_bytes(content)
    await until(lambda: refuses_none(place))
    assert await failures(place) == before + 1


def hello(version: ssl.TLSVersion, server_name: str | None) -> bytes:
    """The first flight of a client that would take any certificate."""
    blind = ssl.create_default_context()
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    blind.minimum_version = blind.maximum_version = version
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        blind.wrap_bio(incoming, outgoing, server_hostname=server_name).do_handshake()
    return outgoing.read()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"])
@pytest.mark.parametrize("server_name", ["evil.org", "app.alice.example.com", None], ids=["foreign", "deep", "none"])
async def test_a_name_without_a_certificate_gets_an_alert_and_nothing_else(
    place: World, version: ssl.TLSVersion, server_name: str | None
) -> None:
    reader, writer = await asyncio.open_connection(LOOPBACK, place.gateway.tls_port)
    writer.write(hello(version, server_name))
    async with asyncio.timeout(PATIENCE_SECONDS):
        got = await reader.read()
    writer.close()
    # One record: an alert (RFC 8446 5.1), two bytes long, fatal. No ServerHello, so no Certificate after it.
    assert (got[0], got[3:5], got[5], len(got)) == (0x15, b"\x00\x02", 2, 7)


async def test_a_name_that_is_no_ascii_gets_an_alert_and_a_count_and_no_traceback(place: World) -> None:
    async def failed() -> float:
        return total(await place.gateway.metrics(), "gateway_tls_handshake_failures_total", reason="unknown_sni")

    before, logged = await failed(), len(place.gateway.log)
    odd = hello(ssl.TLSVersion.TLSv1_2, "a00.example.com").replace(b"a00.example.com", b"a\xff\xfe.example.com")
    for _ in range(3):
        reader, writer = await asyncio.open_connection(LOOPBACK, place.gateway.tls_port)
        writer.write(odd)
        async with asyncio.timeout(PATIENCE_SECONDS):
            got = await reader.read()
        writer.close()
        assert (got[0], got[3:5], got[5], len(got)) == (0x15, b"\x00\x02", 2, 7)
    assert await failed() == before + 3
    assert "Traceback" not in place.gateway.log[logged:]
    assert "UnicodeDecodeError" not in place.gateway.log[logged:]


async def test_a_name_that_no_certificate_covers_is_told_once(place: World) -> None:
    for _ in range(3):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            async with place.connect_tls("app.zoe.example.com"):
                pass
    told = [line for line in place.gateway.log.splitlines() if "app.zoe.example.com" in line]
    assert len(told) == 1
    assert "which no certificate covers: it takes one for *.zoe.example.com; app-zoe.example.com is covered" in told[0]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"])
async def test_a_client_that_comes_back_goes_on_with_its_session(place: World, version: ssl.TLSVersion) -> None:
    host, _ = await place.new_tenant("again")
    tls = place.authority.trusting("http/1.1")
    tls.minimum_version = tls.maximum_version = version
    first = await asyncio.to_thread(_session, place.gateway.tls_port, tls, host, None)
    await until_serial(place, host, place.authority.renew(link(place), *NAMES))
    second = await asyncio.to_thread(_session, place.gateway.tls_port, tls, host, first[1])
    assert (first[0], second[0]) == (False, True)


def _session(
    port: int, tls: ssl.SSLContext, host: str, session: ssl.SSLSession | None
) -> tuple[bool, ssl.SSLSession | None]:
    """Whether a session was taken up again, and the one that remains; asyncio takes none."""
    with (
        socket.create_connection((LOOPBACK, port), PATIENCE_SECONDS) as plain,
        tls.wrap_socket(plain, server_hostname=host, session=session) as wrapped,
    ):
        wrapped.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert wrapped.recv(12) == b"HTTP/1.1 200"
        return bool(wrapped.session_reused), wrapped.session


async def test_http_is_sent_to_https_and_https_says_so(place: World) -> None:
    host, _ = await place.new_tenant("moved")
    moved = await place.ask("POST", host, "/a?b=c", body=b"x")
    assert (moved.status, moved.one("location")) == (308, f"https://{host}:{place.gateway.tls_port}/a?b=c")
    assert moved.all("strict-transport-security") == []
    async with place.connect_tls(host) as client:
        for target, status in (("/", 200), ("/_health", 200)):
            answer = await client.ask("GET", host, target)
            assert (answer.status, answer.one("strict-transport-security")) == (status, "max-age=3600")
    async with place.connect_http2(host) as client2:
        assert (await client2.ask("GET", host)).one("strict-transport-security") == "max-age=3600"
    assert (await place.ask("GET", host, "/_health")).status == 200


async def test_sighup_reads_all_anew(place: World) -> None:
    before = place.gateway.log.count("certificates are read anew")
    os.kill(place.gateway.pid, signal.SIGHUP)
    await eventually(lambda: place.gateway.log.count("certificates are read anew") > before, "the signal is heard")
    assert (await place.ask("GET", "example.com", "/_health")).status == 200


# Other starts.


async def test_the_first_certificate_opens_https_without_a_restart(tmp_path: Path, authority: Authority) -> None:
    store = tmp_path / "store"
    async with world(tmp_path, authority, CERT_DIR=str(store)) as here:
        host, _ = await here.new_tenant("early")
        assert (await here.ask("GET", host)).status == 200
        assert not listens(here.gateway.tls_port)
        reason = "there is no certificate in CERT_DIR, and SSL_EMAIL is not set, so none is obtained"
        assert await notes(here) == [f"https is not served yet: {reason} (docs/certificates.md)"]
        serial = authority.renew(store / "live" / "example.com", *NAMES)
        await eventually(lambda: listens(here.gateway.tls_port), "https opens")
        assert await serial_at(here, host) == serial
        async with here.connect_tls(host) as client:
            assert (await client.ask("GET", host)).status == 200
        assert (await here.ask("GET", host)).status == 200
        assert await notes(here) == []


async def test_readiness_tells_what_keeps_the_first_certificate_away(tmp_path: Path, authority: Authority) -> None:
    store = tmp_path / "store"
    (store / "state").mkdir(parents=True)
    record = {
        "version": 1,
        "name": "example.com",
        "last_error": {"kind": "dns-provider", "message": "192.0.2.1 does not answer"},
        "failures": 3,
        "renew_at": "2999-01-01T00:00:00Z",
        "renew_reason": "backoff",
    }
    (store / "state" / "example.com.json").write_text(json.dumps(record))
    async with world(tmp_path, authority, CERT_DIR=str(store), SSL_EMAIL="a@example.com") as here:
        (note,) = await notes(here)
    assert "the certificate example.com could not be obtained (3 times): 192.0.2.1 does not answer." in note
    assert "It is tried again at 2999-01-01 00:00:00 UTC" in note


async def test_a_port_that_is_taken_when_the_first_certificate_comes_is_had_later(
    tmp_path: Path, authority: Authority
) -> None:
    store = tmp_path / "store"
    async with world(tmp_path, authority, CERT_DIR=str(store)) as here:
        gateway = here.gateway
        with socket.create_server((LOOPBACK, gateway.tls_port)):  # another program, which shares it with nobody
            authority.renew(store / "live" / "example.com", *NAMES)
            await eventually(lambda: "https stays closed" in gateway.log, "it is told")
            assert (await here.ask("GET", "example.com", "/_health")).status == 200
        await eventually(lambda: "https is open, 3 ports now" in gateway.log, "https opens")
        assert gateway.log.count("https stays closed") == gateway.log.count("failed to listen") == 1
        await serial_at(here, "example.com")


async def test_a_worker_that_ends_no_longer_waits_for_a_port(tmp_path: Path, authority: Authority) -> None:
    store = tmp_path / "store"
    async with world(tmp_path, authority, CERT_DIR=str(store)) as here:
        gateway = here.gateway
        with socket.create_server((LOOPBACK, gateway.tls_port)):
            authority.renew(store / "live" / "example.com", *NAMES)
            await eventually(lambda: "https stays closed" in gateway.log, "it is told")
            gateway.terminate()
            assert await gateway.exited() == 0
        assert "https is open" not in gateway.log


async def notes(here: World) -> list[str]:
    async with Http1.connect(here.gateway.admin_port) as client:
        answer = await client.ask("GET", "admin", "/_ready")
    assert answer.status == 200
    told: list[str] = answer.json.get("notes", [])
    return told


async def test_the_default_certificate_serves_unknown_names_by_their_host(tmp_path: Path, authority: Authority) -> None:
    async with world(tmp_path, authority, DEFAULT_CERTIFICATE="example.com") as here:
        host, _ = await here.new_tenant("known")
        blind = ssl.create_default_context()
        blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
        async with Http1.connect(here.gateway.tls_port, tls=blind, sni="evil.org") as client:
            assert (await client.ask("GET", "evil.org")).code == "FOREIGN_HOST"
            assert (await client.ask("GET", host)).status == 200  # the default is this host's own certificate


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A mounted secret, as Kubernetes lays it out."""
    root = tmp_path / "secret"
    root.mkdir()
    swap_secret(root, "1")
    return root


def swap_secret(root: Path, generation: str, ca: trustme.CA | None = None) -> None:
    folder = issue(ca or trustme.CA(), root / f"..{generation}", *NAMES)
    (folder / "fullchain.pem").rename(folder / "tls.crt")
    (folder / "privkey.pem").rename(folder / "tls.key")
    (root / "..data_tmp").symlink_to(f"..{generation}")
    (root / "..data_tmp").rename(root / "..data")
    for name in ("tls.crt", "tls.key"):
        if not (root / name).is_symlink():
            (root / name).symlink_to(f"..data/{name}")


async def test_a_secret_that_is_swapped_is_served(tmp_path: Path, authority: Authority, secret: Path) -> None:
    async with world(tmp_path / "place", authority, CERT_DIR=str(secret)) as here:
        before = await shown(here)
        swap_secret(secret, "2")
        await until(lambda: shows_another(here, before))


async def shows_another(here: World, before: bytes | None) -> bool:
    return await shown(here) != before


async def shown(here: World) -> bytes | None:
    """What a client is shown, whoever signed it."""
    blind = ssl.create_default_context()
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection(LOOPBACK, here.gateway.tls_port, ssl=blind, server_hostname="example.com")
    found: bytes | None = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return found
