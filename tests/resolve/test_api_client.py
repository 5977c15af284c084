import asyncio
import ssl

import pytest
import trustme

from mesh_gateway.resolve.api_client import ApiClient, Document
from mesh_gateway.resolve.dialing import Dialing
from mesh_gateway.resolve.names import Names
from mesh_gateway.resolve.source import SourceUnavailable
from tests.resolve.stand_ins import Api, Clock, always, client_of, hang, response


async def loopback(_: str) -> list[str]:
    return ["127.0.0.1"]


def soon(seconds: float = 2) -> float:
    return asyncio.get_running_loop().time() + seconds


@pytest.mark.parametrize(("name", "is_trusted"), [("api.example.com", True), ("other.example.com", False)])
async def test_over_tls_the_name_of_the_url_is_verified_whatever_address_it_has(name: str, is_trusted: bool) -> None:
    ca, server, client = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    ca.issue_cert(name).configure_cert(server)
    ca.configure_trust(client)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(response(200, {"served": True}))
        await writer.drain()
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server)
    url = f"https://api.example.com:{listener.sockets[0].getsockname()[1]}/router/api"
    api = ApiClient(url, Dialing(Names(loopback, clock=Clock())), tls=client)
    try:
        if is_trusted:
            document = await api.get("/x", accept="*/*", deadline=soon())
            assert document == Document(200, b'{"served": true}')
        else:
            with pytest.raises(SourceUnavailable, match="certificate"):
                await api.get("/x", accept="*/*", deadline=soon())
    finally:
        await api.close()
        listener.close()
        await listener.wait_closed()


async def test_connections_are_kept_and_a_path_in_the_url_stays() -> None:
    api, clients = Api(), set()

    async def note(_: str, writer: asyncio.StreamWriter) -> None:
        clients.add(writer.get_extra_info("peername"))
        writer.write(response(200, {}))

    api.behaviour = note
    await api.start()
    client = client_of(api.url + "/router/api/", Clock())
    for _ in range(3):
        await client.get("/x", accept="*/*", deadline=soon())
    assert (api.calls, len(clients)) == (["/router/api/x"] * 3, 1)
    await client.close()
    await api.stop()


async def test_a_hang_is_told_from_a_failure() -> None:
    api = Api()
    await api.start()
    client = client_of(api.url, Clock())
    for behaviour, timed_out in ((hang, True), (always(b"nonsense\r\n\r\n"), False)):
        api.behaviour = behaviour
        with pytest.raises(SourceUnavailable) as caught:
            await client.get("/x", accept="*/*", deadline=soon(0.2))
        assert caught.value.timed_out is timed_out
    await client.close()
    await api.stop()


async def test_compressed_answers_are_not_asked_for() -> None:
    heads = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(response(200, {}))
        await writer.drain()
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    client = client_of(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}", Clock())
    await client.get("/x", accept="application/json", deadline=soon())
    await client.close()
    listener.close()
    await listener.wait_closed()
    assert b"\r\nAccept-Encoding: identity\r\n" in heads[0]
    assert b"\r\nAccept: application/json\r\n" in heads[0]
