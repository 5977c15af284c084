"""What would an HTTP/2 upstream have received? Pseudo-headers, body and trailers of each stream."""

import json
from asyncio import StreamReader, StreamWriter
from dataclasses import dataclass

from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection

from tests.rig.arrival import Arrival, Fields
from tests.rig.h2_fields import as_text


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end of a connection."""

    reader: StreamReader
    writer: StreamWriter
    connection: int
    """Which it is, from 1."""
    server_name: str | None
    """The SNI that it sent."""


class Http2Connection:
    """One connection of an `Origin`; each stream gets the default answer."""

    def __init__(self, peer: Peer, origin: str, arrivals: list[Arrival]) -> None:
        self._peer = peer
        self._origin = origin
        self._arrivals = arrivals
        self._streams: dict[int, Arrival] = {}
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding=None))

    async def serve(self) -> None:
        """Until the peer leaves."""
        self._h2.initiate_connection()
        await self._flush()
        while data := await self._peer.reader.read(1 << 16):
            for event in self._h2.receive_data(data):
                self._take(event)
            await self._flush()

    def _take(self, event: events.Event) -> None:
        match event:
            case events.RequestReceived(stream_id=int(stream), headers=list(headers)):
                self._arrive(stream, as_text(headers))
            case events.DataReceived(stream_id=int(stream), data=bytes(data)):
                self._streams[stream].body.add(data)
                self._h2.acknowledge_received_data(event.flow_controlled_length or 0, stream)
            case events.TrailersReceived(stream_id=int(stream), headers=list(headers)):
                self._streams[stream].trailers = as_text(headers)
            case events.StreamEnded(stream_id=int(stream)):
                self._answer(stream)
            case _:
                pass

    def _arrive(self, stream: int, fields: Fields) -> None:
        pseudo = dict(fields)
        arrival = Arrival(
            self._peer.connection, b"", pseudo[":method"], pseudo[":path"], "HTTP/2", fields, self._peer.server_name
        )
        self._streams[stream] = arrival
        self._arrivals.append(arrival)

    def _answer(self, stream: int) -> None:
        arrival = self._streams.pop(stream)
        arrival.complete = True
        body = json.dumps({"origin": self._origin, **arrival.summary()}).encode()
        self._h2.send_headers(
            stream, [(":status", "200"), ("content-type", "application/json"), ("content-length", str(len(body)))]
        )
        self._h2.send_data(stream, body, end_stream=True)

    async def _flush(self) -> None:
        self._peer.writer.write(self._h2.data_to_send())
        await self._peer.writer.drain()
