"""How does an open client connection go over from the fast path to mitmproxy's layers, between two requests?

A plain one changes its protocol. One through TLS keeps its TLS where it is: mitmproxy's side reads and writes through
a transport that decrypts and encrypts.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, override

from mesh_gateway.proxy.fast_path.channel import Channel, TlsChannel
from mesh_gateway.proxy.fast_path.tls import ServerEnd


def hand_over(channel: Channel, data: bytes, protocol: asyncio.StreamReaderProtocol) -> None:
    """Let `protocol` go on with the connection, beginning with `data` that was read already."""
    channel.resume()
    if isinstance(channel, TlsChannel):
        transport: asyncio.Transport = DecryptedTransport(channel, protocol)
    else:
        transport = channel.transport
        transport.set_protocol(protocol)
    protocol.connection_made(transport)
    if data:
        protocol.data_received(data)


class DecryptedTransport(asyncio.Transport):
    """The inside of a TLS connection as a transport; owner of the channel from now on."""

    def __init__(self, channel: TlsChannel, protocol: asyncio.StreamReaderProtocol) -> None:
        super().__init__()
        self.channel = channel
        self._protocol = protocol
        channel.owner = self

    @property
    def end(self) -> ServerEnd:
        """What TLS agreed on."""
        assert isinstance(self.channel.end, ServerEnd)  # noqa: S101 - a client's
        return self.channel.end

    # What the channel says.

    def made(self) -> bool:
        return True

    def opened(self) -> None:
        """It was opened before."""

    def received(self, data: bytes) -> None:
        self._protocol.data_received(data)

    def ended(self, error: str | None) -> None:
        if not error:
            self._protocol.eof_received()

    def lost(self) -> None:
        self._protocol.connection_lost(None)

    def clogged(self, is_clogged: bool) -> None:
        self._protocol.pause_writing() if is_clogged else self._protocol.resume_writing()

    def fault(self, error: Exception) -> None:
        self.channel.abort()
        raise error

    # What mitmproxy's side asks.

    @override
    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.channel.transport.get_extra_info(name, default)

    @override
    def is_closing(self) -> bool:
        return self.channel.is_closing

    @override
    def close(self) -> None:
        self.channel.close()

    @override
    def abort(self) -> None:
        self.channel.abort()

    @override
    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.StreamReaderProtocol)  # noqa: S101 - nobody sets another
        self._protocol = protocol

    @override
    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    @override
    def pause_reading(self) -> None:
        self.channel.pause()

    @override
    def resume_reading(self) -> None:
        self.channel.resume()

    @override
    def is_reading(self) -> bool:
        return self.channel.transport.is_reading()

    @override
    def write(self, data: Any) -> None:
        self.channel.send(bytes(data))

    @override
    def writelines(self, list_of_data: Iterable[Any]) -> None:
        self.write(b"".join(list_of_data))

    @override
    def can_write_eof(self) -> bool:
        return True

    @override
    def write_eof(self) -> None:
        self.channel.finish()

    @override
    def get_write_buffer_size(self) -> int:
        return self.channel.transport.get_write_buffer_size()

    @override
    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.channel.transport.set_write_buffer_limits(high, low)
