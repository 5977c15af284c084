"""What serves while files come, change and go? The last good pair of each place, whatever lies there now.

Not safe for threads: `Watch` owns it in one.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from mesh_gateway.proxy.certificates.pair import (
    Certificate,
    CertificateFileError,
    Pair,
    Stamp,
    make_certificate,
    read_pair,
    stamp,
)
from mesh_gateway.proxy.certificates.places import Place, find_places, printable
from mesh_gateway.proxy.certificates.table import Certificates

logger = logging.getLogger(__name__)

SETTLED_SECONDS = 2.0
"""A file that changed so lately may change again within the tick of its file system's clock, and look the same."""
RETRY_SECONDS = 30.0
"""What could not serve is tried again: its first moment may come, or its file system come back."""
GONE_SECONDS = 30.0
"""How long a place may be missing, as while a program writes it anew, before its certificate serves no more."""

MOST_NAMED = 10
"""Of the names that serve so many are told."""


@dataclass(slots=True)
class _Slot:
    """One place, as it was seen last."""

    serving: Certificate | None = None
    pair: Pair | None = None
    """The bytes that serve."""
    seen: Stamp = ()
    settled: bool = False
    complaint: str = ""
    """Why what lies there does not serve."""
    suspect: bool = False
    """Whether the files failed once: they are told of when they still do at the next look, as they may be half-written."""
    tried_at: float = 0.0
    gone_since: float | None = None


@dataclass(frozen=True, slots=True)
class Outlook:
    """What one look has found. `successes` and `failures` count loads since the look before."""

    table: Certificates
    changed: bool
    successes: int
    failures: int
    refused: tuple[str, ...]
    """The places whose files cannot serve now."""
    unsettled: bool
    """Whether some may be half-written, so that another look is due soon."""
    is_no_folder: bool = False
    """Whether something else lies where the folder should be."""


@dataclass(slots=True)
class Shelf:
    """All places. Its state is one slot for each."""

    root: Path
    default: str
    clock: Callable[[], float]
    """Monotonic seconds."""
    wall: Callable[[], datetime]
    _slots: dict[str, _Slot] = field(default_factory=dict)
    _table: Certificates = field(default_factory=Certificates)
    _successes: int = 0
    _failures: int = 0
    _first: bool = True
    _trouble: str = ""
    _is_no_folder: bool = False

    def look(self, *, anew: bool = False) -> Outlook:
        """Read what has changed, or with `anew` everything. Never raises for what lies on the disk."""
        before = [slot.serving for slot in self._slots.values()]
        self._successes = self._failures = 0
        self._is_no_folder = False
        try:
            places = find_places(self.root)
        except OSError as error:
            self._is_no_folder = isinstance(error, NotADirectoryError)
            if not (self._first and self._is_no_folder):  # a start ends with it, and tells
                self._complain(f"certificates in {self.root} cannot be looked for: {error.strerror}")
        else:
            self._trouble = ""
            for place in places:
                self._visit(place, self._slots.setdefault(place.name, _Slot()), anew=anew)
            self._forget({place.name for place in places})
        return self._outlook(before)

    def _complain(self, trouble: str) -> None:
        """Once, not at each look."""
        if trouble != self._trouble:
            self._trouble, self._failures = trouble, self._failures + 1
            logger.warning("%s; what serves goes on", trouble)

    def _visit(self, place: Place, slot: _Slot, *, anew: bool) -> None:
        slot.gone_since = None
        now, found = self.clock(), stamp(place)
        is_due = slot.complaint and now - slot.tried_at >= RETRY_SECONDS
        if found == slot.seen and slot.settled and not slot.suspect and not is_due and not anew:
            return
        had_changed = found != slot.seen
        slot.seen, slot.tried_at = found, now
        slot.settled = self._is_settled(found)
        try:
            pair = read_pair(place)
            if pair == slot.pair and not slot.complaint and not slot.suspect:
                return
            certificate = self._accept(pair, slot, anew=anew)
            _check_unchanged(place, found)
        except CertificateFileError as error:
            self._refuse(place, slot, str(error), had_changed=had_changed or anew)
        else:
            self._serve(slot, pair, certificate)

    def _is_settled(self, found: Stamp) -> bool:
        changed_ns = max((each for of_file in found for each in of_file[:2] if len(of_file) > 1), default=0)
        return self.wall().timestamp() - changed_ns / 1e9 > SETTLED_SECONDS

    def _accept(self, pair: Pair, slot: _Slot, *, anew: bool) -> Certificate:
        if pair == slot.pair and slot.serving:  # it is whole again, and was never away
            return slot.serving
        certificate = make_certificate(pair, self.wall())
        if slot.serving and not certificate.hosts & slot.serving.hosts and not anew:
            raise CertificateFileError("it has no name in common with the one that serves; SIGHUP to serve it")
        return certificate

    def _serve(self, slot: _Slot, pair: Pair, certificate: Certificate) -> None:
        if slot.serving is not certificate:
            self._successes += 1
            if slot.serving:
                logger.info("certificate %s: serial %x serves now", pair.name, certificate.serial)
                if lost := slot.serving.hosts - certificate.hosts:
                    logger.warning(
                        "certificate %s no longer covers %s", pair.name, ", ".join(map(printable, sorted(lost)))
                    )
        slot.serving, slot.pair, slot.complaint, slot.suspect = certificate, pair, "", False

    def _refuse(self, place: Place, slot: _Slot, why: str, *, had_changed: bool) -> None:
        # At the start there is nobody to wait for: what is wrong is told at once.
        if had_changed and not slot.suspect and not self._first:
            slot.suspect = True
            return
        slot.suspect = False
        if why != slot.complaint or had_changed:
            self._failures += 1
            goes_on = "; the one from before goes on" if slot.serving else ""
            logger.warning("certificate %s does not serve: %s%s", place.name, why, goes_on)
        slot.complaint = why

    def _forget(self, present: set[str]) -> None:
        now = self.clock()
        for name in self._slots.keys() - present:
            slot = self._slots[name]
            slot.gone_since = now if slot.gone_since is None else slot.gone_since
            if slot.serving is None or now - slot.gone_since >= GONE_SECONDS:
                if slot.serving:
                    logger.warning("certificate %s is gone and serves no more", name)
                del self._slots[name]

    def _outlook(self, before: list[Certificate | None]) -> Outlook:
        serving = [slot.serving for slot in self._slots.values()]
        now = self.wall()
        are_others = [*filter(None, serving)] != [*filter(None, before)]
        changed = self._first or are_others or not self._table.is_current(now)
        if changed:
            self._table = Certificates(filter(None, serving), self.default, now=now)
            self._mind_default({each.name for each in self._table.all})
        self._first = False
        refused = tuple(name for name, slot in self._slots.items() if slot.complaint)
        unsettled = any(slot.suspect for slot in self._slots.values())
        return Outlook(
            self._table, changed, self._successes, self._failures, refused, unsettled, is_no_folder=self._is_no_folder
        )

    def _mind_default(self, serving: set[str]) -> None:
        """Say that the default is missing. Where nothing serves yet it may be about to come, and the log tells that."""
        if self.default and serving and self.default not in serving:
            names = ", ".join(sorted(serving)[:MOST_NAMED])
            logger.warning(
                "DEFAULT_CERTIFICATE %s is not among the certificates that serve (%s): "
                "clients with an unknown or no SNI are refused",
                self.default,
                names,
            )


def _check_unchanged(place: Place, found: Stamp) -> None:
    if stamp(place) != found:
        raise CertificateFileError("it changed while it was read")
