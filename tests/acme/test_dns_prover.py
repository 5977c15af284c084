"""Does every server show the proofs while they are needed, and none of them afterwards?"""

import io
import itertools
from pathlib import Path

import pytest

from acme_client.errors import AcmeError, ErrorKind
from acme_client.name_servers import Endpoint
from acme_client.providers.rfc2136 import rfc2136
from acme_client.providers.variables import Variables
from tests.acme.rig.bind import NOBODY, Bind
from tests.acme.rig.proving import APEX, NAME, STRANGER, WILDCARD, Shelf, Timer, notes, proofs_for, prover_of
from tests.rig.ports import dead_port


def test_apex_and_wildcard_beside_each_other_and_beside_a_stranger(named: Bind, tmp_path: Path) -> None:
    with prover_of(named, tmp_path).published(proofs_for("example.test")):
        assert len(notes(tmp_path)) == 1
        for server in (named.primary, named.secondary):
            assert named.texts(NAME, server) == {APEX, WILDCARD, STRANGER}
    assert named.texts(NAME) == {STRANGER}
    assert notes(tmp_path) == []


ELSEWHERE = {
    "a deeper zone": ("example.co.test", "_acme-challenge.example.co.test."),
    "a sub-zone": ("app.sub.example.test", "_acme-challenge.app.sub.example.test."),
    "a CNAME": ("alias.test", "alias.challenges.test."),
    "two CNAMEs": ("far.test", "far.challenges.test."),
}


@pytest.mark.parametrize(("domain", "name"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_values_are_written_where_the_name_leads(named: Bind, tmp_path: Path, domain: str, name: str) -> None:
    with prover_of(named, tmp_path).published(proofs_for(domain)):
        assert named.texts(name, named.secondary) == {APEX, WILDCARD}
    assert named.texts(name) == set()


def test_a_slow_secondary_is_waited_for_and_named(named: Bind, tmp_path: Path) -> None:
    def at_wait(count: int) -> None:
        if count == 3:
            named.tell_secondary("slow.test")

    screen, timer = io.StringIO(), Timer(at_wait=at_wait)
    with prover_of(named, tmp_path, timer=timer, screen=screen).published(proofs_for("slow.test")):
        assert named.texts("_acme-challenge.slow.test.", named.secondary) == {APEX, WILDCARD}
    first, *_, last = screen.getvalue().splitlines()
    assert first == f"TXT _acme-challenge.slow.test. ns2.test. ({named.secondary}) does not have it yet (20 s left)"
    assert last == "TXT _acme-challenge.slow.test. every name server shows it"
    assert len(timer.waits) >= 3


def test_a_secondary_that_stays_behind_ends_it_at_the_deadline(named: Bind, tmp_path: Path) -> None:
    timer = Timer()
    lost = pytest.raises(
        AcmeError, match=r"After 20 s .*_acme-challenge.slow.test.: ns2.test. \(\[::1\]:\d+\) does not have it"
    )
    with lost as caught, prover_of(named, tmp_path, timer=timer).published(proofs_for("slow.test", ["c" * 43])):
        pytest.fail("the CA would be asked too early")
    assert caught.value.kind is ErrorKind.PROPAGATION
    assert timer.now == pytest.approx(20)
    assert named.texts("_acme-challenge.slow.test.") == set()
    assert notes(tmp_path) == []


MISSING = {
    "a server that never answers": ("silent.test", rf"silent-ns.test. \({NOBODY}:\d+\) does not answer"),
    "a lame server": ("lame.lab", r"ns2.test. \(\[::1\]:\d+\) does not speak for the zone"),
    "a server without address": ("bare.test", r"bare-ns.test. has no address"),
}


@pytest.mark.parametrize(("domain", "told"), MISSING.values(), ids=MISSING)
def test_servers_that_cannot_be_asked_are_named(named: Bind, tmp_path: Path, domain: str, told: str) -> None:
    timer = Timer(at_wait=lambda _count: setattr(timer, "now", 20.0))
    with pytest.raises(AcmeError, match=told), prover_of(named, tmp_path, timer=timer).published(proofs_for(domain)):
        pytest.fail("the CA would fail")
    assert named.texts(f"_acme-challenge.{domain}.") == set()


def test_without_the_check_only_the_providers_time_is_waited(named: Bind, tmp_path: Path) -> None:
    timer, shelf = Timer(), Shelf()
    prover = prover_of(named, tmp_path, provider=shelf, timer=timer, is_checked=False)
    with prover.published(proofs_for("alias.test")):
        assert shelf.held == {("alias.challenges.test.", APEX), ("alias.challenges.test.", WILDCARD)}
    assert timer.waits == [7.0]
    assert shelf.held == set()


def test_without_the_check_a_resolver_is_not_needed(named: Bind, tmp_path: Path) -> None:
    shelf = Shelf()
    with prover_of(named, tmp_path, provider=shelf, is_checked=False).published(proofs_for("broken.test", [APEX])):
        assert shelf.held == {("_acme-challenge.broken.test.", APEX)}


def test_a_failed_add_removes_what_was_added_before(named: Bind, tmp_path: Path) -> None:
    shelf = Shelf(bad_add=WILDCARD)
    prover = prover_of(named, tmp_path, provider=shelf, is_checked=False)
    with pytest.raises(AcmeError, match="cannot add"), prover.published(proofs_for("example.test")):
        pytest.fail("not everything is shown")
    assert shelf.held == set()
    assert notes(tmp_path) == []


def test_a_wrong_key_is_named_with_its_server(named: Bind, tmp_path: Path) -> None:
    variables = named.environment | {"RFC2136_TSIG_SECRET": "c2VjcmV0IG9mIG5vYm9keSBhdCBhbGw="}
    prover = prover_of(named, tmp_path, provider=rfc2136(Variables(variables)))
    with pytest.raises(AcmeError, match=rf"{named.primary}.*the key gateway") as caught:
        prover.published(proofs_for("example.test")).__enter__()
    assert caught.value.kind is ErrorKind.DNS_CREDENTIALS
    assert "c2VjcmV0" not in str(caught.value)


def test_a_dead_server_is_told_soon(named: Bind, tmp_path: Path) -> None:
    with dead_port() as port:
        provider = rfc2136(Variables(named.environment | {"RFC2136_NAMESERVER": str(Endpoint("127.0.0.1", port))}))
        with pytest.raises(AcmeError, match=f"127.0.0.1:{port}.*refused") as caught:
            prover_of(named, tmp_path, provider=provider).published(proofs_for("example.test")).__enter__()
    assert caught.value.kind is ErrorKind.DNS_PROVIDER


def test_pauses_grow_and_never_pass_the_deadline(named: Bind, tmp_path: Path) -> None:
    timer = Timer()
    with (
        pytest.raises(AcmeError),
        prover_of(named, tmp_path, timer=timer).published(proofs_for("slow.test", ["d" * 43])),
    ):
        pytest.fail("not shown")
    assert timer.waits == sorted(timer.waits[:-1]) + timer.waits[-1:]
    assert sum(timer.waits) == pytest.approx(20)
    assert all(late > early for early, late in itertools.pairwise(itertools.accumulate(timer.waits)))
