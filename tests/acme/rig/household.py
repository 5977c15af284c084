"""A lifecycle on a folder, with a CA in this process and a clock that stands still."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path

from acme_client.happening import Event, Happening
from acme_client.lifecycle import Lifecycle
from acme_client.lock import Locks
from acme_client.proofs import Clock
from acme_client.records import Records
from acme_client.store import Store
from acme_client.wanted import Wanted
from tests.acme.rig.authority import Authority
from tests.acme.rig.calendar import Calendar

WANTED = Wanted(("example.com", "*.example.com"))


class Household:
    """Its state is on the disk, in the clock, and in what was told."""

    def __init__(
        self, root: Path, *authorities: Authority, clock: Clock | None = None, fingerprint: str = "as set"
    ) -> None:
        self.calendar = Calendar()
        self.told: list[Happening] = []
        self.authorities: Sequence[Authority] = authorities or (Authority(),)
        if clock is None:
            for authority in self.authorities:
                authority.clock = self.calendar
        self.lifecycle = Lifecycle(
            store=Store(root),
            records=Records(root / "state"),
            locks=Locks(root / "locks", brief, time.monotonic),
            issuers={authority.directory: authority for authority in self.authorities},
            profile=None,
            host="here",
            clock=clock or self.calendar,
            draw=lambda: 0.5,
            tell=self.told.append,
            fingerprint=fingerprint,
        )

    @property
    def authority(self) -> Authority:
        return self.authorities[0]

    def events(self) -> list[Event]:
        return [happening.event for happening in self.told]


def brief(seconds: float) -> None:
    """Waits a little of it."""
    threading.Event().wait(min(seconds, 0.02))
