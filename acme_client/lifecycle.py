"""The life of one certificate on one page: judge, lock, judge again, order, check, put, note."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from acme_client.backoff import after, pause
from acme_client.decision import Begin, Question, decide, question_due, verdict_of
from acme_client.errors import AcmeError, ErrorKind
from acme_client.happening import Event, Happening, Tell
from acme_client.issuer import Issuer, Order, Signed
from acme_client.lock import Held as HeldLock
from acme_client.lock import Locks
from acme_client.outcome import Failed, Outcome, Renewed, Rested, with_advice
from acme_client.pair import Leaf, read_pair
from acme_client.proofs import Clock
from acme_client.record import Record, failed, succeeded
from acme_client.records import Records
from acme_client.renewal import Later, Reason, Wish, jitter, suggest
from acme_client.store import Candidate, Store
from acme_client.unforeseen import contained
from acme_client.wanted import Wanted

PATIENCE_SECONDS = 900.0
"""For another instance that is at work on the same certificate: an order with slow name servers takes minutes."""
ABOUT_THE_CA = frozenset(
    {ErrorKind.CA_UNREACHABLE, ErrorKind.CA_UNAVAILABLE, ErrorKind.RATE_LIMITED, ErrorKind.ACCOUNT}
)
"""Failures of a rehearsal that say nothing about the real order."""


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """What the lives of all certificates share."""

    store: Store
    records: Records
    locks: Locks
    issuers: Mapping[str, Issuer]
    """By directory, in order of preference."""
    profile: str | None
    host: str
    clock: Clock
    draw: Callable[[], float]
    """From 0 to below 1, evenly."""
    tell: Tell

    def tend(self, wanted: Wanted) -> Outcome:
        """Does what is due for one certificate, once. Raises no Exception: it is in the outcome, and told."""
        try:
            with contained(f"Looking after {wanted.name}"):
                return self._tend(wanted, self._wish(wanted))
        except AcmeError as error:  # of the lock or of the record: no CA was asked for anything
            return self._failed(wanted, error, self.clock() + pause(error.kind, 1, error.retry_after))

    def _tend(self, wanted: Wanted, wish: Wish) -> Outcome:
        record, leaf = self._look(wanted)
        match decide(wish, record, leaf, self.clock()):
            case Later(at, reason) if not question_due(wish, record, leaf, self.clock()):
                return Rested(at, reason)
        with self.locks.held(wanted.name, patience_seconds=PATIENCE_SECONDS) as lock:
            record, leaf = self._look(wanted)  # another instance may have done it meanwhile
            if question := question_due(wish, record, leaf, self.clock()):
                record = self._ask(record, question)
            match decide(wish, record, leaf, self.clock()):
                case Later(at, reason):
                    self.records.save(replace(record, renew_at=at, renew_reason=reason))
                    return Rested(at, reason)
                case Begin() as begin:
                    return self._attempt(wanted, record, begin, lock)

    def _attempt(self, wanted: Wanted, record: Record, begin: Begin, lock: HeldLock) -> Renewed | Failed:
        issuer = self.issuers[begin.attempt.directory]
        self.tell(Happening(event=Event.DUE, name=wanted.name, reason=begin.reason, directory=issuer.directory))
        # Written before the CA is asked: where this fails, the certificate could not be kept either.
        record = replace(record, last_attempt=self.clock(), names=wanted.names, cut_off=record.cut_off + 1)
        self.records.save(record)
        try:
            with contained(f"The order for {wanted.name}"):
                self.store.check_place(wanted.name, is_staging=issuer.is_staging)
                if begin.attempt.is_rehearsed:
                    self._rehearse(wanted, issuer)
                signed = issuer.issue(Order(wanted.names, _replaced(record, issuer)))
                lock.check()
                candidate = Candidate(wanted.name, wanted.names, signed.chain_pem, signed.key_pem, issuer.is_staging)
                generation = self.store.put(candidate, self.clock())
        except AcmeError as error:
            if error.kind is ErrorKind.LOCKED:  # the record is another's now
                raise
            setback = after(error, record.setbacks.get(issuer.directory), self.clock())
            self.records.save(failed(record, issuer.directory, setback))
            return self._failed(wanted, error, setback.until, issuer.directory)
        record = replace(record, directory=issuer.directory, profile=self.profile)
        return self._renewed(wanted, record, signed, generation, is_new=begin.reason is Reason.MISSING)

    def _wish(self, wanted: Wanted) -> Wish:
        return Wish(frozenset(wanted.names), tuple(self.issuers), self.profile)

    def _look(self, wanted: Wanted) -> tuple[Record, Leaf | None]:
        record = self.records.load(wanted.name)
        if record.jitter is None:
            record = replace(record, jitter=jitter(self.host, wanted.name))
        return record, self.store.held(wanted.name)

    def _ask(self, record: Record, question: Question) -> Record:
        """The record with the CA's answer."""
        try:
            with contained(f"The question when to renew {record.name}"):
                advice = self.issuers[question.directory].advice(question.certificate_id)
        except AcmeError as error:
            self.tell(Happening(event=Event.WARNED, name=record.name, kind=error.kind, message=str(error)))
            advice = None
        suggestion = suggest(
            advice.window if advice else None,
            record.suggestion,
            self.clock(),
            retry_after=advice.retry_after if advice else None,
            draw=self.draw,
            explanation_url=advice.explanation_url if advice else None,
        )
        return replace(record, suggestion=suggestion)

    def _rehearse(self, wanted: Wanted, issuer: Issuer) -> None:
        """Whether the CA's staging, where it has one, would sign; raises AcmeError when it would not."""
        staging = issuer.rehearsal()
        if staging is None:
            return
        try:
            staging.issue(Order(wanted.names))
        except AcmeError as error:
            if error.kind not in ABOUT_THE_CA:
                raise AcmeError(error.kind, f"Tried with {staging.directory} first: {error}") from error
        else:
            self.tell(Happening(event=Event.REHEARSED, name=wanted.name, directory=staging.directory))

    def _renewed(self, wanted: Wanted, record: Record, signed: Signed, generation: str, *, is_new: bool) -> Renewed:
        leaf, now = read_pair(signed.chain_pem, signed.key_pem), self.clock()
        record = succeeded(record, leaf, now, generation=generation, certificate_id=signed.certificate_id)
        verdict = verdict_of(self._wish(wanted), record, leaf, now)
        until = verdict.at if isinstance(verdict, Later) else now
        self.records.save(replace(record, renew_at=until, renew_reason=verdict.reason))
        issued = Happening(
            event=Event.ISSUED,
            name=wanted.name,
            directory=record.directory,
            serial=leaf.serial,
            until=leaf.not_after,
        )
        self.tell(issued)
        return Renewed(leaf, until, is_new)

    def _failed(self, wanted: Wanted, error: AcmeError, until: datetime, directory: str | None = None) -> Failed:
        failure = Happening(
            event=Event.FAILED,
            name=wanted.name,
            directory=directory,
            until=until,
            kind=error.kind,
            message=with_advice(error),
        )
        self.tell(failure)
        return Failed(error, until)


def _replaced(record: Record, issuer: Issuer) -> str | None:
    """What the CA knows the certificate before by, if it is its own (RFC 9773 5)."""
    return record.certificate_id if record.directory == issuer.directory else None
