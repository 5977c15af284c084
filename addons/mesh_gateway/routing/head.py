"""Is this request head one that may be carried? The one door to its validation, for both protocols and both paths.

Strict: what two parsers could read in two ways is refused (HAZARDS B1 to B8, A9, C5). The rules live beside the
protocol they belong to (`http1_head`, `http2_head`), the shared ones in `head_rules`.
"""

from mesh_gateway.routing.fields import Field
from mesh_gateway.routing.framing import Body, Framing
from mesh_gateway.routing.http1_head import parse_http1
from mesh_gateway.routing.http2_head import check_http2
from mesh_gateway.routing.rejection import Rejection
from mesh_gateway.routing.request import HeadLimits, RequestHead, Version

__all__ = [
    "Body",
    "Field",
    "Framing",
    "HeadLimits",
    "Rejection",
    "RequestHead",
    "Version",
    "check_http2",
    "parse_http1",
]
