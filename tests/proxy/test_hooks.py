"""Are hooks called as mitmproxy calls them, and only those waited for that wait?"""

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from mitmproxy import exceptions
from mitmproxy.addonmanager import AddonManager
from mitmproxy.command import CommandManager
from mitmproxy.connection import Client, ConnectionState, Server
from mitmproxy.http import HTTPFlow
from mitmproxy.options import Options
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layer import CommandGenerator, Layer
from mitmproxy.proxy.layers.http import HttpRequestHook, HttpResponseHook
from mitmproxy.proxy.server_hooks import ClientConnectedHook

from mesh_gateway.proxy.hooks import HookTable, PromptHooks, subject_of

CLIENT = Client(peername=("127.0.0.1", 1), sockname=("127.0.0.1", 2), state=ConnectionState.OPEN)


@dataclass
class Addon:
    """Writes down what it is called for. Two of a name and a notebook are equal, as dataclasses are."""

    name: str
    heard: list[str] = field(default_factory=list)

    def request(self, _: HTTPFlow) -> None:
        self.heard.append(f"{self.name} request")

    def update(self, flows: list[HTTPFlow]) -> None:
        self.heard.append(f"{self.name} update {len(flows)}")


class Home:
    """What an addon manager needs of a master."""

    def __init__(self) -> None:
        self.options = Options()
        self.commands = CommandManager(self)
        self.addons = AddonManager(self)


class Slow(Addon):
    async def request(self, flow: HTTPFlow) -> None:  # type: ignore[override] # a hook may be either
        await asyncio.sleep(0)
        super().request(flow)


class Halting(Addon):
    def request(self, flow: HTTPFlow) -> None:
        super().request(flow)
        raise exceptions.AddonHalt


class Faulty(Addon):
    def request(self, flow: HTTPFlow) -> None:
        super().request(flow)
        raise ValueError("no good")


async def heard_by(*addons: Addon) -> list[str]:
    """What the addons wrote into one notebook while they were called for a request."""
    heard: list[str] = []
    there = Home().addons
    for addon in addons:
        addon.heard = heard
        there.add(addon)
    await HookTable(there).handle(HttpRequestHook(a_flow()))
    return heard


def a_flow() -> HTTPFlow:
    return HTTPFlow(CLIENT, Server(address=None))


async def test_all_are_called_in_their_order_and_then_told_of_the_change() -> None:
    assert await heard_by(Addon("a"), Addon("b")) == ["a request", "b request", "a update 1", "b update 1"]


async def test_one_that_waits_keeps_its_place() -> None:
    assert (await heard_by(Slow("slow"), Addon("b")))[:2] == ["slow request", "b request"]


async def test_a_halt_is_for_those_behind_it() -> None:
    assert await heard_by(Halting("a"), Addon("b")) == ["a request", "a update 1", "b update 1"]


async def test_a_fault_is_logged_and_stops_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    assert (await heard_by(Faulty("a"), Addon("b")))[:2] == ["a request", "b request"]
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.ERROR, "Addon error: no good")
    ]


async def test_who_takes_anothers_place_is_called_in_its_stead() -> None:
    there, first, second = Home().addons, Addon("a"), Addon("a")
    table = HookTable(there)
    there.add(first)
    await table.handle(HttpRequestHook(a_flow()))
    there.remove(first)
    second.heard.extend(first.heard)
    assert first == second
    there.add(second)
    await table.handle(HttpRequestHook(a_flow()))
    assert (len(first.heard), len(second.heard)) == (2, 4)


def test_a_hook_is_about_one_thing() -> None:
    flow = a_flow()
    assert subject_of(HttpRequestHook(flow)) is flow
    assert subject_of(ClientConnectedHook(CLIENT)) is CLIENT


# What has to wait, and what need not.


class Asking(Layer):
    """Asks two hooks one after the other, and says when each is answered."""

    def _handle_event(self, event: events.Event) -> CommandGenerator[None]:
        assert isinstance(event, events.Start)
        yield HttpRequestHook(a_flow())
        yield commands.SendData(CLIENT, b"one")
        yield HttpResponseHook(a_flow())
        yield commands.SendData(CLIENT, b"two")


def sent(made: Iterator[commands.Command]) -> list[bytes]:
    """What is left to be done: bytes to send, and no hook."""
    sends = [command for command in made if isinstance(command, commands.SendData) or pytest.fail(repr(command))]
    return [send.data for send in sends]


def test_hooks_that_are_done_at_once_are_answered_at_once() -> None:
    called: list[str] = []

    def call(hook: commands.StartHook) -> bool:
        called.append(hook.name)
        return True

    hooks = PromptHooks(Asking(Context(CLIENT, Options())), call)
    assert sent(hooks.handle_event(events.Start())) == [b"one", b"two"]
    assert called == ["request", "response"]


def test_a_hook_that_waits_is_answered_by_whoever_called_it() -> None:
    waiting: list[commands.StartHook] = []

    def call(hook: commands.StartHook) -> bool:
        waiting.append(hook)
        return len(waiting) > 1

    hooks = PromptHooks(Asking(Context(CLIENT, Options())), call)
    assert sent(hooks.handle_event(events.Start())) == []
    assert sent(hooks.handle_event(events.HookCompleted(waiting[0]))) == [b"one", b"two"]
