"""Does a rehearsal say in plain words what would fail, and leave the real CA and the store alone?"""

from acme_client.errors import AcmeError, ErrorKind
from acme_client.issuer import Order, Signed
from acme_client.rehearsal import rehearse
from acme_client.wanted import Wanted
from tests.acme.rig.authority import Authority
from tests.acme.rig.calendar import Calendar
from tests.acme.rig.household import WANTED

OTHER = Wanted(("a.org",))


def with_staging() -> tuple[Authority, Authority]:
    staging = Authority("https://staging.test/", is_staging=True, clock=Calendar())
    return Authority(staging=staging, clock=Calendar()), staging


def test_what_works_is_said_and_the_real_ca_is_not_asked() -> None:
    authority, staging = with_staging()
    said: list[str] = []
    assert rehearse([WANTED], authority, said.append)
    assert said == [
        "example.com, *.example.com: asking https://staging.test/ ...",
        "example.com, *.example.com: would work; Root of https://staging.test/ signed a certificate that is good until 2026-05-30.",
        "All would work; nothing was changed.",
    ]
    assert (authority.orders, len(staging.orders)) == ([], 1)


def test_what_fails_is_said_with_what_to_do_and_the_rest_is_tried() -> None:
    authority, staging = with_staging()
    staging.failures = [AcmeError(ErrorKind.PROPAGATION, "ns2.example.com does not have it.")]
    said: list[str] = []
    assert not rehearse([WANTED, OTHER], authority, said.append)
    assert said[1].startswith(
        "example.com, *.example.com: would fail (propagation). ns2.example.com does not have it.\n  What to do: Check that every"
    )
    assert said[-2].startswith("a.org: would work")
    assert said[-1] == "1 of 2 would fail; nothing was changed."


def test_a_certificate_for_other_names_would_fail() -> None:
    class Careless(Authority):
        def issue(self, order: Order) -> Signed:
            return self.sign((order.names[0].replace("a.", "b."),))

    said: list[str] = []
    assert not rehearse([OTHER], Careless(is_staging=True), said.append)
    assert "is for b.org where a.org is wanted" in said[1]


def test_a_ca_without_staging_is_asked_itself_and_that_is_said() -> None:
    authority = Authority(clock=Calendar())
    said: list[str] = []
    assert rehearse([WANTED], authority, said.append)
    assert said[0].startswith("https://ca.test/directory has no staging that is known here")
    assert len(authority.orders) == 1
