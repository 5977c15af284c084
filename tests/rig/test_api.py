"""Laws of the stand-in for the resolution API."""

import pytest

from tests.rig import api as answers
from tests.rig.api import Api, known, route
from tests.rig.http1_client import Http1


@pytest.mark.parametrize("path", ["", "/router/api"])
async def test_it_answers_by_its_table_and_counts(path: str) -> None:
    async with Api(path) as api, Http1.connect(api.port) as client:
        api.tenants["alice"] = known([route(1)])
        api.old_tenants["bob"] = answers.said({"hostIp": "127.0.0.1", "targetPort": 2})
        assert (await client.ask("GET", "api", f"{path}/resolve/v2/alice")).json["routes"][0]["port"] == 1
        assert (await client.ask("GET", "api", f"{path}/resolve/bob")).json["targetPort"] == 2
        assert (await client.ask("GET", "api", f"{path}/resolve/v2/nobody")).status == 404
        assert (await client.ask("GET", "api", f"{path}/ca-cert")).status == 503
        assert [api.asked_for(name) for name in ("alice", "bob", "nobody", "carol")] == [1, 1, 1, 0]
        assert api.asked == 3
