"""Which TXT values must still be removed, even when the run that added them was killed?

One file for each publication, written before the first value is. Its run holds a lock on it (flock), which the kernel
lets go of however the run ends: a file whose lock is free is of a dead run, on any host that shares the folder.
"""

import contextlib
import fcntl
import json
import os
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path

from acme_client.errors import AcmeError, ErrorKind
from acme_client.moment import parse_moment
from acme_client.private_file import UNFINISHED, flush_folder, place
from acme_client.proofs import Clock
from acme_client.providers.provider import Entry
from acme_client.regular_file import read_regular

MOST_NOTES = 100
"""For each name: a provider that never removes anything must not fill the zone."""
KEPT = timedelta(days=7)
"""What could not be removed for so long is given up."""
_MAX_NOTE_BYTES = 256 << 10
_ENTRY_KEYS = {field.name for field in fields(Entry)}


@dataclass(frozen=True, slots=True)
class Note:
    """The values of one publication, noted in a file that is locked as long as this is open."""

    path: Path
    entries: tuple[Entry, ...]
    since: datetime

    def forget(self) -> None:
        """All are removed; raises OSError."""
        self.path.unlink(missing_ok=True)
        flush_folder(self.path.parent)


@dataclass(frozen=True, slots=True)
class Leftovers:
    """The folder of notes."""

    folder: Path
    clock: Clock

    @contextlib.contextmanager
    def noted(self, entries: Sequence[Entry]) -> Iterator[Note]:
        """Notes the entries before they are published; the note stays until it is told to `forget`.

        Raises AcmeError (STORE) when it cannot be written, or when too many of these names are there.
        """
        note = Note(self.folder / f"{secrets.token_hex(8)}.json", tuple(entries), self.clock())
        try:
            self._check_room(frozenset(entry.name for entry in entries))
            descriptor = place(note.path, _written(note), prepare=_lock)
        except OSError as error:
            text = f"{self.folder} cannot take a note of the TXT records to remove later: {error.strerror}"
            raise AcmeError(ErrorKind.STORE, text) from error
        try:
            yield note
        finally:
            os.close(descriptor)

    def abandoned(self) -> Iterator[Note | Path]:
        """The notes of runs that died, each locked while it is looked at; a path for one that cannot be read."""
        for path in self._paths():
            try:
                file = path.open("rb+")
            except FileNotFoundError:
                continue
            except OSError:  # a folder, a loop of links, another's file
                yield path
                continue
            with file:
                try:
                    _lock(file.fileno())
                except BlockingIOError:  # its run is alive
                    continue
                if path.exists():  # not removed by another sweep between listing and locking
                    yield _read(path, file.read(_MAX_NOTE_BYTES))

    def _check_room(self, names: frozenset[str]) -> None:
        """Raises AcmeError (STORE) for a name with too many notes; what other zones leave behind holds nobody up."""
        counts = Counter(name for path in self._paths() for name in names & _names(path))
        if full := sorted(name for name, count in counts.items() if count >= MOST_NOTES):
            text = (
                f"{self.folder} holds {MOST_NOTES} notes of TXT records of {full[0]} that could not be removed; "
                "remove those records, then the notes"
            )
            raise AcmeError(ErrorKind.STORE, text)

    def _paths(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        for unfinished in self.folder.glob(f"*{UNFINISHED}"):
            self._discard_if_dead(unfinished)
        return sorted(self.folder.glob("*.json"))

    @staticmethod
    def _discard_if_dead(unfinished: Path) -> None:
        """What was never finished names no value that was published."""
        with contextlib.suppress(OSError), unfinished.open("rb+") as file:
            _lock(file.fileno())
            unfinished.unlink()


def _lock(descriptor: int) -> None:
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _written(note: Note) -> bytes:
    entries = [{key: getattr(entry, key) for key in sorted(_ENTRY_KEYS)} for entry in note.entries]
    return json.dumps({"version": 1, "since": note.since.isoformat(), "entries": entries}, indent=1).encode()


def _names(path: Path) -> frozenset[str]:
    """Of whose records a note is, of a living run as well; none where that cannot be read."""
    try:
        note = _read(path, read_regular(path, _MAX_NOTE_BYTES))
    except OSError:
        return frozenset()
    return frozenset(entry.name for entry in note.entries) if isinstance(note, Note) else frozenset()


def _read(path: Path, content: bytes) -> Note | Path:
    try:
        read = json.loads(content)
        entries = tuple(Entry(**{key: str(entry[key]) for key in _ENTRY_KEYS}) for entry in read["entries"])
        return Note(path, entries, parse_moment(read["since"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return path
