"""What would a tenant's own server have received? A capturing upstream that can misbehave on demand."""

import ssl
from asyncio import StreamReader, StreamWriter
from weakref import WeakKeyDictionary

from tests.rig.arrival import Arrival, parse_head
from tests.rig.behaviours import describe
from tests.rig.call import Behaviour, Call
from tests.rig.http2_origin import Http2Connection, Peer
from tests.rig.listener import Listener
from tests.rig.ports import LOOPBACK


class Origin(Listener):
    """HTTP/1.1, over TLS when given a context, HTTP/2 when ALPN says so.

    `behaviour` answers each request, `at` the ones with a target of its own.
    """

    def __init__(
        self,
        name: str = "origin",
        *,
        behaviour: Behaviour = describe,
        tls: ssl.SSLContext | None = None,
        address: str = LOOPBACK,
    ) -> None:
        super().__init__(tls, address)
        self.name = name
        self.behaviour = behaviour
        self.at: dict[str, Behaviour] = {}
        self.arrivals: list[Arrival] = []
        self._server_names: WeakKeyDictionary[ssl.SSLObject, str] = WeakKeyDictionary()
        if tls is not None:
            tls.sni_callback = self._note_server_name

    @property
    def last(self) -> Arrival:
        """The newest arrival."""
        assert self.arrivals, f"nothing arrived at {self.name}"
        return self.arrivals[-1]

    def forget(self) -> None:
        """Start recording anew; `connections` go on."""
        self.arrivals.clear()
        for record in self.records:
            record.clear()

    async def serve(self, reader: StreamReader, writer: StreamWriter, connection: int) -> None:
        tls: ssl.SSLObject | None = writer.get_extra_info("ssl_object")
        peer = Peer(reader, writer, connection, self._server_names.get(tls) if tls else None)
        if tls is not None and tls.selected_alpn_protocol() == "h2":
            await Http2Connection(peer, self.name, self.arrivals).serve()
            return
        while await self._serve_one(peer):
            pass

    async def _serve_one(self, peer: Peer) -> bool:
        arrival = parse_head(await peer.reader.readuntil(b"\r\n\r\n"), peer.connection)
        arrival.server_name = peer.server_name
        self.arrivals.append(arrival)
        call = Call(self.name, arrival, peer.reader, peer.writer)
        await self.at.get(arrival.target, self.behaviour)(call)
        if call.keep:
            await call.drain()
        return call.keep

    def _note_server_name(self, tls: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        if name is not None:
            self._server_names[tls] = name
