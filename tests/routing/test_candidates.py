"""Laws of the order in which routes are tried."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh_gateway.routing.candidates import MAX_CANDIDATES, candidates
from mesh_gateway.routing.control import Preference
from mesh_gateway.routing.routes import Route, Scheme


def route(name: str) -> Route:
    """`a1` is an agent of priority 1, `t2` a tunnel of priority 2, `x3` of another source; a further letter tells twins apart."""
    source = {"a": "agent", "t": "tunnel", "x": "relay"}[name[0]]
    return Route(name, 443, Scheme.HTTPS, source, int(name[1]))


@dataclass(frozen=True)
class Case:
    routes: str
    down: str
    prefer: Preference | None
    order: str


CASES = {
    "no routes, no candidates": Case("", "", None, ""),
    "one route is tried even when it is down": Case("a1", "a1", None, "a1"),
    "healthy ones go by priority": Case("t3 a1 x2", "", None, "a1 x2 t3"),
    "equals keep their order": Case("a1b a1a t1", "", None, "a1b a1a t1"),
    "one that failed steps back behind all others": Case("a1 t2 x3", "a1", None, "t2 x3 a1"),
    "those that failed are ordered by priority too": Case("a1 a2 t3 x4", "a2 a1", None, "t3 x4 a1 a2"),
    "when all have failed the best is tried anyway": Case("t2 a1", "a1 t2", None, "a1 t2"),
    "direct prefers agents": Case("t1 x2 a3", "", Preference.DIRECT, "a3 t1 x2"),
    "tunnel prefers tunnels": Case("a1 x2 t3", "", Preference.TUNNEL, "t3 a1 x2"),
    "among the preferred priority decides": Case("t1 a3 a2", "", Preference.DIRECT, "a2 a3 t1"),
    "healthy counts more than preferred": Case("a1 t2", "a1", Preference.DIRECT, "t2 a1"),
    "among those that failed the preferred is first": Case("t1 x2 a3", "t1 a3", Preference.DIRECT, "x2 a3 t1"),
    "a preference that nobody meets changes nothing": Case("x1 a2", "", Preference.TUNNEL, "x1 a2"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_order(case: Case) -> None:
    down = case.down.split()
    chosen = candidates(
        tuple(map(route, case.routes.split())), is_up=lambda one: one.ip not in down, prefer=case.prefer
    )
    assert " ".join(one.ip for one in chosen) == case.order


NAMES = st.lists(st.from_regex("[atx][1-9][a-z]?", fullmatch=True), max_size=20, unique=True)


@given(NAMES, st.sets(st.integers(0, 19)), st.sampled_from([None, *Preference]))
def test_candidates_are_few_and_no_healthy_route_waits_for_a_failed_one(
    names: list[str], down: set[int], prefer: Preference | None
) -> None:
    routes = tuple(map(route, names))
    failed = {routes[i] for i in down if i < len(routes)}
    chosen = candidates(routes, is_up=lambda one: one not in failed, prefer=prefer)
    assert len(chosen) == min(len(routes), MAX_CANDIDATES)
    assert len(set(chosen)) == len(chosen)
    assert set(chosen) <= set(routes)
    assert [one in failed for one in chosen] == sorted(one in failed for one in chosen)
