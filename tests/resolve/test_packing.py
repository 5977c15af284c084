import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from mesh_gateway.resolve.packing import pack, unpack
from mesh_gateway.routing.routes import HealthCheck, Route, RouteSet, Scheme

_CHECKS = st.none() | st.builds(HealthCheck, st.text(), st.none() | st.text())
_ROUTES = st.builds(Route, st.text(), st.integers(), st.sampled_from(Scheme), st.text(), st.integers(), _CHECKS)
_TEXTS = st.none() | st.text()
_SETS = st.builds(
    RouteSet,
    st.text(),
    st.lists(_ROUTES, max_size=3).map(tuple),
    st.none() | st.floats(0, 1e9),
    _TEXTS,
    _TEXTS,
    st.lists(st.text(), max_size=3).map(tuple),
)


@given(_SETS)
def test_what_was_packed_comes_back(routes: RouteSet) -> None:
    assert unpack(pack(routes)) == routes


def test_no_field_is_left_behind() -> None:
    """Each value differs from its field's default, so a field that is added and not packed fails here."""
    route = Route("203.0.113.1", 1, Scheme.HTTP, "agent", 2, HealthCheck("/up", "h.example"))
    routes = RouteSet("alice", (route,), 3.0, "abc", "yesterday", ("route 1: bad",))
    fields = [*dataclasses.fields(RouteSet), *dataclasses.fields(Route)]
    values = [*dataclasses.astuple(routes), *dataclasses.astuple(route)]
    assert all(value != field.default for field, value in zip(fields, values, strict=True))
    assert unpack(pack(routes)) == routes
