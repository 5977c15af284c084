"""Who may order this certificate now? A lock that any number of replicas on one volume respect.

It is a file. Its holder writes a new number into it every few seconds; who waits watches whether the content changes, by
his own monotonic clock, and takes over what has not changed for long. That relies on three things, which local file
systems and NFS from version 3 on give: link(2) fails when the name exists, rename(2) replaces in one step, and a
file opened anew shows what another host wrote some seconds ago (close-to-open consistency). Nobody's clock is compared
with another's, and flock, which volumes emulate well or badly, is not needed.

A holder that stood still for longer than that finds itself replaced: at its next beat, and at `Held.check`, which is asked
before anything is done that counts.
"""

import contextlib
import hashlib
import logging
import secrets
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from acme_client.errors import AcmeError, ErrorKind
from acme_client.holder import Holder
from acme_client.private_file import UNFINISHED, write_private
from acme_client.proofs import Wait
from acme_client.regular_file import read_regular

logger = logging.getLogger(__name__)

MOST_BYTES = 4096
POLL_SECONDS = 0.5
SILENT_SECONDS = 2.0
"""So long a wait is nothing to talk about."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """How often a holder shows that it lives, and when it counts as dead."""

    beat_seconds: float = 5.0
    stale_seconds: float = 60.0
    """Without a change; several times the beat and the few seconds that NFS may show an old content."""


class Held:
    """A lock that is held. Its state is the beat, and whether somebody took it over."""

    def __init__(self, path: Path, holder: Holder, beat_seconds: float) -> None:
        self._path = path
        self._holder = holder
        self._beat_seconds = beat_seconds
        self._over = threading.Event()
        self._lost = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"lock {path.name}", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raises AcmeError (LOCKED) when the lock was taken over; to be called before what must not be done twice.

        STORE when that cannot be found out.
        """
        try:
            is_ours = not self._lost.is_set() and self._is_ours()
        except OSError as error:
            raise AcmeError(ErrorKind.STORE, f"{self._path} cannot be read: {error.strerror}") from error
        if not is_ours:
            text = f"{self._path} was taken over while this process stood still; another instance goes on"
            raise AcmeError(ErrorKind.LOCKED, text)

    def release(self) -> None:
        """Lets go. A lock that was taken over is its new holder's and stays."""
        self._over.set()
        self._thread.join()
        with contextlib.suppress(OSError):  # what stays is taken over by the next who finds us gone
            if self._is_ours():
                self._path.unlink()

    def _beat(self) -> None:
        beat = 0
        while not self._over.wait(self._beat_seconds) and not self._lost.is_set():
            beat += 1
            with contextlib.suppress(OSError):  # a full disk: the next beat may be luckier
                if self._is_ours():
                    write_private(self._path, self._holder.content(beat))
                else:
                    self._lost.set()

    def _is_ours(self) -> bool:
        holder = Holder.read(_content(self._path) or b"")
        return holder is not None and holder.token == self._holder.token


@dataclass(frozen=True, slots=True)
class Locks:
    """The folder of locks."""

    folder: Path
    wait: Wait
    monotonic: Callable[[], float]
    pulse: Pulse = Pulse()

    @contextlib.contextmanager
    def held(self, name: str, *, patience_seconds: float) -> Iterator[Held]:
        """The lock of that name, held inside. Waits for another holder to end or to be found dead.

        Whoever gets it must judge again: the other may have done the work. Raises AcmeError: LOCKED when patience ends,
        STORE when the folder cannot be used.
        """
        if "/" in name or "\0" in name or name.startswith("."):
            text = f"{name!r} is no certificate's name; it is one of those in CERT_DIR/live"
            raise AcmeError(ErrorKind.STORE, text)
        path, holder = self.folder / f"{name}.lock", Holder.here()
        try:
            self._acquire(path, holder, patience_seconds)
        except OSError as error:
            raise AcmeError(ErrorKind.STORE, f"{path} cannot be used: {error.strerror}") from error
        held = Held(path, holder, self.pulse.beat_seconds)
        try:
            yield held
        finally:
            held.release()

    def _acquire(self, path: Path, holder: Holder, patience_seconds: float) -> None:
        began = since = self.monotonic()
        seen: bytes | None = None
        is_said = False
        while True:
            content, now = _content(path), self.monotonic()
            if content is None:
                if _create(path, holder):
                    return
                continue  # another was quicker: look whose it is
            if content != seen:
                seen, since = content, now
            if self._is_dead(content, now - since) and self._take_over(path, content, holder, now - since):
                return
            whose = Holder.read(content) or "another instance"
            if now - began >= patience_seconds:
                raise AcmeError(ErrorKind.LOCKED, f"{path} is held by {whose} for more than {patience_seconds:.0f} s")
            if not is_said and now - began >= SILENT_SECONDS:
                logger.info("%s is held by %s; waiting for it, %.0f s at most", path, whose, patience_seconds)
                is_said = True
            self.wait(POLL_SECONDS)

    def _is_dead(self, content: bytes, unchanged_seconds: float) -> bool:
        holder = Holder.read(content)
        return unchanged_seconds >= self.pulse.stale_seconds or (holder is not None and holder.is_known_dead)

    def _take_over(self, path: Path, content: bytes, holder: Holder, unchanged_seconds: float) -> bool:
        """Of all who find the same dead content one may replace it: who makes the claim's file.

        Should that one die before it is done, the content stays as it is; after another spell the next claim is free.
        """
        spell = int(unchanged_seconds // self.pulse.stale_seconds)
        digest = hashlib.sha256(content).hexdigest()[:16]
        claim = path.with_name(f"{path.name}.{digest}.{spell}.claim")
        if not _create(claim, holder) or _content(path) != content:
            return False
        write_private(path, holder.content(0))
        for old in path.parent.glob(f"{path.name}.*.claim"):
            if old != claim:  # this one goes with the next take-over: a slow candidate must still find it
                old.unlink(missing_ok=True)
        return True


def _create(path: Path, holder: Holder) -> bool:
    """Makes the file with its content in one step; False when it is there. Raises OSError."""
    beside = path.with_name(f"{path.name}.{secrets.token_hex(8)}{UNFINISHED}")
    write_private(beside, holder.content(0))
    try:
        path.hardlink_to(beside)
    except FileExistsError:
        return False
    finally:
        beside.unlink()
    return True


def _content(path: Path) -> bytes | None:
    try:
        return read_regular(path, MOST_BYTES)
    except FileNotFoundError:
        return None
