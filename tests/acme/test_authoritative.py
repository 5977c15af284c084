"""Are the name servers of a name found wherever it really lives, and is each one's answer understood?"""

import contextlib
import socket
import threading
from collections.abc import Iterator

import dns.flags
import dns.message
import pytest

from acme_client.authoritative import NameServer, Seen, find_home, look, summary
from acme_client.errors import AcmeError, ErrorKind
from acme_client.look_up import Resolver
from acme_client.name_servers import Endpoint
from acme_client.providers.provider import Entry
from acme_client.providers.rfc2136 import Rfc2136
from tests.acme.rig.bind import NOBODY, Bind

HOMES = {
    "a name in the zone": ("_acme-challenge.example.test.", "_acme-challenge.example.test.", "example.test."),
    "names that do not exist": (
        "_acme-challenge.a.b.example.test.",
        "_acme-challenge.a.b.example.test.",
        "example.test.",
    ),
    "a zone two labels down": (
        "_acme-challenge.example.co.test.",
        "_acme-challenge.example.co.test.",
        "example.co.test.",
    ),
    "a sub-zone": (
        "_acme-challenge.app.sub.example.test.",
        "_acme-challenge.app.sub.example.test.",
        "sub.example.test.",
    ),
    "a CNAME to another zone": ("_acme-challenge.alias.test.", "alias.challenges.test.", "challenges.test."),
    "two CNAMEs": ("_acme-challenge.far.test.", "far.challenges.test.", "challenges.test."),
}


@pytest.mark.parametrize(("name", "target", "zone"), HOMES.values(), ids=HOMES)
def test_home(named: Bind, name: str, target: str, zone: str) -> None:
    home = find_home(name, Resolver([named.primary]), port=named.port)
    assert (home.name, home.zone) == (target, zone)
    assert home.servers == (NameServer("ns1.test.", (named.primary,)), NameServer("ns2.test.", (named.secondary,)))


HOMELESS = {
    "a loop": (
        "_acme-challenge.loop.test.",
        ErrorKind.PROPAGATION,
        "in a circle: _acme-challenge.loop.test. -> round.test. -> _acme",
    ),
    "too many CNAMEs": ("long0.test.", ErrorKind.PROPAGATION, "more than 8: long0.test. -> long1.test."),
    "a zone that fails": ("_acme-challenge.broken.test.", ErrorKind.LOOK_UP, "SERVFAIL"),
}


@pytest.mark.parametrize(("name", "kind", "told"), HOMELESS.values(), ids=HOMELESS)
def test_no_home(named: Bind, name: str, kind: ErrorKind, told: str) -> None:
    with pytest.raises(AcmeError, match=told) as caught:
        find_home(name, Resolver([named.primary]), port=named.port)
    assert caught.value.kind is kind


def test_a_resolver_that_never_answers_is_named() -> None:
    resolver = Resolver([Endpoint(NOBODY, 5353)], seconds=0.3)
    with pytest.raises(AcmeError, match=NOBODY):
        find_home("_acme-challenge.example.test.", resolver)


def test_look_tells_what_a_server_says(named: Bind) -> None:
    name, value = "_acme-challenge.example.test.", "a stranger's value"
    seconds = 0.3
    assert look(named.primary, name, frozenset({value}), seconds=2) is Seen.SHOWN
    assert look(named.secondary, name, frozenset({value, "other"}), seconds=2) is Seen.LACKING
    assert look(named.secondary, "_acme-challenge.lame.lab.", frozenset({value}), seconds=2) is Seen.LAME
    assert look(Endpoint(NOBODY, named.port), name, frozenset({value}), seconds=seconds) is Seen.SILENT


_V4, _V6 = Endpoint("192.0.2.1"), Endpoint("2001:db8::1")
SUMMARIES = {
    "both show it": ((Seen.SHOWN, Seen.SHOWN), Seen.SHOWN),
    "one is behind": ((Seen.SHOWN, Seen.LACKING), Seen.LACKING),
    "one is lame": ((Seen.LAME, Seen.SHOWN), Seen.LAME),
    "a silent one is excused by its sister": ((Seen.SHOWN, Seen.SILENT), Seen.SHOWN),
    "one out of reach is excused by its sister": ((Seen.SHOWN, Seen.UNREACHABLE), Seen.SHOWN),
    "silent and out of reach": ((Seen.SILENT, Seen.UNREACHABLE), Seen.SILENT),
    "none in reach": ((Seen.UNREACHABLE, Seen.UNREACHABLE), Seen.UNREACHABLE),
}


@pytest.mark.parametrize(("seen", "whole"), SUMMARIES.values(), ids=SUMMARIES)
def test_summary(seen: tuple[Seen, ...], whole: Seen) -> None:
    assert summary(NameServer("ns.", (_V4, _V6)), seen) is whole


def test_a_server_without_address_is_told_as_such() -> None:
    assert summary(NameServer("ns.", ()), ()) is Seen.ADDRESSLESS


ENDPOINTS = {
    "192.0.2.1": Endpoint("192.0.2.1"),
    "192.0.2.1:5353": Endpoint("192.0.2.1", 5353),
    "2001:db8::1": Endpoint("2001:db8::1"),
    "[2001:db8::1]": Endpoint("2001:db8::1"),
    "[2001:db8::1]:5353": Endpoint("2001:db8::1", 5353),
    "ns1.example.com:54": Endpoint("ns1.example.com", 54),
}


@pytest.mark.parametrize(("text", "endpoint"), ENDPOINTS.items(), ids=ENDPOINTS)
def test_endpoint_is_read_and_written_alike(text: str, endpoint: Endpoint) -> None:
    assert Endpoint.parse(text) == endpoint
    assert Endpoint.parse(str(endpoint)) == endpoint


@pytest.mark.parametrize(
    "text", ["", "a b", "[::g]", "ns1:0", "ns1:65536", "ns1:x", "[192.0.2.1]:53", "2001:db8::1:99999"]
)
def test_no_endpoint(text: str) -> None:
    with pytest.raises(ValueError, match=r"no name server|port"):
        Endpoint.parse(text)


def test_a_server_that_truncates_and_hangs_up_is_silent() -> None:
    """dnspython raises EOFError for it, which is neither an OSError nor its own."""
    with hanging_up() as endpoint:
        assert look(endpoint, "_acme-challenge.example.test.", frozenset({"x"}), seconds=2) is Seen.SILENT
        with pytest.raises(AcmeError, match="closed the connection") as caught:
            Rfc2136(endpoint, None, 2).add(Entry("_acme-challenge.example.test.", "v", "example.test"))
    assert caught.value.kind is ErrorKind.DNS_PROVIDER


@contextlib.contextmanager
def hanging_up() -> Iterator[Endpoint]:
    """A name server that sets TC over UDP, and closes every TCP connection after the question; for two of each."""
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.bind(tcp.getsockname())
        udp.settimeout(10)
        tcp.settimeout(10)

        def serve() -> None:
            question, asker = udp.recvfrom(4096)
            answer = dns.message.make_response(dns.message.from_wire(question))
            answer.flags |= dns.flags.TC
            udp.sendto(answer.to_wire(), asker)
            for _ in range(2):
                line, _ = tcp.accept()
                line.recv(4096)
                line.close()

        serving = threading.Thread(target=serve)
        serving.start()
        try:
            yield Endpoint(*tcp.getsockname())
        finally:
            serving.join(30)
