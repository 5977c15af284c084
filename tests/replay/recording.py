"""What is in a `.mitm` file of one case, and does a new one say anything new?"""

import warnings
from pathlib import Path
from typing import Any

from mitmproxy import http

with warnings.catch_warnings():
    # mitmproxy 12.2.3 gives pyparsing an argument by its old name; the tests take warnings for errors.
    warnings.simplefilter("ignore", DeprecationWarning)
    from mitmproxy.io import FlowWriter, read_flows_from_paths

FOLDER = Path(__file__).parent / "recordings"


def read_flows(path: Path) -> list[http.HTTPFlow]:
    """The flows of a file in the order of their ends."""
    flows = read_flows_from_paths([str(path)])
    assert all(isinstance(flow, http.HTTPFlow) for flow in flows)
    return [flow for flow in flows if isinstance(flow, http.HTTPFlow)]


def keep(flow: http.HTTPFlow, path: Path) -> bool:
    """Write the flow, unless the file holds the same request: only times and ports would differ. Was it written?"""
    if path.exists() and [_spoken(there) for there in read_flows(path)] == [_spoken(flow)]:
        return False
    with path.open("wb") as file:
        FlowWriter(file).add(flow)
    return True


def put_back(flow: http.HTTPFlow, body: bytes) -> None:
    """Give a flow the body that streamed by: mitmproxy keeps none, and replays no request without."""
    assert flow.request.raw_content is None
    flow.request.data.content = body  # the property would add a Content-Length


def _spoken(flow: http.HTTPFlow) -> dict[str, Any]:
    """What the client said, and on what kind of connection."""
    state = {name: value for name, value in flow.request.get_state().items() if not name.startswith("timestamp")}
    client = flow.client_conn
    return {**state, "tls": client.tls_version, "alpn": client.alpn, "sni": client.sni}
