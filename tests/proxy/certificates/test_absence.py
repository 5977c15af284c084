"""Is it said in words that help why https is not served?"""

from dataclasses import replace

import pytest

from mesh_gateway.observe.renewals import LATEST, Renewal, Renewals
from mesh_gateway.proxy.certificates.absence import why_no_https
from mesh_gateway.proxy.certificates.shelf import Outlook
from mesh_gateway.proxy.certificates.table import Certificates
from mesh_gateway.proxy.certificates.watch import Sight
from mesh_gateway.settings import Settings, read_settings

NOW = 1_800_000_000.0
HEALTHY = Renewal("example.com", None, None, None, 0, 0, 0, None)
FAILED = replace(
    HEALTHY,
    failures_in_a_row=2,
    last_error="dns-credentials",
    error_message="the name server refused the update.",
    next_attempt=NOW + 90,
)
TOLD = (
    "the certificate example.com could not be obtained (2 times): the name server refused the update. "
    "It is tried again at 2027-01-15 08:01:30 UTC; `scripts/acme status` tells more"
)

TOLD_SOON = (
    "the certificate example.com could not be obtained (once): dns-credentials. "
    "It is tried again soon; `scripts/acme status` tells more"
)


def settings(**values: str) -> Settings:
    return read_settings({"server_domain": "example.com", **values})


def sight(*records: Renewal, refused: tuple[str, ...] = ()) -> Sight:
    outlook = Outlook(Certificates(), False, 0, 0, refused, False)
    return Sight(outlook, Renewals(records))


OBTAINS = settings(ssl_email="a@example.com")
# Settings, what was seen, and what is said of it.
STORIES = {
    "the folder hangs": (OBTAINS, None, "CERT_DIR does not answer"),
    "files that cannot serve": (
        OBTAINS,
        sight(FAILED, refused=("one", "two")),
        "the files of one, two in CERT_DIR cannot serve, the log says why",
    ),
    "many files": (
        OBTAINS,
        sight(refused=tuple("abcdefg")),
        "the files of a, b, c, d, e and 2 more in CERT_DIR cannot serve, the log says why",
    ),
    "failed twice": (OBTAINS, sight(FAILED), TOLD),
    "another one failed as well": (OBTAINS, sight(replace(FAILED, name="a.org"), FAILED), TOLD),
    "failed for now": (
        OBTAINS,
        sight(replace(FAILED, failures_in_a_row=1, error_message=None, next_attempt=NOW - 1)),
        TOLD_SOON,
    ),
    "waits for the last second that a record may name": (
        OBTAINS,
        sight(replace(FAILED, next_attempt=LATEST.timestamp() - 1)),
        TOLD.replace("2027-01-15 08:01:30", "9998-12-31 23:59:59"),
    ),
    "on its way": (
        OBTAINS,
        sight(HEALTHY),
        "no certificate has been obtained yet; the log and `scripts/acme once` tell what it waits for",
    ),
    "nobody obtains any": (
        settings(),
        sight(),
        "there is no certificate in CERT_DIR, and SSL_EMAIL is not set, so none is obtained (docs/certificates.md)",
    ),
    "somebody else obtains them": (
        settings(ssl_email="a@example.com", acme="off"),
        sight(),
        "there is no certificate in CERT_DIR, and ACME is off, so none is obtained (docs/certificates.md)",
    ),
}


@pytest.mark.parametrize(("set_up", "seen", "reason"), STORIES.values(), ids=STORIES)
def test_the_reason_is_said(set_up: Settings, seen: Sight | None, reason: str) -> None:
    assert why_no_https(set_up, seen, NOW) == f"https is not served yet: {reason}"
