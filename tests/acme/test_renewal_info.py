"""Is the moment that the CA suggests read as it came? Through the shim, which answers for renewal information (RFC 9773)."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from acme_client.directory import Directory, fetch_directory
from acme_client.errors import AcmeError, ErrorKind
from acme_client.issuer import RenewalAdvice
from acme_client.network import Network
from acme_client.renewal import Span
from acme_client.renewal_info import renewal_advice
from tests.acme.rig.laboratory import Laboratory, laboratory
from tests.acme.rig.shim import Reply, at, offering, problem

START, END = datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 2, 12, tzinfo=UTC)
CERTIFICATE = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    with laboratory(tmp_path_factory.mktemp("lab")) as started:
        yield started


@pytest.fixture
def network(lab: Laboratory) -> Network:
    lab.reset()
    return Network(lab.line())


@pytest.fixture
def directory(lab: Laboratory, network: Network) -> Directory:
    lab.shim.then.append(offering(lab.shim.url, has_ari=True))
    return fetch_directory(lab.shim.directory, network)


def window(start: str, end: str, *, retry_after: str = "", **more: object) -> Reply:
    document = {"suggestedWindow": {"start": start, "end": end}, **more}
    fields = {"Content-Type": "application/json"} | ({"Retry-After": retry_after} if retry_after else {})
    return Reply(200, json.dumps(document).encode(), fields)


def test_window_pause_and_explanation_are_read(lab: Laboratory, directory: Directory, network: Network) -> None:
    reply = window(
        "2026-03-01T12:00:00Z", "2026-03-02T13:00:00+01:00", retry_after="21600", explanationURL="https://ca.test/why"
    )
    lab.shim.first.append(at(f"/renewal-info/{CERTIFICATE}", reply))
    expected = RenewalAdvice(Span(START, END), timedelta(hours=6), "https://ca.test/why")
    assert renewal_advice(directory, network, CERTIFICATE) == expected


def test_a_window_that_ends_before_it_begins_is_passed_on(
    lab: Laboratory, directory: Directory, network: Network
) -> None:
    lab.shim.first.append(at("renewal-info", window("2026-03-02T12:00:00Z", "2026-03-01T12:00:00.000Z")))
    assert renewal_advice(directory, network, CERTIFICATE) == RenewalAdvice(Span(END, START))


def test_a_ca_that_makes_no_suggestions_is_not_asked(lab: Laboratory, network: Network) -> None:
    plain = fetch_directory(lab.shim.directory, network)
    lab.shim.asked.clear()
    assert renewal_advice(plain, network, CERTIFICATE) is None
    assert lab.shim.asked == []


# fmt: off
SENSELESS = [
    pytest.param(Reply(200, b"<html>"),                                  id="a page"),
    pytest.param(Reply(200, b"[]"),                                      id="a list"),
    pytest.param(Reply(200, b'{"suggestedWindow": 7}'),                  id="a number"),
    pytest.param(window("soon", "2026-03-01T12:00:00Z"),                 id="a word for a time"),
    pytest.param(window("2026-03-01T12:00:00", "2026-03-02T12:00:00"),   id="times without a zone"),
    pytest.param(Reply(200, b'{"suggestedWindow": {"start": 1, "end": 2}}'), id="numbers for times"),
]
# fmt: on


@pytest.mark.parametrize("reply", SENSELESS)
def test_what_is_no_suggestion_is_a_fault_of_the_ca(
    lab: Laboratory, directory: Directory, network: Network, reply: Reply
) -> None:
    lab.shim.first.append(at("renewal-info", reply))
    with pytest.raises(AcmeError, match="no ACME") as caught:
        renewal_advice(directory, network, CERTIFICATE)
    assert caught.value.kind is ErrorKind.CA_UNAVAILABLE


def test_a_certificate_that_the_ca_does_not_know_is_told(
    lab: Laboratory, directory: Directory, network: Network
) -> None:
    lab.shim.first.append(at("renewal-info", problem(404, "malformed", "Certificate not found")))
    with pytest.raises(AcmeError, match="Certificate not found"):
        renewal_advice(directory, network, CERTIFICATE)


def test_a_link_out_of_https_is_not_followed(network: Network, directory: Directory) -> None:
    plain = replace(directory, renewal_info=str(directory.renewal_info).replace("https://", "http://"))
    with pytest.raises(AcmeError, match="is not https"):
        renewal_advice(plain, network, CERTIFICATE)
