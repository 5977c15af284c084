"""Does the container's health check tell a well gateway from every other thing that may be there?"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from mesh_gateway.healthcheck import complaint, main, own_address


@contextmanager
def answering(status: int) -> Iterator[int]:
    """A server on loopback that answers `/_health` with `status`, everything else with 404; gives its port."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/_health" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_a_well_gateway_gives_0_and_no_word(capsys: pytest.CaptureFixture[str]) -> None:
    with answering(200) as port:
        assert main({"ADMIN_PORT": str(port)}) == 0
    assert capsys.readouterr().err == ""


def test_without_an_admin_port_the_public_one_is_asked() -> None:
    with answering(200) as port:
        assert main({"ADMIN_PORT": "off", "PORT": str(port)}) == 0


def test_a_draining_gateway_is_not_well() -> None:
    with answering(503) as port:
        assert complaint("127.0.0.1", port) == f"127.0.0.1 port {port} answers with status 503"


def test_nobody_there_is_said_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with answering(200) as port:
        pass
    assert main({"ADMIN_PORT": str(port)}) == 1
    assert capsys.readouterr().err == f"no answer from 127.0.0.1 port {port}: [Errno 111] Connection refused\n"


def test_a_wrong_setting_is_said_like_at_the_start(capsys: pytest.CaptureFixture[str]) -> None:
    assert main({"ADMIN_PORT": "x"}) == 1
    assert capsys.readouterr().err == "ADMIN_PORT holds 'x' but wants a port from 1 to 65535, or off\n"


ADDRESSES = {
    "the default": ({}, ("127.0.0.1", 9180)),
    "every address": ({"ADMIN_ADDRESS": "0.0.0.0"}, ("127.0.0.1", 9180)),  # noqa: S104 - not bound
    "every IPv6 address": ({"ADMIN_ADDRESS": "::"}, ("::1", 9180)),
    "one address": ({"ADMIN_ADDRESS": "10.0.0.1", "ADMIN_PORT": "1"}, ("10.0.0.1", 1)),
    "no admin listener": ({"ADMIN_PORT": "off", "PORT": "8080"}, ("127.0.0.1", 8080)),
    "a public address": ({"ADMIN_PORT": "off", "LISTEN_ADDRESS": "10.0.0.1"}, ("10.0.0.1", 80)),
}


@pytest.mark.parametrize(("environment", "address"), ADDRESSES.values(), ids=ADDRESSES)
def test_the_address_that_is_asked(environment: dict[str, str], address: tuple[str, int]) -> None:
    assert own_address(environment) == address
