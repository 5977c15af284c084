"""What is h2 told about either side of an HTTP/2 connection?"""

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from hyperframe.frame import GoAwayFrame

from mesh_gateway.proxy.bounds import CONNECTION_WINDOW, DEFAULT_WINDOW, STREAM_WINDOW
from mesh_gateway.proxy.fast_path.http2_fields import PlainEncoder
from mesh_gateway.routing.head import HeadLimits

MAX_STREAM = (1 << 31) - 1  # RFC 9113 5.1.1
# What a header block may hold at most; what is larger than the head limits alone is answered 431 on its stream.
MAX_HEADER_LIST = 65_536
FIELD_OVERHEAD = 32  # RFC 9113 6.5.2: what a field counts beside its name and value


class _Connection(H2Connection):
    """Remembers how the last thousand streams ended, for frames that come late; h2 keeps 65,536 of them, for 7 MB."""

    MAX_CLOSED_STREAMS = 1024


def max_header_list(limits: HeadLimits) -> int:
    """The largest header list that is decoded at all."""
    return max(MAX_HEADER_LIST, 2 * (limits.size + FIELD_OVERHEAD * limits.fields))


def server_side(limits: HeadLimits) -> H2Connection:
    """Towards a client. Heads are judged by `http2_head.py`, which knows more rules than h2 and is quicker."""
    connection = _connection(client_side=False)
    connection.local_settings.max_header_list_size = limits.size + FIELD_OVERHEAD * limits.fields
    connection.local_settings.enable_connect_protocol = 1  # RFC 8441 3
    return _begun(connection, max_header_list(limits))


def client_side() -> H2Connection:
    """Towards an upstream."""
    connection = _connection(client_side=True)
    connection.local_settings.enable_push = 0
    return _begun(connection, MAX_HEADER_LIST)


def _connection(*, client_side: bool) -> H2Connection:
    config = H2Configuration(
        client_side=client_side,
        header_encoding=False,
        validate_inbound_headers=False,
        normalize_inbound_headers=False,
        validate_outbound_headers=False,
        normalize_outbound_headers=False,
    )
    connection = _Connection(config)
    connection.encoder = PlainEncoder()
    connection.local_settings.initial_window_size = STREAM_WINDOW
    return connection


def _begun(connection: H2Connection, header_list: int) -> H2Connection:
    # Windows are bounds from the first stream on, not from the peer's acknowledgement on.
    connection.local_settings.acknowledge()
    connection.decoder.max_header_list_size = header_list
    connection.initiate_connection()
    connection.increment_flow_control_window(CONNECTION_WINDOW - DEFAULT_WINDOW)
    return connection


def goaway(last_stream: int, code: ErrorCodes = ErrorCodes.NO_ERROR) -> bytes:
    """The frame by hand: after h2's own nothing more can be sent (RFC 9113 6.8 lets running streams end)."""
    return GoAwayFrame(0, last_stream_id=last_stream, error_code=code).serialize()
