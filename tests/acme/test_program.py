"""Does the program get certificates from a real CA through a real name server, and what if it is killed or refused?"""

import json
import os
import random
import re
import shutil
import signal
import ssl
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from cryptography import x509

from acme_client.pair import Leaf
from acme_client.private_file import UNFINISHED
from acme_client.store import Store
from tests.acme.rig.bind import Bind
from tests.acme.rig.pebble import BLOCKED, Pebble

ROOT = Path(__file__).parent.parent.parent
SECONDS = 60


class Program:
    """The program with its folder and its settings."""

    def __init__(self, ca: Pebble, named: Bind, folder: Path) -> None:
        self.folder = folder
        self.store = Store(folder)
        self.environment = {
            "PATH": os.environ["PATH"],
            "SERVER_DOMAIN": "example.test",
            "SSL_EMAIL": "me@example.test",
            "CERT_DIR": str(folder),
            "ACME_DIRECTORY_URLS": ca.directory,
            "ACME_CA_FILE": str(ca.ca_file),
            "DNS_AUTHORITATIVE_PORT": str(named.port),
            "DNS_PROPAGATION_TIMEOUT": "10",
            **named.environment,
        }

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "acme_client", *arguments]
        environment = self.environment | variables
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def call(self, *arguments: str, **variables: str) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        with self.start(*arguments, **variables) as child:
            told, warned = child.communicate(timeout=SECONDS)
        return child.returncode, told, warned

    def leaf(self, name: str = "example.test") -> Leaf:
        leaf = self.store.held(name)
        assert leaf is not None
        return leaf

    def record(self, name: str = "example.test") -> Mapping[str, object]:
        content: dict[str, object] = json.loads((self.folder / "state" / f"{name}.json").read_text())
        return content


@pytest.fixture
def program(ca: Pebble, named: Bind, tmp_path: Path) -> Program:
    return Program(ca, named, tmp_path / "certificates")


def left(named: Bind) -> set[str]:
    return named.texts("_acme-challenge.example.test") - {"a stranger's value"}


def test_from_nothing_apex_and_wildcard_in_one(program: Program, ca: Pebble, named: Bind) -> None:
    code, _, told = program.call("once")
    assert code == 0, told
    assert all(line.startswith("time=") for line in told.splitlines())
    assert stat.S_IMODE(program.folder.stat().st_mode) == 0o700
    leaf = program.leaf()
    assert set(leaf.names) == {"example.test", "*.example.test"}
    assert left(named) == set()
    assert "event=issued name=example.test" in told
    trust = ssl.create_default_context(cadata=ca.root_pem().decode())
    assert trust.cert_store_stats()["x509_ca"] == 1
    chain = x509.load_pem_x509_certificates((program.folder / "live/example.test/fullchain.pem").read_bytes())
    root = x509.load_pem_x509_certificate(ca.root_pem())
    chain[-1].verify_directly_issued_by(root)
    record = program.record()
    assert (record["serial"], record["directory"], record["failures"]) == (leaf.serial, ca.directory, 0)

    code, _, told = program.call("once")
    assert (code, told) == (0, "")
    assert program.leaf() == leaf

    code, told, _ = program.call("status")
    assert code == 0
    assert f"serial        {leaf.serial}" in told


def test_revoked_and_replaced_under_a_new_account_key(program: Program, ca: Pebble) -> None:
    program.call("once")
    first = program.leaf()
    code, told, warned = program.call("roll-key")
    assert (code, told) == (0, f"{ca.directory}: the account has a new key.\n"), warned
    code, told, warned = program.call("revoke", "example.test", "--reason", "key-compromise")
    assert code == 0, warned
    assert "revoked" in told
    assert ca.status_of(first.serial) == "Revoked"
    assert program.call("status")[1].startswith("example.test: revoked\n")
    assert program.call("once")[0] == 0
    assert program.leaf().serial != first.serial


def test_one_of_a_lost_account_is_revoked_by_its_own_key(program: Program, ca: Pebble) -> None:
    program.call("once")
    shutil.rmtree(program.folder / "accounts")
    code, told, warned = program.call("revoke", "example.test")
    assert code == 0, warned
    assert told.startswith(f"example.test: revoked by {ca.directory} (signed by its own key")
    assert ca.status_of(program.leaf().serial) == "Revoked"
    nothing = {"SSL_EMAIL": "", "DNS_PROVIDER": ""}
    code, told, _ = program.call("revoke", "example.test", "--by-certificate-key", **nothing)
    assert (code, "had been revoked before" in told) == (0, True)


def test_the_ca_that_it_is_from_is_asked_to_revoke_it(program: Program, ca: Pebble) -> None:
    """Though the settings name another one since."""
    program.call("once")
    code, told, warned = program.call("revoke", "example.test", ACME_DIRECTORY_URLS="https://127.0.0.1:1/dir")
    assert code == 0, warned
    assert told.startswith(f"example.test: revoked by {ca.directory};")


