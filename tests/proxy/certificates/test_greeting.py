"""Which certificate does a handshake lead to, and how long does its session live?"""

import contextlib
import ssl
from pathlib import Path

import pytest
import trustme

from mesh_gateway.proxy.certificates.greeting import KEYS_LIVE_SECONDS
from tests.proxy.certificates.bench import Bench, load
from tests.proxy.certificates.handshakes import Fleet, trusting
from tests.rig.pairs import issue


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_goes_on_over_a_renewal_until_the_keys_have_their_day(
    ca: trustme.CA, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    folder = issue(ca, tmp_path / "main", "example.com")
    bench = Bench(tmp_path)
    fleet = Fleet(bench.look().table)
    client = trusting(ca)
    client.minimum_version = client.maximum_version = version
    first, session = resumed(fleet, client, None)
    again, session = resumed(fleet, client, session)
    issue(ca, folder, "example.com")
    fleet.table = bench.look_twice().table
    renewed, session = resumed(fleet, client, session)
    fleet.seconds += KEYS_LIVE_SECONDS
    next_day, _ = resumed(fleet, client, session)
    assert (first, again, renewed, next_day) == (False, True, True, False)


def resumed(fleet: Fleet, client: ssl.SSLContext, session: ssl.SSLSession | None) -> tuple[bool, ssl.SSLSession | None]:
    """A handshake on the fast path's side: whether it was short, and the session that it leaves."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = client.wrap_bio(to_client, to_server, server_hostname="example.com", session=session)
    there = fleet.greeting.fast().wrap_bio(to_server, to_client, server_side=True)
    for _ in range(6):
        for end in (here, there):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
    there.write(b"x")
    assert here.read(1) == b"x"  # TLS 1.3 sends its tickets before
    return bool(here.session_reused), here.session


def test_the_flow_path_chooses_by_name_too(ca: trustme.CA, store: Path) -> None:
    fleet = Fleet(load(store))
    connection = fleet.greeting.flow("other.org")
    assert connection.get_context() is fleet.table.select("other.org").context  # type: ignore[union-attr] # it is there
    assert fleet.greeting.flow("evil.org").get_context().get_cert_store() is not None
