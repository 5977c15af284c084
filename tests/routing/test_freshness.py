import pytest

from mesh_gateway.routing.freshness import Freshness, Lifetime, judge

# Asked at 1000, fresh to 1060, routes end at 1580 or 1060 or 1020, served up to an hour.
LONG = Lifetime.of(1000, cache_ttl=60, routes_ttl=580, stale_ttl=3600)
NO_TTL = Lifetime.of(1000, cache_ttl=60, routes_ttl=None, stale_ttl=3600)
SHORT = Lifetime.of(1000, cache_ttl=60, routes_ttl=20, stale_ttl=3600)
ZERO = Lifetime.of(1000, cache_ttl=60, routes_ttl=0, stale_ttl=3600)
NEVER_STALE = Lifetime.of(1000, cache_ttl=60, routes_ttl=580, stale_ttl=0)


@pytest.mark.parametrize(
    ("life", "age", "in_use", "expected"),
    [
        pytest.param(LONG, 0, True, Freshness.FRESH, id="just asked"),
        pytest.param(LONG, 47.9, True, Freshness.FRESH, id="before the last fifth"),
        pytest.param(LONG, 48, True, Freshness.DUE, id="in the last fifth, in use"),
        pytest.param(LONG, 59.9, False, Freshness.FRESH, id="in the last fifth, not in use"),
        pytest.param(LONG, 60, True, Freshness.STALE, id="past CACHE_TTL, before the routes' end"),
        pytest.param(LONG, 579, True, Freshness.STALE, id="just before the routes' end"),
        pytest.param(LONG, 580, True, Freshness.AGED, id="past the routes' end"),
        pytest.param(LONG, 3599, True, Freshness.AGED, id="just before the stale limit"),
        pytest.param(LONG, 3600, True, Freshness.GONE, id="past the stale limit"),
        pytest.param(NO_TTL, 119, True, Freshness.STALE, id="no routesTtl: one more CACHE_TTL"),
        pytest.param(NO_TTL, 120, True, Freshness.AGED, id="no routesTtl: past one more CACHE_TTL"),
        pytest.param(SHORT, 15.9, True, Freshness.FRESH, id="routesTtl is shorter than CACHE_TTL"),
        pytest.param(SHORT, 16, True, Freshness.DUE, id="last fifth of the shorter"),
        pytest.param(SHORT, 39, True, Freshness.STALE, id="one more short lifetime"),
        pytest.param(SHORT, 40, True, Freshness.AGED, id="past one more short lifetime"),
        pytest.param(ZERO, 0, True, Freshness.AGED, id="routes that end at once are a last resort at once"),
        pytest.param(NEVER_STALE, 60, True, Freshness.GONE, id="STALE_TTL 0 wins over the routes' end"),
    ],
)
def test_what_an_answer_is_good_for(life: Lifetime, age: float, in_use: bool, expected: Freshness) -> None:
    assert judge(life, 1000 + age, in_use=in_use) is expected


def test_good_routes_outlive_an_answer_without_any_until_their_own_end() -> None:
    kept = LONG.outlives_silence(1100, pause=10)
    assert kept
    assert judge(kept, 1109, in_use=False) is Freshness.FRESH
    assert judge(kept, 1110, in_use=True) is Freshness.STALE
    assert judge(kept, 1579, in_use=True) is Freshness.STALE
    assert judge(kept, 1580, in_use=True) is Freshness.AGED
    assert judge(kept, 4600, in_use=True) is Freshness.GONE


def test_the_pause_ends_with_the_routes() -> None:
    kept = LONG.outlives_silence(1575, pause=10)
    assert kept
    assert judge(kept, 1579.9, in_use=False) is Freshness.FRESH
    assert judge(kept, 1580, in_use=False) is Freshness.STALE


def test_routes_do_not_outlive_silence_past_their_own_end() -> None:
    assert LONG.outlives_silence(1580, pause=10) is None
