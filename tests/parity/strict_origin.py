"""What does an upstream read that believes nobody? Each connection's bytes, judged by h11."""

from asyncio import StreamReader, StreamWriter
from collections import deque

from tests.parity.oracle import Read, read_one
from tests.rig.listener import Listener

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class StrictOrigin(Listener):
    """Answers every request with an empty 200. `reads` are the requests in the order of their ends."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: deque[Read] = deque()
        self.complaints: list[str] = []
        """What h11 would not read."""
        self._under_way: dict[int, Read] = {}

    @property
    def all(self) -> list[Read]:
        """Whole requests first, then those that have begun."""
        return [*self.reads, *self._under_way.values()]

    def forget(self) -> None:
        self.reads.clear()
        self._under_way.clear()
        self.complaints.clear()

    async def serve(self, reader: StreamReader, writer: StreamWriter, connection: int) -> None:
        data = b""
        while piece := await reader.read(1 << 16):
            data += piece
            while data:
                read, left, complaint = read_one(data)
                if complaint:
                    self.complaints.append(f"{complaint}: {data!r}")
                    return
                if read is None or not read.is_whole:
                    if read:
                        self._under_way[connection] = read
                    break
                self._under_way.pop(connection, None)
                self.reads.append(read)
                data = left
                writer.write(_ANSWER)
                await writer.drain()
