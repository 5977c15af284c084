"""Laws of what a person sees of the gateway in mitmweb, in a real browser (docs/mitmweb.md)."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.browser.chromium import Page, browsing, find_chromium
from tests.browser.watched import WatchedGateway
from tests.rig import behaviours
from tests.rig.answer import Answer
from tests.rig.http1_client import Http1, request_head
from tests.rig.origin import Origin
from tests.rig.patience import eventually
from tests.rig.ports import LOOPBACK, dead_port

CHROMIUM = find_chromium()
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: install the package chromium"),
    pytest.mark.asyncio(loop_scope="module"),
]

# Each row of the list by its columns' own classes.
ROWS = """
[...document.querySelectorAll("tr:has(td.col-comment)")].map((row) => ({
  path: row.querySelector(".col-path").innerText.replace(row.querySelector(".marker").innerText, "").trim(),
  mark: row.querySelector(".marker").innerText,
  status: row.querySelector(".col-status").innerText,
  comment: row.querySelector(".col-comment").innerText,
}))
"""


@dataclass(slots=True)
class Scene:
    """A gateway under mitmweb, its page in a browser, and two upstreams, the first of them dead."""

    gateway: WatchedGateway
    page: Page
    origin: Origin
    dead_port: int

    async def ask(self, host: str, target: str) -> Answer:
        async with Http1.connect(self.gateway.port) as client:
            return await client.ask("GET", host, target)

    async def row(self, target: str, comment: str = "->") -> dict[str, str]:
        """The row of the request for `target`, once it shows, and has such words in its comment."""
        is_it = f"row.path.endsWith({json.dumps(target)}) && row.comment.includes({json.dumps(comment)})"
        found = f"({ROWS}).find((row) => {is_it})"
        row: dict[str, str] = await self.page.eventually(found)
        return row

    async def stopped(self) -> str:
        """The id of the flow that an intercept filter has stopped, once there is one."""
        found = (
            'fetch("./flows").then((answer) => answer.json()).then((all) => all.find((flow) => flow.intercepted)?.id)'
        )
        return str(await self.page.eventually(found))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    folder = tmp_path_factory.mktemp("mitmweb")
    async with AsyncExitStack() as ending:
        dead = ending.enter_context(dead_port())
        origin = await ending.enter_async_context(Origin())
        good = {"ip": LOOPBACK, "port": origin.port, "scheme": "http", "source": "tunnel", "priority": 2}
        gone = {**good, "port": dead, "source": "agent", "priority": 1}
        # One for each test: what another one left in the cache or in the health table must not show.
        tenants: dict[str, object] = {
            name: [{**good, "source": "agent"}]
            for name in ("alice", "erin", "frank", "grace", "ivan", "judy", "kim", "leo")
        }
        tenants |= {"bob": [gone, good], "heidi": [gone, good], "carol": {"routes": []}}
        routes = folder / "routes.json"
        routes.write_text(json.dumps(tenants))
        gateway = WatchedGateway(folder, {"BACKEND_URL": f"file:{routes}"})
        ending.push_async_callback(gateway.stop)
        await gateway.start()
        page = await ending.enter_async_context(browsing(str(CHROMIUM), folder / "profile", gateway.page))
        yield Scene(gateway, page, origin, dead)


async def test_a_row_says_where_the_request_went(scene: Scene) -> None:
    assert (await scene.ask("alice.example.com", "/found")).status == 200
    row = await scene.row("/found")
    assert row == {
        "path": "http://alice.example.com/found",
        "mark": "",
        "status": "200",
        "comment": f"alice -> 127.0.0.1:{scene.origin.port} agent, miss",
    }


async def test_a_row_says_that_another_route_had_to_serve(scene: Scene) -> None:
    assert (await scene.ask("bob.example.com", "/second")).status == 200
    comment = (await scene.row("/second"))["comment"]
    assert comment == f"bob -> 127.0.0.1:{scene.origin.port} tunnel, miss, try 2"


@pytest.mark.parametrize(
    ("host", "target", "status", "comment"),
    [
        pytest.param("carol.example.com", "/offline", "404", "carol -> NO_ROUTES", id="offline"),
        pytest.param("dave.example.com", "/unknown", "404", "dave -> DOMAIN_NOT_FOUND", id="unknown"),
        pytest.param("a..example.com", "/malformed", "400", "a..example.com -> INVALID_HOST", id="malformed"),
    ],
)
async def test_a_failure_is_marked_and_named(scene: Scene, host: str, target: str, status: str, comment: str) -> None:
    assert (await scene.ask(host, target)).status == int(status)
    row = await scene.row(target)
    assert (row["mark"], row["status"]) == ("🔴", status)
    assert row["comment"].startswith(comment)


async def test_an_opened_flow_shows_its_comment(scene: Scene) -> None:
    await scene.ask("erin.example.com", "/opened")
    comment = (await scene.row("/opened"))["comment"]
    await scene.page.evaluate('[...document.querySelectorAll("td.col-path")].at(-1).click()')
    tab = '[...document.querySelectorAll(".flow-detail nav a")].find((tab) => tab.innerText === "Comment")'
    await scene.page.eventually(f"{tab} && ({tab}.click(), true)")
    shown = f'document.querySelector(".flow-detail section")?.innerText.includes({json.dumps(comment)})'
    assert await scene.page.eventually(shown)


async def test_a_saved_flow_carries_the_metadata(scene: Scene) -> None:
    answer = await scene.ask("frank.example.com", "/saved")
    await scene.row("/saved")
    (flow,) = await scene.gateway.flows(f"~meta+{answer.one('x-request-id')}")
    assert flow.metadata["mesh"] == {
        "user": "frank",
        "route": f"127.0.0.1:{scene.origin.port}",
        "source": "agent",
        "cache": "miss",
        "verdict": "OK",
        "tries": 1,
        "requestId": answer.one("x-request-id"),
    }


async def test_a_stopped_request_is_sent_on_as_it_was_edited(scene: Scene) -> None:
    await scene.page.evaluate(_call("PUT", "/options", {"intercept": "~q ~u /stopped"}))
    async with asyncio.TaskGroup() as asking:
        waiting = asking.create_task(scene.ask("grace.example.com", "/stopped"))
        flow_id = await scene.stopped()
        assert not waiting.done()
        await scene.page.evaluate(_call("PUT", f"/flows/{flow_id}", {"request": {"path": "/edited"}}))
        await scene.page.evaluate(_call("POST", f"/flows/{flow_id}/resume", {}))
    assert waiting.result().status == 200
    assert scene.origin.last.target == "/edited"
    assert scene.origin.last.one("host") == "grace.example.com"


async def test_a_stopped_answer_reaches_its_client_as_it_was_edited(scene: Scene) -> None:
    await scene.page.evaluate(_call("PUT", "/options", {"intercept": "~s ~u /answered"}))
    async with asyncio.TaskGroup() as asking:
        waiting = asking.create_task(scene.ask("ivan.example.com", "/answered"))
        flow_id = await scene.stopped()
        assert not waiting.done()
        edit = {"response": {"code": 203, "headers": [["X-Edited", "by hand"]], "content": "another answer"}}
        await scene.page.evaluate(_call("PUT", f"/flows/{flow_id}", edit))
        await scene.page.evaluate(_call("POST", f"/flows/{flow_id}/resume", {}))
    answer = waiting.result()
    assert (answer.status, answer.one("x-edited"), answer.text) == (203, "by hand", "another answer")
    assert answer.one("content-length") == "14"


@pytest.mark.parametrize(
    ("stops_at", "target"),
    [
        pytest.param("~q", "/aborted-request", id="a request"),
        pytest.param("~s", "/aborted-answer", id="an answer"),
    ],
)
async def test_the_client_of_an_aborted_flow_is_let_go_without_an_answer(
    scene: Scene, stops_at: str, target: str
) -> None:
    await scene.page.evaluate(_call("PUT", "/options", {"intercept": f"{stops_at} ~u {target}"}))
    async with Http1.connect(scene.gateway.port) as client:
        await client.send(request_head("GET", target, [("Host", "judy.example.com")]))
        flow_id = await scene.stopped()
        await scene.page.evaluate(_call("POST", f"/flows/{flow_id}/kill", {}))
        assert await client.at_end()
    assert (await scene.row(target, "CLIENT_CLOSED"))["mark"] == "🔴"
    assert (await scene.ask("judy.example.com", "/after")).status == 200


async def test_a_client_that_leaves_a_stopped_answer_got_none(scene: Scene) -> None:
    await scene.page.evaluate(_call("PUT", "/options", {"intercept": "~s ~u /left"}))
    async with Http1.connect(scene.gateway.port) as client:
        await client.send(request_head("GET", "/left", [("Host", "kim.example.com")]))
        flow_id = await scene.stopped()
    (line,) = await eventually(
        lambda: [line for line in scene.gateway.access_log if line["path"] == "/left"], "the access line"
    )
    assert (line["code"], line["status"]) == ("CLIENT_CLOSED", 499)
    await scene.page.evaluate(_call("POST", f"/flows/{flow_id}/resume", {}))
    assert (await scene.ask("kim.example.com", "/after-leaving")).status == 200


async def test_an_answer_that_breaks_off_while_it_is_collected_is_a_failure_of_the_gateways_own(
    scene: Scene,
) -> None:
    scene.origin.at["/cut"] = behaviours.cut(promised=1000, sent=100)
    answer = await scene.ask("leo.example.com", "/cut")
    assert (answer.status, answer.code) == (502, "UPSTREAM_PROTOCOL")
    assert b"mitmproxy" not in bytes(answer.body)
    assert (await scene.row("/cut"))["status"] == "502"


async def test_the_page_offers_the_commands(scene: Scene) -> None:
    offered = await scene.page.evaluate('fetch("./commands").then((answer) => answer.json())')
    assert {name for name in offered if name.startswith("gateway.")} == {
        "gateway.routes",
        "gateway.resolve",
        "gateway.cache.clear",
        "gateway.health",
        "gateway.tap",
        "gateway.untap",
        "gateway.certificates",
    }
    await scene.ask("heidi.example.com", "/failed-over")
    told = await scene.page.evaluate(_call("POST", "/commands/gateway.health", {"arguments": []}))
    assert [row for row in told["value"] if row.startswith(f"heidi http://127.0.0.1:{scene.dead_port}: 1 outages")]


def _call(method: str, path: str, body: object) -> str:
    """mitmweb's own way to ask its server, from within the page: with the token against forged requests."""
    return f"""
    fetch(".{path}", {{
      method: "{method}",
      headers: {{
        "Content-Type": "application/json",
        "X-XSRFToken": document.cookie.match(/_mitmproxy_xsrf=([^;]*)/)[1],
      }},
      body: {json.dumps(json.dumps(body))},
    }}).then((answer) => answer.text()).then((text) => text && JSON.parse(text))
    """
