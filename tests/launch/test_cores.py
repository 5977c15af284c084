"""Does a container's share of the processors count?"""

import os
from pathlib import Path

import pytest

from launch.cores import usable_cores

ALL = len(os.sched_getaffinity(0))

CASES = {
    "no limit": ("max 100000", ALL),
    "half a core": ("50000 100000", 1),
    "one and a bit": ("110000 100000", min(2, ALL)),
    "more than there are": ("99900000 100000", ALL),
    "not to be read": ("?", ALL),
}


@pytest.mark.parametrize(("text", "cores"), CASES.values(), ids=CASES)
def test_a_share_is_rounded_up(tmp_path: Path, text: str, cores: int) -> None:
    cpu_max = tmp_path / "cpu.max"
    cpu_max.write_text(f"{text}\n")
    assert usable_cores(cpu_max) == cores


def test_without_a_share_all_cores_of_the_process_count(tmp_path: Path) -> None:
    assert usable_cores(tmp_path / "missing") == ALL
