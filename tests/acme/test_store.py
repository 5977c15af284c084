"""Is there always a whole certificate on disk, old or new, whatever happens while one is put there?"""

import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from acme_client.errors import AcmeError, ErrorKind
from acme_client.issuer import Signed
from acme_client.pair import MOST_BYTES, read_pair
from acme_client.private_file import UNFINISHED
from acme_client.store import KEPT, STAGING, Candidate, Store
from tests.acme.rig.authority import Authority
from tests.acme.rig.calendar import TODAY, Calendar

ROOT = Path(__file__).parent.parent.parent
NAMES = ("example.com", "*.example.com")
authority = Authority(clock=Calendar())


def candidate(signed: Signed | None = None, *, names: tuple[str, ...] = NAMES, is_staging: bool = False) -> Candidate:
    signed = signed or authority.sign(names)
    return Candidate("example.com", names, signed.chain_pem, signed.key_pem, is_staging)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "certificates")


@pytest.fixture
def wide_open() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def closed_up() -> Iterator[None]:
    before = os.umask(0o777)
    yield
    os.umask(before)


def modes(root: Path) -> set[tuple[str, int]]:
    paths = [path for path in root.rglob("*") if not path.is_symlink()]
    return {("folder" if path.is_dir() else "file", stat.S_IMODE(path.stat().st_mode)) for path in (root, *paths)}


def test_what_was_put_is_live_under_the_names_that_users_know(store: Store) -> None:
    put = candidate()
    generation = store.put(put, TODAY)
    leaf = read_pair(put.chain_pem, put.key_pem)
    assert generation == f"20260301T120000Z-{leaf.serial[:8]}"
    assert (store.root / "live/example.com/fullchain.pem").read_bytes() == put.chain_pem
    assert (store.root / "live/example.com/privkey.pem").read_bytes() == put.key_pem
    assert (store.root / "live/example.com").readlink() == Path("../archive/example.com", generation)
    assert store.held("example.com") == leaf


def test_nobody_else_may_look_under_an_open_umask(store: Store, wide_open: None) -> None:
    store.put(candidate(), TODAY)
    assert modes(store.root) == {("folder", 0o700), ("file", 0o600)}


def test_the_owner_may_look_under_a_closed_umask(store: Store, closed_up: None) -> None:
    store.put(candidate(), TODAY)
    assert modes(store.root) == {("folder", 0o700), ("file", 0o600)}


def test_the_last_five_are_kept(store: Store) -> None:
    put = [store.put(candidate(), TODAY + timedelta(days=day)) for day in range(8)]
    assert sorted(path.name for path in store.archive("example.com").iterdir()) == put[-KEPT:]


def test_the_live_one_is_kept_though_the_clock_was_set_back(store: Store) -> None:
    for day in range(20, 26):
        store.put(candidate(), TODAY + timedelta(days=day))
    last = store.put(candidate(), TODAY)
    assert store.held("example.com") is not None
    assert last in {path.name for path in store.archive("example.com").iterdir()}


def test_what_a_run_that_died_left_is_removed(store: Store) -> None:
    store.put(candidate(), TODAY)
    left = [store.archive("example.com") / f"x.1{UNFINISHED}", store.live(f".example.com.0123abcd{UNFINISHED}")]
    left[0].mkdir()
    left[1].symlink_to("nowhere")
    store.put(candidate(), TODAY)
    assert [path for path in left if path.exists(follow_symlinks=False)] == []


def test_what_another_name_that_begins_alike_is_writing_stays(store: Store) -> None:
    store.put(candidate(), TODAY)
    other = store.live(f".example.com.au.0123abcd{UNFINISHED}")
    other.symlink_to("nowhere")
    store.put(candidate(), TODAY)
    assert other.is_symlink()


def test_the_same_twice_within_a_second_is_no_failure(store: Store) -> None:
    put = candidate()
    assert store.put(put, TODAY) != store.put(put, TODAY)
    assert store.held("example.com") is not None


other = authority.sign(NAMES)
stranger = Authority(clock=Calendar()).root_pem(TODAY)


def leaf_of(signed: Signed) -> bytes:
    return signed.chain_pem[: signed.chain_pem.index(b"-----BEGIN", 1)]


def root_of(signed: Signed) -> bytes:
    return signed.chain_pem[signed.chain_pem.index(b"-----BEGIN", 1) :]


BAD = {
    "key of another": (Signed(authority.sign(NAMES).chain_pem, other.key_pem), NAMES, "belongs to another"),
    "no key": (Signed(other.chain_pem, b""), NAMES, "key cannot be read"),
    "no chain": (Signed(b"", other.key_pem), NAMES, "no PEM certificate"),
    "an HTML page": (Signed(b"<html>sorry</html>", other.key_pem), NAMES, "no PEM certificate"),
    "ten megabytes": (Signed(b"x" * 10_000_000, other.key_pem), NAMES, "bytes, more than"),
    "a hundred certificates": (Signed(other.chain_pem * 50, other.key_pem), NAMES, "certificates, more than"),
    "the root first": (Signed(root_of(other) + leaf_of(other), other.key_pem), NAMES, "belongs to another"),
    "a stranger's root": (Signed(leaf_of(other) + stranger, other.key_pem), NAMES, "The chain is broken"),
    "a name missing": (authority.sign(("example.com",)), NAMES, r"for example\.com where \*\.example\.com, example"),
    "a name too many": (authority.sign((*NAMES, "a.b")), NAMES, "where"),
    "over": (authority.sign(NAMES, not_before=TODAY - timedelta(days=91)), NAMES, "is the clock right"),
    "not yet valid": (authority.sign(NAMES, not_before=TODAY + timedelta(days=1)), NAMES, "is the clock right"),
}


