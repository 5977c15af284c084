"""Does every request to a CA end in time, and does every fault name its cause? With a shim before a real Pebble."""

import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from acme_client.directory import fetch_directory
from acme_client.errors import AcmeError, ErrorKind
from acme_client.link import check_link
from acme_client.network import MOST_NONCES, Network, RefusedError, making_sense
from acme_client.transport import Line
from tests.acme.rig.laboratory import Laboratory, laboratory, now
from tests.acme.rig.shim import First, Reply, at, problem, times
from tests.rig.ports import LOOPBACK, black_hole, dead_port, port_of

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    with laboratory(tmp_path_factory.mktemp("lab")) as started:
        yield started


@pytest.fixture(autouse=True)
def forgotten(lab: Laboratory) -> None:
    lab.reset()


def refusal(lab: Laboratory, url: str = "", line: Line | None = None) -> AcmeError:
    with pytest.raises(AcmeError) as caught:
        fetch_directory(url or lab.shim.directory, Network(line or lab.line()))
    return caught.value


def busy(retry_after: str, status: int = 429) -> First:
    return at("/dir", problem(status, "rateLimited", "too many", fields={"Retry-After": retry_after}))


def in_seconds(seconds: int) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_short_retry_after_is_waited_for(lab: Laboratory, status: int, form: str) -> None:
    lab.shim.first.append(times(2, busy("20" if form == "seconds" else in_seconds(20), status)))
    assert fetch_directory(lab.shim.directory, Network(lab.line())).resources["newOrder"]
    assert len(lab.timer.waits) == 2
    assert all(18 <= wait <= 20 for wait in lab.timer.waits)


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_long_retry_after_is_told(lab: Laboratory, form: str) -> None:
    lab.shim.first.append(busy("7200" if form == "seconds" else in_seconds(7200)))
    error = refusal(lab)
    assert (error.kind, lab.timer.waits) == (ErrorKind.RATE_LIMITED, [])
    assert error.retry_after is not None
    assert timedelta(seconds=7197) < error.retry_after <= timedelta(seconds=7200)
    assert "too many" in str(error)
    assert "asks to wait until" in str(error)


def test_many_short_ones_end_when_patience_does(lab: Laboratory) -> None:
    lab.shim.first.append(busy("40"))
    assert refusal(lab).retry_after == timedelta(seconds=40)
    assert lab.timer.waits == [40, 40]


def test_without_retry_after_nothing_is_waited_for(lab: Laboratory) -> None:
    lab.shim.first.append(at("/dir", Reply(503, b"busy", {"Content-Type": "text/plain"})))
    error = refusal(lab)
    assert (error.kind, error.retry_after, lab.timer.waits) == (ErrorKind.CA_UNAVAILABLE, None, [])


# fmt: off
NO_DIRECTORY = [
    pytest.param(Reply(200, b"<html>Welcome</html>", {"Content-Type": "text/html"}), ErrorKind.CA_UNAVAILABLE, "no ACME",            id="a page"),
    pytest.param(Reply(502, b"<html>Oops</html>", {"Content-Type": "text/html"}),    ErrorKind.CA_UNAVAILABLE, "502: .*text/html",   id="a page with a fault"),
    pytest.param(Reply(404, b"", {}),                                                ErrorKind.CA_UNAVAILABLE, "answered 404",       id="nothing"),
    pytest.param(Reply(301, b"", {"Location": "https://new.test/dir"}),              ErrorKind.CA_UNAVAILABLE, "https://new.test",   id="a redirect"),
    pytest.param(Reply(200, b"[]", JSON),                                            ErrorKind.CA_UNAVAILABLE, "no ACME directory",  id="a list"),
    pytest.param(Reply(200, b'{"newNonce": 7}', JSON),                               ErrorKind.CA_UNAVAILABLE, "no ACME directory",  id="half a directory"),
    pytest.param(Reply(200, b"{" + b" " * (10 << 20), JSON),                         ErrorKind.CA_UNAVAILABLE, "more than 1048576",  id="10 MiB"),
    pytest.param(Reply(200, b"{" * 100_000, JSON),                                   ErrorKind.CA_UNAVAILABLE, "no ACME",            id="brackets without end"),
    pytest.param(Reply(200, b"[" * 100_000, JSON),                                   ErrorKind.CA_UNAVAILABLE, "no ACME",            id="brackets in brackets"),
    pytest.param(Reply(400, b"[" * 100_000, JSON),                                   ErrorKind.CA_UNAVAILABLE, "answered 400",       id="a problem of brackets in brackets"),
    pytest.param(problem(500, "serverInternal", "Oops\x1b[2J\nline"),                ErrorKind.CA_UNAVAILABLE, r"Oops \[2J line",    id="a fault of its own, with control characters"),
]
# fmt: on


