"""An id tells nothing of another."""

import os
import re

from mesh_gateway.routing.request_ids import RequestIds


def test_ids_differ_and_look_alike() -> None:
    new = RequestIds(os.urandom)
    ids = [new() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert all(re.fullmatch(r"[0-9a-f]{32}", one) for one in ids)


def test_each_byte_is_used_once() -> None:
    asked: list[bytes] = []

    def random(count: int) -> bytes:
        asked.append(os.urandom(count))
        return asked[-1]

    new = RequestIds(random)
    ids = [bytes.fromhex(new()) for _ in range(200)]
    drawn = b"".join(asked)
    places = [drawn.index(one) for one in ids]
    assert sorted(set(places)) == sorted(places)
    assert all(place % 16 == 0 for place in places)