@pytest.mark.parametrize(("signed", "names", "text"), BAD.values(), ids=BAD)
def test_what_cannot_serve_is_not_put(store: Store, signed: Signed, names: tuple[str, ...], text: str) -> None:
    before = store.put(candidate(), TODAY)
    with pytest.raises(AcmeError, match=text) as caught:
        store.put(candidate(signed, names=names), TODAY)
    assert caught.value.kind is ErrorKind.BAD_CERTIFICATE
    assert store.live("example.com").resolve().name == before


def test_a_certificate_that_clients_trust_is_not_replaced_by_a_staging_one(store: Store) -> None:
    before = store.put(candidate(), TODAY)
    with pytest.raises(AcmeError, match="staging CA does not replace it") as caught:
        store.put(candidate(is_staging=True), TODAY)
    assert caught.value.kind is ErrorKind.STORE
    assert store.live("example.com").resolve().name == before


def test_a_staging_one_gives_way(store: Store) -> None:
    store.put(candidate(is_staging=True), TODAY)
    store.put(candidate(is_staging=True), TODAY + timedelta(days=1))
    assert (store.live("example.com") / STAGING).exists()
    store.put(candidate(), TODAY + timedelta(days=2))
    assert not (store.live("example.com") / STAGING).exists()


def test_somebody_elses_folder_is_not_touched(store: Store) -> None:
    theirs = store.live("example.com")
    theirs.mkdir(parents=True)
    (theirs / "fullchain.pem").write_text("theirs")
    with pytest.raises(AcmeError, match="somebody else's; move it away") as caught:
        store.put(candidate(), TODAY)
    assert caught.value.kind is ErrorKind.STORE
    assert (theirs / "fullchain.pem").read_text() == "theirs"


def test_a_live_pair_that_cannot_serve_counts_as_none(store: Store) -> None:
    store.put(candidate(), TODAY)
    (store.live("example.com") / "privkey.pem").write_bytes(other.key_pem)
    assert store.held("example.com") is None
    (store.live("example.com") / "privkey.pem").unlink()
    assert store.held("example.com") is None


@pytest.mark.parametrize("file", ["fullchain.pem", "privkey.pem"])
def test_a_pipe_in_the_place_of_a_live_file_holds_nobody_up(store: Store, file: str) -> None:
    store.put(candidate(), TODAY)
    path = store.live("example.com") / file
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(AcmeError, match=r"example\.com cannot be read: it is no regular file") as caught:
        store.held("example.com")
    assert caught.value.kind is ErrorKind.STORE


def test_a_live_file_that_is_too_large_is_read_in_bounds(store: Store) -> None:
    store.put(candidate(), TODAY)
    with (store.live("example.com") / "fullchain.pem").open("ab") as file:
        file.write(b"\n" * MOST_BYTES)
    assert len(store.live_chain("example.com")) == MOST_BYTES + 1
    assert store.held("example.com") is None


def test_a_place_that_is_no_folder_is_told(store: Store) -> None:
    store.root.parent.mkdir(exist_ok=True)
    store.root.write_text("a file")
    with pytest.raises(AcmeError, match=r"cannot be put into .*certificates: File exists") as caught:
        store.put(candidate(), TODAY)
    assert caught.value.kind is ErrorKind.STORE


LITTLE_SPACE = """
import resource, signal, sys
from pathlib import Path
from tests.acme.test_store import TODAY, AcmeError, Store, candidate
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (400, 400))
try:
    Store(Path(sys.argv[1])).put(candidate(), TODAY)
except AcmeError as error:
    sys.exit(f"{error.kind}: {error}")
"""


def run(program: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_without_room_on_the_disk_the_old_one_stays(store: Store) -> None:
    before = store.put(candidate(), TODAY)
    with run(LITTLE_SPACE, str(store.root)) as program:
        _, told = program.communicate(timeout=30)
    assert told.startswith("store: The certificate of example.com cannot be put into")
    assert "File too large" in told
    assert store.live("example.com").resolve().name == before
    assert store.held("example.com") is not None


PUT_ON_AND_ON = """
import itertools, sys
from datetime import timedelta
from pathlib import Path
from tests.acme.test_store import TODAY, Store, candidate
store = Store(Path(sys.argv[1]))
made = [candidate() for _ in range(4)]
for number in itertools.count():
    store.put(made[number % 4], TODAY + timedelta(seconds=number))
    if number == 0:
        print("begun", flush=True)
"""


def test_a_kill_at_any_moment_leaves_a_whole_pair(store: Store) -> None:
    chance = Random(4)  # noqa: S311 - moments, not secrets
    for _ in range(10):
        with run(PUT_ON_AND_ON, str(store.root)) as program:
            assert program.stdout is not None
            assert program.stdout.readline() == "begun\n"
            threading.Event().wait(chance.uniform(0, 0.1))
            program.send_signal(signal.SIGKILL)
        assert store.held("example.com") is not None
    store.put(candidate(), TODAY + timedelta(days=1))
    names = [path.name for path in (*store.archive("example.com").iterdir(), *store.live("x").parent.iterdir())]
    assert [name for name in names if name.endswith(UNFINISHED)] == []
    assert len(names) == KEPT + 1
