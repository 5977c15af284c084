"""Laws of the access log, with real pipes and files."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from mesh_gateway.observe.access_log import AccessLog
from tests.observe.exchanges import served

Pipe = tuple[BinaryIO, BinaryIO]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    read_fd, write_fd = os.pipe()
    with os.fdopen(read_fd, "rb") as reader:
        writer = os.fdopen(write_fd, "wb", buffering=0)
        yield reader, writer
        writer.close()


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not true():
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)


def ids(lines: bytes) -> list[str]:
    return [json.loads(line)["requestId"] for line in lines.splitlines()]


def test_lines_come_out_in_order(pipe: Pipe) -> None:
    reader, writer = pipe
    log = AccessLog(writer)
    for i in range(20):
        log.write(served(request_id=str(i)))
    log.close()
    writer.close()
    assert ids(reader.read()) == [str(i) for i in range(20)]
    assert log.dropped == 0


def test_a_line_comes_out_without_waiting_for_more(pipe: Pipe) -> None:
    reader, writer = pipe
    log = AccessLog(writer)
    for i in range(3):
        log.write(served(request_id=str(i)))
        assert ids(reader.readline()) == [str(i)]
    log.close()


def test_a_reader_that_does_not_read_stops_nobody_and_costs_lines_only(pipe: Pipe) -> None:
    reader, writer = pipe
    log = AccessLog(writer, capacity=100)
    started = time.monotonic()
    for i in range(2000):
        log.write(served(request_id=str(i), path="/" * 1000))
    assert time.monotonic() - started < 2
    assert log.dropped > 0
    got: list[bytes] = []
    drain = threading.Thread(target=lambda: got.append(reader.read()))
    drain.start()
    log.close()
    writer.close()
    drain.join(5)
    assert len(ids(got[0])) + log.dropped == 2000


def test_close_gives_up_on_a_blocked_pipe_after_two_seconds(pipe: Pipe) -> None:
    reader, writer = pipe
    log = AccessLog(writer, capacity=500)
    for i in range(500):
        log.write(served(request_id=str(i), path="/" * 1000))
    started = time.monotonic()
    log.close()
    assert 1.5 < time.monotonic() - started < 4
    assert log.dropped > 300
    dropped = log.dropped
    log.close()
    log.write(served())
    assert log.dropped == dropped + 1, "after close a line is dropped, and a second close does nothing"
    os.set_blocking(reader.fileno(), False)
    while log._thread.is_alive():
        reader.read()
        log._thread.join(0.01)


def test_a_pipe_that_somebody_made_non_blocking_loses_nothing(pipe: Pipe) -> None:
    reader, writer = pipe
    os.set_blocking(writer.fileno(), False)
    log = AccessLog(writer)
    for i in range(300):
        log.write(served(request_id=str(i), path="/" * 1000))
    wait_until(lambda: len(log._lines) < 300)
    got: list[bytes] = []
    drain = threading.Thread(target=lambda: got.append(reader.read()))
    drain.start()
    log.close()
    writer.close()
    drain.join(5)
    assert ids(got[0]) == [str(i) for i in range(300)]
    assert log.dropped == 0


def test_close_gives_up_on_a_full_non_blocking_pipe_too(pipe: Pipe) -> None:
    reader, writer = pipe
    os.set_blocking(writer.fileno(), False)
    log = AccessLog(writer)
    for i in range(300):
        log.write(served(request_id=str(i), path="/" * 1000))
    log.close()
    wait_until(lambda: not log._thread.is_alive())
    writer.close()
    assert len(ids(reader.read())) + log.dropped == 300


def test_a_reader_that_left_costs_lines_only(pipe: Pipe) -> None:
    reader, writer = pipe
    log = AccessLog(writer)
    reader.close()
    for i in range(50):
        log.write(served(request_id=str(i)))
    log.close()
    assert log.dropped == 50


def test_a_full_disk_costs_lines_only() -> None:
    with Path("/dev/full").open("wb", buffering=0) as stream:
        log = AccessLog(stream)
        for i in range(5):
            log.write(served(request_id=str(i)))
            wait_until(lambda: log.dropped > 0)
        log.close()
    assert log.dropped == 5


def test_a_line_torn_by_a_full_disk_does_not_take_the_next_with_it(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as stream:
        log = AccessLog(stream)
        log.close()
        disk = Disk(stream.fileno(), room=10)
        log._write_some = disk.write  # type: ignore[method-assign]  # the stand-in for a disk
        log._write_chunk(b"one\ntwo\nthree\n")
        log._write_chunk(b"four\n")
        disk.room = 1000
        log._write_chunk(b"five\n")
        log._write_chunk(b"six\n")
    assert (tmp_path / "log").read_bytes() == b"one\ntwo\nth\nfive\nsix\n"
    assert log.dropped == 2


class Disk:
    """A file on a disk with little room: like write(2) it takes what fits, and has no space for the rest."""

    def __init__(self, fd: int, room: int) -> None:
        self.fd = fd
        self.room = room

    def write(self, part: bytes) -> int:
        if not self.room:
            raise OSError(28, "No space left on device")
        written = os.write(self.fd, part[: self.room])
        self.room -= written
        return written


def test_lines_of_several_workers_on_one_pipe_stay_whole(pipe: Pipe) -> None:
    reader, writer = pipe
    logs = [AccessLog(writer) for _ in range(4)]
    got: list[bytes] = []
    drain = threading.Thread(target=lambda: got.append(reader.read()))
    drain.start()
    for i in range(300):
        for worker, log in enumerate(logs):
            log.write(served(request_id=f"{worker}-{i}", path="/" * (i * 7)))
    for log in logs:
        log.close()
    writer.close()
    drain.join(5)
    assert sorted(ids(got[0])) == sorted(f"{worker}-{i}" for worker in range(4) for i in range(300))
