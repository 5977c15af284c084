"""The API's address through the hiccups of a name server. Nothing here leaves loopback."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import httpcore
import pytest

from mesh_gateway.resolve.dialing import Dialing
from mesh_gateway.resolve.names import Names, name_server_look_up, system_look_up
from tests.resolve.stand_ins import Api, Clock


class NameServer(asyncio.DatagramProtocol):
    """A real name server for the records it is given."""

    def __init__(self, records: dict[tuple[str, str], str]) -> None:
        self.records = records
        self.asked = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.DatagramTransport)
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked += 1
        query = dns.message.from_wire(data)
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        (question,) = query.question
        kind = dns.rdatatype.to_text(question.rdtype)
        if value := self.records.get((question.name.to_text(), kind)):
            reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, value))
        elif question.name.to_text() not in {name for name, _ in self.records}:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        self.transport.sendto(reply.to_wire(), addr)


@asynccontextmanager
async def name_server(records: dict[tuple[str, str], str]) -> AsyncIterator[tuple[NameServer, int]]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(lambda: NameServer(records), local_addr=("127.0.0.1", 0))
    try:
        yield protocol, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


class Look:
    """A look-up whose outcome a test sets: addresses, a failure, or None for never ending."""

    def __init__(self, *outcomes: list[str] | OSError | None) -> None:
        self.outcomes = list(outcomes)
        self.asked = 0

    async def __call__(self, _: str) -> list[str]:
        self.asked += 1
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        match outcome:
            case None:
                await asyncio.Event().wait()
                return []
            case OSError():
                raise outcome
            case found:
                await asyncio.sleep(0)
                return found


async def test_the_system_knows_localhost() -> None:
    assert set(await system_look_up("localhost")) <= {"127.0.0.1", "::1"}


async def test_the_system_says_when_it_does_not_know() -> None:
    with pytest.raises(socket.gaierror):
        await system_look_up("no such name")


async def test_a_name_server_is_asked_for_both_families() -> None:
    records = {("api.example.com.", "A"): "192.0.2.7", ("api.example.com.", "AAAA"): "2001:db8::7"}
    async with name_server(records) as (server, port):
        found = await name_server_look_up("127.0.0.1", port)("api.example.com")
        assert sorted(found) == ["192.0.2.7", "2001:db8::7"]
        assert server.asked == 2


async def test_a_name_that_the_server_does_not_know_is_an_oserror() -> None:
    async with name_server({}) as (_, port):
        with pytest.raises(OSError, match="api"):
            await name_server_look_up("127.0.0.1", port)("api.example.com")


async def test_literals_are_not_looked_up() -> None:
    look = Look([])
    names = Names(look, clock=Clock())
    assert await names.addresses("127.0.0.1") == ("127.0.0.1",)
    assert await names.addresses("[::1]") == ("::1",)
    assert look.asked == 0


@pytest.mark.parametrize("hiccup", [socket.gaierror(-3, "try again"), None, []], ids=["fails", "hangs", "is empty"])
async def test_a_look_up_that_goes_wrong_leaves_the_last_good_addresses(hiccup: OSError | None) -> None:
    clock, look = Clock(), Look(["192.0.2.7"], hiccup)
    names = Names(look, clock=clock)
    assert await names.addresses("api") == ("192.0.2.7",)
    clock.pass_by(60)
    assert await names.addresses("api") == ("192.0.2.7",)
    assert look.asked == 2
    await names.close()


async def test_an_address_that_changed_is_followed() -> None:
    clock = Clock()
    names = Names(Look(["192.0.2.7"], ["192.0.2.8"]), clock=clock)
    await names.addresses("api")
    assert await names.addresses("api") == ("192.0.2.7",)
    clock.pass_by(60)
    assert await names.addresses("api") == ("192.0.2.8",)


async def test_one_look_up_per_name_at_a_time() -> None:
    look = Look(["192.0.2.7"])
    names = Names(look, clock=Clock())
    await asyncio.gather(*(names.addresses("api") for _ in range(50)))
    assert look.asked == 1


async def test_a_name_never_found_is_an_oserror() -> None:
    with pytest.raises(OSError, match="no address for api"):
        await Names(Look(OSError("down")), clock=Clock()).addresses("api")


async def test_the_next_address_is_dialled_when_one_refuses() -> None:
    api = Api()
    await api.start()
    dialing = Dialing(Names(Look(["127.0.0.9", "127.0.0.1"]), clock=Clock()))
    stream = await dialing.connect_tcp("api", api.port, timeout=1)
    await stream.aclose()
    await api.stop()
    with pytest.raises(httpcore.ConnectError):
        await dialing.connect_tcp("api", api.port, timeout=1)


@pytest.mark.parametrize(
    ("look", "error"), [(Look(OSError("down")), httpcore.ConnectError), (Look(None), httpcore.ConnectTimeout)]
)
async def test_a_name_that_is_not_found_in_time_is_httpcores_error(look: Look, error: type[Exception]) -> None:
    dialing = Dialing(Names(look, clock=Clock()))
    with pytest.raises(error):
        await dialing.connect_tcp("api", 1, timeout=0.05)
    await dialing.close()
