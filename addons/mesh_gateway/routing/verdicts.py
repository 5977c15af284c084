"""Which answers of its own does the gateway give, and what does each one say?

One table from `Failure` to status and text (CONTRACT part 6).
"""

from dataclasses import dataclass
from enum import Enum, unique


@unique
class Failure(Enum):
    """Why a request was not served by a tenant. The value is the stable `code` of answers, access lines and metrics."""

    INVALID_HOST = "INVALID_HOST"
    BAD_REQUEST = "BAD_REQUEST"
    FOREIGN_HOST = "FOREIGN_HOST"
    DOMAIN_NOT_FOUND = "DOMAIN_NOT_FOUND"
    NO_ROUTES = "NO_ROUTES"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    BODY_TOO_LARGE = "BODY_TOO_LARGE"
    HEADERS_TOO_LARGE = "HEADERS_TOO_LARGE"
    URI_TOO_LONG = "URI_TOO_LONG"
    MISDIRECTED = "MISDIRECTED"
    RATE_LIMITED = "RATE_LIMITED"
    LOOP_DETECTED = "LOOP_DETECTED"
    RESOLVER_UNAVAILABLE = "RESOLVER_UNAVAILABLE"
    UPSTREAM_TLS = "UPSTREAM_TLS"
    UPSTREAM_PROTOCOL = "UPSTREAM_PROTOCOL"
    UPSTREAM_TIMEOUT = "UPSTREAM_TIMEOUT"
    ROUTES_EXHAUSTED = "ROUTES_EXHAUSTED"
    UNAVAILABLE = "UNAVAILABLE"
    CLIENT_CLOSED = "CLIENT_CLOSED"
    REQUEST_TIMEOUT = "REQUEST_TIMEOUT"
    INTERNAL = "INTERNAL"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one `Failure` means on the wire.

    `retry_after_seconds` becomes the `Retry-After` field (RFC 9110 10.2.3).
    """

    status: int
    title: str
    text: str
    retry_after_seconds: int | None = None


VERDICTS: dict[Failure, Verdict] = {
    Failure.INVALID_HOST: Verdict(
        400,
        "This address cannot be right",
        "The host name is malformed. Expected is a name such as app-alice.example.com: letters, digits, "
        "dashes and dots, and after the last dash or dot the tenant in letters and digits.",
    ),
    Failure.BAD_REQUEST: Verdict(400, "Bad request", "The request does not follow the HTTP specification."),
    Failure.FOREIGN_HOST: Verdict(404, "Nothing lives here", "This gateway does not serve the requested host name."),
    Failure.DOMAIN_NOT_FOUND: Verdict(404, "Unknown name", "Nobody has claimed this name."),
    Failure.NO_ROUTES: Verdict(
        404, "Offline", "This name is claimed, but its owner's server is not connected right now."
    ),
    Failure.METHOD_NOT_ALLOWED: Verdict(405, "Method not allowed", "The gateway does not carry this method."),
    Failure.BODY_TOO_LARGE: Verdict(413, "Too large", "The request's body is larger than the gateway carries."),
    Failure.HEADERS_TOO_LARGE: Verdict(
        431, "Header fields too large", "The request's header section is larger than the gateway reads."
    ),
    Failure.URI_TOO_LONG: Verdict(414, "Address too long", "The request's target is longer than the gateway reads."),
    Failure.MISDIRECTED: Verdict(
        421, "Misdirected request", "This name is served under another certificate; connect again for it."
    ),
    Failure.RATE_LIMITED: Verdict(
        429, "Too many requests", "Please wait a moment before the next request.", retry_after_seconds=1
    ),
    Failure.LOOP_DETECTED: Verdict(508, "Loop detected", "The route of this name leads back to this gateway."),
    Failure.RESOLVER_UNAVAILABLE: Verdict(
        502, "Temporarily unavailable", "The gateway cannot find out where this name lives right now."
    ),
    Failure.UPSTREAM_TLS: Verdict(
        502, "No trusted connection", "The server behind this name has no acceptable certificate."
    ),
    Failure.UPSTREAM_PROTOCOL: Verdict(
        502, "Broken answer", "The server behind this name broke off or gave no valid answer."
    ),
    Failure.UPSTREAM_TIMEOUT: Verdict(504, "No answer in time", "The server behind this name took too long to answer."),
    Failure.ROUTES_EXHAUSTED: Verdict(504, "Not reachable", "The server behind this name cannot be reached right now."),
    Failure.UNAVAILABLE: Verdict(
        503, "Temporarily unavailable", "The gateway takes no further requests right now.", retry_after_seconds=5
    ),
    # nginx's 499: the client left before an answer; seen in access lines and metrics only.
    Failure.CLIENT_CLOSED: Verdict(499, "Client closed request", "The client left before the answer."),
    Failure.REQUEST_TIMEOUT: Verdict(408, "Request timeout", "The request did not arrive in time."),
    Failure.INTERNAL: Verdict(
        500, "Internal error", "The gateway failed at this request. The fault is logged under its request id."
    ),
}
