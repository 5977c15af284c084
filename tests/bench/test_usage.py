"""What does a tree of processes use? A folder that looks like /proc."""

import os
from pathlib import Path

from bench.usage import Usage, tree, usage

TICK = os.sysconf("SC_CLK_TCK")


def has(
    proc: Path, pid: int, parent: int, name: str, *, user: int = 0, system: int = 0, pss: int | None = None
) -> None:
    """A process with its times in seconds and its PSS in KiB."""
    folder = proc / str(pid)
    folder.mkdir()
    before = " ".join(["0"] * 9)
    (folder / "stat").write_text(f"{pid} ({name}) S {parent} {before} {user * TICK} {system * TICK} 0 0 20 0 1\n")
    if pss is not None:
        (folder / "smaps_rollup").write_text(
            f"5-7 ---p 0 00:00 0 [rollup]\nRss: 9999 kB\nPss: {pss} kB\nPss_Anon: 1 kB\n"
        )


def test_children_and_their_children_count_and_others_do_not(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    has(tmp_path, 10, 1, "master", user=1, pss=100)
    has(tmp_path, 11, 10, "worker", user=2, system=3, pss=200)
    has(tmp_path, 12, 11, "child) S 1 (", system=4, pss=300)
    has(tmp_path, 13, 1, "stranger", user=50, pss=5000)
    assert tree(10, tmp_path) == [10, 11, 12]
    assert usage(10, tmp_path) == Usage(cpu_seconds=10.0, memory_bytes=600 << 10)


def test_what_has_just_ended_counts_nothing(tmp_path: Path) -> None:
    has(tmp_path, 10, 1, "master", user=1)
    assert usage(10, tmp_path) == Usage(1.0, 0)
    assert usage(99, tmp_path) == Usage(0.0, 0)


def test_this_process_uses_something() -> None:
    found = usage(os.getpid())
    assert found.cpu_seconds > 0
    assert found.memory_bytes > 1 << 20
