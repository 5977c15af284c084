"""What do the variables for a DNS provider hold, wherever a secret is kept?"""

import contextlib
import re
from collections.abc import Callable, Mapping
from urllib.parse import quote

from acme_client.errors import AcmeError, ErrorKind
from acme_client.secret import SecretError, read_secret
from acme_client.values import check_url, holds_userinfo

_SECRET = re.compile(r"SECRET|TOKEN|PASS|CREDENTIAL|HMAC|KEY|AUTH")
_SHORTEST_SECRET = 6
"""What is shorter ("true", "RAW") would blot out ordinary words."""


class Variables:
    """Environment variables by name. For each NAME a NAME_FILE may stand, which says the file that holds the value."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)

    def __repr__(self) -> str:
        return f"Variables({len(self._environment)})"

    @property
    def environment(self) -> dict[str, str]:
        """All of it, for a program that is started."""
        return dict(self._environment)

    def text(self, name: str, default: str = "") -> str:
        """The value, or what its file holds. Raises AcmeError (DNS_CREDENTIALS) when that cannot be read or both are set."""
        try:
            return read_secret(self._environment, name) or default
        except SecretError as error:
            raise AcmeError(ErrorKind.DNS_CREDENTIALS, str(error)) from error

    def required(self, name: str, wants: str) -> str:
        """The value; raises AcmeError (DNS_CREDENTIALS) when it is not set."""
        if value := self.text(name):
            return value
        raise AcmeError(ErrorKind.DNS_CREDENTIALS, f"{name} (or {name}_FILE) is not set but wants {wants}")

    def parsed[T](self, name: str, default: str, parse: Callable[[str], T], wants: str) -> T:
        """The parsed value; raises AcmeError (DNS_CREDENTIALS) for a wrong one. Not for secrets: the text is shown."""
        text = self.text(name, default)
        try:
            return parse(text)
        except ValueError as error:
            raise AcmeError(ErrorKind.DNS_CREDENTIALS, f"{name} holds {text!r} but wants {wants}") from error

    def url(self, name: str, wants: str) -> str:
        """An http(s) URL without the slash at its end; raises AcmeError (DNS_CREDENTIALS). One may hold a password."""
        text = self.required(name, wants).rstrip("/")
        try:
            check_url(text, {"http", "https"}, may_hold_userinfo=True)
        except ValueError as error:
            held, reason = ("something else", "") if holds_userinfo(text) else (repr(text), f" ({error})")
            raise AcmeError(ErrorKind.DNS_CREDENTIALS, f"{name} holds {held} but wants {wants}{reason}") from None
        return text

    def with_prefix(self, prefix: str) -> dict[str, str]:
        """All values whose name begins with `prefix`, by the rest of the name; files are read."""
        names = (name.removesuffix("_FILE") for name in self._environment if name.startswith(prefix))
        return {name.removeprefix(prefix): self.text(name) for name in sorted(set(names))}

    def redacted(self, text: str) -> str:
        """`text` of a stranger (a program, an API, a library) without the secrets that these variables hold."""
        for secret in sorted(self._secrets(), key=len, reverse=True):
            for form in (secret, quote(secret, safe="")):
                text = text.replace(form, "***")
        return text

    def _secrets(self) -> set[str]:
        found = set()
        for name in (name for name in self._environment if _SECRET.search(name)):
            with contextlib.suppress(SecretError):  # an unreadable file gives nothing away
                found.add(read_secret({name: self._environment[name]}, name.removesuffix("_FILE")))
        return {secret for secret in found if len(secret) >= _SHORTEST_SECRET}


def seconds(text: str) -> float:
    """A number of seconds above 0; raises ValueError."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError(text)
    return value
