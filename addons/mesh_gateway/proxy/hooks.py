"""Which addons have a hook? A table instead of a walk.

mitmproxy 12.2.3 asks each of some 35 addons for each hook, through a context manager and a generator, and once more for
`update`: half of what a flow costs. Who has a hook changes only when an addon comes or goes.
"""

import inspect
from collections.abc import Callable
from typing import Any

from mitmproxy import exceptions, flow
from mitmproxy.addonmanager import AddonManager, safecall, traverse
from mitmproxy.hooks import Hook

Function = Callable[..., Any]


class HookTable:
    """Hook name -> the functions that addons have for it, in the order of the chain."""

    def __init__(self, addons: AddonManager) -> None:
        self._addons = addons
        self._known: tuple[int, ...] = ()
        self._functions: dict[str, list[list[Function]]] = {}

    async def handle(self, hook: Hook) -> None:
        """Call all functions for `hook`, and what mitmproxy calls after it, as its addon manager does."""
        self._notice_changes()
        arguments = hook.args()
        await self._call(hook.name, arguments)
        if isinstance(arguments[0], flow.Flow):
            await self._call("update", [[arguments[0]]])

    async def _call(self, name: str, arguments: list[Any]) -> None:
        functions = self._functions.get(name)
        if functions is None:
            functions = self._functions[name] = self._find(name)
        try:
            for of_one_addon in functions:
                with safecall():
                    for function in of_one_addon:
                        result = function(*arguments)
                        if result is not None and inspect.isawaitable(result):
                            await result
        except exceptions.AddonHalt:
            return

    def _find(self, name: str) -> list[list[Function]]:
        """The functions by the addon of the chain that they belong to: a fault in one skips the rest of that addon."""
        of_addons = (
            [function for part in traverse([addon]) if callable(function := getattr(part, name, None))]
            for addon in self._addons.chain
        )
        return [functions for functions in of_addons if functions]

    def _notice_changes(self) -> None:
        known = (*map(id, self._addons.lookup.values()), len(self._addons.chain))
        if known != self._known:
            self._known = known
            self._functions.clear()
