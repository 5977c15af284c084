"""Is control over every name proved? Authorizations and their challenges (RFC 8555 7.5)."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from acme import challenges, messages
from josepy.interfaces import JSONDeSerializable

from acme_client.account import Account
from acme_client.errors import AcmeError, ErrorKind
from acme_client.network import making_sense
from acme_client.persist import METHOD as PERSISTENT
from acme_client.polling import Polling
from acme_client.problems import kind_of, parse_problem, plain, tell
from acme_client.proofs import Proof, Prover
from acme_client.providers.provider import RawProof

MOST_WITHDRAWN = 20
"""Of one failed order: more would take longer than the limit that they count against is worth."""

Stands = Callable[[str, bool, Mapping[str, Any]], bool]
"""Whether the record of dns-persist-01 is set: domain, whether its wildcard is meant, the challenge as it came."""


Allows = Callable[[str, str], None]
"""Raises AcmeError (CAA) when a name may not be proved by a method: only now is it known which one it will be."""


class Go(JSONDeSerializable):
    """The answer to a challenge that has nothing to tell: an empty object (RFC 8555 7.5.1)."""

    def to_partial_json(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_json(cls, jobj: Any) -> "Go":  # noqa: ARG003 - asked for by the base class
        return cls()


@dataclass(frozen=True, slots=True)
class Asked:
    """The names that were ordered, and where the CA says that their authorizations are."""

    names: Sequence[str]
    urls: Sequence[str]


@dataclass(frozen=True, slots=True)
class Pending:
    """An authorization, and the challenge that will be answered."""

    resource: messages.AuthorizationResource
    challenge: messages.ChallengeBody

    @property
    def name(self) -> str:
        return name_of(self.resource.body)

    @property
    def is_persistent(self) -> bool:
        return isinstance(self.challenge.chall, challenges.UnrecognizedChallenge)

    @property
    def method(self) -> str:
        return PERSISTENT if self.is_persistent else str(challenges.DNS01.typ)


@dataclass(frozen=True, slots=True)
class Proving:
    """How names are proved."""

    prover: Prover
    stands: Stands = lambda *_: False
    allows: Allows = lambda *_: None


def prove(account: Account, order: Asked, proving: Proving, *, seconds: float) -> None:
    """Brings every authorization to `valid`; those that are already need nothing (RFC 8555 7.1.3).

    An authorization for a name that was not ordered is refused: a TXT value there would speak for somebody else's order.
    The CA has `seconds` from the moment that it is told to look. Raises AcmeError; authorizations that are pending
    then are given back, for they count against a limit of the account.
    """
    with making_sense(account.directory.url):
        found = _found(account, order)
        pending = [_choose(each, proving.stands) for each in found if each.body.status != messages.STATUS_VALID]
        proofs = [_proof(account, each) for each in pending if not each.is_persistent]
    with _withdrawn_on_failure(account, pending):
        for each in pending:
            proving.allows(each.name, each.method)
        _answer(account, [each for each in pending if each.is_persistent], seconds)
        if shown := [each for each in pending if not each.is_persistent]:
            with proving.prover.published(proofs):
                _answer(account, shown, seconds)


def name_of(body: messages.Authorization) -> str:
    """The name as it was ordered: a wildcard's authorization is for the name below it (RFC 8555 7.1.4)."""
    return f"*.{body.identifier.value}" if body.wildcard else str(body.identifier.value)


def _found(account: Account, order: Asked) -> list[messages.AuthorizationResource]:
    """The order's authorizations: one for each name at most, and for no other name (RFC 8555 7.1.3)."""
    if len(order.urls) > len(order.names):
        text = f"The CA wants {len(order.urls)} authorizations for {len(order.names)} names"
        raise AcmeError(ErrorKind.CA_UNAVAILABLE, text)
    found = [_read(account, url) for url in order.urls]
    ordered = {name.removeprefix("*.") for name in order.names}
    for each in found:
        if str(each.body.identifier.value).lower() not in ordered:
            text = f"The CA wants a proof for {plain(name_of(each.body))}, which was not ordered"
            raise AcmeError(ErrorKind.CA_UNAVAILABLE, text)
    return found


