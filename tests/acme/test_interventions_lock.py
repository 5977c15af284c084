"""Does who revokes by hand wait for an instance that is at work on the same certificate, and is nothing done by halves?"""

import argparse
import io
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from acme_client.composition import parts_from
from acme_client.errors import AcmeError, ErrorKind
from acme_client.happening import warnings_told
from acme_client.interventions import LOCK_SECONDS, revoke
from acme_client.lock import Locks, Pulse
from acme_client.record import Record
from acme_client.settings import read_settings
from acme_client.shell import Streams
from acme_client.signals import Signals
from acme_client.store import Candidate
from tests.acme.rig.authority import Authority
from tests.acme.rig.bind import Bind
from tests.acme.rig.household import WANTED, Household
from tests.acme.rig.pebble import Pebble
from tests.acme.rig.proving import Timer
from tests.acme.test_program import ROOT, SECONDS, Program
from tests.rig.ports import LOOPBACK, dead_port

HOLD = """
import sys, time
from pathlib import Path
from acme_client.lock import Locks
from acme_client.signals import Signals
with Locks(Path(sys.argv[1]), Signals.wait, time.monotonic).held(sys.argv[2], patience_seconds=5):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_at_work(folder: Path, name: str) -> Iterator[subprocess.Popen[str]]:
    """Another process holds the lock until its input ends."""
    command = [sys.executable, "-c", HOLD, str(folder / "locks"), name]
    with subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        try:
            yield holder
        finally:
            holder.kill()


@pytest.mark.parametrize("end", ["it ends", "it is killed"])
def test_a_revocation_waits_until_the_other_is_done(ca: Pebble, named: Bind, tmp_path: Path, end: str) -> None:
    program = Program(ca, named, tmp_path / "certificates")
    assert program.call("once")[0] == 0
    leaf, record = program.leaf(), program.record()
    with another_at_work(program.folder, "example.test") as other:
        revoking = program.start("revoke", "example.test")
        assert revoking.stderr is not None
        said = revoking.stderr.readline()
        assert "example.test.lock is held by process" in said
        assert f"waiting for it, {LOCK_SECONDS:.0f} s at most" in said
        assert revoking.poll() is None
        assert ca.status_of(leaf.serial) == "Valid"
        assert program.record() == record
        if end == "it ends":
            other.communicate(timeout=SECONDS)
        else:
            other.send_signal(signal.SIGKILL)
        told, warned = revoking.communicate(timeout=SECONDS)
    assert revoking.returncode == 0, warned
    assert told.startswith("example.test: revoked")
    assert ca.status_of(leaf.serial) == "Revoked"
    assert program.record()["revoked_serial"] == leaf.serial
    assert list((program.folder / "locks").glob("*.lock")) == []


def candidate(home: Household) -> Candidate:
    signed = home.authority.sign(WANTED.names)
    return Candidate(WANTED.name, WANTED.names, signed.chain_pem, signed.key_pem)


def test_a_revocation_that_waited_in_vain_has_done_nothing(tmp_path: Path) -> None:
    """The directory leads nowhere: asking the CA would fail otherwise than by the lock."""
    timer, streams = Timer(), Streams(io.StringIO(), io.StringIO())
    with dead_port() as port, another_at_work(tmp_path, "example.com"):
        home = Household(tmp_path, Authority(f"https://{LOOPBACK}:{port}/dir"))
        record = replace(Record("example.com"), directory=home.authority.directory)
        home.lifecycle.records.save(record)
        home.lifecycle.store.put(candidate(home), home.calendar())
        environment = {
            "SERVER_DOMAIN": "example.com",
            "SSL_EMAIL": "me@example.com",
            "CERT_DIR": str(tmp_path),
            "ACME_DIRECTORY_URLS": home.authority.directory,
        }
        parts = parts_from(read_settings(environment), environment, Signals(), streams.stderr)
        asked = argparse.Namespace(name="example.com", reason="unspecified", by_certificate_key=False)
        never = Pulse(stale_seconds=1e6)  # the other's heart beats in real time, which is slow here
        quick = Locks(tmp_path / "locks", lambda seconds: timer.wait(20 * seconds), timer, never)
        with warnings_told(parts.tell), pytest.raises(AcmeError, match=r"is held by process \d+ .* 60 s") as caught:
            revoke(replace(parts, locks=quick), asked, streams)
    assert caught.value.kind is ErrorKind.LOCKED
    assert timer.now >= LOCK_SECONDS
    assert home.lifecycle.records.load("example.com") == record
    assert not (tmp_path / "accounts").exists()


def test_an_order_does_not_begin_while_somebody_revokes(tmp_path: Path) -> None:
    """The other way round: who holds the lock by hand keeps the program from ordering beside it."""
    home = Household(tmp_path)
    with another_at_work(tmp_path, "example.com") as other:
        outcomes: list[object] = []
        tending = threading.Thread(target=lambda: outcomes.append(home.lifecycle.tend(WANTED)))
        tending.start()
        tending.join(0.5)
        assert (tending.is_alive(), home.authority.orders) == (True, [])
        other.communicate(timeout=SECONDS)
        tending.join(SECONDS)
    assert len(home.authority.orders) == 1
    assert outcomes
