"""What comes back when recordings go through the gateway? Loaded beside it, with a second `-s`.

Each file of `replay_folder` is sent once by mitmproxy's client replay; what its client is told, which no flow shows
(`flow.response` is what the upstream said), becomes a line of JSON in `replay_heard`.
"""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

from mitmproxy import ctx, http
from mitmproxy.addonmanager import Loader
from mitmproxy.addons import clientplayback
from mitmproxy.io import read_flows_from_paths
from mitmproxy.proxy import events, layer
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import ResponseData, ResponseEndOfMessage, ResponseHeaders, ResponseProtocolError

Note = Callable[[http.HTTPFlow, http.Response | None, bytes, str | None], None]

SilentClient = clientplayback.MockServer
"""mitmproxy's stand-in for the client: it hands over the request and ignores what it is told."""


class ListeningClient(SilentClient):
    """One that listens."""

    def __init__(self, note: Note, flow: http.HTTPFlow, context: Context) -> None:
        super().__init__(flow, context)
        self._note = note
        self._response: http.Response | None = None
        self._body = bytearray()

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        match event:
            case ResponseHeaders():
                self._response = event.response
            case ResponseData():
                self._body += event.data
            case ResponseEndOfMessage():
                self._note(self.flow, self._response, bytes(self._body), None)
            case ResponseProtocolError():
                self._note(self.flow, self._response, bytes(self._body), event.message)
            case _:
                pass
        yield from super()._handle_event(event)


class ReplayWhenReady:
    """The addon."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def load(self, loader: Loader) -> None:
        loader.add_option("replay_folder", str, "", "Recordings to send once the gateway is ready.")
        loader.add_option("replay_heard", str, "", "Where to write what came back.")
        clientplayback.MockServer = partial(ListeningClient, self._note)  # type: ignore[misc,assignment]

    def running(self) -> None:
        # mitmproxy awaits each addon's `running` in their order: the gateway, loaded before, listens by now.
        flows = []
        for path in sorted(Path(ctx.options.replay_folder).glob("*.mitm")):
            (flow,) = read_flows_from_paths([str(path)])
            self._names[flow.id] = path.stem
            flows.append(flow)
        ctx.master.commands.call("replay.client", flows)

    def _note(self, flow: http.HTTPFlow, response: http.Response | None, body: bytes, error: str | None) -> None:
        fields = response.headers.fields if response else ()
        line = {
            "recording": self._names[flow.id],
            "status": response.status_code if response else 0,
            "fields": [(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields],
            "body": body.decode("latin-1"),
            "error": error,
        }
        with Path(ctx.options.replay_heard).open("a") as heard:
            heard.write(json.dumps(line) + "\n")


addons = [ReplayWhenReady()]
