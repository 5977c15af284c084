"""Who takes a new connection: the fast path, or mitmproxy's own layers?"""

import asyncio
from typing import TYPE_CHECKING

from mesh_gateway.proxy.fast_path.connection import ClientConnection
from mesh_gateway.proxy.handover import hand_over

if TYPE_CHECKING:
    from mitmproxy.proxy.mode_servers import ReverseInstance

    from mesh_gateway.proxy.fast_path.channel import Channel
    from mesh_gateway.proxy.fast_path.front import Front


def receive(front: "Front | None", instance: "ReverseInstance", port: int) -> asyncio.BaseProtocol:
    """The protocol for a connection that `instance` has accepted on `port`.

    Operators, on the admin port, are few and always get the flow path, so that they see what mitmproxy sees.
    """
    if front is None or port == front.worker.settings.admin_port or front.paths.is_all_watched:
        return flow_protocol(instance)

    def give_away(channel: "Channel", data: bytes) -> None:
        hand_over(channel, data, flow_protocol(instance))

    return ClientConnection(front, port, give_away).channel


def flow_protocol(instance: "ReverseInstance") -> asyncio.StreamReaderProtocol:
    """What asyncio's own `start_server` makes: mitmproxy's connection reads and writes streams."""
    loop = asyncio.get_running_loop()
    return asyncio.StreamReaderProtocol(asyncio.StreamReader(loop=loop), instance.handle_stream, loop=loop)
