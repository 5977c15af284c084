"""Who holds a lock, and is it known to be dead? Only a process of this machine can be known to be."""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_MOST_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Holder:
    """A process, as it is written into the lock's file."""

    token: str
    """Drawn anew for every holding."""
    host: str
    pid: int
    realm: str
    """The boot and the space in which `pid` means this process; empty where the system does not say."""
    started: str
    """When the process was started, in the kernel's ticks: a pid is given out again."""

    @classmethod
    def here(cls) -> Self:
        """This process."""
        pid = os.getpid()
        return cls(secrets.token_hex(8), os.uname().nodename, pid, _realm(), _start_of(pid))

    @classmethod
    def read(cls, content: bytes) -> Self | None:
        """The holder that a lock's file names; None when it names none (it is being written, or is another's)."""
        try:
            read = json.loads(content.splitlines()[0])
            texts = [str(read[key]) for key in ("token", "host", "realm", "started")]
            return cls(texts[0], texts[1], int(read["pid"]), texts[2], texts[3])
        except (ValueError, KeyError, TypeError, IndexError):
            return None

    def content(self, beat: int) -> bytes:
        """What the lock's file holds at a beat of its heart."""
        return f"{json.dumps(asdict(self))}\n{beat}\n".encode()[:_MOST_BYTES]

    @property
    def is_known_dead(self) -> bool:
        """Whether it was a process of this very machine that has ended; of another machine's nothing is known."""
        return bool(self.realm) and self.realm == _realm() and _start_of(self.pid) != self.started

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


def _realm() -> str:
    # A container's pids are its own, and it may have the host's name: the namespace tells them apart.
    try:
        return f"{_BOOT.read_text().strip()} {Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


def _start_of(pid: int) -> str:
    """proc(5): field 22 of stat, empty for one that has ended, though nobody has asked yet how (a zombie, field 3).

    The second field, the command's name, may hold blanks and parentheses.
    """
    try:
        told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if told[0] in "ZX" else told[19]
    except (OSError, IndexError):
        return ""
