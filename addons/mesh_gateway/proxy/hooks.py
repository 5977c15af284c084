"""Which addons have a hook? A table instead of a walk, and a task only for what has to wait.

mitmproxy 12.2.3 asks each of some 35 addons for each hook, through a context manager and a generator, and once more for
`update`: half of what a flow costs. Who has a hook changes only when an addon comes or goes. And it gives each hook a
task of its own, though hardly any has to wait for something.
"""

import inspect
from collections import deque
from collections.abc import Callable
from dataclasses import fields
from functools import cache
from operator import is_
from typing import Any

from mitmproxy import exceptions, flow
from mitmproxy.addonmanager import AddonManager, safecall, traverse
from mitmproxy.hooks import Hook
from mitmproxy.proxy import commands, events, layer

Function = Callable[..., Any]


class HookTable:
    """Hook name -> the functions that addons have for it, in the order of the chain."""

    def __init__(self, addons: AddonManager) -> None:
        self._addons = addons
        self._known: tuple[object, ...] = ()
        self._functions: dict[str, list[list[Function]]] = {}

    async def handle(self, hook: Hook) -> None:
        """Call all functions for `hook`, and what mitmproxy calls after it, as its addon manager does."""
        self._notice_changes()
        subject = subject_of(hook)
        await self._call(hook.name, subject)
        if isinstance(subject, flow.Flow):
            await self._call("update", [subject])

    async def _call(self, name: str, subject: object) -> None:
        functions = self._functions.get(name)
        if functions is None:
            functions = self._functions[name] = self._find(name)
        for of_one_addon in functions:
            try:
                for function in of_one_addon:
                    result = function(subject)
                    if result is not None and inspect.isawaitable(result):
                        await result
            except exceptions.AddonHalt:
                return
            except Exception:  # mitmproxy's own guard logs it as it always does
                with safecall():
                    raise

    def _find(self, name: str) -> list[list[Function]]:
        """The functions by the addon of the chain that they belong to: a fault in one skips the rest of that addon."""
        of_addons = (
            [function for part in traverse([addon]) if callable(function := getattr(part, name, None))]
            for addon in self._addons.chain
        )
        return [functions for functions in of_addons if functions]

    def _notice_changes(self) -> None:
        there = self._addons.lookup.values()
        if len(there) != len(self._known) or not all(map(is_, there, self._known)):
            self._known = tuple(there)
            self._functions.clear()


def subject_of(hook: Hook) -> Any:
    """What the hook is about: its one field. `Hook.args` looks for it anew each time."""
    return getattr(hook, _field_of(type(hook)))  # type: ignore[arg-type] # a class can be a key, whatever its objects can


@cache
def _field_of(kind: type[Hook]) -> str:
    (only,) = fields(kind)  # type: ignore[arg-type] # every hook is a dataclass, and their base class is not
    return only.name


class PromptHooks:
    """Stands before a connection's layers, and answers at once the hooks that need not wait.

    mitmproxy's connection hands events to it as to a layer, and sees only the commands that are left to be done.
    """

    def __init__(self, below: layer.Layer, call: Callable[[commands.StartHook], bool]) -> None:
        """`call` does what a hook asks for, and tells whether that is done; if not, it answers the layers itself."""
        self.context = below.context
        self._below = below
        self._call = call

    def handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        """What the layers make of the event, and of the answers to the hooks that they ask for on the way."""
        due = deque([event])
        while due:
            for command in self._below.handle_event(due.popleft()):
                if not isinstance(command, commands.StartHook):
                    yield command
                elif self._call(command) and command.blocking:
                    due.append(events.HookCompleted(command))
