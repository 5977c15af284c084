"""What was posted to an API, and what did it answer? A small real HTTP server on loopback."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, override

from tests.rig.ports import LOOPBACK

Reply = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class Posted:
    """One request."""

    path: str
    fields: dict[str, str]
    letter: Any


@dataclass(slots=True)
class Api:
    """Answers what `reply` says, and keeps what it was sent."""

    url: str
    reply: Callable[[Posted], Reply]
    posted: list[Posted] = field(default_factory=list)


@contextmanager
def api(reply: Callable[[Posted], Reply] = lambda _posted: (200, b"{}")) -> Iterator[Api]:
    """An API on a free port."""

    class Exchange(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posted = Posted(self.path, {name.lower(): text for name, text in self.headers.items()}, json.loads(body))
            stand_in.posted.append(posted)
            status, answer = stand_in.reply(posted)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        @override
        def log_message(self, format: str, *args: Any) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer((LOOPBACK, 0), Exchange) as server:
        stand_in = Api(f"http://{LOOPBACK}:{server.server_address[1]}", reply)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield stand_in
        finally:
            server.shutdown()
            thread.join(5)
