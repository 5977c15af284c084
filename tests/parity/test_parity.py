"""The law of the two paths: whatever comes, both do the same with it (DESIGN.md 1). Allowed differences: allowances.py."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio

from tests.parity import answers, broken_answers, fields, http2, http2_refusals, refusals, requests, routes, upgrades
from tests.parity.row import House, Row
from tests.parity.side import Side, side
from tests.parity.sight import Sight, differences
from tests.rig.certificates import Authority

_ONE, _, _OTHER = os.environ.get("GATEWAY_TEST_PARITY", "flow fast").partition(" ")
PATHS = (_ONE, _OTHER)
"""The two paths. `flow flow` tries the table itself."""
CHAPTERS: Mapping[str, tuple[Row, ...]] = {
    "requests": requests.ROWS,
    "answers": answers.ROWS,
    "broken answers": broken_answers.ROWS,
    "refusals": refusals.ROWS,
    "routes": routes.ROWS,
    "fields": fields.ROWS,
    "upgrades": upgrades.ROWS,
    "http2": http2.ROWS,
    "http2 refusals": http2_refusals.ROWS,
}
ROWS: Mapping[str, Row] = {f"{chapter}: {row.name}": row for chapter, rows in CHAPTERS.items() for row in rows}


class Houses:
    """Two gateways for each house, started when the first row asks for them."""

    def __init__(self, folder: pytest.TempPathFactory, authority: Authority, ending: contextlib.AsyncExitStack) -> None:
        self._folder = folder
        self._authority = authority
        self._ending = ending
        self._open: dict[House, tuple[Side, Side]] = {}

    async def sides(self, house: House) -> tuple[Side, Side]:
        if house not in self._open:
            one, other = await asyncio.gather(*(self._start(path, house) for path in PATHS))
            self._open[house] = one, other
        return self._open[house]

    async def _start(self, path: str, house: House) -> Side:
        folder = self._folder.mktemp(f"{house.value}-{path}")
        return await self._ending.enter_async_context(side(folder, self._authority, path, house))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def houses(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> AsyncIterator[Houses]:
    async with contextlib.AsyncExitStack() as ending:
        yield Houses(tmp_path_factory, authority, ending)


def test_no_two_rows_have_one_name() -> None:
    assert len(ROWS) == sum(len(rows) for rows in CHAPTERS.values())


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("name", ROWS)
async def test_both_paths_do_the_same(houses: Houses, name: str) -> None:
    row = ROWS[name]
    tenant = f"t{list(ROWS).index(name)}"
    one, other = await houses.sides(row.house)
    mine, theirs = await asyncio.gather(one.see(row, tenant), other.see(row, tenant))
    if complaint := judge(row, mine, theirs):
        pytest.fail(complaint, pytrace=False)


def judge(row: Row, mine: Sight, theirs: Sight) -> str:
    """What is wrong, the parts that differ first; empty where nothing is."""
    if not row.apart and (found := differences(mine, theirs, row.allowed, PATHS)):
        return found
    for path, sight in zip(PATHS, (mine, theirs), strict=True):
        wanted = row.fast_statuses if row.apart and path == "fast" else row.statuses
        if sight.statuses != wanted:
            return f"statuses on the {path} path: {sight.statuses}, wanted {wanted}\n{sight.told}"
        if row.connections not in (None, sight.connections):
            return (
                f"upstream connections on the {path} path: {sight.connections}, wanted {row.connections}\n{sight.told}"
            )
    return ""
