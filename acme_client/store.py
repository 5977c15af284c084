"""Where do certificates live on disk, and how is one put there so that nobody ever sees half of it?

`live/<name>` is a symbolic link to `archive/<name>/<generation>`; a new generation is written beside, flushed, and goes
live by one rename of a link.
"""

import contextlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from acme_client.errors import AcmeError, ErrorKind
from acme_client.pair import MOST_BYTES, Leaf, check_dates, check_names, read_pair
from acme_client.private_file import FILE_MODE, FOLDER_MODE, UNFINISHED, flush_folder
from acme_client.regular_file import read_regular

CHAIN = "fullchain.pem"
KEY = "privkey.pem"
STAGING = "staging"
"""A file of this name marks a generation from a CA that nobody trusts."""
KEPT = 5


@dataclass(frozen=True, slots=True)
class Candidate:
    """A certificate that may go live."""

    name: str
    names: Sequence[str]
    chain_pem: bytes
    key_pem: bytes = field(repr=False)
    is_staging: bool = False


@dataclass(frozen=True, slots=True)
class Store:
    """The folder of certificates, CERT_DIR."""

    root: Path

    def live(self, name: str) -> Path:
        return self.root / "live" / name

    def archive(self, name: str) -> Path:
        return self.root / "archive" / name

    def held(self, name: str) -> Leaf | None:
        """The live certificate; None where there is none, or none that could serve. Raises AcmeError (STORE)."""
        with _told(f"{self.live(name)} cannot be read"):
            try:
                folder = self.live(name).resolve(strict=True)  # once, so that both files are of one generation
                chain, key = _read(folder / CHAIN), _read(folder / KEY)
            except (FileNotFoundError, NotADirectoryError):
                return None
        try:
            return read_pair(chain, key)
        except AcmeError:
            return None

    def live_chain(self, name: str) -> bytes:
        """The live chain as PEM; raises AcmeError (STORE) where there is none."""
        path = self.live(name) / CHAIN
        with _told(f"There is no live certificate {name}; {path} cannot be read"):
            return _read(path)

    def prepare(self) -> None:
        """Makes the folder, for its owner alone; raises AcmeError (STORE)."""
        with _told(f"{self.root} cannot be made"):
            _make(self.root)

    def put(self, candidate: Candidate, now: datetime) -> str:
        """Checks the certificate and makes it the live one; returns its generation.

        Until the last step the one from before stays, whatever happens. To be called under the certificate's lock.
        Raises AcmeError: BAD_CERTIFICATE, or STORE with the cause.
        """
        leaf = read_pair(candidate.chain_pem, candidate.key_pem)
        check_names(leaf, candidate.names)
        check_dates(leaf, now)
        self.check_place(candidate.name, is_staging=candidate.is_staging)
        with _told(f"The certificate of {candidate.name} cannot be put into {self.root}"):
            generation = self._write(candidate, f"{now:%Y%m%dT%H%M%SZ}-{leaf.serial[:8]:0>8}")
            self._point(candidate.name, generation)
        with contextlib.suppress(OSError):  # what is too much today is removed the next time
            self._prune(candidate.name, generation)
        return generation

    def check_place(self, name: str, *, is_staging: bool) -> None:
        """Whether a certificate could go live under this name; raises AcmeError (STORE) that says why it could not."""
        live = self.live(name)
        if live.exists(follow_symlinks=False) and not live.is_symlink():
            text = f"{live} is not a link of ours but somebody else's; move it away, or take {name} out of the settings"
            raise AcmeError(ErrorKind.STORE, text)
        if is_staging and live.exists() and not (live / STAGING).exists():
            text = f"{live} holds a certificate that clients trust; one from a staging CA does not replace it"
            raise AcmeError(ErrorKind.STORE, text)

    def _write(self, candidate: Candidate, generation: str) -> str:
        """Writes the generation beside the others, and names it once it is whole on the disk."""
        archive = self.archive(candidate.name)
        for folder in (self.root, archive.parent, archive):
            _make(folder)
        beside = archive / f"{generation}.{secrets.token_hex(4)}{UNFINISHED}"
        _make(beside)
        _write_new(beside / KEY, candidate.key_pem)
        _write_new(beside / CHAIN, candidate.chain_pem)
        if candidate.is_staging:
            _write_new(beside / STAGING, b"")
        flush_folder(beside)
        while (archive / generation).exists():  # the same certificate within the same second
            generation += "a"
        beside.rename(archive / generation)
        flush_folder(archive)
        return generation

    def _point(self, name: str, generation: str) -> None:
        live = self.live(name)
        _make(live.parent)
        beside = live.with_name(f".{name}.{secrets.token_hex(4)}{UNFINISHED}")
        beside.symlink_to(Path("..", "archive", name, generation))
        try:
            beside.rename(live)  # rename(2) replaces the link, and does so at once
        except OSError:
            beside.unlink()
            raise
        flush_folder(live.parent)

    def _prune(self, name: str, generation: str) -> None:
        """Removes all but the last generations, and what runs that died have left."""
        folders = sorted(path for path in self.archive(name).iterdir() if path.is_dir())
        unfinished = [path for path in folders if path.name.endswith(UNFINISHED)]
        # The clock may have been set back: what is live stays, wherever it sorts.
        others = [path for path in folders if path not in unfinished and path.name != generation]
        for path in (*unfinished, *others[: -(KEPT - 1)]):
            shutil.rmtree(path)
        own = re.compile(rf"\.{re.escape(name)}\.[0-9a-f]{{8}}{re.escape(UNFINISHED)}")  # not those of name.other
        for link in self.live(name).parent.iterdir():
            if own.fullmatch(link.name):
                link.unlink(missing_ok=True)


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise AcmeError(ErrorKind.STORE, f"{what}: {error.strerror}") from error


def _make(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(FOLDER_MODE)  # whatever the umask took away
        flush_folder(folder.parent)


def _read(path: Path) -> bytes:
    return read_regular(path, MOST_BYTES + 1)  # one more: a pair that is cut off is refused for its size


def _write_new(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), FILE_MODE)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
