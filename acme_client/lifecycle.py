"""The life of one certificate on one page: judge, lock, judge again, order, check, put, note."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from acme_client.backoff import Attempt, Tried, Wait, after, pause, plan
from acme_client.decision import Begin, Question, decide, out_of_turn, question_due, verdict_of
from acme_client.errors import AcmeError, ErrorKind
from acme_client.happening import Event, Happening, Tell
from acme_client.issuer import Issuer, Order, Signed
from acme_client.lock import Held as HeldLock
from acme_client.lock import Locks
from acme_client.outcome import Failed, Outcome, Renewed, Rested, failure, issuance
from acme_client.pair import Leaf, read_pair, seconds_ahead
from acme_client.practice import practise
from acme_client.proofs import Clock
from acme_client.record import Record, failed, made_good, succeeded
from acme_client.records import Records
from acme_client.renewal import Later, Reason, Wish, jitter, suggest
from acme_client.store import Candidate, Store
from acme_client.stumbles import NO_CA, Stumbles
from acme_client.unforeseen import contained
from acme_client.wanted import Wanted

PATIENCE_SECONDS = 900.0
"""For another instance that is at work on the same certificate: an order with slow name servers takes minutes."""
NOTE_SECONDS = 5.0
"""For a lock that is wanted only to write a fault down."""


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
    fingerprint: str = ""
    """Of the settings that bear on an attempt: with others it is tried at once after a failure."""
    stumbles: Stumbles = field(default_factory=Stumbles)

    def tend(self, wanted: Wanted) -> Outcome:
        """Does what is due for one certificate, once. Raises no Exception: it is in the outcome, and told."""
        if until := self.stumbles.rest(wanted.name, self.clock()):
            return Rested(until, Reason.BACKOFF)
        try:
            with contained(f"Looking after {wanted.name}"):
                outcome = self._tend(wanted, self._wish(wanted))
        except AcmeError as error:  # of the lock, the store or the record
            until = self._stumbled(wanted, error)
            self.tell(failure(wanted.name, error, until))
            return Failed(error, until)
        self.stumbles.forget(wanted.name)
        return outcome

    def _tend(self, wanted: Wanted, wish: Wish) -> Outcome:
        record, leaf = self._look(wanted)
        match decide(wish, record, leaf, self.clock(), self.fingerprint):
            case Later(at, reason) if not self._is_to_note(wish, record, leaf, reason):
                return Rested(at, reason)
        with self.locks.held(wanted.name, patience_seconds=PATIENCE_SECONDS) as lock:
            record, leaf = self._look(wanted)  # another instance may have done it meanwhile
            if question := question_due(wish, record, leaf, self.clock()):
                record = self._ask(record, question)
            match decide(wish, record, leaf, self.clock(), self.fingerprint):
                case Later(at, reason):
                    record = record if reason is Reason.BACKOFF else made_good(record, self.clock())
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
                    practise(wanted, issuer, self.tell)
                signed = issuer.issue(Order(wanted.names, _replaced(record, issuer)))
                if ahead := seconds_ahead(read_pair(signed.chain_pem, signed.key_pem), self.clock()):
                    self.locks.wait(ahead)
                lock.check()
                candidate = Candidate(wanted.name, wanted.names, signed.chain_pem, signed.key_pem, issuer.is_staging)
                generation = self.store.put(candidate, self.clock())
        except AcmeError as error:
            if error.kind is ErrorKind.LOCKED:  # the record is another's now
                raise
            return self._set_back(wanted, record, error, issuer.directory)
        turns = out_of_turn(begin.reason, record, self.clock())
        record = replace(record, directory=issuer.directory, profile=self.profile, out_of_turn=turns)
        return self._renewed(wanted, record, signed, generation, is_new=begin.reason is Reason.MISSING)

    def _set_back(self, wanted: Wanted, record: Record, error: AcmeError, directory: str) -> Failed:
        tried, now = Tried(frozenset(wanted.names), self.fingerprint), self.clock()
        record = failed(record, directory, after(error, record.setbacks.get(directory), now, tried))
        match plan(tuple(self.issuers), record.setbacks, now, tried):
            case Attempt():  # the next CA's turn
                until = now
            case Wait(until):
                pass
        try:
            self.records.save(replace(record, renew_at=until))
        except AcmeError as unnoted:
            text = f"{str(error).rstrip('.')}. That could not be noted either: {unnoted}"
            raise AcmeError(unnoted.kind, text) from error
        self.tell(failure(wanted.name, error, until, directory))
        return Failed(error, until)

    def _stumbled(self, wanted: Wanted, error: AcmeError) -> datetime:
        """Until when a certificate is left alone after a fault outside of an order; noted in its record if that can be."""
        if error.kind is ErrorKind.LOCKED:  # the record is another's now, who goes on
            return self.clock() + pause(error.kind, 1)
        setback = self.stumbles.add(wanted.name, error, self.clock())
        with (
            contextlib.suppress(AcmeError),
            contained(f"Noting a fault of {wanted.name}"),
            self.locks.held(wanted.name, patience_seconds=NOTE_SECONDS),
        ):
            self.records.save(failed(self.records.load(wanted.name), NO_CA, setback))
        return setback.until

    def _is_to_note(self, wish: Wish, record: Record, leaf: Leaf | None, reason: Reason) -> bool:
        """Whether a certificate that is not to be ordered now has something to ask of its CA, or a failure made good."""
        if question_due(wish, record, leaf, self.clock()):
            return True
        return reason is not Reason.BACKOFF and made_good(record, self.clock()) != record

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

    def _renewed(self, wanted: Wanted, record: Record, signed: Signed, generation: str, *, is_new: bool) -> Renewed:
        leaf, now = read_pair(signed.chain_pem, signed.key_pem), self.clock()
        record = succeeded(record, leaf, now, generation=generation, certificate_id=signed.certificate_id)
        verdict = verdict_of(self._wish(wanted), record, leaf, now)
        until = verdict.at if isinstance(verdict, Later) else now
        self.records.save(replace(record, renew_at=until, renew_reason=verdict.reason))
        self.tell(issuance(wanted.name, leaf, record.directory))
        return Renewed(leaf, until, is_new)


def _replaced(record: Record, issuer: Issuer) -> str | None:
    """What the CA knows the certificate before by, if it is its own (RFC 9773 5)."""
    return record.certificate_id if record.directory == issuer.directory else None
