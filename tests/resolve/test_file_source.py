import json
import logging
import os
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from mesh_gateway.resolve.file_source import FileSource
from mesh_gateway.resolve.resolver import Resolver
from mesh_gateway.resolve.routes_file import FILE_TTL, FileSourceError
from mesh_gateway.resolve.source import Answer, Found, NotFound
from mesh_gateway.routing.addresses import AddressPolicy
from mesh_gateway.routing.resolution import Standing
from mesh_gateway.routing.routes import Route, Scheme
from tests.resolve.stand_ins import Clock, dice, settings

DEMO = AddressPolicy(allowed=(ip_network("127.0.0.0/8"), ip_network("::1/128")))


def source(path: Path, clock: Clock | None = None) -> FileSource:
    return FileSource(path, DEMO, clock=clock or Clock())


def write(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def endpoints(answer: Answer) -> list[str]:
    assert isinstance(answer, Found)
    return [f"{route.source} {route.scheme}://{route.ip}:{route.port}" for route in answer.routes.routes]


YAML = """
alice: http://127.0.0.1:9001
bob:
  - {ip: 127.0.0.1, port: 9002, priority: 2, source: agent, scheme: http}
  - {ip: 127.0.0.1, port: 9003, priority: 1, source: tunnel}
carol:
  userId: abc123
  routes: []
  lastSeenOnline: 2024-01-15T10:30:00Z
dave: https://[::1]
"""


async def test_the_three_forms(tmp_path: Path) -> None:
    it = source(write(tmp_path / "routes.yaml", YAML))
    assert endpoints(await it.fetch("alice", 1)) == ["file http://127.0.0.1:9001"]
    assert endpoints(await it.fetch("bob", 1)) == ["tunnel http://127.0.0.1:9003", "agent http://127.0.0.1:9002"]
    assert endpoints(await it.fetch("dave", 1)) == ["file https://::1:443"]
    offline = await it.fetch("carol", 1)
    assert isinstance(offline, Found)
    assert offline.routes.routes == ()
    assert offline.routes.last_seen_online == "2024-01-15T10:30:00Z"
    assert await it.fetch("erin", 1) == NotFound(FILE_TTL)


async def test_json_says_the_same(tmp_path: Path) -> None:
    it = source(write(tmp_path / "routes.json", {"alice": "http://127.0.0.1:9001"}))
    found = await it.fetch("alice", 1)
    assert isinstance(found, Found)
    assert found.routes.routes == (Route("127.0.0.1", 9001, Scheme.HTTP, "file", 999),)


BROKEN = {
    "syntax of JSON": ("r.json", '{\n "alice": ]', "r.json:2:11: Expecting value"),
    "syntax of YAML": ("r.yaml", "alice: x\n  bob: [", "r.yaml:2:6: mapping values are not allowed here"),
    "a control character": ("r.yaml", "alice: \x01", "r.yaml: unacceptable character"),
    "ending": ("r.toml", "", "wants a name that ends in .json, .yaml or .yml"),
    "nested too deep": ("r.json", "[" * 100_000, "recursion"),
    "a list": ("r.json", [], "wants a mapping of tenant to routes"),
    "empty": ("r.yaml", "", "wants a mapping of tenant to routes"),
    "number as tenant": ("r.yaml", "123: http://127.0.0.1:1", "tenant 123 is not text; put it in quotes"),
    "bad tenant": ("r.json", {"al-ice": "x"}, "tenant 'al-ice' wants 1 to 63 letters"),
    "bad value": ("r.json", {"alice": 5}, "tenant alice: wants a URL, a list of routes, or a mapping"),
    "no routes": ("r.json", {"alice": {"userId": "x"}}, "tenant alice: the answer has no routes member"),
    "bad url": ("r.json", {"alice": "ftp://127.0.0.1"}, "tenant alice: 'ftp://127.0.0.1' wants the form"),
    "url with a path": ("r.json", {"alice": "http://127.0.0.1/x"}, "wants the form"),
    "bad port": ("r.json", {"alice": "http://127.0.0.1:0"}, "tenant alice: route 0: port 0 is not from 1"),
    "huge port": ("r.json", {"alice": "http://127.0.0.1:70000"}, "tenant alice: Port out of range"),
    "a name": ("r.json", {"alice": "http://localhost:1"}, "tenant alice: route 0: ip 'localhost' is not an address"),
    "refused": ("r.json", {"alice": "http://10.0.0.1:1"}, "route 0: ip 10.0.0.1 refused: not public"),
}


@pytest.mark.parametrize(("name", "content", "reason"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_at_start_says_where(tmp_path: Path, name: str, content: Any, reason: str) -> None:
    with pytest.raises(FileSourceError) as caught:
        source(write(tmp_path / name, content))
    assert reason in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_a_missing_file_at_start_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileSourceError, match=r"routes\.json: No such file"):
        source(tmp_path / "routes.json")


def test_bytes_that_are_not_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(FileSourceError, match=r"r\.json: 'utf-8' codec"):
        source(tmp_path / "r.json")


async def test_an_edit_is_followed_and_looked_for_twice_a_second(tmp_path: Path) -> None:
    path, clock = write(tmp_path / "r.json", {"alice": "http://127.0.0.1:1"}), Clock()
    it = source(path, clock)
    write(path, {"alice": "http://127.0.0.1:22"})
    clock.pass_by(0.4)
    assert endpoints(await it.fetch("alice", 1)) == ["file http://127.0.0.1:1"]
    clock.pass_by(0.2)
    assert endpoints(await it.fetch("alice", 1)) == ["file http://127.0.0.1:22"]


async def test_a_replacement_of_the_same_size_and_time_is_followed(tmp_path: Path) -> None:
    path, clock = write(tmp_path / "r.json", {"alice": "http://127.0.0.1:1"}), Clock()
    it, times = source(path, clock), path.stat()
    other = write(tmp_path / "other", {"alice": "http://127.0.0.1:2"})
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    other.replace(path)
    clock.pass_by(1)
    assert endpoints(await it.fetch("alice", 1)) == ["file http://127.0.0.1:2"]


async def test_a_broken_edit_keeps_the_last_good_and_is_reported_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, clock = write(tmp_path / "r.json", {"alice": "http://127.0.0.1:1"}), Clock()
    it = source(path, clock)
    caplog.set_level(logging.ERROR)
    for content in ('{"alice": ', None, {"alice": "http://127.0.0.1:3"}):
        path.unlink() if content is None else write(path, content)
        for _ in range(3):
            clock.pass_by(1)
            found = await it.fetch("alice", 1)
    reports = [record.getMessage() for record in caplog.records]
    assert len(reports) == 2
    assert "r.json:1:11: Expecting value" in reports[0]
    assert "No such file" in reports[1]
    assert endpoints(found) == ["file http://127.0.0.1:3"]


async def test_through_the_resolver_an_edit_shows_within_two_seconds(tmp_path: Path) -> None:
    path, clock = write(tmp_path / "r.json", {"alice": "http://127.0.0.1:1"}), Clock()
    resolver = Resolver(source(path, clock), settings(), clock=clock, random=dice())
    assert (await resolver.resolve("alice")).standing is Standing.KNOWN
    assert (await resolver.resolve("bob")).standing is Standing.UNKNOWN
    write(path, {"bob": "http://127.0.0.1:1"})
    clock.pass_by(2)
    assert (await resolver.resolve("bob")).standing is Standing.KNOWN
    assert (await resolver.resolve("alice")).standing is Standing.UNKNOWN
    await resolver.close()
