"""Why is https not served? In words for whoever runs the gateway, with what the certificate program has written down."""

from collections.abc import Iterable
from datetime import UTC, datetime

from mesh_gateway.observe.renewals import Renewal
from mesh_gateway.proxy.certificates.watch import Sight
from mesh_gateway.settings import Settings

MOST_NAMED = 5


def why_no_https(settings: Settings, sight: Sight | None, now: float) -> str:
    """The reason as of `now` (epoch seconds), where no certificate serves. For the admin port: it quotes messages.

    Five cases: nobody has looked yet; files cannot serve; obtaining them failed; none has been obtained yet; nobody does.
    """
    return f"https is not served yet: {_reason(settings, sight, now)}"


def _reason(settings: Settings, sight: Sight | None, now: float) -> str:
    if sight is None:
        return "CERT_DIR does not answer"
    if refused := sight.outlook.refused:
        return f"the files of {_listed(refused)} in CERT_DIR cannot serve, the log says why"
    if failed := _failure(sight.renewals.records, settings.server_domain):
        return _told(failed, now)
    if settings.acme and settings.ssl_email:
        return "no certificate has been obtained yet; the log and `scripts/acme once` tell what it waits for"
    missing = "ACME is off" if settings.ssl_email else "SSL_EMAIL is not set"
    return f"there is no certificate in CERT_DIR, and {missing}, so none is obtained (docs/certificates.md)"


def _failure(records: Iterable[Renewal], server_domain: str) -> Renewal | None:
    """The one that failed; of several the domain's own."""
    failed = [each for each in records if each.last_error]
    return min(failed, key=lambda each: (each.name != server_domain, each.name), default=None)


def _told(failed: Renewal, now: float) -> str:
    times = "once" if failed.failures_in_a_row == 1 else f"{failed.failures_in_a_row} times"
    cause = (failed.error_message or failed.last_error or "").rstrip(".")
    return (
        f"the certificate {failed.name} could not be obtained ({times}): {cause}. {_next(failed.next_attempt, now)}; "
        "`scripts/acme status` tells more"
    )


def _next(attempt: float | None, now: float) -> str:
    if attempt is None or attempt <= now:
        return "It is tried again soon"
    return f"It is tried again at {datetime.fromtimestamp(attempt, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _listed(names: tuple[str, ...]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
