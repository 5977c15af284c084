"""Which tenants get a wildcard of their own? Those that are wished for, that the resolution API knows, in their turn."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from acme_client.allowance import MOST_WISHES, Ledger, admitted, note, order_made, put_back
from acme_client.domains import parse_tenant
from acme_client.errors import AcmeError, ErrorKind
from acme_client.happening import Event, Happening, Tell
from acme_client.lock import Locks
from acme_client.moment import parse_moment
from acme_client.private_file import write_private
from acme_client.proofs import Clock
from acme_client.regular_file import read_regular

API_SECONDS = 10.0
MOST_BYTES = 1 << 20
WISHES = "wishes.txt"
"""One tenant a line; a line that begins with # is a remark."""
LEDGER = "ledger.json"


class ApiDownError(Exception):
    """The resolution API did not say whether a tenant exists. The text says what it did instead."""


@dataclass(frozen=True, slots=True)
class ResolutionApi:
    """Knows the tenants (BACKEND_URL)."""

    base_url: str
    seconds: float = API_SECONDS
    """For a whole answer, however slowly its bytes drip."""

    def knows(self, tenant: str) -> bool:
        """Whether the tenant exists, by version 2 of the API or, where that is absent, 1; raises ApiDownError."""
        status, is_json = self._ask(f"{self.base_url}/resolve/v2/{tenant}")
        if status in (404, 405, 501) and not is_json:
            status, is_json = self._ask(f"{self.base_url}/resolve/{tenant}")
        if not is_json or status not in (200, 404):
            form = "JSON" if is_json else "no JSON"
            raise ApiDownError(f"{self.base_url} answered {status} with {form} when asked for {tenant}")
        return status == httpx.codes.OK

    def _ask(self, url: str) -> tuple[int, bool]:
        try:
            # httpx's own timeouts begin anew with every byte; asyncio's is for all of it
            return asyncio.run(asyncio.wait_for(self._answer(url), self.seconds))
        except TimeoutError as error:
            raise ApiDownError(f"{url} did not answer within {self.seconds:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ApiDownError(f"{url} cannot be asked: {error}") from error

    async def _answer(self, url: str) -> tuple[int, bool]:
        headers, body = {"Accept": "application/json"}, b""
        async with (
            httpx.AsyncClient(timeout=self.seconds) as client,
            client.stream("GET", url, headers=headers) as answer,
        ):
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise ApiDownError(f"{url} answered with more than {MOST_BYTES} bytes")
            return answer.status_code, _is_json(body)


@dataclass(frozen=True, slots=True)
class Tenants:
    """The wishes for tenants' wildcards, and the ledger of their turns. Both are files in `folder`."""

    folder: Path
    listed: Sequence[str]
    """ACME_TENANTS."""
    limit_per_week: int
    api: ResolutionApi
    locks: Locks
    clock: Clock
    tell: Tell

    def admitted(self, holders: frozenset[str]) -> tuple[str, ...]:
        """The tenants whose wildcard may be ordered or renewed now; `holders` have one. Raises AcmeError (STORE, LOCKED)."""
        with self.locks.held("tenants", patience_seconds=60):
            ledger = note(self._ledger(), self.wishes(), self.clock())
            self._save(ledger)
        turns = admitted(ledger, holders, self.limit_per_week, self.clock())
        refused = frozenset(tenant for tenant in turns if tenant not in holders and not self._is_known(tenant))
        if refused:
            self.put_back(*refused)
        return tuple(tenant for tenant in turns if tenant not in refused)

    def put_back(self, *tenants: str) -> None:
        """Sends wishes that came to nothing to the end of the queue, so that others get their turn at the next look.

        Raises AcmeError (STORE, LOCKED).
        """
        with self.locks.held("tenants", patience_seconds=60):
            self._save(put_back(self._ledger(), tenants, self.clock()))

    def order_made(self) -> None:
        """Counts a new certificate against the week's limit."""
        with self.locks.held("tenants", patience_seconds=60):
            self._save(order_made(self._ledger(), self.clock()))

    def _is_known(self, tenant: str) -> bool:
        try:
            if self.api.knows(tenant):
                return True
            text = f"{tenant} is no tenant by the resolution API; take it out of ACME_TENANTS or {self.folder / WISHES}"
        except ApiDownError as error:
            text = f"Whether {tenant} is a tenant cannot be found out now: {error}"
        self.tell(Happening(event=Event.REFUSED, name=tenant, message=text))
        return False

    def wishes(self) -> list[str]:
        """All that are wished for, by the setting and by the file; raises AcmeError (STORE)."""
        found = dict.fromkeys(self.listed)
        for line in _read(self.folder / WISHES).decode(errors="replace").splitlines()[:MOST_WISHES]:
            if line.strip() and not line.startswith("#"):
                try:
                    found[parse_tenant(line)] = None
                except ValueError as error:
                    self.tell(Happening(event=Event.REFUSED, message=f"{self.folder / WISHES}: {error}"))
        return list(found)

    def _ledger(self) -> Ledger:
        try:
            read = json.loads(_read(self.folder / LEDGER))
            wished = {str(tenant): parse_moment(moment) for tenant, moment in read["wished"].items()}
            return Ledger(wished, tuple(parse_moment(moment) for moment in read["ordered"]))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return Ledger()

    def _save(self, ledger: Ledger) -> None:
        content = {
            "wished": {tenant: moment.isoformat() for tenant, moment in ledger.wished.items()},
            "ordered": [moment.isoformat() for moment in ledger.ordered],
        }
        path = self.folder / LEDGER
        try:
            write_private(path, json.dumps(content, indent=1).encode())
        except OSError as error:
            raise AcmeError(ErrorKind.STORE, f"{path} cannot be written: {error.strerror}") from error


def _read(path: Path) -> bytes:
    try:
        return read_regular(path, MOST_BYTES)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise AcmeError(ErrorKind.STORE, f"{path} cannot be read: {error.strerror}") from error


def _is_json(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        return False
