"""How is a TXT value given to an acme-dns server, which holds nothing but challenges?

`_acme-challenge.<domain>` is a CNAME for a name of its own there. It keeps the last two values of a name, so nothing
is removed, and an apex and its wildcard fit beside each other.
"""

import contextlib
import fcntl
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from acme_client.errors import AcmeError, ErrorKind
from acme_client.private_file import FOLDER_MODE, write_private
from acme_client.providers.letter import Answer, LetterError, post
from acme_client.providers.provider import Entry
from acme_client.providers.variables import Variables

_REQUEST_SECONDS = 30.0
_ACCOUNT_KEYS = ("fulldomain", "subdomain", "username", "password")


@dataclass(frozen=True, slots=True)
class Account:
    """What the server gave for one domain."""

    fulldomain: str
    subdomain: str
    username: str
    password: str = field(repr=False)

    @classmethod
    def parse(cls, held: Any) -> Self:
        """From the answer to /register or from the file; raises ValueError."""
        if not isinstance(held, dict) or not all(isinstance(held.get(key), str) for key in _ACCOUNT_KEYS):
            raise ValueError(f"no object with {', '.join(_ACCOUNT_KEYS)}")
        return cls(*(held[key] for key in _ACCOUNT_KEYS))


@dataclass(frozen=True, slots=True)
class AcmeDns:
    """An acme-dns server, and the file of accounts there, in the form that lego writes."""

    base: str
    storage: Path
    propagation_seconds: float = 5.0

    def add(self, entry: Entry) -> None:
        account = self._account(entry.domain)
        if entry.name.rstrip(".") != account.fulldomain.lower().rstrip("."):
            raise AcmeError(ErrorKind.DNS_PROVIDER, _cname_to_set(entry, account))
        fields = {"X-Api-User": account.username, "X-Api-Key": account.password}
        answer = self._post("update", {"subdomain": account.subdomain, "txt": entry.value}, fields)
        if not answer.is_good:
            kind = ErrorKind.DNS_CREDENTIALS if answer.is_refusal else ErrorKind.DNS_PROVIDER
            raise AcmeError(
                kind, f"acme-dns at {self._host} did not take the value for {entry.domain}: HTTP {answer.status}"
            )

    def remove(self, entry: Entry) -> None:
        """Nothing: the next two values take its place."""

    def check_storage(self) -> None:
        """Raises AcmeError (STORE) for a file of accounts that is there and is none."""
        with self._storage_told():
            self._stored()

    def _account(self, domain: str) -> Account:
        with self._storage_locked():
            accounts = self._stored()
            try:
                if domain in accounts:
                    return Account.parse(accounts[domain])
            except ValueError as error:
                text = f"{self.storage} (ACME_DNS_STORAGE_PATH) holds for {domain} {error}; remove that entry to register anew"
                raise AcmeError(ErrorKind.DNS_CREDENTIALS, text) from None
            account = self._registered()
            accounts[domain] = {key: getattr(account, key) for key in _ACCOUNT_KEYS} | {"server_url": self.base}
            write_private(self.storage, json.dumps(accounts, indent=1).encode())
            return account

    def _registered(self) -> Account:
        answer = self._post("register", {}, {})
        try:
            return Account.parse(answer.json() if answer.is_good else None)
        except ValueError as error:
            text = f"acme-dns at {self._host} gave no account: HTTP {answer.status}, {error}"
            raise AcmeError(ErrorKind.DNS_PROVIDER, text) from None

    def _post(self, path: str, letter: dict[str, str], fields: dict[str, str]) -> Answer:
        try:
            return post(f"{self.base}/{path}", letter, fields=fields, seconds=_REQUEST_SECONDS)
        except LetterError as error:
            text = f"acme-dns at {self._host} (ACME_DNS_API_BASE) cannot be asked: {error}"
            raise AcmeError(ErrorKind.DNS_PROVIDER, text) from error

    def _stored(self) -> dict[str, Any]:
        if not self.storage.exists():
            return {}
        held = json.loads(self.storage.read_bytes())
        if not isinstance(held, dict):
            raise ValueError("no object")  # noqa: TRY004 - a file's content, told as any other bad content
        return held

    @contextlib.contextmanager
    def _storage_locked(self) -> Iterator[None]:
        """Two that register at once would each lose the other's account. Held for one request at most."""
        with self._storage_told():
            self.storage.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
            with self.storage.with_name(f"{self.storage.name}.lock").open("wb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield

    @contextlib.contextmanager
    def _storage_told(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:
            text = f"{self.storage} (ACME_DNS_STORAGE_PATH) cannot be read and written: {error}"
            raise AcmeError(ErrorKind.STORE, text) from error

    @property
    def _host(self) -> str:
        return urlsplit(self.base).netloc.rpartition("@")[2]


def _cname_to_set(entry: Entry, account: Account) -> str:
    return (
        f"_acme-challenge.{entry.domain} must be a CNAME for its name at acme-dns. Set this record once, then try again:"
        f" _acme-challenge.{entry.domain}. CNAME {account.fulldomain}."
    )


def acme_dns(variables: Variables, default_storage: Path) -> AcmeDns:
    """By ACME_DNS_API_BASE and ACME_DNS_STORAGE_PATH; raises AcmeError (DNS_CREDENTIALS, STORE)."""
    base = variables.url("ACME_DNS_API_BASE", "the URL of the acme-dns server, http or https")
    provider = AcmeDns(base, Path(variables.text("ACME_DNS_STORAGE_PATH") or default_storage))
    if provider.storage.is_dir():
        text = f"ACME_DNS_STORAGE_PATH holds '{provider.storage}' but wants a file, and that is a folder"
        raise AcmeError(ErrorKind.DNS_CREDENTIALS, text)
    provider.check_storage()
    return provider
