"""How is control over names proved in DNS? Note, add, wait for every server, and remove whatever happens."""

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from acme_client.authoritative import Home, find_home, follow
from acme_client.errors import AcmeError
from acme_client.leftovers import KEPT, Leftovers, Note
from acme_client.look_up import LookUpError, Resolver
from acme_client.name_servers import DNS_PORT
from acme_client.proofs import Proof, Wait
from acme_client.propagation import Progress, Wanted, wait_until_shown
from acme_client.providers.provider import Entry, Provider, RawProof
from acme_client.refusal import is_refusal

logger = logging.getLogger(__name__)

_STAYS, _MAY_BE_THERE = "stays for now", "may be there"
"""What is warned of when a removal fails."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How it is found out that a value can be seen."""

    timeout_seconds: float = 120.0
    """DNS_PROPAGATION_TIMEOUT."""
    is_checked: bool = True
    """DNS_PROPAGATION_CHECK; without, the provider's usual time is waited and nobody asked."""
    port: int = DNS_PORT
    """Where authoritative servers listen: 53 everywhere but in a laboratory."""


@dataclass(frozen=True, slots=True)
class DnsProver:
    """A Prover by TXT records. Safe in several processes at once; each notes what it adds in a file of its own."""

    provider: Provider
    resolver: Resolver
    leftovers: Leftovers
    patience: Patience
    wait: Wait
    monotonic: Callable[[], float]
    progress: Progress

    @contextlib.contextmanager
    def published(self, proofs: Sequence[Proof]) -> Iterator[None]:
        """While inside, every authoritative server shows all proofs; afterwards none is left of them.

        What a run that died left behind is removed first. A value that cannot be removed at the end is warned of and
        left to the next sweep: the certificate is there all the same. Raises AcmeError (DNS_PROVIDER, DNS_CREDENTIALS,
        PROPAGATION, STORE).
        """
        places = {record: self._place(record) for record in dict.fromkeys(proof.record for proof in proofs)}
        entries = tuple(dict.fromkeys(_entry(proof, places[proof.record].name) for proof in proofs))
        self.sweep(keep=entries)
        with self.leftovers.noted(entries) as note:
            begun: list[Entry] = []
            fate = _MAY_BE_THERE
            try:
                for entry in entries:
                    self._add(entry, begun)
                fate = _STAYS
                self._wait_for(entries, places.values())
                yield
            finally:
                self._take_back(note, begun, fate)

    def sweep(self, *, keep: Sequence[Entry] = ()) -> int:
        """Removes what runs that died have left, but for the values in `keep`; returns how many notes are still open.

        A note of such a value stays for the next sweep: whoever keeps the value has not noted it yet.

        Never raises AcmeError: what fails is warned of, and tried again at the next sweep.
        """
        still_open = 0
        for note in self.leftovers.abandoned():
            match note:
                case Note():
                    left = [entry for entry in note.entries if entry not in keep]
                    is_kept = len(left) < len(note.entries)
                    if (self._remove(left, _MAY_BE_THERE) or self._is_hopeless(note)) and not is_kept:
                        _forget(note)
                    else:
                        still_open += 1
                case path:
                    logger.warning("%s cannot be read; remove the TXT records that it names, then the file", path)
                    still_open += 1
        return still_open

    def _place(self, record: str) -> Home:
        if self.patience.is_checked:
            return find_home(record, self.resolver, port=self.patience.port)
        try:
            return Home(follow(record, self.resolver), "", ())
        except LookUpError:  # who turns the check off may have no resolver that sees the zone
            return Home(record, "", ())

    def _wait_for(self, entries: Sequence[Entry], homes: Iterable[Home]) -> None:
        if not self.patience.is_checked:
            self.wait(self.provider.propagation_seconds)
            return
        by_name = {home.name: home for home in homes}
        wanted = [
            Wanted(home, frozenset(entry.value for entry in entries if entry.name == name))
            for name, home in by_name.items()
        ]
        wait_until_shown(
            wanted,
            timeout_seconds=self.patience.timeout_seconds,
            wait=self.wait,
            monotonic=self.monotonic,
            progress=self.progress,
        )

    def _add(self, entry: Entry, begun: list[Entry]) -> None:
        """Adds it, and to `begun` as well what has been added or, after a request that failed, may have been."""
        begun.append(entry)
        try:
            self.provider.add(entry)
        except AcmeError as error:
            if is_refusal(error):
                begun.remove(entry)
            raise

    def _take_back(self, note: Note, begun: Sequence[Entry], fate: str) -> None:
        """Removes what has begun to be there; the note stays for what could not be removed, and for nothing else."""
        if self._remove(begun, fate):
            _forget(note)
        elif len(begun) < len(note.entries):
            with contextlib.suppress(AcmeError), self.leftovers.noted(begun):
                _forget(note)

    def _remove(self, entries: Sequence[Entry], fate: str) -> bool:
        """Whether all could be removed. The first failure ends it: the provider that fails once would fail on."""
        for entry in entries:
            try:
                self.provider.remove(entry)
            except AcmeError as error:
                logger.warning("A TXT record %s (%s) and is removed at the next run: %s", fate, entry.name, error)
                return False
        return True

    def _is_hopeless(self, note: Note) -> bool:
        if self.leftovers.clock() - note.since < KEPT:
            return False
        names = ", ".join(f"{entry.name} {entry.value}" for entry in note.entries)
        logger.warning("Given up after %d days; remove by hand these TXT records: %s", KEPT.days, names)
        return True


def _entry(proof: Proof, name: str) -> Entry:
    match proof:
        case RawProof():
            return Entry(name, proof.value, proof.domain, proof.token, proof.key_authorization)
        case _:
            return Entry(name, proof.value, proof.domain)


def _forget(note: Note) -> None:
    """A note that cannot be removed is only read once more: removing values that are gone does nothing."""
    try:
        note.forget()
    except OSError as error:
        logger.warning("%s cannot be removed: %s", note.path, error.strerror)