@pytest.mark.parametrize(("reply", "kind", "cause"), NO_DIRECTORY)
def test_what_is_no_directory_is_named(lab: Laboratory, reply: Reply, kind: ErrorKind, cause: str) -> None:
    lab.shim.first.append(at("/dir", reply))
    error = refusal(lab)
    assert error.kind is kind
    assert re.search(cause, str(error))


def test_a_ca_that_drips_is_left_in_time(lab: Laboratory) -> None:
    lab.shim.first.append(at("/dir", Reply(200, b"{" + b" " * 100, JSON, drip_seconds=0.05)))
    error = refusal(lab, line=lab.line(request_seconds=0.5))
    assert error.kind is ErrorKind.CA_UNREACHABLE
    assert "no whole answer within 0.5 s" in str(error)


def test_a_ca_whose_headers_drip_is_left_in_time(lab: Laboratory) -> None:
    done = threading.Event()
    with socket.create_server((LOOPBACK, 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                while not done.wait(0.05):
                    connection.sendall(b"X: y\r\n")

        thread = threading.Thread(target=drip)
        thread.start()
        line = replace(lab.line(request_seconds=0.5), is_laboratory=True)
        error = refusal(lab, f"http://{LOOPBACK}:{port_of(server)}/dir", line)
        done.set()
        thread.join(5)
    assert error.kind is ErrorKind.CA_UNREACHABLE
    assert "no whole answer within 0.5 s" in str(error)


def test_a_ca_that_takes_the_connection_and_says_nothing_is_left_in_time(lab: Laboratory) -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        error = refusal(lab, f"https://{LOOPBACK}:{port_of(server)}/dir", lab.line(request_seconds=0.3))
    assert error.kind is ErrorKind.CA_UNREACHABLE


def test_a_ca_that_drops_packets_is_left_in_time(lab: Laboratory) -> None:
    with black_hole() as port:
        error = refusal(lab, f"https://{LOOPBACK}:{port}/dir", lab.line(request_seconds=0.3))
    assert error.kind is ErrorKind.CA_UNREACHABLE
    assert "within 0.3 s" in str(error)


def test_a_dead_port_is_named(lab: Laboratory) -> None:
    with dead_port() as port:
        error = refusal(lab, f"https://{LOOPBACK}:{port}/dir")
    assert error.kind is ErrorKind.CA_UNREACHABLE
    assert str(error) == f"{LOOPBACK}:{port} cannot be reached: Connection refused"


def test_a_name_that_does_not_exist_is_named(lab: Laboratory) -> None:
    error = refusal(lab, "https://nowhere.invalid/dir")
    assert error.kind is ErrorKind.CA_UNREACHABLE
    assert "nowhere.invalid" in str(error)


@pytest.mark.parametrize("ca_file", ["another", "missing", "no PEM"])
def test_a_certificate_that_is_not_trusted_is_named(lab: Laboratory, tmp_path: Path, ca_file: str) -> None:
    path = {"another": lab.pebble.ca_file, "missing": tmp_path / "none.pem", "no PEM": tmp_path / "text.pem"}[ca_file]
    (tmp_path / "text.pem").write_text("hello")
    error = refusal(lab, line=lab.line(path))
    assert error.kind is ErrorKind.CA_UNREACHABLE
    assert "ACME_CA_FILE" in str(error)
    assert str(path) in str(error)


def test_after_a_deadline_the_next_request_works(lab: Laboratory) -> None:
    network = Network(lab.line(request_seconds=1.0))
    lab.shim.first.append(times(1, at("/dir", Reply(200, b"{" + b" " * 100, JSON, drip_seconds=0.1))))
    with pytest.raises(AcmeError):
        fetch_directory(lab.shim.directory, network)
    assert fetch_directory(lab.shim.directory, network).resources["newOrder"]


@pytest.mark.parametrize(
    ("url", "is_laboratory", "may"),
    [
        ("https://ca.test/order/1", False, True),
        ("https://[::1]:14000/order/1", False, True),
        ("http://ca.test/order/1", False, False),
        ("http://127.0.0.1/order/1", False, False),
        ("http://127.0.0.1/order/1", True, True),
        ("http://[::1]:80/order/1", True, True),
        ("http://localhost/order/1", True, True),
        ("http://ca.test/order/1", True, False),
        ("http://127.0.0.1.ca.test/order/1", True, False),
        ("file:///etc/passwd", True, False),
        ("ftp://ca.test/", False, False),
        ("/order/1", False, False),
        ("https:///order/1", False, False),
        ("https://[::1/order/1", False, False),
        ("", False, False),
    ],
)
def test_only_what_is_https_is_followed(url: str, is_laboratory: bool, may: bool) -> None:
    if may:
        check_link(url, is_laboratory=is_laboratory)
        return
    with pytest.raises(AcmeError, match="is not https") as caught:
        check_link(url, is_laboratory=is_laboratory)
    assert caught.value.kind is ErrorKind.CA_UNAVAILABLE


def test_refused_nonces_are_tried_again_only_so_often(lab: Laboratory, tmp_path: Path) -> None:
    lab.shim.first.append(at("sign-me-up", problem(400, "badNonce", "old", fields={"Replay-Nonce": "YWFh"})))
    with pytest.raises(RefusedError) as caught:
        lab.account_by_shim(tmp_path)
    assert (caught.value.kind, caught.value.code) == (ErrorKind.CA_UNAVAILABLE, "badNonce")
    assert sum("sign-me-up" in asked.path for asked in lab.shim.asked) == MOST_NONCES


def test_the_nonce_of_a_refusal_is_used_for_the_next_try(lab: Laboratory, tmp_path: Path) -> None:
    lab.account_by_shim(tmp_path)
    lab.shim.asked.clear()
    lab.shim.first.append(times(3, at("sign-me-up", problem(400, "badNonce", "old", fields={"Replay-Nonce": "YWFh"}))))
    lab.account_by_shim(tmp_path)
    # one for the first try; then those of the refusals, of which Pebble refuses the last, and gives a good one
    assert sum("nonce" in asked.path for asked in lab.shim.asked) == 1


def test_an_environment_proxy_that_is_dead_is_named(lab: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    with dead_port() as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{LOOPBACK}:{port}")
        monkeypatch.setenv("NO_PROXY", "")
        error = refusal(lab)
    assert "HTTPS_PROXY" in str(error)


def test_what_libraries_raise_about_answers_becomes_the_fault_of_the_ca() -> None:
    with (
        pytest.raises(AcmeError, match=r"ca\.test sent what is no ACME: 'status'") as caught,
        making_sense("https://ca.test/"),
    ):
        raise KeyError("status")
    assert caught.value.kind is ErrorKind.CA_UNAVAILABLE


def test_the_time_is_told_in_utc(lab: Laboratory) -> None:
    lab.shim.first.append(busy("86400"))
    assert f"{now() + timedelta(days=1):%Y-%m-%d}" in str(refusal(lab))
