"""What do the metrics say on the admin port, whichever worker is asked? All workers' samples, each under its number."""

from collections.abc import Mapping

from mitmproxy import http

from mesh_gateway.admin.siblings import Siblings
from mesh_gateway.observe.combined_page import combine
from mesh_gateway.pipeline import OwnPath

_UP = """\
# HELP gateway_worker_up Whether the worker answered when its metrics were gathered.
# TYPE gateway_worker_up gauge
"""


class MetricsPage:
    """An addon: hooks are where a flow can wait, and the other workers must be waited for."""

    name = "metricspage"

    def __init__(self, siblings: Siblings, admin_port: int) -> None:
        self.siblings = siblings
        self._admin_port = admin_port

    async def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Put the others' samples into the answer that one worker has made of its own."""
        is_page = flow.request.path.partition("?")[0] == OwnPath.METRICS.value and flow.request.method in (
            "GET",
            "HEAD",
        )
        # Nothing but own answers leaves through the admin port.
        if is_page and flow.client_conn.proxy_mode.custom_listen_port == self._admin_port and flow.response:
            flow.response.content = gathered(await self.siblings.pages()).encode()


def gathered(pages: Mapping[str, str | None]) -> str:
    """The page of all workers: who answered, then what they count."""
    up = "".join(f'gateway_worker_up{{worker="{number}"}} {int(page is not None)}\n' for number, page in pages.items())
    return combine([_UP + up, *(page for page in pages.values() if page is not None)])
