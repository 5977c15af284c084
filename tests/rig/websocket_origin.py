"""How does a WebSocket upstream behave? It accepts, echoes each message, and answers ping and close."""

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Event, Message, Ping, Request

from tests.rig.call import Call


async def echo_websocket(call: Call) -> None:
    """A behaviour; wsproto reads the raw head again, so a handshake that it does not accept is an error here."""
    socket = WSConnection(ConnectionType.SERVER)
    socket.receive_data(call.arrival.raw_head)
    call.keep = False
    while True:
        for event in socket.events():
            await call.send(_answer(socket, event))
            if isinstance(event, CloseConnection):
                call.hang_up()
                return
        data = await call.reader.read(1 << 16)
        if not data:
            return
        socket.receive_data(data)


def _answer(socket: WSConnection, event: Event) -> bytes:
    match event:
        case Request():
            return socket.send(AcceptConnection(subprotocol=event.subprotocols[0] if event.subprotocols else None))
        case Message() | Ping() | CloseConnection():
            return socket.send(event if isinstance(event, Message) else event.response())
        case _:
            return b""
