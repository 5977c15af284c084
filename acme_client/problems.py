"""What does the CA object to, in plain words and as a kind? Its problem documents (RFC 8555 6.7). Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from acme_client.errors import ErrorKind

_PREFIX = "urn:ietf:params:acme:error:"
_MOST_PARTS = 100
"""Let's Encrypt takes 100 names an order; each can have one."""
_MOST_CHARACTERS = 500
"""Of one text. The CA writes it, a log and a terminal show it."""

# fmt: off
KINDS: dict[str, ErrorKind] = {
    "accountDoesNotExist":     ErrorKind.ACCOUNT,
    "badPublicKey":            ErrorKind.ACCOUNT,
    "badSignatureAlgorithm":   ErrorKind.ACCOUNT,
    "externalAccountRequired": ErrorKind.ACCOUNT,
    "invalidContact":          ErrorKind.ACCOUNT,
    "unsupportedContact":      ErrorKind.ACCOUNT,
    "userActionRequired":      ErrorKind.ACCOUNT,
    "badNonce":                ErrorKind.CA_UNAVAILABLE,
    "serverInternal":          ErrorKind.CA_UNAVAILABLE,
    "rateLimited":             ErrorKind.RATE_LIMITED,
    "caa":                     ErrorKind.CAA,
    "rejectedIdentifier":      ErrorKind.IDENTIFIER_REJECTED,
    "unsupportedIdentifier":   ErrorKind.IDENTIFIER_REJECTED,
    "connection":              ErrorKind.CHALLENGE_FAILED,
    "dns":                     ErrorKind.CHALLENGE_FAILED,
    "dnssec":                  ErrorKind.CHALLENGE_FAILED,
    "incorrectResponse":       ErrorKind.CHALLENGE_FAILED,
    "tls":                     ErrorKind.CHALLENGE_FAILED,
}
# fmt: on
"""The types of RFC 8555 6.7 that mean one thing wherever they are said. `unauthorized` does not: the caller knows."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One objection, and the ones that it consists of."""

    code: str
    """The type without its prefix; empty when the document has none."""
    detail: str
    name: str | None = None
    """The domain that it is about."""
    parts: tuple["Problem", ...] = ()
    """RFC 8555 6.7.1."""


def parse_problem(document: object) -> Problem:
    """A problem document as it is: what has the wrong form counts as not said."""
    if not isinstance(document, Mapping):
        return Problem("", "")
    identifier, parts = document.get("identifier"), document.get("subproblems")
    return Problem(
        _text(document.get("type")).removeprefix(_PREFIX).removeprefix("about:blank"),
        _text(document.get("detail")) or _text(document.get("title")),
        (_text(identifier.get("value")) or None) if isinstance(identifier, Mapping) else None,
        tuple(parse_problem(part) for part in parts[:_MOST_PARTS]) if isinstance(parts, list) else (),
    )


def kind_of(problem: Problem, *, otherwise: ErrorKind) -> ErrorKind:
    """The kind that the problem, or the first of its parts that says more, stands for."""
    return next((KINDS[one.code] for one in (problem, *problem.parts) if one.code in KINDS), otherwise)


def tell(problem: Problem) -> str:
    """Everything the CA said, on one line: `example.com: detail (type)`."""
    return "; ".join(_tell_each(problem)) or "it did not say why"


def plain(text: str, most: int = _MOST_CHARACTERS) -> str:
    """A foreign text that can be shown: one line, no control characters, no longer than `most`."""
    shown = "".join(character if character.isprintable() else " " for character in text[: most + 1])
    return f"{shown[:most]}..." if len(shown) > most else shown.strip()


def _tell_each(problem: Problem) -> Iterator[str]:
    words = problem.detail or ("" if problem.parts else problem.code)
    if words:
        about = f"{problem.name}: " if problem.name and problem.name not in words else ""
        yield f"{about}{words}{f' ({problem.code})' if problem.code not in ('', words) else ''}"
    for part in problem.parts:
        yield from _tell_each(part)


def _text(value: object) -> str:
    return plain(value) if isinstance(value, str) else ""
