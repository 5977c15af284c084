"""Who answers behind the demo's routes? A small HTTP/1.1 server that shows each request as it arrived.

A WebSocket handshake on any path gets an echo. Bodies are counted and thrown away; nothing is kept.
"""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import h11

from demo.arrival import Arrival, as_html, as_json
from demo.echo import echo, is_handshake
from mesh_gateway.tasks import Tasks

BLOCK_SIZE: Final = 65536
LOOPBACK: Final = "127.0.0.1"


@asynccontextmanager
async def upstream(name: str, wished_port: int = 0) -> AsyncIterator[int]:
    """Serve on loopback; gives the port, another one where the wished one is taken."""
    tasks = Tasks()

    def accept(reader: StreamReader, writer: StreamWriter) -> None:
        tasks.start(_Client(name, reader, writer).serve(), name=f"upstream {name}")

    try:
        server = await asyncio.start_server(accept, LOOPBACK, wished_port)
    except OSError:
        server = await asyncio.start_server(accept, LOOPBACK, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await tasks.close()


class _Client:
    """One connection from the gateway."""

    def __init__(self, upstream: str, reader: StreamReader, writer: StreamWriter) -> None:
        self._upstream = upstream
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.SERVER)

    async def serve(self) -> None:
        try:
            # A peer that hangs up in the middle is no fault of the demo.
            with suppress(ConnectionError):
                await self._exchanges()
        finally:
            self._writer.close()

    async def _exchanges(self) -> None:
        try:
            while isinstance(request := await self._next_event(), h11.Request):
                if is_handshake(request):
                    return await echo(request, self._http.trailing_data[0], self._reader, self._writer)
                await self._answer(request, await self._body_bytes())
                if self._http.our_state is h11.MUST_CLOSE:
                    return None
                self._http.start_next_cycle()
        except h11.RemoteProtocolError as error:
            await self._refuse(error)

    async def _next_event(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            if self._http.they_are_waiting_for_100_continue:
                self._write(h11.InformationalResponse(status_code=100, headers=[]))
            self._http.receive_data(await self._reader.read(BLOCK_SIZE))
        return event

    async def _body_bytes(self) -> int:
        length = 0
        while isinstance(event := await self._next_event(), h11.Data):
            length += len(event.data)
        return length

    async def _answer(self, request: h11.Request, body_bytes: int) -> None:
        arrival = _arrival(self._upstream, request, body_bytes)
        media_type, body = (
            ("text/html", as_html(arrival)) if arrival.wants_html else ("application/json", as_json(arrival))
        )
        fields = [
            ("content-type", f"{media_type}; charset=utf-8"),
            ("content-length", str(len(body))),
            ("cache-control", "no-store"),
            ("vary", "accept"),
        ]
        self._write(h11.Response(status_code=200, headers=fields, reason=b"OK"))
        if request.method != b"HEAD":
            self._write(h11.Data(data=body))
        self._write(h11.EndOfMessage())
        await self._writer.drain()

    async def _refuse(self, error: h11.RemoteProtocolError) -> None:
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            fields = [("content-length", "0"), ("connection", "close")]
            self._write(h11.Response(status_code=error.error_status_hint, headers=fields))
            self._write(h11.EndOfMessage())
            await self._writer.drain()

    def _write(self, event: h11.Event) -> None:
        if data := self._http.send(event):
            self._writer.write(data)


def _arrival(upstream: str, request: h11.Request, body_bytes: int) -> Arrival:
    return Arrival(
        upstream=upstream,
        method=request.method.decode("ascii"),
        target=request.target.decode("ascii"),
        http_version=request.http_version.decode("ascii"),
        fields=tuple((name.decode("ascii"), value.decode("utf-8", "replace")) for name, value in request.headers),
        body_bytes=body_bytes,
    )
