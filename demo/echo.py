"""What does a WebSocket hear? Its own words: every message comes back as it was (RFC 6455)."""

from asyncio import StreamReader, StreamWriter

import h11
from wsproto import WSConnection
from wsproto.connection import ConnectionState, ConnectionType
from wsproto.events import AcceptConnection, CloseConnection, Event, Message, Ping, Request
from wsproto.utilities import RemoteProtocolError

BLOCK_SIZE = 65536


def is_handshake(request: h11.Request) -> bool:
    return any(name == b"upgrade" and value.lower() == b"websocket" for name, value in request.headers)


async def echo(request: h11.Request, rest: bytes, reader: StreamReader, writer: StreamWriter) -> None:
    """Accept the handshake in `request`, then send back what comes; `rest` is what came behind the handshake."""
    socket = WSConnection(ConnectionType.SERVER)
    try:
        socket.initiate_upgrade_connection(list(request.headers), request.target.decode("ascii"))
        if rest:
            socket.receive_data(rest)
        while socket.state is not ConnectionState.CLOSED:
            for event in socket.events():
                writer.write(_answer(socket, event))
            await writer.drain()
            socket.receive_data(await reader.read(BLOCK_SIZE) or None)
    except RemoteProtocolError as error:
        if error.event_hint:
            writer.write(socket.send(error.event_hint))


def _answer(socket: WSConnection, event: Event) -> bytes:
    match event:
        case Request():
            return socket.send(AcceptConnection())
        case Message(data=data, message_finished=finished):
            return socket.send(Message(data=data, message_finished=finished))
        case Ping() | CloseConnection() if socket.state is not ConnectionState.CLOSED:
            return socket.send(event.response())
        case _:
            return b""