def _read(account: Account, url: str) -> messages.AuthorizationResource:
    body = messages.Authorization.from_json(account.post(url).json())
    return messages.AuthorizationResource(body=body, uri=url)


def _choose(resource: messages.AuthorizationResource, stands: Stands) -> Pending:
    """The cases, in this order:

    1. It is neither valid nor pending: nothing can be proved any more.
    2. The CA takes a persistent record, and that stands: nothing must be changed in DNS.
    3. The CA takes dns-01.
    """
    body = resource.body
    if body.status != messages.STATUS_PENDING:
        raise _failure(body)
    for each in body.challenges:
        offer = each.chall.to_partial_json()
        if offer.get("type") == PERSISTENT and stands(body.identifier.value, bool(body.wildcard), offer):
            return Pending(resource, each)
    for each in body.challenges:
        if isinstance(each.chall, challenges.DNS01):
            return Pending(resource, each)
    offered = ", ".join(sorted({plain(str(each.chall.to_partial_json().get("type"))) for each in body.challenges}))
    text = f"The CA does not let {name_of(body)} be proved by dns-01, only by {offered or 'nothing'}"
    raise AcmeError(ErrorKind.IDENTIFIER_REJECTED, text)


def _proof(account: Account, pending: Pending) -> Proof:
    challenge = pending.challenge.chall
    return RawProof(
        pending.resource.body.identifier.value,
        challenge.validation(account.key),
        challenge.encode("token"),
        challenge.key_authorization(account.key),
    )


def _answer(account: Account, pending: Sequence[Pending], seconds: float) -> None:
    """Lets the CA look at all of them, and waits until it has; every name that failed is told."""
    polling = Polling(account.network.line, seconds)
    with making_sense(account.directory.url):
        for each in pending:
            account.post(each.challenge.uri, Go())
        outcomes = [_outcome(account, each, polling) for each in pending]
        failures = [_failure(body) for body in outcomes if body.status != messages.STATUS_VALID]
    if failures:
        raise AcmeError(failures[0].kind, "; ".join(str(failure) for failure in failures))


def _outcome(account: Account, pending: Pending, polling: Polling) -> messages.Authorization:
    while True:
        response = account.post(pending.resource.uri)
        body: messages.Authorization = messages.Authorization.from_json(response.json())
        if body.status != messages.STATUS_PENDING:
            return body
        polling.pause(response, f"it has not looked at the record for {pending.name} in that time")


def _failure(body: messages.Authorization) -> AcmeError:
    problems = [parse_problem(each.error.to_json()) for each in body.challenges if each.error]
    if not problems:
        text = f"The CA's authorization for {name_of(body)} is {body.status.name}"
        return AcmeError(ErrorKind.CHALLENGE_FAILED, text)
    said = "; ".join(tell(problem) for problem in problems)
    kind = kind_of(problems[0], otherwise=ErrorKind.CHALLENGE_FAILED)
    return AcmeError(kind, f"The CA could not verify {name_of(body)}: {said}")


@contextlib.contextmanager
def _withdrawn_on_failure(account: Account, pending: Sequence[Pending]) -> Iterator[None]:
    """Deactivates what is still pending (RFC 8555 7.5.2), where that costs little: not with a CA that has trouble."""
    try:
        yield
    except AcmeError as failure:
        trouble = (ErrorKind.CA_UNREACHABLE, ErrorKind.CA_UNAVAILABLE, ErrorKind.RATE_LIMITED)
        if failure.kind not in trouble:
            with contextlib.suppress(AcmeError), making_sense(account.directory.url):
                for each in pending[:MOST_WITHDRAWN]:
                    if _read(account, each.resource.uri).body.status == messages.STATUS_PENDING:
                        account.client.deactivate_authorization(each.resource)
        raise
