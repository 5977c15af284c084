"""Is a file read in bounds, and does what is no file hold nobody up? Real pipes, folders and sockets."""

import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from acme_client.regular_file import read_regular


def bound_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


MAKES: dict[str, tuple[Callable[[Path], object], int]] = {
    "a pipe": (os.mkfifo, errno.EINVAL),
    "a folder": (Path.mkdir, errno.EINVAL),
    "a device": (lambda path: path.symlink_to("/dev/zero"), errno.EINVAL),
    "a socket": (bound_socket, errno.ENXIO),
    "a link to itself": (lambda path: path.symlink_to(path), errno.ELOOP),
    "nothing": (lambda _path: None, errno.ENOENT),
}


@pytest.mark.parametrize(("make", "number"), MAKES.values(), ids=MAKES)
def test_what_is_no_file_is_refused(tmp_path: Path, make: Callable[[Path], object], number: int) -> None:
    make(tmp_path / "a")
    before = open_files()
    with pytest.raises(OSError, match=r"/a'$") as caught:
        read_regular(tmp_path / "a", 10)
    assert (caught.value.errno, caught.value.filename) == (number, str(tmp_path / "a"))
    assert open_files() <= before  # of other tests some may be closed meanwhile


def test_a_file_is_read_up_to_the_bound_through_a_link_as_well(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"0123456789")
    (tmp_path / "link").symlink_to("a")
    assert read_regular(tmp_path / "a", 4) == b"0123"
    assert read_regular(tmp_path / "link", 100) == b"0123456789"
