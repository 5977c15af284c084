"""Is a question that nobody answers told once, by who did not answer?"""

import pytest

from acme_client.look_up import LookUpError, Resolver
from acme_client.name_servers import Endpoint
from tests.acme.rig.bind import Bind
from tests.rig.ports import LOOPBACK, black_hole, dead_port


def test_a_resolver_that_is_dead_is_told_once() -> None:
    with dead_port() as port, pytest.raises(LookUpError) as caught:
        Resolver([Endpoint(LOOPBACK, port)], seconds=1.0).records("example.test.", "CNAME")
    told = str(caught.value)
    assert told.startswith(f"CNAME of example.test.: {LOOPBACK} port {port} ")
    assert told.endswith(" (DNS_RESOLVERS)")
    assert told.count(LOOPBACK) == 1


def test_of_two_that_are_silent_each_is_told_once() -> None:
    with black_hole() as one, black_hole() as other, pytest.raises(LookUpError) as caught:
        Resolver([Endpoint(LOOPBACK, one), Endpoint(LOOPBACK, other)], seconds=2.5).records("example.test.", "A")
    told = str(caught.value)
    assert [told.count(f"port {port} did not answer within 2.5 s") for port in (one, other)] == [1, 1]


def test_a_refusal_is_told_by_its_name(named: Bind) -> None:
    with pytest.raises(LookUpError) as caught:
        Resolver([named.primary], seconds=5.0).records("x.broken.test.", "A")
    assert str(caught.value) == f"A of x.broken.test.: {LOOPBACK} port {named.port} answered SERVFAIL (DNS_RESOLVERS)"
