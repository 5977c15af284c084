"""What does a file hold? Read in bounds, and never held up by a pipe or a device that somebody put in its place."""

import errno
import os
import stat
from pathlib import Path


def read_regular(path: Path, most_bytes: int) -> bytes:
    """Its first `most_bytes`; who must know whether there are more asks for one more.

    Raises OSError as open(2) does, and with EINVAL for what is there but no regular file.
    """
    # A pipe without a writer would hold open(2) up for good, and a terminal could become this process's own.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with os.fdopen(_checked(descriptor, path), "rb") as file:
        return file.read(most_bytes)


def _checked(descriptor: int, path: Path) -> int:
    """The descriptor of a regular file; any other is closed, which fdopen would not do for a folder's."""
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "it is no regular file", str(path))
