"""What does the resolution API say of a tenant? (CONTRACT part 3)

Version 2 is asked first. Where it is absent, version 1 is, and that is remembered for a while: not for good, because
a proxy in front of a restarting API can make any version look absent for a moment.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from mesh_gateway.resolve.api_client import ApiClient, Document
from mesh_gateway.resolve.source import Answer, Found, NotFound, SourceUnavailable
from mesh_gateway.routing.addresses import AddressPolicy
from mesh_gateway.routing.decoding import DecodingError, decode_v1, decode_v2, is_api_json
from mesh_gateway.routing.routes import RouteSet

_REMEMBER_V1_SECONDS = 60.0
_ABSENT = frozenset({404, 405, 501})

Decode = Callable[[object, str, AddressPolicy], RouteSet]


@dataclass(frozen=True, slots=True)
class _Version:
    path: str
    decode: Decode


@dataclass(frozen=True, slots=True)
class _VersionAbsent:
    """This version of the API is not there."""

    status: int


_V2 = _Version("/resolve/v2/", decode_v2)
_V1 = _Version("/resolve/", decode_v1)


class HttpSource:
    """The mutable state is until when version 1 is asked first."""

    def __init__(self, client: ApiClient, policy: AddressPolicy, *, clock: Callable[[], float]) -> None:
        self._client = client
        self._policy = policy
        self._clock = clock
        self._v1_until = float("-inf")

    async def fetch(self, tenant: str, within: float) -> Answer:
        """The API's answer; raises SourceUnavailable for everything that means it is down."""
        deadline = asyncio.get_running_loop().time() + within
        is_v1_first = self._clock() < self._v1_until
        absent: _VersionAbsent | None = None
        for version in (_V1, _V2) if is_v1_first else (_V2, _V1):
            answer = await self._ask(version, tenant, deadline)
            match answer:
                case Found() | NotFound():
                    self._remember(version, is_v1_first=is_v1_first)
                    return answer
                case _VersionAbsent():
                    absent = absent or answer
                case _:
                    assert_never(answer)
        self._v1_until = float("-inf")
        raise SourceUnavailable(f"status {absent.status if absent else 0} without the API's JSON")

    async def close(self) -> None:
        await self._client.close()

    def _remember(self, version: _Version, *, is_v1_first: bool) -> None:
        if version is _V1 and not is_v1_first:
            self._v1_until = self._clock() + _REMEMBER_V1_SECONDS
        if version is _V2:
            self._v1_until = float("-inf")

    async def _ask(self, version: _Version, tenant: str, deadline: float) -> Answer | _VersionAbsent:
        document = await self._client.get(version.path + tenant, accept="application/json", deadline=deadline)
        if document.status == 200:  # noqa: PLR2004 - RFC 9110 15.3.1
            return Found(self._decode(version, document, tenant))
        if document.status in _ABSENT:
            is_answer = document.status == 404 and _is_api_json(document)  # noqa: PLR2004 - RFC 9110 15.5.5
            return NotFound() if is_answer else _absence(document)
        raise SourceUnavailable(f"status {document.status}")

    def _decode(self, version: _Version, document: Document, tenant: str) -> RouteSet:
        try:
            return version.decode(_parse(document), tenant, self._policy)
        except DecodingError as error:
            raise SourceUnavailable(f"status 200 with what is no answer: {error}") from error


def _absence(document: Document) -> _VersionAbsent:
    """A 405 or 501 with the API's JSON comes from the API itself, so this version is there and something is wrong."""
    if _is_api_json(document):
        raise SourceUnavailable(f"status {document.status}")
    return _VersionAbsent(document.status)


def _is_api_json(document: Document) -> bool:
    try:
        return is_api_json(_parse(document))
    except DecodingError:
        return False


def _parse(document: Document) -> object:
    try:
        return json.loads(document.body)
    except (ValueError, RecursionError) as error:  # RecursionError: nested a thousand deep
        raise DecodingError(f"not JSON: {error}") from error
