"""How many workers are there where WORKERS says nothing? As many as this process may use cores."""

import os
from math import ceil
from pathlib import Path

CPU_MAX = Path("/sys/fs/cgroup/cpu.max")
"""A container's share of the processors: `200000 100000` are two of them (cgroup v2), `max` is no limit."""


def usable_cores(cpu_max: Path = CPU_MAX) -> int:
    """Cores that the scheduler may use for this process, a container's share rounded up."""
    allowed = len(os.sched_getaffinity(0))
    try:
        quota, period = cpu_max.read_text(encoding="ascii").split()
        return allowed if quota == "max" else max(1, min(allowed, ceil(int(quota) / int(period))))
    except (OSError, ValueError, ZeroDivisionError):  # another system, cgroup v1: no word of a share
        return allowed
