"""What do the variables for a DNS provider hold, wherever a secret is kept?"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

from acme_client.errors import AcmeError, ErrorKind

_SECRET = re.compile(r"SECRET|TOKEN|PASS|CREDENTIAL|HMAC|KEY|AUTH")
_SHORTEST_SECRET = 6
"""What is shorter ("true", "RAW") would blot out ordinary words."""
_MAX_FILE_BYTES = 64 << 10


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
        """The value, or what its file holds; raises AcmeError (DNS_CREDENTIALS) when that cannot be read."""
        if value := self._environment.get(name, "").strip():
            return value
        if path := self._environment.get(f"{name}_FILE", "").strip():
            return _held(f"{name}_FILE", Path(path))
        return default

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
        named = {name.removesuffix("_FILE") for name in self._environment if _SECRET.search(name)}
        found = set()
        for name in named:
            try:
                found.add(self.text(name))
            except AcmeError:  # an unreadable file gives nothing away
                continue
        return {secret for secret in found if len(secret) >= _SHORTEST_SECRET}


def seconds(text: str) -> float:
    """A number of seconds above 0; raises ValueError."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError(text)
    return value


def _held(name: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            held = file.read(_MAX_FILE_BYTES)
        return held.decode().strip()
    except OSError as error:
        text = f"{name} names {path}, which cannot be read: {error.strerror}"
        raise AcmeError(ErrorKind.DNS_CREDENTIALS, text) from error
    except UnicodeDecodeError:
        raise AcmeError(ErrorKind.DNS_CREDENTIALS, f"{name} names {path}, which is no text") from None
