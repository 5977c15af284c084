"""What is h2 told about an HTTP/2 connection to an upstream?"""

from h2.config import H2Configuration
from h2.connection import H2Connection

from mesh_gateway.proxy.bounds import CONNECTION_WINDOW, DEFAULT_WINDOW, STREAM_WINDOW
from mesh_gateway.proxy.fast_path.http2_fields import PlainEncoder
from mesh_gateway.proxy.fast_path.http2_table import FIELD_OVERHEAD
from mesh_gateway.routing.head import HeadLimits

# What a header block may hold at most; what is larger than the head limits alone is answered 431 on its stream.
MAX_HEADER_LIST = 65_536


class _Connection(H2Connection):
    """Remembers how the last thousand streams ended, for frames that come late; h2 keeps 65,536 of them, for 7 MB."""

    MAX_CLOSED_STREAMS = 1024


def max_header_list(limits: HeadLimits) -> int:
    """The largest header list that is decoded at all."""
    return max(MAX_HEADER_LIST, 2 * (limits.size + FIELD_OVERHEAD * limits.fields))


def client_side() -> H2Connection:
    """Towards an upstream."""
    config = H2Configuration(
        client_side=True,
        header_encoding=False,
        validate_inbound_headers=False,
        normalize_inbound_headers=False,
        validate_outbound_headers=False,
        normalize_outbound_headers=False,
    )
    connection = _Connection(config)
    connection.encoder = PlainEncoder()
    connection.local_settings.initial_window_size = STREAM_WINDOW
    connection.local_settings.enable_push = 0
    # Windows are bounds from the first stream on, not from the peer's acknowledgement on.
    connection.local_settings.acknowledge()
    connection.decoder.max_header_list_size = MAX_HEADER_LIST
    connection.initiate_connection()
    connection.increment_flow_control_window(CONNECTION_WINDOW - DEFAULT_WINDOW)
    return connection
