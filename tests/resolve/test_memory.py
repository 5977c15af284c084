from mesh_gateway.resolve.memory import _UNPACKED, Memory
from mesh_gateway.resolve.observer import Unobserved
from mesh_gateway.resolve.source import Found, NotFound
from mesh_gateway.routing.resolution import CacheState, Resolution, Standing
from mesh_gateway.routing.routes import Route, RouteSet, Scheme
from tests.resolve.stand_ins import settings


def routes_of(tenant: str) -> RouteSet:
    return RouteSet(tenant, (Route("203.0.113.1", 443, Scheme.HTTPS, "agent", 1),), 580.0, user_id=f"id of {tenant}")


def test_only_so_many_tenants_are_unpacked_and_the_others_lose_nothing() -> None:
    memory = Memory(settings(), Unobserved())
    tenants = [f"t{number}" for number in range(_UNPACKED + 10)]
    for tenant in tenants:
        memory.learn(tenant, Found(routes_of(tenant)), 0)
    for tenant in ("t0", tenants[-1]):
        entry = memory.entry(tenant)
        assert entry
        assert (entry.unpacked is None) == (tenant == "t0")
        assert memory.use(tenant, entry, 1) == routes_of(tenant)
        assert entry.unpacked == routes_of(tenant)


def test_a_source_may_shorten_how_long_a_name_is_unknown_but_not_lengthen_it() -> None:
    memory = Memory(settings(negative_ttl="30"), Unobserved())
    unknown = Resolution("nobody", Standing.UNKNOWN, CacheState.MISS)
    assert memory.learn("nobody", NotFound(1), 0) == unknown
    assert memory.absence("nobody", 0.9)
    assert memory.absence("nobody", 1) is None
    assert memory.learn("nobody", NotFound(1000), 0) == unknown
    assert memory.absence("nobody", 30) is None
