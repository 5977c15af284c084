"""Is a TXT value removed in the end, even when the removal failed or the run was killed?"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from acme_client.errors import AcmeError, ErrorKind
from acme_client.leftovers import MOST_NOTES, Leftovers
from acme_client.providers.http_hook import http_hook
from acme_client.providers.provider import Entry, Provider, RawProof
from acme_client.providers.rfc2136 import rfc2136
from acme_client.providers.variables import Variables
from tests.acme.rig.bind import Bind
from tests.acme.rig.proving import APEX, NAME, STRANGER, WILDCARD, Shelf, notes, proofs_for, prover_of, utc_now
from tests.rig.ports import LOOPBACK, dead_port

ROOT = Path(__file__).resolve().parents[2]


def test_a_failed_removal_hides_no_error_and_is_made_up_for(
    named: Bind, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shelf = Shelf(bad_remove=APEX)
    prover = prover_of(named, tmp_path, provider=shelf, is_checked=False)
    with pytest.raises(ZeroDivisionError), prover.published(proofs_for("example.test")):
        raise ZeroDivisionError
    assert "cannot remove" in caplog.text
    assert len(notes(tmp_path)) == 1
    assert prover.sweep() == 1

    mended = Shelf()
    mended.held = shelf.held
    assert prover_of(named, tmp_path, provider=mended, is_checked=False).sweep() == 0
    assert mended.held == set()
    assert notes(tmp_path) == []


def test_a_failed_removal_does_not_fail_what_went_well(named: Bind, tmp_path: Path) -> None:
    done = False
    with prover_of(named, tmp_path, provider=Shelf(bad_remove=APEX), is_checked=False).published(
        proofs_for("example.test")
    ):
        done = True
    assert done


def test_what_cannot_be_removed_for_a_week_is_given_up_by_name(
    named: Bind, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shelf = Shelf(bad_remove=APEX)
    with prover_of(named, tmp_path, provider=shelf, is_checked=False).published(proofs_for("example.test")):
        pass
    later = prover_of(named, tmp_path, provider=shelf, is_checked=False, clock=lambda: utc_now() + timedelta(days=8))
    assert later.sweep() == 0
    assert f"{NAME} {APEX}" in caplog.text
    assert notes(tmp_path) == []


def test_a_sweep_leaves_alone_what_a_living_run_shows(named: Bind, tmp_path: Path) -> None:
    prover = prover_of(named, tmp_path)
    with prover.published(proofs_for("example.test")):
        assert prover_of(named, tmp_path).sweep() == 0
        assert named.texts(NAME) == {APEX, WILDCARD, STRANGER}


_KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.acme.rig.bind import Bind
from tests.acme.rig.proving import proofs_for, prover_of
with prover_of(Bind({port}, {secret!r}), Path({folder!r})).published(proofs_for("example.test", [{value!r}])):
    print("shown", flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def killed_run(named: Bind, folder: Path, value: str) -> Iterator[None]:
    """A run of its own that shows `value`, and is killed on the way in."""
    script = _KILLED.format(root=str(ROOT), port=named.port, secret=named.secret, folder=str(folder), value=value)
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "shown\n"
        run.send_signal(signal.SIGKILL)
        assert run.wait(5) == -signal.SIGKILL
        yield


def test_what_a_killed_run_left_is_swept(named: Bind, tmp_path: Path) -> None:
    with killed_run(named, tmp_path, APEX):
        assert named.texts(NAME) == {APEX, STRANGER}
        assert len(notes(tmp_path)) == 1
        assert prover_of(named, tmp_path).sweep() == 0
    assert named.texts(NAME) == {STRANGER}
    assert notes(tmp_path) == []


def test_the_next_run_removes_what_a_killed_one_left(named: Bind, tmp_path: Path) -> None:
    with (
        killed_run(named, tmp_path, APEX),
        prover_of(named, tmp_path).published(proofs_for("example.test", [WILDCARD])),
    ):
        assert named.texts(NAME) == {WILDCARD, STRANGER}
    assert named.texts(NAME) == {STRANGER}
    assert notes(tmp_path) == []


def test_a_note_that_cannot_be_read_is_named_and_kept(
    named: Bind, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    torn = tmp_path / "torn.json"
    torn.write_text('{"entries": [')
    assert prover_of(named, tmp_path, provider=Shelf()).sweep() == 1
    assert str(torn) in caplog.text
    assert torn.exists()


def test_a_note_that_was_never_finished_is_cleared_away(named: Bind, tmp_path: Path) -> None:
    (tmp_path / "x.json.1234.unfinished").write_text('{"entr')
    assert prover_of(named, tmp_path, provider=Shelf()).sweep() == 0
    assert notes(tmp_path) == []


def leave_notes(folder: Path, name: str, count: int) -> None:
    """As of runs that died."""
    for _ in range(count):
        with Leftovers(folder, utc_now).noted([Entry(name, APEX, "example.test")]):
            pass


def test_too_many_notes_of_a_name_stop_further_ones_of_it(named: Bind, tmp_path: Path) -> None:
    leave_notes(tmp_path, NAME, MOST_NOTES)
    shelf = Shelf(bad_remove=APEX)
    prover = prover_of(named, tmp_path, provider=shelf, is_checked=False)
    told = f"{MOST_NOTES} notes of TXT records of {NAME}"
    with pytest.raises(AcmeError, match=told) as caught, prover.published(proofs_for("example.test", [WILDCARD])):
        pytest.fail("nothing could be noted")
    assert caught.value.kind is ErrorKind.STORE
    assert shelf.held == set()


def test_notes_of_other_names_and_what_is_none_hold_nothing_up(tmp_path: Path) -> None:
    leave_notes(tmp_path, "_acme-challenge.other.test.", MOST_NOTES)
    leave_notes(tmp_path, NAME, MOST_NOTES - 1)
    for count in range(MOST_NOTES):
        (tmp_path / f"{count}.json").write_text("{}")
    os.mkfifo(tmp_path / "pipe.json")
    with Leftovers(tmp_path, utc_now).noted([Entry(NAME, WILDCARD, "example.test")]) as note:
        assert note.path.exists()


def test_a_pipe_in_the_place_of_a_note_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.json")
    os.mkfifo(tmp_path / "b.json.1234.unfinished")
    assert list(Leftovers(tmp_path, utc_now).abandoned()) == [tmp_path / "a.json"]


def test_notes_are_for_their_owner_only(named: Bind, tmp_path: Path) -> None:
    proof = RawProof("example.test", APEX, "token", "token.thumbprint")
    with prover_of(named, tmp_path, provider=Shelf(), is_checked=False).published([proof]):
        (note,) = notes(tmp_path)
        assert note.stat().st_mode & 0o777 == 0o600
        assert '"token.thumbprint"' in note.read_text()


def test_what_is_no_file_is_named_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    (tmp_path / "b.json").symlink_to("b.json")
    assert list(Leftovers(tmp_path, utc_now).abandoned()) == [tmp_path / "a.json", tmp_path / "b.json"]


def failing(named: Bind, folder: Path, shelf: Provider) -> None:
    prover = prover_of(named, folder, provider=shelf, is_checked=False)
    with (
        pytest.raises(AcmeError, match=r"cannot add|failed:|refused"),
        prover.published(proofs_for("example.test")),
    ):
        pytest.fail("not everything is shown")


def test_what_was_refused_is_not_taken_back_nor_warned_of(
    named: Bind, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shelf = Shelf(bad_add=WILDCARD, bad_remove=WILDCARD, kind=ErrorKind.DNS_CREDENTIALS)
    failing(named, tmp_path, shelf)
    assert (shelf.held, shelf.removed, caplog.text) == (set(), [APEX], "")
    assert notes(tmp_path) == []


def test_what_may_have_been_added_is_taken_back(named: Bind, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shelf = Shelf(bad_add=WILDCARD, is_late=True)
    failing(named, tmp_path, shelf)
    assert (shelf.held, caplog.text) == (set(), "")
    assert notes(tmp_path) == []


def test_what_may_be_there_and_cannot_be_removed_is_told_as_that(
    named: Bind, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    failing(named, tmp_path, Shelf(bad_add=WILDCARD, bad_remove=WILDCARD, is_late=True))
    assert f"A TXT record may be there ({NAME})" in caplog.text
    (note,) = notes(tmp_path)
    assert WILDCARD in note.read_text()


def test_a_note_names_only_what_may_be_there(named: Bind, tmp_path: Path) -> None:
    failing(named, tmp_path, Shelf(bad_add=WILDCARD, bad_remove=APEX, kind=ErrorKind.DNS_CREDENTIALS))
    (note,) = notes(tmp_path)
    assert (APEX in note.read_text(), WILDCARD in note.read_text()) == (True, False)
    assert len(list(Leftovers(tmp_path, utc_now).abandoned())) == 1


def test_a_server_that_is_not_there_leaves_nothing_to_warn_of(
    named: Bind, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with dead_port() as port:
        dead = {"RFC2136_NAMESERVER": f"{LOOPBACK}:{port}", "HTTPREQ_ENDPOINT": f"http://{LOOPBACK}:{port}"}
        variables = Variables(named.environment | dead)
        for provider in (rfc2136(variables), http_hook(variables)):
            failing(named, tmp_path, provider)
    assert caplog.text == ""
    assert notes(tmp_path) == []


def test_a_wrong_key_leaves_nothing_to_warn_of(named: Bind, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    wrong = {"RFC2136_TSIG_SECRET": "d3JvbmcgYnV0IGxvbmcgZW5vdWdoIGZvciBhIGtleSEh"}
    prover = prover_of(named, tmp_path, provider=rfc2136(Variables(named.environment | wrong)))
    with pytest.raises(AcmeError, match="RFC2136_TSIG_KEY"), prover.published(proofs_for("example.test")):
        pytest.fail("nothing is shown")
    assert caplog.text == ""
    assert notes(tmp_path) == []
