"""How is a message of mitmproxy's put together from parts that were read strictly already?

mitmproxy 12.2.3 checks the type of each part against its annotation, whenever a message is made or copied; it takes as
long as all that mitmproxy and the gateway do with that message otherwise. These are the same objects, unchecked.
"""

import time

from mitmproxy import http

from mesh_gateway.routing.fields import Field


class _RequestParts(http.RequestData):
    def __post_init__(self) -> None:
        """The check that is left out."""


class _ResponseParts(http.ResponseData):
    def __post_init__(self) -> None:
        """The check that is left out."""


def make_headers(fields: tuple[Field, ...]) -> http.Headers:
    """Fields as they are."""
    headers = http.Headers.__new__(http.Headers)
    headers.fields = fields
    return headers


def make_request(
    *,
    method: bytes,
    path: bytes,
    version: bytes,
    headers: http.Headers,
    scheme: bytes = b"",
    authority: bytes = b"",
    host: str = "",
    port: int = 0,
) -> http.Request:
    """A request without a body, that began now; without `host` and `port` it has nowhere to go yet."""
    request = http.Request.__new__(http.Request)
    request.data = _RequestParts(
        version, headers, None, None, time.time(), None, host, port, method, scheme, authority, path
    )
    return request


def make_response(*, version: bytes, status: int, reason: bytes, headers: http.Headers) -> http.Response:
    """An answer without a body, that began now."""
    response = http.Response.__new__(http.Response)
    response.data = _ResponseParts(version, headers, None, None, time.time(), None, status, reason)
    return response
