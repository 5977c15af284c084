"""Where do log lines go? To standard error, so that standard output holds access lines and nothing else.

mitmproxy's terminal log writes to standard output, repeats what strangers send at length (HAZARDS F), and ends the
process when it cannot write: a full disk must not end a gateway.
"""

import contextlib
import logging
import sys
from typing import TextIO

from mitmproxy import ctx

QUIET = ("mitmproxy.proxy", "hpack", "h2", "httpx", "httpcore")


class Steadfast:
    """A text stream that goes on when it cannot write."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write what can be written."""
        with contextlib.suppress(OSError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()


def send_to_stderr() -> None:
    """Redirect mitmproxy's terminal log, and hear the gateway's own notices even with `-q`."""
    for name in QUIET:
        # One line and one event to all addons per connection, otherwise (FACTS part 1).
        logging.getLogger(name).setLevel(logging.ERROR)
    if termlog := ctx.master.addons.get("termlog"):
        termlog.logger.file = Steadfast(sys.stderr)
        ctx.options.update(termlog_verbosity="info")
    if "flow_detail" in ctx.options:  # mitmdump's; mitmweb has none
        ctx.options.update(flow_detail=0)
