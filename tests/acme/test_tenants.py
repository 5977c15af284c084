"""Is a tenant's wish granted only when the resolution API knows the tenant, and in its turn?"""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from acme_client.errors import AcmeError, ErrorKind
from acme_client.happening import Event, Happening
from acme_client.lock import Locks
from acme_client.tenants import MOST_BYTES, ApiDownError, ResolutionApi, Tenants
from tests.acme.rig.calendar import Calendar
from tests.acme.rig.household import brief

Answers = Mapping[str, tuple[int, bytes]]
NOBODY: frozenset[str] = frozenset()


@contextlib.contextmanager
def api(answers: Answers) -> Iterator[tuple[str, list[str]]]:
    """A resolution API: its URL, and the paths that it was asked for."""
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            status, body = answers.get(self.path, (404, b"no such page"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(OSError):  # who has read enough hangs up
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/router", asked
        finally:
            server.shutdown()
            thread.join()


ROUTES = b'{"userId": "u1", "routes": []}'
V2, V1 = "/router/resolve/v2/alice", "/router/resolve/alice"


@pytest.mark.parametrize(
    ("answers", "is_known"),
    [
        ({V2: (200, ROUTES)}, True),
        ({V2: (404, b'{"error": "unknown"}')}, False),
        ({V1: (200, b'{"hostIp": "203.0.113.5"}')}, True),
        ({V1: (404, b'{"error": "unknown"}')}, False),
    ],
    ids=["known", "unknown", "known to version 1", "unknown to version 1"],
)
def test_the_api_knows(answers: Answers, is_known: bool) -> None:
    with api(answers) as (url, asked):
        assert ResolutionApi(url).knows("alice") is is_known
        assert asked == ([V2, V1] if V1 in answers else [V2])


@pytest.mark.parametrize(
    "answers",
    [{}, {V2: (500, b"{}")}, {V2: (200, b"<html>")}, {V2: (302, b"")}, {V2: (200, b" " * (MOST_BYTES + 1))}],
    ids=["no API there", "a fault", "no JSON", "elsewhere", "too much"],
)
def test_an_api_that_does_not_say_is_no_answer(answers: Answers) -> None:
    with api(answers) as (url, _), pytest.raises(ApiDownError):
        ResolutionApi(url).knows("alice")


def test_an_api_that_is_gone_is_no_answer() -> None:
    with api({}) as (url, _):
        pass
    with pytest.raises(ApiDownError, match="cannot be asked"):
        ResolutionApi(url).knows("alice")


def tenants(folder: Path, url: str, *listed: str, limit: int = 20) -> tuple[Tenants, list[Happening]]:
    told: list[Happening] = []
    locks = Locks(folder / "locks", brief, time.monotonic)
    return Tenants(folder, listed, limit, ResolutionApi(url), locks, Calendar(), told.append), told


def test_who_is_unknown_is_refused_with_a_message(tmp_path: Path) -> None:
    with api({V2: (200, ROUTES), "/router/resolve/v2/mallory": (404, b"{}")}) as (url, _):
        wished, told = tenants(tmp_path, url, "alice", "mallory")
        assert wished.admitted(NOBODY) == ("alice",)
    assert [(each.event, each.name) for each in told] == [(Event.REFUSED, "mallory")]
    assert "is no tenant by the resolution API; take it out of ACME_TENANTS" in str(told[0].message)


def test_who_has_one_is_not_asked_for_again(tmp_path: Path) -> None:
    with api({}) as (url, asked):
        assert tenants(tmp_path, url, "alice")[0].admitted(frozenset({"alice"})) == ("alice",)
    assert asked == []


def test_an_api_that_is_down_refuses_for_now(tmp_path: Path) -> None:
    with api({}) as (url, _):
        wished, told = tenants(tmp_path, url, "alice")
        assert wished.admitted(NOBODY) == ()
    assert "cannot be found out now" in str(told[0].message)


def test_wishes_come_from_the_file_too_and_bad_lines_are_told(tmp_path: Path) -> None:
    (tmp_path / "wishes.txt").write_text("# wishes\n\nbob\nno_tenant\nwww\nalice\n")
    wished, told = tenants(tmp_path, "http://unused.test", "alice")
    assert wished.wishes() == ["alice", "bob"]
    assert [each.event for each in told] == [Event.REFUSED, Event.REFUSED]


def test_the_weeks_limit_survives_a_restart(tmp_path: Path) -> None:
    with api({V2: (200, ROUTES), "/router/resolve/v2/bob": (200, ROUTES)}) as (url, _):
        first, _ = tenants(tmp_path, url, "alice", "bob", limit=1)
        assert first.admitted(NOBODY) == ("alice",)
        first.order_made()
        again, _ = tenants(tmp_path, url, "alice", "bob", limit=1)
        assert again.admitted(frozenset({"alice"})) == ("alice",)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"wished": {"a": 1}, "ordered": []}'])
def test_a_ledger_that_cannot_be_read_begins_anew(tmp_path: Path, content: str) -> None:
    (tmp_path / "ledger.json").write_text(content)
    with api({V2: (200, ROUTES)}) as (url, _):
        assert tenants(tmp_path, url, "alice")[0].admitted(NOBODY) == ("alice",)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "ledger.json").mkdir()
    (tmp_path / "ledger.json" / "x").touch()
    with pytest.raises(AcmeError) as caught:
        tenants(tmp_path, "http://unused.test", "alice")[0].admitted(NOBODY)
    assert caught.value.kind is ErrorKind.STORE


def test_an_answer_that_drips_ends_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            line, _ = server.accept()
            with line, contextlib.suppress(OSError):
                line.recv(4096)
                for byte in b"HTTP/1.1 200 OK" + b" " * 40:
                    line.sendall(bytes([byte]))
                    threading.Event().wait(0.1)

        dripping = threading.Thread(target=drip)
        dripping.start()
        with pytest.raises(ApiDownError, match=r"did not answer within 0\.5 s"):
            ResolutionApi(f"http://127.0.0.1:{server.getsockname()[1]}", seconds=0.5).knows("alice")
        dripping.join(10)


def test_who_is_unknown_gives_way_to_the_next(tmp_path: Path) -> None:
    with api({V2: (200, ROUTES), "/router/resolve/v2/aaron": (404, b"{}")}) as (url, _):
        wished, _ = tenants(tmp_path, url, "aaron", "alice", limit=1)
        assert wished.admitted(NOBODY) == ()
        later = replace(wished, clock=Calendar(wished.clock() + timedelta(minutes=10)))
        assert later.admitted(NOBODY) == ("alice",)
