"""Is a plain http request sent to https instead? And what do browsers learn of https for the time to come?"""

from dataclasses import dataclass

from mesh_gateway.routing.fields import Field

HTTPS_PORT = 443
CHALLENGE = "/.well-known/acme-challenge/"
"""A certification authority asks here over http, also while the certificate has ended (RFC 8555 8.3)."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """Come again at `location`, with the same method and body (RFC 9110 15.4.9)."""

    location: str


def to_https(host: str, target: str, *, port: int) -> Redirect | None:
    """Where a request for `target` of `host` belongs; None for one that is served over http whatever is set."""
    if target.startswith(CHALLENGE) or not target.startswith("/"):  # the second: `OPTIONS *` is about no page
        return None
    return Redirect(f"https://{host}{'' if port == HTTPS_PORT else f':{port}'}{target}")


def secured(fields: tuple[Field, ...], policy: bytes | None) -> tuple[Field, ...]:
    """The fields of an answer over https with that `policy`, unless its author has one of his own."""
    if policy is None or any(name.lower() == b"strict-transport-security" for name, _ in fields):
        return fields
    return (*fields, (b"Strict-Transport-Security", policy))


def transport_security(max_age_seconds: float) -> bytes | None:
    """The value of Strict-Transport-Security (RFC 6797 6.1). Without subdomains: each tenant's are his own affair."""
    return b"max-age=%d" % max_age_seconds if max_age_seconds >= 1 else None
