"""A CA to try everything with: Pebble, its records, a shim before it, and time that passes when somebody waits."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from acme_client.account import Account, Applicant, NetworkFor, open_account
from acme_client.network import Network
from acme_client.transport import Line
from tests.acme.rig.pebble import Pebble, Records, pebble, records
from tests.acme.rig.proving import Timer
from tests.acme.rig.shim import Shim, shim

APPLICANT = Applicant("someone@example.com")
NAMES = ("example.com", "*.example.com")


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Laboratory:
    """Its state is that of its parts."""

    pebble: Pebble
    records: Records
    shim: Shim
    timer: Timer = field(default_factory=Timer)

    def line(
        self, ca_file: Path | None = None, *, request_seconds: float = 10.0, patience_seconds: float = 90.0
    ) -> Line:
        return Line(
            now, self.timer.wait, ca_file or self.shim.ca_file, request_seconds, patience_seconds, monotonic=self.timer
        )

    def network_for(self, ca_file: Path | None = None) -> NetworkFor:
        return lambda key: Network(self.line(ca_file), key)

    def account(self, folder: Path, applicant: Applicant = APPLICANT) -> Account:
        """With Pebble itself."""
        return open_account(self.pebble.directory, folder, applicant, self.network_for(self.pebble.ca_file))

    def account_by_shim(self, folder: Path, applicant: Applicant = APPLICANT) -> Account:
        """With the shim before it."""
        return open_account(self.shim.directory, folder, applicant, self.network_for())

    def reset(self) -> None:
        self.shim.reset()
        self.records.shown.clear()
        self.records.wrong.clear()
        self.timer.waits.clear()


@contextlib.contextmanager
def laboratory(
    folder: Path, *, environment: Mapping[str, str] | None = None, is_binding_wanted: bool = False
) -> Iterator[Laboratory]:
    """Starts all of it in `folder`."""
    with contextlib.ExitStack() as parts:
        shown = parts.enter_context(records(folder))
        ca = parts.enter_context(
            pebble(folder / "pebble", shown.dns, environment=environment, is_binding_wanted=is_binding_wanted)
        )
        yield Laboratory(ca, shown, parts.enter_context(shim(folder, ca.port, ca.ca_file)))
