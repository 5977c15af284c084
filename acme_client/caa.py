"""Does the domain's CAA record allow this CA? Asked before the CA is, with a clearer answer than the CA's (RFC 8659)."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from dns.rdtypes.ANY.CAA import CAA

from acme_client.errors import AcmeError, ErrorKind
from acme_client.look_up import LookUpError, Resolver

METHODS = ("dns-01", "dns-persist-01")
"""How names can be proved here; which of them it will be is known when the CA has said what it offers."""
_CRITICAL = 0x80
_KNOWN = {"issue", "issuewild", "iodef", "issuemail", "issuevmc", "contactemail", "contactphone"}
"""Tags in IANA's registry of certification authority restriction properties."""

_TAG = re.compile(r"[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*")
"""Of a parameter (RFC 8659 4.2)."""
_UNSATISFIABLE = ("accounturi",)
"""Parameters that fit nobody when they are there twice (RFC 8657 3)."""

LookUp = Callable[[str], Sequence["Property"]]
"""The CAA records of one name, behind aliases; raises LookUpError."""


@dataclass(frozen=True, slots=True)
class Property:
    """One CAA record."""

    tag: str
    value: str
    is_critical: bool = False


@dataclass(frozen=True, slots=True)
class Issuance:
    """Who would issue, for whom, and how the name would be proved."""

    identities: Sequence[str]
    """The CA's own names for CAA, from its directory (RFC 8555 7.1.1)."""
    account_uri: str | None
    """None when there is no account yet: then a restriction to an account is not held against it."""
    methods: Collection[str] = METHODS
    """One of these will be used."""


def check_caa(
    names: Iterable[str],
    identities: Sequence[str],
    account_uri: str | None,
    look_up: LookUp,
    *,
    methods: Collection[str] = METHODS,
) -> None:
    """Raises AcmeError: CAA when a record forbids one of `names`, LOOK_UP when its records cannot be looked up.

    With no identities nothing can be compared, and the question is left to the CA.
    """
    if not identities:
        return
    issuance = Issuance(identities, account_uri, methods)
    for name in names:
        try:
            owner, properties = relevant(name.removeprefix("*."), look_up)
        except LookUpError as error:
            text = f"The CAA records of {name} cannot be looked up, so no CA may issue (RFC 8659 3): {error}"
            raise AcmeError(ErrorKind.LOOK_UP, text) from error
        if objection := judge(name, properties, issuance):
            text = f"The CAA records of {owner} forbid {identities[0]} to issue for {name}: {objection}"
            raise AcmeError(ErrorKind.CAA, text)


def caa_look_up(resolver: Resolver) -> LookUp:
    """CAA records as a resolver sees them."""

    def look_up(name: str) -> Sequence[Property]:
        records = (record for record in resolver.records(f"{name}.", "CAA") if isinstance(record, CAA))
        return [
            Property(
                r.tag.decode("ascii", "replace").lower(), r.value.decode("utf-8", "replace"), bool(r.flags & _CRITICAL)
            )
            for r in records
        ]

    return look_up


def relevant(name: str, look_up: LookUp) -> tuple[str, Sequence[Property]]:
    """The nearest name upwards that has CAA records, and those; `name` and none when there are none (RFC 8659 3)."""
    labels = name.rstrip(".").split(".")
    for first in range(len(labels)):
        owner = ".".join(labels[first:])
        if properties := look_up(owner):
            return owner, properties
    return name, ()


def judge(name: str, properties: Sequence[Property], issuance: Issuance) -> str | None:
    """What the records hold against it, in words; None when nothing does. The cases, in this order:

    1. A critical record that nobody knows forbids everything (RFC 8659 4.1).
    2. For a wildcard `issuewild` alone counts where there is one, otherwise `issue` (4.3).
    3. Without a record that counts, everybody may (4.2).
    4. One record that names this CA, and restricts it to no other account or method, is enough (RFC 8657 3, 4).
    """
    for one in properties:
        if one.is_critical and one.tag not in _KNOWN:
            return f"they have a critical property {one.tag!r} that CAs do not know"
    tag = "issuewild" if name.startswith("*.") and any(one.tag == "issuewild" for one in properties) else "issue"
    objections = [_objection(one.value, issuance) for one in properties if one.tag == tag]
    if not objections or None in objections:
        return None
    records = ", ".join(f'{tag} "{one.value}"' for one in properties if one.tag == tag)
    return f"{'; '.join(dict.fromkeys(filter(None, objections)))} (they say: {records})"


def _objection(value: str, issuance: Issuance) -> str | None:
    """What one `issue` or `issuewild` value holds against it."""
    issuer, parameters = parse_issue(value)
    if issuer not in {identity.lower() for identity in issuance.identities}:
        return f"only {issuer} may" if issuer else "nobody may"
    account = parameters.get("accounturi")
    if account is not None and issuance.account_uri is not None and account != issuance.account_uri:
        return f"only the account {account} may, and this one is {issuance.account_uri}"
    allowed = parameters.get("validationmethods")
    if allowed is not None and {method.strip() for method in allowed.split(",")}.isdisjoint(issuance.methods):
        return f"names may be proved by {allowed or 'nothing'} and not by {' or '.join(issuance.methods)}"
    return None


def parse_issue(value: str) -> tuple[str, Mapping[str, str]]:
    """Issuer and parameters by their tags (RFC 8659 4.2); a malformed value names no issuer, as there.

    Nor does one whose parameters contradict each other.
    """
    issuer, *parts = (part.strip(" \t") for part in value.split(";"))
    parameters: dict[str, str] = {}
    for part in filter(None, parts):
        tag, equals, text = (piece.strip(" \t") for piece in part.partition("="))
        if not equals or not _TAG.fullmatch(tag) or (tag.lower() in _UNSATISFIABLE and tag.lower() in parameters):
            return "", {}
        parameters[tag.lower()] = text
    return issuer.lower(), parameters
