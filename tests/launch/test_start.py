"""Does `python -m launch` start the demo for real, end it cleanly, and say in one line why it could not?"""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from launch.programs import ROOT, find_leash
from tests.rig.ports import free_port

START = (sys.executable, "-P", "-m", "launch")


def surroundings(tmp_path: Path, **settings: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    return {**kept, "TMPDIR": str(tmp_path), "PYTHONPATH": f"{ROOT}:{ROOT / 'addons'}", **settings}


def start(tmp_path: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = surroundings(tmp_path, **settings)
    return subprocess.run(
        [*START, *arguments], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False
    )


class Demo:
    """A running demo, asked over its public port."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self._port = port
        self.said: list[str] = []

    def wait_until_up(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.said.append(line)
            if "metrics" in line:
                return
        pytest.fail("".join(self.said))

    def get(self, tenant: str) -> httpx.Response:
        return httpx.get(
            f"http://127.0.0.1:{self._port}/", headers={"Host": f"{tenant}.localhost:{self._port}"}, trust_env=False
        )

    def end(self, number: signal.Signals) -> tuple[int, str, str]:
        """Exit status, standard output, and what it said after it was up."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out, err


@contextmanager
def demo(tmp_path: Path, *arguments: str) -> Iterator[Demo]:
    port = free_port()
    environment = surroundings(tmp_path, PORT=str(port), ADMIN_PORT=str(free_port()), WEB_PORT=str(free_port()))
    with subprocess.Popen(
        [*START, *arguments], env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            running = Demo(process, port)
            running.wait_until_up()
            yield running
        finally:
            if process.poll() is None:
                process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_the_demo_carries_requests_and_ends_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    with demo(tmp_path) as running:
        assert running.get("app-hello").json()["upstream"] == "page"
        assert running.get("failover").status_code == 200
        assert running.get("offline").json()["code"] == "NO_ROUTES"
        assert running.get("nobody").json()["code"] == "DOMAIN_NOT_FOUND"
        status, out, err = running.end(number)
    assert status == 0
    assert "Traceback" not in err
    lines = [json.loads(line) for line in out.splitlines() if '"/_health"' not in line]
    assert [line["tenant"] for line in lines] == ["hello", "failover", "offline", "nobody"]
    assert list(tmp_path.iterdir()) == [], "its private folder is gone"


def test_in_mitmweb_every_request_can_be_looked_at_by_who_started_it(tmp_path: Path) -> None:
    with demo(tmp_path, "web") as running:
        assert running.get("hello").status_code == 200
        assert running.process.stderr
        page = httpx.URL(running.process.stderr.readline().split()[0])
        assert httpx.get(page.join("/flows"), trust_env=False).status_code == 403
        with httpx.Client(trust_env=False) as browser:
            browser.get(page)
            flows = browser.get(page.join("/flows")).json()
        status, _, err = running.end(signal.SIGTERM)
    assert "hello.localhost" in {flow["request"]["pretty_host"].partition(":")[0] for flow in flows}
    assert status == 0
    assert "Traceback" not in err


def test_a_taken_port_stops_the_start_with_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = start(tmp_path, PORT=str(port))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"port {port} is taken by another program: choose another one with PORT=\n"


def test_a_word_that_is_no_way_to_start_is_told(tmp_path: Path) -> None:
    done = start(tmp_path, "wbe")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'wbe' is no way to start" in done.stderr
    assert "scripts/run [web]" in done.stderr


def test_a_wrong_setting_stops_the_start_with_one_line(tmp_path: Path) -> None:
    done = start(tmp_path, SERVER_DOMAIN="example.com", CACHE_TTL="soon")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "CACHE_TTL holds 'soon' but wants a duration such as 30, 1.5s, 500ms, 5m or 24h\n"


WRONG_PATHS = {
    "BACKEND_URL": "file:/nope",
    "CERT_DIR": "/dev/null",
    "UPSTREAM_CA_FILE": "/nope",
}


@pytest.mark.parametrize("variable", WRONG_PATHS)
def test_a_path_that_leads_nowhere_stops_the_start_as_a_wrong_setting_does(tmp_path: Path, variable: str) -> None:
    done = start(tmp_path, SERVER_DOMAIN="example.com", **{variable: WRONG_PATHS[variable]})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"{variable} holds '{WRONG_PATHS[variable]}' but wants ")
    assert done.stderr.count("\n") == 1


def test_a_start_that_fails_in_mitmproxy_ends_with_its_status_instead_of_trying_for_ever(tmp_path: Path) -> None:
    ports = {"PORT": str(free_port()), "ADMIN_PORT": str(free_port())}
    done = start(tmp_path, "--scripts", "missing.py", **ports)
    assert done.returncode == 1
    assert "missing.py" in done.stderr + done.stdout


@pytest.mark.skipif(not find_leash(), reason="this system cannot tie a process to its parent")
def test_a_gateway_does_not_outlive_a_start_that_was_killed(tmp_path: Path) -> None:
    with demo(tmp_path) as running:
        running.end(signal.SIGKILL)  # reads its output to the end: the gateway, which shares it, has ended too
        with pytest.raises(httpx.ConnectError):
            running.get("hello")


def test_help_says_how_it_is_used(tmp_path: Path) -> None:
    done = start(tmp_path, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("scripts/run [web]")
