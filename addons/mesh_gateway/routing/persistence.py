"""Does a client's connection end with its request? (RFC 9112 9.3)"""

from collections.abc import Sequence

from mesh_gateway.routing.fields import tokens
from mesh_gateway.routing.request import Version


def ends_with_answer(version: str, connection: Sequence[bytes]) -> bool:
    """Whether the client wants no further request on it, by its version and the values of its `Connection`."""
    options = tokens(connection) if connection else frozenset()
    return b"close" in options or (version == Version.HTTP_1_0 and b"keep-alive" not in options)
