"""Does one instance work at a time, and does another go on when it dies?"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from acme_client.errors import AcmeError, ErrorKind
from acme_client.holder import Holder
from acme_client.lock import Locks, Pulse

ROOT = Path(__file__).parent.parent.parent
nap = threading.Event().wait
QUICK = Pulse(beat_seconds=0.05, stale_seconds=0.6)


def brief(seconds: float) -> None:
    nap(min(seconds, 0.02))


def locks(folder: Path, pulse: Pulse = QUICK) -> Locks:
    return Locks(folder, brief, time.monotonic, pulse)


def abroad(beat: int = 0) -> bytes:
    """What a process of another machine wrote."""
    return Holder("f" * 16, "elsewhere", 4711, "another boot", "1").content(beat)


def test_a_lock_is_a_file_as_long_as_it_is_held(tmp_path: Path) -> None:
    path = tmp_path / "example.com.lock"
    with locks(tmp_path).held("example.com", patience_seconds=1) as held:
        holder = Holder.read(path.read_bytes())
        assert holder is not None
        assert not holder.is_known_dead
        held.check()
    assert list(tmp_path.iterdir()) == []


def test_it_is_let_go_when_the_work_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locks(tmp_path).held("a", patience_seconds=1):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_patience_ends_with_the_holders_name(tmp_path: Path) -> None:
    with (
        locks(tmp_path).held("a", patience_seconds=1),
        pytest.raises(AcmeError, match=r"is held by process \d+ on \S+ for more than 1 s") as caught,
        locks(tmp_path).held("a", patience_seconds=1),
    ):
        pass
    assert caught.value.kind is ErrorKind.LOCKED


def test_who_waits_gets_it_afterwards(tmp_path: Path) -> None:
    order: list[str] = []

    def wait_for_it() -> None:
        with locks(tmp_path).held("a", patience_seconds=10):
            order.append("second")

    with locks(tmp_path).held("a", patience_seconds=1):
        thread = threading.Thread(target=wait_for_it)
        thread.start()
        nap(1.0)  # longer than stale_seconds: a heart that beats is not taken for dead
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_what_another_machine_left_is_taken_over_once_it_stood_still(tmp_path: Path) -> None:
    (tmp_path / "a.lock").write_bytes(abroad())
    began = time.monotonic()
    with locks(tmp_path).held("a", patience_seconds=10) as held:
        assert time.monotonic() - began >= QUICK.stale_seconds
        held.check()


@pytest.mark.parametrize("content", [b"", b"{}\n1\n", b"\xff", b"0123456789\n"], ids=["empty", "bare", "binary", "pid"])
def test_a_lock_without_a_holder_goes_stale_too(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.lock").write_bytes(content)
    with locks(tmp_path).held("a", patience_seconds=10) as held:
        held.check()


def test_a_heart_that_beats_abroad_is_waited_for(tmp_path: Path) -> None:
    over = threading.Event()

    def beat() -> None:
        number = 0
        while not over.wait(0.1):
            number += 1
            (tmp_path / "a.lock").write_bytes(abroad(number))

    (tmp_path / "a.lock").write_bytes(abroad())
    thread = threading.Thread(target=beat)
    thread.start()
    try:
        with pytest.raises(AcmeError, match="elsewhere"), locks(tmp_path).held("a", patience_seconds=2):
            pass
    finally:
        over.set()
        thread.join()


def test_of_many_who_find_it_dead_one_takes_over_at_a_time(tmp_path: Path) -> None:
    (tmp_path / "a.lock").write_bytes(abroad())
    inside, most = [0], [0]

    def work() -> None:
        with locks(tmp_path).held("a", patience_seconds=20):
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            nap(0.03)
            inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (inside, most) == ([0], [1])


def test_a_candidate_that_died_over_its_claim_holds_nobody_up(tmp_path: Path) -> None:
    (tmp_path / "a.lock").write_bytes(abroad())
    claim = tmp_path / f"a.lock.{hashlib.sha256(abroad()).hexdigest()[:16]}.1.claim"
    claim.write_bytes(abroad())
    began = time.monotonic()
    with locks(tmp_path).held("a", patience_seconds=10) as held:
        assert time.monotonic() - began >= 2 * QUICK.stale_seconds
        held.check()
    assert not claim.exists()


def test_who_was_taken_over_is_told_and_leaves_the_lock_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with locks(tmp_path).held("a", patience_seconds=1) as held:
        path.write_bytes(abroad())
        with pytest.raises(AcmeError, match="taken over while this process stood still") as caught:
            held.check()
        nap(0.2)  # some beats
    assert caught.value.kind is ErrorKind.LOCKED
    assert path.read_bytes() == abroad()


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "locks").write_text("a file")
    with (
        pytest.raises(AcmeError, match="cannot be used") as caught,
        locks(tmp_path / "locks").held("a", patience_seconds=1),
    ):
        pass
    assert caught.value.kind is ErrorKind.STORE


def test_a_pipe_in_its_place_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.lock")
    with (
        pytest.raises(AcmeError, match=r"a\.lock cannot be used: it is no regular file") as caught,
        locks(tmp_path).held("a", patience_seconds=1),
    ):
        pytest.fail("nobody holds a pipe")
    assert caught.value.kind is ErrorKind.STORE


HOLD = """
import sys, time
from pathlib import Path
from acme_client.lock import Locks
with Locks(Path(sys.argv[1]), time.sleep, time.monotonic).held("a", patience_seconds=5):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def started() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    with ExitStack() as stack:

        def start(program: str, *arguments: str) -> subprocess.Popen[str]:
            command = [sys.executable, "-c", program, *arguments]
            child = stack.enter_context(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True))
            stack.callback(child.kill)
            return child

        yield start


@pytest.mark.parametrize("is_asked_about", [True, False], ids=["gone", "a zombie, as in a container without an init"])
def test_a_process_of_this_machine_that_was_killed_is_not_waited_for(
    tmp_path: Path, started: Callable[..., subprocess.Popen[str]], is_asked_about: bool
) -> None:
    child = started(HOLD, str(tmp_path))
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    child.send_signal(signal.SIGKILL)
    if is_asked_about:
        child.wait(10)
    began = time.monotonic()
    with locks(tmp_path, Pulse(stale_seconds=600)).held("a", patience_seconds=5):
        assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("change", "is_dead"),
    [({}, False), ({"started": "1"}, True), ({"realm": "another boot"}, False), ({"realm": "", "started": "1"}, False)],
    ids=["this one", "its pid was given out again", "another machine's", "nothing is known"],
)
def test_only_of_this_machine_it_is_known_who_is_dead(change: dict[str, str], is_dead: bool) -> None:
    read = json.loads(Holder.here().content(0).splitlines()[0])
    holder = Holder.read(json.dumps({**read, **change}).encode() + b"\n0\n")
    assert holder is not None
    assert holder.is_known_dead is is_dead
