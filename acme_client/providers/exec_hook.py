"""How is a TXT value left to a program of one's own, as lego's exec does it?"""

import shutil
from dataclasses import dataclass

from acme_client.errors import AcmeError, ErrorKind
from acme_client.providers.http_hook import raw_mode
from acme_client.providers.program import run
from acme_client.providers.provider import Entry
from acme_client.providers.variables import Variables, seconds


@dataclass(frozen=True, slots=True)
class ExecHook:
    """`PROGRAM present|cleanup <name> <value>`, in RAW mode `PROGRAM present|cleanup -- <domain> <token> <key authorization>`."""

    program: str
    is_raw: bool
    variables: Variables
    timeout_seconds: float = 120.0
    propagation_seconds: float = 60.0

    def add(self, entry: Entry) -> None:
        self._run("present", entry)

    def remove(self, entry: Entry) -> None:
        self._run("cleanup", entry)

    def _run(self, action: str, entry: Entry) -> None:
        arguments = [self.program, action, *self._arguments(entry)]
        what = f"{self.program} {action} for {entry.name} (EXEC_PATH)"
        try:
            outcome = run(arguments, environment=self.variables.environment, seconds=self.timeout_seconds)
        except OSError as error:
            raise AcmeError(ErrorKind.DNS_PROVIDER, f"{what} could not be started: {error.strerror}") from error
        if outcome.code == 0:
            return
        how = f"ended with {outcome.code}" if outcome.code is not None else f"took more than {self.timeout_seconds:g} s"
        said = f". Its last words: {self.variables.redacted(outcome.tail)}" if outcome.tail else ""
        raise AcmeError(ErrorKind.DNS_PROVIDER, f"{what} {how}{said}")

    def _arguments(self, entry: Entry) -> list[str]:
        if not self.is_raw:
            return [entry.name, entry.value]
        return ["--", entry.domain, *entry.raw("EXEC_MODE=RAW")]


def exec_hook(variables: Variables) -> ExecHook:
    """By EXEC_PATH, EXEC_MODE and EXEC_TIMEOUT; raises AcmeError (DNS_CREDENTIALS)."""
    program = variables.required("EXEC_PATH", "the path of the program that changes the zone")
    if shutil.which(program, path=variables.environment.get("PATH")) is None:
        text = f"EXEC_PATH holds {program!r} but wants a program that is there and may be run (chmod +x)"
        raise AcmeError(ErrorKind.DNS_CREDENTIALS, text)
    is_raw = variables.parsed("EXEC_MODE", "", raw_mode, "RAW or nothing")
    return ExecHook(program, is_raw, variables, variables.parsed("EXEC_TIMEOUT", "120", seconds, "a number of seconds"))
