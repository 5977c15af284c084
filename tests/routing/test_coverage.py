"""Laws of which certificate a tenant's name needs."""

import pytest

from mesh_gateway.routing.coverage import Coverage, covering_names

NEEDS = {
    "alice.example.com": Coverage("alice.example.com", "*.example.com", None),
    "APP-alice.example.com.": Coverage("app-alice.example.com", "*.example.com", None),
    "app.alice.example.com": Coverage("app.alice.example.com", "*.alice.example.com", "app-alice.example.com"),
    "x.app-alice.example.com": Coverage("x.app-alice.example.com", "*.app-alice.example.com", None),
    "a.b.alice.example.com": Coverage("a.b.alice.example.com", "*.b.alice.example.com", None),
    "example.com": None,
    "evil.org": None,
    "al_ice.example.com": None,
}


@pytest.mark.parametrize("name", NEEDS)
def test_a_tenants_name_needs_a_wildcard_one_label_above_it(name: str) -> None:
    assert covering_names(name, "example.com") == NEEDS[name]
