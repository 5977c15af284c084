"""Who looks at the certificate folder, and how often? A thread of its own, for a folder may hang (NFS) and never answer."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mesh_gateway.observe.renewals import Renewals, RenewalsFolder
from mesh_gateway.proxy.certificates.pair import utc_now
from mesh_gateway.proxy.certificates.shelf import Outlook, Shelf
from mesh_gateway.settings_paths import no_folder

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 1.0
SOON_SECONDS = 0.25
"""Until the next look at files that may be half-written."""
FIRST_LOOK_SECONDS = 10.0
"""How long a start waits for the folder; plain http serves without it."""
PATIENCE_SECONDS = 10.0
"""A look that takes longer is told of."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What the folder holds."""

    outlook: Outlook
    renewals: Renewals


class Watch:
    """Looks in its thread, and tells in the event loop. A look that hangs holds up the next look and nothing else."""

    def __init__(self, folder: Path, default: str, adopt: Callable[[Sight], None]) -> None:
        self._folder = folder
        self._shelf = Shelf(folder, default, time.monotonic, utc_now)
        self._renewals = RenewalsFolder(folder / "state", time.monotonic)
        self._adopt = adopt
        self._wake = threading.Event()
        self._anew = False
        self._has_ended = False
        self._has_looked = asyncio.Event()
        self._looking_since: float | None = None
        self._minder: asyncio.TimerHandle | None = None
        self._has_told = False
        self._is_no_folder = False
        """Whether the last look found something else in the folder's place."""

    async def start(self) -> None:
        """Returns after the first look, or after `FIRST_LOOK_SECONDS` without one. Raises SettingsError for no folder."""
        loop = asyncio.get_running_loop()
        # A daemon: the process may end while a look hangs.
        threading.Thread(target=self._run, args=(loop,), name="certificates", daemon=True).start()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._has_looked.wait(), FIRST_LOOK_SECONDS)
        if self._is_no_folder:
            self.close()
            raise no_folder(self._folder)
        self._mind()

    def look_anew(self) -> None:
        """Read all files now, changed or not."""
        self._anew = True
        self._wake.set()

    def close(self) -> None:
        """Look no more."""
        self._has_ended = True
        self._wake.set()
        if self._minder:
            self._minder.cancel()

    # In the thread.

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        while not self._has_ended:
            anew, self._anew = self._anew, False
            self._looking_since = time.monotonic()
            sight = self._look(anew=anew)
            self._looking_since = None
            try:
                loop.call_soon_threadsafe(self._tell, sight)
            except RuntimeError:  # the loop has ended before this thread
                return
            self._wake.wait(SOON_SECONDS if sight and sight.outlook.unsettled else INTERVAL_SECONDS)
            self._wake.clear()

    def _look(self, *, anew: bool) -> Sight | None:
        try:
            return Sight(self._shelf.look(anew=anew), self._renewals.look())
        except Exception:  # the guard of this thread, which must go on
            logger.exception("looking for certificates failed")
            return None

    # In the event loop.

    def _tell(self, sight: Sight | None) -> None:
        if self._has_ended:
            return
        if self._has_told:
            self._has_told = False
            logger.warning("certificates in %s are looked at again", self._folder)
        if sight:
            self._is_no_folder = sight.outlook.is_no_folder
            self._adopt(sight)
        self._has_looked.set()

    def _mind(self) -> None:
        since = self._looking_since
        if since is not None and time.monotonic() - since >= PATIENCE_SECONDS and not self._has_told:
            self._has_told = True
            logger.warning(
                "the folder of certificates %s does not answer; what serves goes on, and nothing new is seen",
                self._folder,
            )
        self._minder = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, self._mind)
