"""Which path a request takes, by the setting, who looks on, and whose it is."""

import pytest

from mesh_gateway.proxy.paths import ASK_SECONDS, Paths
from mesh_gateway.settings import TrafficPath


@pytest.mark.parametrize(
    ("setting", "somebody", "tapped", "expected"),
    [
        (TrafficPath.AUTO, False, "", False),
        (TrafficPath.AUTO, True, "", True),
        (TrafficPath.AUTO, False, "alice", True),
        (TrafficPath.AUTO, False, "bob", False),
        (TrafficPath.FAST, True, "alice", False),
        (TrafficPath.FLOW, False, "", True),
    ],
)
def test_a_request_is_watched(setting: TrafficPath, somebody: bool, tapped: str, expected: bool) -> None:
    paths = Paths(setting, "example.com", lambda: somebody, frozenset(filter(None, [tapped])))
    assert paths.is_watched("app-alice.example.com:443") is expected


def test_who_looks_on_is_asked_once_a_second() -> None:
    times, answers = [0.0], [False]
    asked: list[float] = []

    def looks_on() -> bool:
        asked.append(times[0])
        return answers[0]

    paths = Paths(TrafficPath.AUTO, "example.com", looks_on, clock=lambda: times[0])
    assert not paths.is_all_watched
    answers[0] = True
    times[0] = ASK_SECONDS / 2
    assert not paths.is_all_watched
    times[0] = ASK_SECONDS
    assert paths.is_all_watched
    assert asked == [0.0, ASK_SECONDS]
