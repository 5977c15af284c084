"""What does a server cost? Processor time and memory of a process and all that descend from it, by /proc."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """A tree of processes at a moment."""

    cpu_seconds: float
    """utime + stime since each of them started."""
    memory_bytes: int
    """PSS: resident memory, what processes share counted once (proc(5), smaps_rollup)."""


def usage(root: int, proc: Path = PROC) -> Usage:
    """Of the tree under `root`; what has ended in the meantime counts nothing."""
    pids = tree(root, proc)
    return Usage(sum(_cpu_seconds(pid, proc) for pid in pids), sum(_memory_bytes(pid, proc) for pid in pids))


def tree(root: int, proc: Path = PROC) -> list[int]:
    """`root` and its descendants, those that are alive."""
    children: dict[int, list[int]] = {}
    for pid in _pids(proc):
        if stat := _stat(pid, proc):
            children.setdefault(int(stat[1]), []).append(pid)
    found = [root]
    for pid in found:  # it grows while it is walked
        found.extend(children.get(pid, ()))
    return found


def _pids(proc: Path) -> Iterator[int]:
    return (int(path.name) for path in proc.iterdir() if path.name.isdecimal())


def _cpu_seconds(pid: int, proc: Path) -> float:
    stat = _stat(pid, proc)
    return (int(stat[11]) + int(stat[12])) / _TICKS if stat else 0.0


def _stat(pid: int, proc: Path) -> list[str]:
    """The fields of proc(5) stat from the third on: the second, the name, may hold blanks and brackets."""
    try:
        return (proc / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _memory_bytes(pid: int, proc: Path) -> int:
    try:
        lines = (proc / str(pid) / "smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:")), 0)
