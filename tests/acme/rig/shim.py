"""What if the CA said something else? A small https server in front of Pebble that answers first, or changes what Pebble said.

Host is passed on, so that Pebble names this server in its URLs, and finds it in the signatures (RFC 8555 6.4).
"""

import base64
import contextlib
import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, override

import trustme

from tests.rig.ports import LOOPBACK

_DRIPS = 200
PROBLEM = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    method: str
    path: str
    payload: Any
    """What was signed, as JSON; None for a GET and for a POST that only asks."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer."""

    status: int
    body: bytes
    fields: dict[str, str] = field(default_factory=dict)
    drip_seconds: float = 0.0
    """Between two bytes of the body, when it is to come one by one."""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


First = Callable[[Asked], Reply | None]
Then = Callable[[Asked, Reply], Reply]


@dataclass(slots=True)
class Shim:
    """Its state is what it will do, in order, and what it was asked. `first` may answer, `then` may change Pebble's answer."""

    url: str
    ca_file: Path
    """What it is verified against."""
    first: list[First] = field(default_factory=list)
    then: list[Then] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    @property
    def directory(self) -> str:
        return f"{self.url}/dir"

    def reset(self) -> None:
        for rules in (self.first, self.then, self.asked):
            rules.clear()

    def payloads(self, path: str) -> list[Any]:
        """What was signed and sent to paths that hold `path`."""
        return [asked.payload for asked in self.asked if path in asked.path and asked.payload is not None]


@contextlib.contextmanager
def shim(folder: Path, port: int, ca_file: Path) -> Iterator[Shim]:
    """Stands before Pebble's `port`, which `ca_file` vouches for."""
    authority = trustme.CA()
    folder.mkdir(parents=True, exist_ok=True)
    authority.cert_pem.write_to_path(folder / "shim-ca.pem")
    server = _Server(port, ssl.create_default_context(cafile=str(ca_file)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(LOOPBACK).configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.stand_in = Shim(f"https://{LOOPBACK}:{server.server_address[1]}", folder / "shim-ca.pem")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.stand_in
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    stand_in: Shim

    def __init__(self, port: int, trust: ssl.SSLContext) -> None:
        super().__init__((LOOPBACK, 0), _Exchange)
        self.pebble_port, self.trust = port, trust

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that do not trust it hang up in the handshake, which is what some tests are about."""


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked, stand_in = Asked(self.command, self.path, _payload(body)), self.server.stand_in
        stand_in.asked.append(asked)
        answers = (rule(asked) for rule in list(stand_in.first))
        reply = next(filter(None, answers), None) or self._ask_pebble(body)
        for change in list(stand_in.then):
            reply = change(asked, reply)
        with contextlib.suppress(OSError):  # who asked has hung up
            self._write(reply)

    def do_POST(self) -> None:
        self.do_GET()

    def do_HEAD(self) -> None:
        self.do_GET()

    def _ask_pebble(self, body: bytes) -> Reply:
        server = self.server
        connection = http.client.HTTPSConnection(LOOPBACK, server.pebble_port, timeout=10, context=server.trust)
        with contextlib.closing(connection):
            fields = {name: text for name, text in self.headers.items() if name.lower() != "connection"}
            connection.request(self.command, self.path, body or None, fields)
            answer = connection.getresponse()
            kept = {name: text for name, text in answer.getheaders() if name.lower() not in _OWN}
            # several lines of Link as one (RFC 8288 3)
            links = answer.headers.get_all("Link") or []
            return Reply(answer.status, answer.read(), kept | ({"Link": ", ".join(links)} if links else {}))

    def _write(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, text in {**reply.fields, "Content-Length": str(len(reply.body))}.items():
            self.send_header(name, text)
        self.end_headers()
        if self.command == "HEAD":
            return
        if not reply.drip_seconds:
            self.wfile.write(reply.body)
            return
        for byte in reply.body[:_DRIPS]:
            self.wfile.write(bytes([byte]))
            time.sleep(reply.drip_seconds)  # noqa: TID251 - a thread of its own

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


_OWN = ("content-length", "connection", "transfer-encoding", "link")


def _payload(body: bytes) -> Any:
    with contextlib.suppress(ValueError, KeyError):
        text = json.loads(body)["payload"]
        return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return None


# What it can do.


def times(count: int, rule: First) -> First:
    """The rule's first answers, then Pebble's."""
    left = count

    def limited(asked: Asked) -> Reply | None:
        nonlocal left
        reply = rule(asked) if left else None
        left -= reply is not None
        return reply

    return limited


def at(path: str, reply: Reply) -> First:
    """An answer to what is asked of paths that hold `path`."""
    return lambda asked: reply if path in asked.path else None


def problem(status: int, code: str, detail: str, *, fields: dict[str, str] | None = None, **more: Any) -> Reply:
    """A problem document (RFC 8555 6.7)."""
    document = {"type": f"urn:ietf:params:acme:error:{code}", "detail": detail, **more}
    return Reply(status, json.dumps(document).encode(), {"Content-Type": PROBLEM, **(fields or {})})


def offering(shim_url: str, *, profiles: dict[str, str] | None = None, has_ari: bool = False) -> Then:
    """More in the directory than Pebble has."""

    def change(asked: Asked, reply: Reply) -> Reply:
        if asked.path != "/dir":
            return reply
        document = reply.json
        if profiles:
            document["meta"]["profiles"] = profiles
        if has_ari:
            document["renewalInfo"] = f"{shim_url}/renewal-info"
        return replace(reply, body=json.dumps(document).encode())

    return change


def chain_as(rewrite: Callable[[bytes], bytes]) -> Then:
    """Another certificate chain than the one that Pebble made."""

    def change(asked: Asked, reply: Reply) -> Reply:
        return replace(reply, body=rewrite(reply.body)) if b"BEGIN CERTIFICATE" in reply.body else reply

    return change


def rewriting(path: str, edit: Callable[[Any], Any]) -> Then:
    """Another JSON document at paths that hold `path`."""

    def change(asked: Asked, reply: Reply) -> Reply:
        if path not in asked.path or reply.status >= 400:
            return reply
        return replace(reply, body=json.dumps(edit(reply.json)).encode())

    return change
