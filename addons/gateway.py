"""What `mitmdump -s addons/gateway.py` and `mitmweb -s addons/gateway.py` load.

A few lines that never change: mitmproxy watches this file and loads it again when it is touched (HAZARDS A2).
"""

from mesh_gateway.debug.commands import GatewayCommands
from mesh_gateway.proxy.gateway import Gateway


def build() -> list[object]:
    """The addons: made here and not at import, so that a reload starts from nothing."""
    gateway = Gateway()
    return [gateway, GatewayCommands(gateway)]


addons = build()
