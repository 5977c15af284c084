"""What does mitmproxy show of a request? Its own flow, and one that wakes up when it is killed."""

from typing import override

from mitmproxy import http


class HTTPFlow(http.HTTPFlow):
    """A flow of the gateway. The name is kept: mitmproxy makes of it the type that files and filters know (flow.py)."""

    @override
    def kill(self) -> None:
        # mitmproxy 12.2.3 lets whoever waits for a stopped flow wait on, and its client with it.
        if self.killable:
            self.resume()  # type: ignore[no-untyped-call] # mitmproxy's, without annotations
        super().kill()  # type: ignore[no-untyped-call]
