"""Does a second CA take over when the first stays down, and is staging tried first after a failure? With two real ones."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import override

import pytest
from cryptography import x509

from acme_client.account import Applicant
from acme_client.authority import Authority, Wishes
from acme_client.errors import ErrorKind
from acme_client.happening import Event, Happening
from acme_client.lifecycle import Lifecycle
from acme_client.lock import Locks
from acme_client.network import Network
from acme_client.outcome import Failed, Renewed, Rested
from acme_client.records import Records as State
from acme_client.store import Store
from acme_client.transport import Line
from tests.acme.rig.calendar import Calendar
from tests.acme.rig.household import WANTED, brief
from tests.acme.rig.pebble import Pebble, Records, pebble, records


def utc_now() -> datetime:
    return datetime.now(UTC)


class Practising(Authority):
    """One with a staging of its own, which for real CAs is known by their URLs."""

    staging: "Practising | None" = None
    practises = False

    @property
    @override
    def is_staging(self) -> bool:
        return self.practises

    @override
    def rehearsal(self) -> "Practising | None":
        return self.staging


@dataclass(slots=True)
class World:
    """Two CAs, each of which can be ended. Its state is theirs, the folder, the calendar and what was told."""

    folder: Path
    shown: Records
    parts: tuple[ExitStack, ExitStack]
    first: Pebble
    second: Pebble
    calendar: Calendar = field(default_factory=lambda: Calendar(utc_now().replace(microsecond=0)))
    told: list[Happening] = field(default_factory=list)

    def authority(self, ca: Pebble) -> Practising:
        line = Line(utc_now, brief, ca.ca_file, request_seconds=10.0)
        return Practising(
            directory=ca.directory,
            accounts=self.folder / "accounts",
            applicant=Applicant("someone@example.com"),
            wishes=Wishes(),
            prover=self.shown,
            check_caa=lambda *_: None,
            network_for=lambda key: Network(line, key),
        )

    def lifecycle(self, *authorities: Practising) -> Lifecycle:
        return Lifecycle(
            store=Store(self.folder),
            records=State(self.folder / "state"),
            locks=Locks(self.folder / "locks", brief, time.monotonic),
            issuers={authority.directory: authority for authority in authorities},
            profile=None,
            host="here",
            clock=self.calendar,
            draw=lambda: 0.5,
            tell=self.told.append,
        )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with records(tmp_path) as shown, ExitStack() as first, ExitStack() as second:
        one = first.enter_context(pebble(tmp_path / "first", shown.dns))
        other = second.enter_context(pebble(tmp_path / "second", shown.dns))
        yield World(tmp_path / "certificates", shown, (first, second), one, other)


def is_by(ca: Pebble, chain_pem: bytes) -> bool:
    """Whether the topmost certificate of the chain is signed by this CA's root, whose name is drawn at each start."""
    top = x509.load_pem_x509_certificates(chain_pem)[-1]
    root = x509.load_pem_x509_certificate(ca.root_pem())
    if top.issuer != root.subject:
        return False
    top.verify_directly_issued_by(root)
    return True


def orders(ca: Pebble) -> int:
    return ca.log.read_text().count("Added order ")


def test_the_second_issues_when_the_first_stays_down(world: World) -> None:
    lifecycle = world.lifecycle(world.authority(world.first), world.authority(world.second))
    assert isinstance(lifecycle.tend(WANTED), Renewed)
    assert is_by(world.first, lifecycle.store.live_chain("example.com"))
    world.calendar.move(days=61)
    world.parts[0].close()
    kinds = []
    for _ in range(9):
        match lifecycle.tend(WANTED):
            case Failed(error, _):
                kinds.append(error.kind)
            case Renewed():
                break
            case Rested():
                pass
        world.calendar.move(minutes=10)
    assert kinds == [ErrorKind.CA_UNREACHABLE] * 3
    assert is_by(world.second, lifecycle.store.live_chain("example.com"))
    record = lifecycle.records.load("example.com")
    assert (record.directory, record.setbacks, record.last_error) == (world.second.directory, {}, None)
    assert isinstance(lifecycle.tend(WANTED), Rested)


def test_after_a_failure_staging_is_asked_first_and_the_ca_only_when_it_would_work(world: World) -> None:
    trusted, staging = world.authority(world.first), world.authority(world.second)
    trusted.staging, staging.practises = staging, True
    lifecycle = world.lifecycle(trusted)
    world.shown.wrong.add("example.com")
    assert isinstance(lifecycle.tend(WANTED), Failed)
    assert (orders(world.first), orders(world.second)) == (1, 0)

    world.calendar.move(hours=1)
    outcome = lifecycle.tend(WANTED)
    assert isinstance(outcome, Failed)
    assert outcome.error.kind is ErrorKind.CHALLENGE_FAILED
    assert str(outcome.error).startswith(f"Tried with {world.second.directory} first: ")
    assert (orders(world.first), orders(world.second)) == (1, 1)

    world.shown.wrong.clear()
    world.calendar.move(hours=2)
    assert isinstance(lifecycle.tend(WANTED), Renewed)
    assert (orders(world.first), orders(world.second)) == (2, 2)
    assert is_by(world.first, lifecycle.store.live_chain("example.com"))
    assert [each.event for each in world.told][-2:] == [Event.REHEARSED, Event.ISSUED]
