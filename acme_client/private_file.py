"""How is a file written so that nobody else reads it, and nobody ever sees half of it?"""

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path

FOLDER_MODE = 0o700
FILE_MODE = 0o600
UNFINISHED = ".unfinished"
"""The end of the name of a file that is being written; one that is left over is of a run that died."""


def write_private(path: Path, content: bytes) -> None:
    """Replaces the file whole: written beside, flushed to the disk, then renamed. Raises OSError."""
    os.close(place(path, content))


def place(path: Path, content: bytes, *, prepare: Callable[[int], None] | None = None) -> int:
    """As `write_private`, and hands out the open descriptor. `prepare` gets it before the file bears its name."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}{UNFINISHED}")
    descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        if prepare:
            prepare(descriptor)
        _write_all(descriptor, content)
        os.fsync(descriptor)
        beside.replace(path)
        flush_folder(path.parent)
    except BaseException:
        os.close(descriptor)
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    return descriptor


def flush_folder(folder: Path) -> None:
    """Makes a rename or removal in it last through a crash of the machine (fsync(2)); raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
