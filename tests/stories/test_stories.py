"""The law-book: what becomes of a request, one story for each law.

`alice` in a story is a tenant of that story alone, with the routes that it is given.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.rig import behaviours
from tests.rig.api import BARE_404, BROKEN, GARBAGE, UNKNOWN, known
from tests.rig.behaviours import once
from tests.rig.certificates import Authority
from tests.stories.stage import Stage
from tests.stories.story import Fate, Outcome, Request, Story, agent, tunnel

BOTH = (agent(), tunnel())
TRACE = ("X-Mesh-Trace", "1")
OFFLINE = known([], ttl=-2)
POST = Request("POST", body=b"one order")

LAWS: dict[str, Story] = {
    # Which route
    "the agent is asked first": Story(BOTH, Outcome(200, served_by="agent", seen_by={"agent": 1, "tunnel": 0})),
    "the tunnel is asked first when it is the better one": Story(
        (agent(priority=5), tunnel(priority=1)), Outcome(200, served_by="tunnel", seen_by={"agent": 0, "tunnel": 1})
    ),
    "agent down, tunnel answers": Story(
        (agent(Fate.DEAD), tunnel()), Outcome(200, served_by="tunnel", seen_by={"tunnel": 1}, next_status=200)
    ),
    "agent silent, tunnel answers": Story(
        (agent(Fate.SILENT), tunnel()), Outcome(200, served_by="tunnel", seen_by={"tunnel": 1}, next_status=200)
    ),
    "agent untrusted, tunnel answers": Story(
        (agent(Fate.UNTRUSTED_TLS), tunnel()), Outcome(200, served_by="tunnel", seen_by={"agent": 0, "tunnel": 1})
    ),
    "agent with another's certificate, tunnel answers": Story(
        (agent(Fate.WRONG_NAME_TLS), tunnel()), Outcome(200, served_by="tunnel", seen_by={"agent": 0, "tunnel": 1})
    ),
    "an agent with a good certificate is trusted": Story(
        (agent(Fate.TRUSTED_TLS), tunnel()), Outcome(200, served_by="agent", seen_by={"tunnel": 0})
    ),
    "an order is carried by the second route when the first is dead": Story(
        (agent(Fate.DEAD), tunnel()), Outcome(200, served_by="tunnel", seen_by={"tunnel": 1}), POST
    ),
    "both down, 504 and the connection lives": Story(
        (agent(Fate.DEAD), tunnel(Fate.DEAD)), Outcome(504, "ROUTES_EXHAUSTED", next_status=504)
    ),
    "both silent, 504": Story((agent(Fate.SILENT), tunnel(Fate.SILENT)), Outcome(504, "ROUTES_EXHAUSTED")),
    "nobody to be trusted, 502": Story(
        (agent(Fate.UNTRUSTED_TLS),), Outcome(502, "UPSTREAM_TLS", seen_by={"agent": 0}, next_status=502)
    ),
    # What was sent is not sent again, unless it may be
    "a question whose answer broke off is asked once more": Story(
        (agent(behaviour=once(behaviours.reset)),), Outcome(200, served_by="agent", seen_by={"agent": 2})
    ),
    "an order whose answer broke off is never sent again": Story(
        (agent(behaviour=behaviours.reset), tunnel()),
        Outcome(502, "UPSTREAM_PROTOCOL", seen_by={"agent": 1, "tunnel": 0}),
        POST,
    ),
    "an order whose server hung up is never sent again": Story(
        (agent(behaviour=behaviours.hang_up), tunnel()),
        Outcome(502, "UPSTREAM_PROTOCOL", seen_by={"agent": 1, "tunnel": 0}),
        POST,
    ),
    "a server that does not answer in time is not asked twice": Story(
        (agent(behaviour=behaviours.silence), tunnel()),
        Outcome(504, "UPSTREAM_TIMEOUT", seen_by={"agent": 1, "tunnel": 0}),
    ),
    "a server that speaks no http is 502": Story(
        (agent(behaviour=behaviours.garbage),), Outcome(502, "UPSTREAM_PROTOCOL"), POST
    ),
    "an error of the server is the server's answer": Story(
        (agent(behaviour=behaviours.status(503, body=b"busy")), tunnel()),
        Outcome(503, seen_by={"agent": 1, "tunnel": 0}),
    ),
    "a not found of the server is the server's answer": Story(
        (agent(behaviour=behaviours.status(404, body=b"no such page")),), Outcome(404, seen_by={"agent": 1})
    ),
    # What the API says
    "nobody claimed the name": Story(UNKNOWN, Outcome(404, "DOMAIN_NOT_FOUND", next_status=404)),
    "the owner is offline": Story(OFFLINE, Outcome(404, "NO_ROUTES", next_status=404)),
    "the API fails": Story(BROKEN, Outcome(502, "RESOLVER_UNAVAILABLE")),
    "the API's front door says 404, which is not the API's word": Story(BARE_404, Outcome(502, "RESOLVER_UNAVAILABLE")),
    "the API talks nonsense": Story(GARBAGE, Outcome(502, "RESOLVER_UNAVAILABLE")),
    # Which name
    "an app of the tenant, with a dash": Story(
        BOTH, Outcome(200, served_by="agent"), Request(host="shop-alice.example.com")
    ),
    "an app of the tenant, with a dot": Story(
        BOTH, Outcome(200, served_by="agent"), Request(host="shop.alice.example.com")
    ),
    "the last dash decides": Story(BOTH, Outcome(200, served_by="agent"), Request(host="a-b-alice.example.com")),
    "case, port and a final dot do not matter": Story(
        BOTH,
        Outcome(200, served_by="agent", upstream={"host": "shop-alice.example.com"}),
        Request(host="SHOP-alice.EXAMPLE.com.:8080"),
    ),
    "a name that cannot be": Story(
        BOTH, Outcome(400, "INVALID_HOST", seen_by={"agent": 0}), Request(host="alice-.example.com")
    ),
    "a name from elsewhere": Story(
        BOTH, Outcome(404, "FOREIGN_HOST", seen_by={"agent": 0}), Request(host="alice.example.net")
    ),
    "the bare domain": Story(BOTH, Outcome(404, "FOREIGN_HOST", seen_by={"agent": 0}), Request(host="example.com")),
    # Who is believed
    "a stranger's word on who the client is does not count": Story(
        BOTH,
        Outcome(
            200,
            served_by="agent",
            upstream={"x-real-ip": "127.0.0.1", "x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http"},
        ),
        Request(fields=(("X-Forwarded-For", "6.6.6.6"), ("X-Real-IP", "6.6.6.6"), ("X-Forwarded-Proto", "https"))),
    ),
    "an edge worker's word on who the client is counts": Story(
        BOTH,
        Outcome(
            200,
            served_by="agent",
            upstream={
                "x-real-ip": "203.0.113.9",
                "x-forwarded-for": "203.0.113.9, 127.0.0.1",
                "x-forwarded-proto": "https",
            },
        ),
        Request(trusted=True, fields=(("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-Proto", "https"))),
    ),
    "an edge worker says which host was meant": Story(
        BOTH,
        Outcome(200, served_by="agent"),
        Request(trusted=True, host="worker.example.net", fields=(("X-Mesh-Route-Host", "alice.example.com"),)),
    ),
    "an edge worker sends a request through the tunnel": Story(
        BOTH,
        Outcome(200, served_by="tunnel", way="tunnel,pcs"),
        Request(trusted=True, fields=(("X-Mesh-Force", "tunnel"), TRACE)),
    ),
    "a stranger cannot send a request through the tunnel": Story(
        BOTH, Outcome(200, served_by="agent", seen_by={"tunnel": 0}), Request(fields=(("X-Mesh-Force", "tunnel"),))
    ),
    "the way of a request is told to who asks": Story(
        (agent(Fate.DEAD), tunnel()),
        Outcome(200, served_by="tunnel", way="agent,tunnel,pcs"),
        Request(trusted=True, fields=(TRACE,)),
    ),
    "so is the way of one that failed": Story(
        (agent(Fate.DEAD), tunnel(Fate.DEAD)),
        Outcome(504, "ROUTES_EXHAUSTED", way="agent,tunnel,failed"),
        Request(trusted=True, fields=(TRACE,)),
    ),
    # What is not carried
    "health is the gateway's own, whatever the host": Story(
        BOTH, Outcome(200, seen_by={"agent": 0}), Request(target="/_health")
    ),
    "a trace is refused": Story(BOTH, Outcome(405, "METHOD_NOT_ALLOWED", seen_by={"agent": 0}), Request("TRACE")),
    "an upgrade to something other than a WebSocket is carried without it": Story(
        BOTH,
        Outcome(200, served_by="agent", upstream={"x-kept": "1"}),
        Request(fields=(("Connection", "Upgrade"), ("Upgrade", "h2c"), ("X-Kept", "1"))),
    ),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> AsyncIterator[Stage]:
    async with Stage.open(tmp_path_factory.mktemp("stories"), authority) as here:
        yield here


@pytest.mark.parametrize("story", LAWS.values(), ids=LAWS)
async def test_story(stage: Stage, story: Story) -> None:
    await stage.play(story)
