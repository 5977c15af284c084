"""How is a provider library that is not part of the default install asked, without trusting it with this process?

It runs as a program of its own: its requests may have no deadline, its errors are of any class, and lego's is a Go
runtime. What it needs goes in by standard input, so that no secret is in an argument.
"""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acme_client.errors import AcmeError, ErrorKind
from acme_client.providers.libraries import HOW_TO_INSTALL
from acme_client.providers.program import run
from acme_client.providers.variables import Variables

CHILDREN = Path(__file__).parent
NOT_INSTALLED = 3
"""The exit code of a child that does not find its library."""
_ABOUT_CREDENTIALS = re.compile(
    r"\b(401|403)\b|unauthori[sz]ed|forbidden|authenticat|credential|invalid.{0,20}(token|key)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Extra:
    """A library, the child program that calls it, and what it may know."""

    name: str
    package: str
    child: Path
    variables: Variables
    timeout_seconds: float
    environment: Mapping[str, str]
    python: Sequence[str] = (sys.executable, "-I")
    """Isolated: a child's folder must not stand before the libraries on its path."""

    def call(self, letter: Mapping[str, Any], what: str) -> None:
        """Has the library do one thing; raises AcmeError (DNS_PROVIDER, DNS_CREDENTIALS) with its last words."""
        arguments = [*self.python, str(self.child)]
        written = json.dumps(dict(letter)).encode()
        try:
            outcome = run(arguments, environment=self.environment, letter=written, seconds=self.timeout_seconds)
        except OSError as error:
            raise AcmeError(ErrorKind.DNS_PROVIDER, f"{self.name} could not be started: {error.strerror}") from error
        match outcome.code:
            case 0:
                return
            case code if code == NOT_INSTALLED:
                text = f"DNS_PROVIDER={self.name} needs {self.package}, which is not installed: {HOW_TO_INSTALL}"
                raise AcmeError(ErrorKind.DNS_PROVIDER, text)
            case None:
                how = f"took more than {self.timeout_seconds:g} s"
            case _:
                how = "failed"
        said = self.variables.redacted(outcome.tail)
        kind = ErrorKind.DNS_CREDENTIALS if _ABOUT_CREDENTIALS.search(said) else ErrorKind.DNS_PROVIDER
        raise AcmeError(kind, f"{self.name}: {what} {how}: {said or 'it said nothing'}")
