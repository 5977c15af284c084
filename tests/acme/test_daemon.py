"""Does the program look when something falls due, when it is woken, and does it end at once and cleanly?"""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from acme_client.backoff import after
from acme_client.daemon import LONGEST_SECONDS, SHORTEST_SECONDS, seconds_until_look
from acme_client.errors import AcmeError, ErrorKind
from acme_client.happening import Event, Happening, line
from acme_client.outcome import Rested
from acme_client.record import Record, failed
from acme_client.records import Records
from acme_client.renewal import Reason
from acme_client.signals import Signals
from tests.acme.rig.calendar import TODAY

ROOT = Path(__file__).parent.parent.parent
SECONDS = 30.0

RUN = """
import sys, time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from acme_client.daemon import Daemon
from acme_client.happening import line
from acme_client.rounds import Rounds
from acme_client.settings import read_settings
from acme_client.signals import Signals
from tests.acme.rig.authority import Authority
from tests.acme.rig.household import Household

root, pause = Path(sys.argv[1]), float(sys.argv[2])

@contextmanager
def published():
    (root / "txt").touch()
    try:
        yield
    finally:
        (root / "txt").unlink()

def prove():
    with published():
        print("proving", flush=True)
        Signals.wait(pause)

def now():
    return datetime.now(UTC)

def tell(happening):
    print(line(happening, now()), flush=True)

def swept():
    print("sweep", flush=True)
    return 0

home = Household(root, Authority(before_signing=prove), clock=now)
lifecycle = replace(home.lifecycle, tell=tell)
signals = Signals()
settings = read_settings({"SERVER_DOMAIN": "example.com"})
with signals.heard():
    Daemon(Rounds(settings, lifecycle, None, swept), signals, now, tell).run()
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[float], subprocess.Popen[str]]]:
    with ExitStack() as stack:

        def begin(pause_seconds: float) -> subprocess.Popen[str]:
            command = [sys.executable, "-c", RUN, str(tmp_path), str(pause_seconds)]
            child = stack.enter_context(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True))
            stack.callback(child.kill)
            late = threading.Timer(SECONDS, child.kill)  # whoever listens to it hears the end
            late.start()
            stack.callback(late.cancel)
            return child

        yield begin


def hear(child: subprocess.Popen[str], word: str) -> str:
    """Reads lines until one holds the word, which it returns."""
    assert child.stdout is not None
    for told in child.stdout:
        if word in told:
            return told
    raise AssertionError(f"ended without {word!r}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_end_during_a_wait_it_ends_at_once(
    start: Callable[[float], subprocess.Popen[str]], number: signal.Signals
) -> None:
    child = start(0)
    hear(child, "proving")
    began = time.monotonic()
    child.send_signal(number)
    hear(child, "event=ended")
    assert child.wait(10) == 0
    assert time.monotonic() - began < 5


def test_asked_to_end_during_an_order_it_leaves_nothing(
    start: Callable[[float], subprocess.Popen[str]], tmp_path: Path
) -> None:
    child = start(60)
    hear(child, "proving")
    assert (tmp_path / "txt").exists()
    child.send_signal(signal.SIGTERM)
    hear(child, "event=ended")
    assert child.wait(10) == 0
    assert not (tmp_path / "txt").exists()
    assert list((tmp_path / "locks").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1])
def test_woken_it_looks_now(start: Callable[[float], subprocess.Popen[str]], number: signal.Signals) -> None:
    child = start(0)
    hear(child, "proving")
    for _ in range(3):
        child.send_signal(number)
        hear(child, "sweep")


def test_at_its_start_and_when_woken_it_says_who_waits_and_why(
    start: Callable[[float], subprocess.Popen[str]], tmp_path: Path
) -> None:
    error = AcmeError(ErrorKind.DNS_CREDENTIALS, "The key was refused")
    setback = after(error, None, datetime.now(UTC).replace(microsecond=0))
    Records(tmp_path / "state").save(failed(Record("example.com"), "https://ca.test/directory", setback))
    child = start(0)
    said = f"event=waiting name=example.com until={setback.until:%Y-%m-%dT%H:%M:%SZ} message="
    for _ in range(2):
        told = hear(child, said)
        assert '"The key was refused; try now with: scripts/acme forget-failures example.com"' in told
        child.send_signal(signal.SIGUSR1)


@pytest.mark.parametrize(
    ("due_in", "seconds"),
    [([], LONGEST_SECONDS), ([3600, 90], 90), ([86400], LONGEST_SECONDS), ([3600, -5], SHORTEST_SECONDS)],
    ids=["nothing to look after", "the sooner", "in a day: ten minutes", "overdue"],
)
def test_when_it_looks_again(due_in: list[float], seconds: float) -> None:
    outcomes = [Rested(TODAY + timedelta(seconds=each), Reason.LIFETIME) for each in due_in]
    assert seconds_until_look(outcomes, TODAY) == seconds


def test_a_wait_that_nobody_breaks_is_over_in_time() -> None:
    assert Signals().sleep(0.01) is False


@pytest.mark.parametrize(
    ("happening", "expected"),
    [
        (Happening(event=Event.STARTED), "event=started"),
        (Happening(event=Event.DUE, name="a.b", reason="ari"), "event=due name=a.b reason=ari"),
        (
            Happening(event=Event.FAILED, message='it said "no"\nand left'),
            r'event=failed message="it said \"no\"\nand left"',
        ),
        (Happening(event=Event.FAILED, message=""), 'event=failed message=""'),
        (Happening(event=Event.FAILED, message="\x1b[2J"), r'event=failed message="\u001b[2J"'),
        (Happening(event=Event.ISSUED, until=TODAY), "event=issued until=2026-03-01T12:00:00Z"),
    ],
    ids=["bare", "words", "a text", "empty", "control characters", "a moment"],
)
def test_a_happening_is_one_line(happening: Happening, expected: str) -> None:
    assert line(happening, TODAY) == f"time=2026-03-01T12:00:00Z {expected}"
