"""What did the supervisor leave to this worker? Sockets to listen on, a number, a folder, and a pipe to speak over.

`scripts/run` starts workers with it (`launch/place.py`); mitmdump started alone has none of it and binds its ports
itself. The variables are between the two and no settings.
"""

import logging
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Inheritance:
    """Descriptors become socket objects at the first use, which closes them when it is over."""

    sockets: dict[int, list[int]]
    """Port -> descriptors of sockets that are bound to it; taken out when used."""
    number: str | None
    """What this worker is called in metrics, where there may be others."""
    folder: Path | None
    """Where the workers find each other."""
    pipe: int | None

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """What the variables tell."""
        folder, pipe = environment.get("GATEWAY_FOLDER"), environment.get("GATEWAY_TELL")
        return cls(
            _parse(environment.get("GATEWAY_SOCKETS", "")),
            environment.get("GATEWAY_WORKER"),
            Path(folder) if folder else None,
            int(pipe) if pipe else None,
        )

    @property
    def title(self) -> str:
        """What log lines begin with, where there may be others."""
        return f"worker {self.number}: " if self.number is not None else ""

    def take(self, port: int) -> list[socket.socket]:
        """The sockets for a port; none where there are none, or none any more."""
        return [socket.socket(fileno=descriptor) for descriptor in self.sockets.pop(port, ())]

    def give_up(self) -> None:
        """Close the sockets that nobody has taken."""
        for port in tuple(self.sockets):
            for unused in self.take(port):
                unused.close()

    def tell(self, word: str) -> None:
        """Let the supervisor know, if there is one."""
        if self.pipe is not None:
            with suppress(OSError):  # it has gone
                os.write(self.pipe, f"{word}\n".encode())


@cache
def inheritance() -> Inheritance:
    """This process's."""
    own = Inheritance.of(os.environ)
    for descriptor in (*(each for several in own.sockets.values() for each in several), own.pipe):
        if descriptor is not None:
            os.set_inheritable(descriptor, False)  # not for what is started from here
    return own


def _parse(text: str) -> dict[int, list[int]]:
    """`8080=5+6,9180=7`."""
    pairs = (part.split("=") for part in text.split(",") if part)
    return {int(port): [int(descriptor) for descriptor in descriptors.split("+")] for port, descriptors in pairs}