def test_what_is_not_there_cannot_be_revoked(program: Program) -> None:
    code, _, told = program.call("revoke", "example.test")
    assert code == 1
    assert told.startswith("There is no live certificate example.test; ")


def kept(program: Program) -> set[str]:
    """All files but those of the account."""
    files = (path.relative_to(program.folder) for path in program.folder.rglob("*") if path.is_file())
    return {str(path) for path in files if path.parts[0] != "accounts"}


def test_a_rehearsal_keeps_nothing(program: Program) -> None:
    code, told, warned = program.call("once", "--dry-run")
    assert code == 0, warned
    assert "would work" in told
    assert kept(program) == set()


@pytest.mark.parametrize(
    ("domain", "cause"),
    [
        ("nowhere.invalid", "no name from .* upwards has a SOA record"),
        ("other.test", "REFUSED: the key gateway"),
        (BLOCKED, "blocked"),
    ],
    ids=["no such zone", "a zone that the key may not change", "blocked by the CA"],
)
def test_a_rehearsal_that_fails_keeps_nothing_either(program: Program, domain: str, cause: str) -> None:
    code, told, warned = program.call("rehearse", SERVER_DOMAIN=domain)
    assert (code, warned) == (1, "")
    assert re.search(rf"would fail .*{cause}", told)
    assert kept(program) == set()


def test_a_wrong_key_is_named_and_not_tried_again_soon(program: Program, named: Bind) -> None:
    wrong = {"RFC2136_TSIG_SECRET": "d3JvbmcgYnV0IGxvbmcgZW5vdWdoIGZvciBhIGtleSEh"}
    code, _, told = program.call("once", **wrong)
    assert code == 1
    assert "kind=dns-credentials" in told
    assert named.environment["RFC2136_TSIG_KEY"] in told
    assert "d3Jvbmcg" not in told
    code, _, told = program.call("once", **wrong)
    assert code == 1
    assert told.count("event=waiting name=example.test") == 1
    assert "try now with: scripts/acme forget-failures example.test" in told
    assert "event=due" not in told
    code, told, _ = program.call("status")
    assert (code, "last error" in told, "backoff" in told) == (1, True, True)
    assert program.call("once")[0] == 0  # with the right key it is tried at once


def test_a_domain_that_the_ca_blocks_keeps_no_other_waiting(program: Program) -> None:
    code, _, told = program.call("once", SSL_DOMAINS=f"{BLOCKED};sub.example.test")
    assert code == 1
    (failure,) = [line for line in told.splitlines() if "event=failed" in line]
    assert "kind=identifier-rejected" in failure
    assert BLOCKED in failure
    assert program.leaf("sub.example.test").names == ("sub.example.test",)


def test_ten_at_once_make_one_order(program: Program) -> None:
    children = [program.start("once") for _ in range(10)]
    told = [child.communicate(timeout=SECONDS)[1] for child in children]
    assert [child.returncode for child in children] == [0] * 10, told
    assert sum("event=due" in each for each in told) == 1
    assert program.record()["renewals"] == {"success": 1, "failure": 0}


def test_a_kill_at_any_moment_leaves_a_whole_pair_and_no_record(program: Program, named: Bind) -> None:
    chance = random.Random(4)  # noqa: S311 - moments, not secrets
    one, both = {"SSL_DOMAINS": "app.example.test"}, {"SSL_DOMAINS": "app.example.test,alice.example.test"}
    assert program.call("once", **one)[0] == 0
    for number in range(10):
        wanted = one if number % 2 else both  # other names each time, so that there is an order to kill
        child = program.start("once", **wanted)
        threading.Event().wait(chance.uniform(0.4, 2.0))
        child.send_signal(signal.SIGKILL)
        child.communicate(timeout=SECONDS)
        for name in ("example.test", "app.example.test"):
            program.leaf(name)
        program.call("forget-failures", **wanted)
    code, _, told = program.call("once", SSL_DOMAINS="app.example.test,alice.example.test,sub.example.test")
    assert code == 0, told
    for name in ("app", "alice"):
        assert named.texts(f"_acme-challenge.{name}.example.test") == set()
    found = [path for path in program.folder.rglob("*") if path.name.endswith(UNFINISHED)]
    assert [path for path in found if path.is_relative_to(program.folder / "archive" / "app.example.test")] == []


def test_asked_to_end_during_an_order_it_removes_its_records(program: Program, named: Bind) -> None:
    # slow.test's secondary is never told, so the program waits for it
    child = program.start("run", SERVER_DOMAIN="slow.test", DNS_PROPAGATION_TIMEOUT="60")
    end = time.monotonic() + SECONDS
    while not named.texts("_acme-challenge.slow.test"):
        assert time.monotonic() < end
        threading.Event().wait(0.05)
    child.send_signal(signal.SIGTERM)
    _, told = child.communicate(timeout=10)
    assert child.returncode == 0
    assert told.splitlines()[-1].endswith("event=ended")
    assert named.texts("_acme-challenge.slow.test") == set()
    assert not list((program.folder / "locks").glob("*.lock"))
