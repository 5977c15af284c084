"""Which layers does a new connection get? By the port it came in on, never by a guess at its bytes."""

from typing import override

from mitmproxy.connection import Client
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers.tls import ClientTLSLayer

from mesh_gateway.pipeline import Listener
from mesh_gateway.proxy.fast_path.tls import TLS_HANDSHAKE
from mesh_gateway.proxy.flow_path.layer import GatewayHttpLayer
from mesh_gateway.proxy.worker import Worker


def port_of(client: Client) -> int | None:
    """The port that a client connected to, by the listener's own word."""
    return client.proxy_mode.custom_listen_port


def choose_layer(next_layer: layer.NextLayer, worker: Worker) -> layer.Layer | None:
    """The stack above the socket; None while the first byte has not come, and for a connection to be ended."""
    context = next_layer.context
    port = port_of(context.client)
    first = next_layer.data_client()[:1]
    if not first:
        return None
    if context.client.tls_established:  # by the fast path, which handed the connection over
        return GatewayHttpLayer(context, worker)
    is_tls = first[0] == TLS_HANDSHAKE
    if is_tls != (port == worker.settings.ssl_port):
        return Refusal(context)
    if is_tls:
        tls = OutspokenTls(context)
        tls.child_layer = GatewayHttpLayer(context, worker)
        return tls
    listener = Listener.ADMIN if port == worker.settings.admin_port else Listener.PUBLIC
    return GatewayHttpLayer(context, worker, listener)


class OutspokenTls(ClientTLSLayer):
    """A client whose handshake fails is told why: mitmproxy 12.2.3 closes, and leaves OpenSSL's alert where it is."""

    @override
    def on_handshake_error(self, err: str) -> layer.CommandGenerator[None]:
        if self.tls:  # None until a whole ClientHello is there
            yield from self.tls_interact()
        yield from super().on_handshake_error(err)


class Refusal(layer.Layer):
    """Ends a connection that speaks TLS to the http port, or the other way round (HAZARDS E5)."""

    def _handle_event(self, _: events.Event) -> layer.CommandGenerator[None]:
        yield commands.CloseConnection(self.context.client)
