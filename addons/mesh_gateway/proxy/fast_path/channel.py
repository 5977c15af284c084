"""How do bytes get to a peer and back? A socket with bounds, plain or through TLS.

asyncio's protocols rather than its streams: no task and no wake-up per read, which is most of what a connection
costs. Every call out of here is guarded: a fault of the gateway ends one exchange, never silently.
"""

import asyncio
import contextlib
import logging
import socket
import struct
from typing import Protocol, cast, override

from mesh_gateway.proxy.bounds import LAST_BYTES_SECONDS
from mesh_gateway.proxy.fast_path.tls import TlsEnd, TlsError

logger = logging.getLogger(__name__)

# Bytes for one peer that may wait in this process before their source is not read any more.
HIGH_WATER = 262_144
LOW_WATER = 65_536
_RESET = struct.pack("ii", 1, 0)


class Owner(Protocol):
    """Who hears what a channel has to tell."""

    def made(self) -> bool:
        """The socket is there; whether it is wanted."""

    def opened(self) -> None:
        """Bytes can be sent: connected, and with TLS the handshake is done."""

    def received(self, data: bytes) -> None:
        """The peer has sent `data`."""

    def ended(self, error: str | None) -> None:
        """No further byte will come; None for an orderly end. Called once."""

    def lost(self) -> None:
        """The socket is closed. Called last, and once."""

    def clogged(self, is_clogged: bool) -> None:
        """The peer does not take bytes as fast as they are sent, or does again."""

    def fault(self, error: Exception) -> None:
        """One of the above has failed: a fault of the gateway's own."""


class Channel(asyncio.Protocol):
    """A plain connection."""

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.is_clogged = False
        self.is_closing = False
        self._has_ended = False
        self._paused = False
        self._last_bytes: asyncio.TimerHandle | None = None
        self.transport = cast(asyncio.Transport, None)  # set with the connection, before anybody can ask

    # What asyncio calls.

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(HIGH_WATER, LOW_WATER)
        try:
            if self.owner.made():
                self._begin()
            else:
                self.abort()
        except Exception as error:  # noqa: BLE001 - the guard: see `fault`
            self.owner.fault(error)

    def _begin(self) -> None:
        self.owner.opened()

    @override
    def data_received(self, data: bytes) -> None:
        try:
            self.owner.received(data)
        except Exception as error:  # noqa: BLE001 - the guard
            self.owner.fault(error)

    @override
    def eof_received(self) -> bool:
        self._end(None)
        return True  # the other direction stays open until the owner closes it

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.is_closing = True
        if self._last_bytes:
            self._last_bytes.cancel()
        self._end(str(exc) or type(exc).__name__ if exc else None)
        try:
            self.owner.lost()
        except Exception as error:  # noqa: BLE001 - the guard
            self.owner.fault(error)

    @override
    def pause_writing(self) -> None:
        self._clog(True)

    @override
    def resume_writing(self) -> None:
        self._clog(False)

    def _clog(self, is_clogged: bool) -> None:
        self.is_clogged = is_clogged
        try:
            self.owner.clogged(is_clogged)
        except Exception as error:  # noqa: BLE001 - the guard
            self.owner.fault(error)

    def _end(self, error: str | None) -> None:
        if self._has_ended:
            return
        self._has_ended = True
        try:
            self.owner.ended(error)
        except Exception as fault:  # noqa: BLE001 - the guard
            self.owner.fault(fault)

    # What owners call.

    @property
    def peer(self) -> str:
        """The address at the other end; empty where it has gone before it could be asked."""
        name = self.transport.get_extra_info("peername")
        return str(name[0]) if name else ""

    @property
    def _is_going(self) -> bool:
        """Whether the transport has been closed, by us or, a moment before `connection_lost` says so, by a fault."""
        return self.is_closing or self.transport.is_closing()

    def send(self, data: bytes) -> None:
        """Send, or queue: `clogged` tells when that is too much."""
        if not self.is_closing and not self.transport.is_closing():
            self.transport.write(data)

    def pause(self) -> None:
        """Read nothing more for now, so that the peer's window closes."""
        if not self._paused and not self._is_going:
            self._paused = True
            self.transport.pause_reading()

    def resume(self) -> None:
        if self._paused and not self._is_going:
            self._paused = False
            self.transport.resume_reading()

    def finish(self) -> None:
        """Say that no further byte will come, and go on listening."""
        if not self._is_going and self.transport.can_write_eof():
            with contextlib.suppress(OSError):  # the peer has gone, which `ended` tells
                self.transport.write_eof()

    def close(self) -> None:
        """Close once the last bytes are out."""
        if self.is_closing:
            return
        self.is_closing = True
        if self.transport.get_write_buffer_size():
            self._last_bytes = asyncio.get_running_loop().call_later(LAST_BYTES_SECONDS, self.transport.abort)
        self.transport.close()

    def abort(self) -> None:
        """Close at once; what was not sent is lost."""
        self.is_closing = True
        self.transport.abort()

    def reset(self) -> None:
        """Close so that the peer cannot take what it got for whole (HAZARDS B14)."""
        if (sock := self.transport.get_extra_info("socket")) and sock.fileno() >= 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.abort()


class TlsChannel(Channel):
    """A connection through TLS. The owner hears `opened` when the handshake is done."""

    def __init__(self, owner: Owner, end: TlsEnd) -> None:
        super().__init__(owner)
        self.end = end
        self.is_open = False

    @override
    def _begin(self) -> None:
        self._shake_hands()

    @override
    def data_received(self, data: bytes) -> None:
        try:
            self.end.feed(data)
            if not self.is_open:
                self._shake_hands()
            if self.is_open and not self.is_closing:
                self._read()
        except TlsError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001 - the guard
            self.owner.fault(error)

    def _shake_hands(self) -> None:
        try:
            self.is_open = self.end.shake_hands()
        except TlsError as error:
            self._fail(error)
            return
        self._flush()
        if self.is_open:
            self.owner.opened()

    def _read(self) -> None:
        data, is_goodbye = self.end.decrypt()
        self._flush()  # a key update or a renegotiation is answered without being asked for
        if data:
            self.owner.received(data)
        if is_goodbye:
            self._end(None)

    def _flush(self) -> None:
        if data := self.end.outgoing():
            super().send(data)

    def _fail(self, error: TlsError) -> None:
        self._flush()  # the alert
        self._end(str(error))
        self.close()

    @override
    def eof_received(self) -> bool:
        # Without a goodbye anybody on the way may have cut the connection (RFC 8446 6.1); HTTP's framing tells.
        self._end(None if self.is_open else "closed during the handshake")
        return True

    @override
    def send(self, data: bytes) -> None:
        if self.is_closing:
            return
        try:
            self.transport.write(self.end.encrypt(data))
        except TlsError as error:
            self._fail(error)

    @override
    def finish(self) -> None:
        if not self.is_closing:
            super().send(self.end.say_goodbye())

    @override
    def close(self) -> None:
        if self.is_open and not self.is_closing:
            super().send(self.end.say_goodbye())
        super().close()
