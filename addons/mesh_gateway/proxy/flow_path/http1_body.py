"""How is a body of HTTP/1 read on the flow path? By mitmproxy's codec, with a bound on what frames it."""

from collections.abc import Iterator
from typing import override

import h11
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.layers.http import ReceiveHttp
from mitmproxy.proxy.layers.http._http1 import Http1Connection, Http1Server

from mesh_gateway.proxy.bounds import MAX_FRAMING_BYTES
from mesh_gateway.routing.framing import Body, Framing

_LENGTHS: dict[Framing, int | None] = {Framing.NONE: 0, Framing.CHUNKED: None, Framing.UNTIL_END: -1}


def body_length(body: Body) -> int | None:
    """As mitmproxy's body readers want it: None for chunks, -1 for a body that ends with its connection."""
    return body.length if body.framing is Framing.LENGTH else _LENGTHS[body.framing]


class BoundedBody(Http1Connection):
    """Reads bodies with a bound on their framing, and drops trailers (HAZARDS B9: mitmproxy raises)."""

    @override
    def read_body(self, event: events.Event) -> layer.CommandGenerator[None]:
        assert self.stream_id is not None  # noqa: S101 - a body follows a head, and a head has a stream
        try:
            for part in self._parts(event):
                if isinstance(part, h11.Data):
                    if part.data:
                        yield ReceiveHttp(self.ReceiveData(self.stream_id, bytes(part.data)))
                else:
                    yield ReceiveHttp(self.ReceiveEndOfMessage(self.stream_id))
                    is_request = isinstance(self, Http1Server)
                    yield from self.mark_done(request=is_request, response=not is_request)
                    return
        except h11.ProtocolError as error:
            yield from self.broken_body(str(error), event)

    def _parts(self, event: events.Event) -> Iterator[h11.Data | h11.EndOfMessage]:
        """The pieces that `event` completes; raises h11.ProtocolError where the framing is broken."""
        if isinstance(event, events.ConnectionClosed):
            if self.conn.error:
                raise h11.RemoteProtocolError(f"connection lost: {self.conn.error}")
            yield self.body_reader.read_eof()  # raises unless the body ends with its connection
            return
        while (part := self.body_reader(self.buf)) is not None:
            yield part
        if len(self.buf) > MAX_FRAMING_BYTES:
            raise h11.RemoteProtocolError("chunk framing too long")

    def broken_body(self, reason: str, event: events.Event) -> layer.CommandGenerator[None]:
        raise NotImplementedError
