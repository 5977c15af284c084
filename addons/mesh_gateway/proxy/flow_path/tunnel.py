"""What happens after an upgrade? Bytes go both ways, counted, not kept and not understood."""

from collections.abc import Callable
from typing import override

from mitmproxy.connection import Client
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.tcp import TCPLayer

from mesh_gateway.observe.exchange import Exchange


class Tunnel(TCPLayer):
    """mitmproxy's TCP layer without a flow of its own: no message is kept, no hook fires (HAZARDS C7, C8).

    Opaque on purpose: nothing is reassembled, so no message can be too large; the price is that a drain ends a
    WebSocket with its TCP connection and no close frame.
    """

    def __init__(
        self,
        context: Context,
        exchange: Exchange,
        *,
        on_data: Callable[[], None],
        on_end: Callable[[], layer.CommandGenerator[None]],
    ) -> None:
        super().__init__(context, ignore=True)
        self._exchange = exchange
        self._on_data = on_data
        self._on_end = on_end

    @override
    def relay_messages(self, event: events.Event) -> layer.CommandGenerator[None]:
        if isinstance(event, events.DataReceived):
            self._on_data()
            if isinstance(event.connection, Client):
                self._exchange.bytes_received += len(event.data)
            else:
                self._exchange.bytes_sent += len(event.data)
        yield from super().relay_messages(event)
        if self._handle_event == self.done:
            yield from self._on_end()
