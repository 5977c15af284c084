"""What does a request ask for, and of whom? The target becomes origin-form, whatever form it came in."""

import re
from dataclasses import dataclass

from mesh_gateway.routing.rejection import malformed

_ABSOLUTE = re.compile(r"(https?)://([^/?]+)([/?].*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Target:
    """`path` with its query in origin-form, or `*`. An absolute target brings a `scheme` and an `authority` of its own."""

    path: str
    scheme: str = ""
    authority: str | None = None


def read_target(method: str, text: str) -> Target:
    """The target of an HTTP/1 request.

    Only origin-form may reach an upstream, which would believe an absolute target before `Host` (RFC 9112 3.2.2).
    """
    if is_origin_form(method, text):
        return Target(text)
    absolute = _ABSOLUTE.fullmatch(text)
    if absolute is None:
        raise malformed("target is neither a path nor an absolute http(s) address", text.encode())
    scheme, authority, rest = absolute.groups(default="")
    return Target(_origin_form(method, rest), scheme.lower(), authority)


def is_origin_form(method: str, text: str) -> bool:
    """A path, or the `*` that asks about the server as a whole (RFC 9112 3.2.4)."""
    return text.startswith("/") or (text == "*" and method == "OPTIONS")


def agree(one: str, other: str, scheme: str) -> bool:
    """Do both name the same authority? Case and the scheme's own port make no difference (RFC 9110 4.2.3)."""
    return _canonical(one, scheme) == _canonical(other, scheme)


def _origin_form(method: str, rest: str) -> str:
    """What stands behind an absolute target's authority."""
    if not rest and method == "OPTIONS":
        return "*"  # RFC 9112 3.2.4: the one who takes the authority off has to say so
    return rest if rest.startswith("/") else "/" + rest


def _canonical(authority: str, scheme: str) -> str:
    return authority.lower().removesuffix(":443" if scheme == "https" else ":80")
