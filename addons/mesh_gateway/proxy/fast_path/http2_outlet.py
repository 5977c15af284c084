"""When does what an HTTP/2 connection has to say go out, and whose turn is it?

All that was said in one turn of the event loop goes to the socket at once; the streams that have a body to send take
turns, a frame each, as far as their windows and the client's socket let them.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from mesh_gateway.proxy.fast_path.http2_floods import Floods
from mesh_gateway.proxy.fast_path.http2_sender import Sender
from mesh_gateway.routing.head import Field

if TYPE_CHECKING:
    from mesh_gateway.proxy.fast_path.connection import ClientConnection
    from mesh_gateway.proxy.fast_path.http2_stream import Http2Stream

# Bytes that are handed to the socket before it is looked at whether the client takes them.
BATCH = 131_072
# What may be written to a client that takes nothing, in answer to what it sends, before it is not read any more
# (CVE-2019-9512, 9515).
CLOGGED_BYTES = 65_536


class Outlet:
    """The one way from the sender to the client's socket."""

    def __init__(self, connection: "ClientConnection", sender: Sender, floods: Floods) -> None:
        self._connection = connection
        self._channel = connection.channel
        self._sender = sender
        self._floods = floods
        self._turns: deque[Http2Stream] = deque()
        """Streams with bytes that their windows may let out."""
        self._clogged_bytes = 0
        self.is_due = False
        """Whether somebody will flush in this turn of the event loop."""

    def wants_turn(self, stream: "Http2Stream") -> None:
        """The stream has bytes, and perhaps a window for them."""
        if not stream.has_turn:
            stream.has_turn = True
            self._turns.append(stream)
        self.flush_soon()

    def send_whole(self, number: int, status: int, fields: Iterable[Field], body: bytes) -> bool:
        """Send an answer with its end, past those that take turns, where it is no longer than a turn; whether it went."""
        if body and self._channel.is_clogged:
            return False
        if not self._sender.send_whole(number, status, fields, body):
            return False
        self._floods.data_was_sent(len(body), is_all=True)
        return True

    def flush_soon(self) -> None:
        if not self.is_due:
            self.is_due = True
            asyncio.get_running_loop().call_soon(self._connection.guarded, self.flush)

    def flush(self) -> None:
        """Send what there is, as much as the client takes."""
        self.is_due = False
        batch = 0
        while (stream := self._next()) is not None:
            batch += self._send_frame(stream)
            if batch >= BATCH:
                self._write()
                batch = 0
        self._write()

    def clogged(self, is_clogged: bool) -> None:
        """The client's socket does not take bytes as fast as they come, or does again."""
        if not is_clogged:
            self._clogged_bytes = 0
            self._channel.resume()
            self.flush()

    def _next(self) -> "Http2Stream | None":
        while self._turns and not self._channel.is_clogged and self._sender.outbound_flow_control_window > 0:
            stream = self._turns.popleft()
            if not stream.is_gone:
                return stream
        return None

    def _send_frame(self, stream: "Http2Stream") -> int:
        try:
            size = stream.out.send_frame()
            stream.has_turn = size > 0 and bool(stream.out.waiting)
            if stream.has_turn:
                self._turns.append(stream)
            if size:
                self._floods.data_was_sent(size, is_all=not stream.out.waiting)
                stream.has_sent()
        except Exception as error:  # noqa: BLE001 - the guard: one stream's fault is not the others'
            stream.fault(error)
            return 0
        return size

    def _write(self) -> None:
        data = self._sender.data_to_send()
        if not data:
            return
        if self._channel.is_clogged:
            self._clogged_bytes += len(data)
            if self._clogged_bytes > CLOGGED_BYTES:
                self._channel.pause()
        self._channel.send(data)
