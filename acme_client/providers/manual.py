"""How does a person set the TXT records? They are told what to set, and waited for."""

import select
from dataclasses import dataclass
from typing import TextIO

from acme_client.errors import AcmeError, ErrorKind
from acme_client.providers.provider import Entry
from acme_client.providers.variables import Variables, seconds


@dataclass(frozen=True, slots=True)
class Manual:
    """A person at a terminal."""

    keyboard: TextIO
    screen: TextIO
    timeout_seconds: float = 3600.0
    propagation_seconds: float = 0.0

    def add(self, entry: Entry) -> None:
        self._say(
            f'Add this TXT record, and leave others of that name as they are:\n\n  {entry.name} 60 IN TXT "{entry.value}"\n'
        )
        self._say("Press Enter once it is there.")
        ready, _, _ = select.select([self.keyboard], [], [], self.timeout_seconds)
        if not ready or not self.keyboard.readline():
            text = f"Nobody confirmed the TXT record {entry.name} within {self.timeout_seconds:.0f} s (DNS_PROVIDER=manual)"
            raise AcmeError(ErrorKind.DNS_PROVIDER, text)

    def remove(self, entry: Entry) -> None:
        self._say(f'This TXT record can be removed now:\n\n  {entry.name} 60 IN TXT "{entry.value}"\n')

    def _say(self, text: str) -> None:
        self.screen.write(text + "\n")
        self.screen.flush()


def manual(variables: Variables, keyboard: TextIO, screen: TextIO) -> Manual:
    """By MANUAL_TIMEOUT; raises AcmeError (DNS_PROVIDER) where nobody can be asked."""
    if not (keyboard.isatty() and screen.isatty()):
        text = "DNS_PROVIDER=manual needs a terminal with somebody at it; renewals by themselves need another provider"
        raise AcmeError(ErrorKind.DNS_PROVIDER, text)
    return Manual(keyboard, screen, variables.parsed("MANUAL_TIMEOUT", "3600", seconds, "a number of seconds"))
