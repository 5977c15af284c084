"""What does a client see over HTTP/2? It opens the streams of a script and writes down what becomes of each."""

import asyncio
import contextlib
from dataclasses import dataclass, field

from h2.errors import ErrorCodes

from tests.parity.script import HOST, Ask, Ending, Http2Script
from tests.parity.stage import Stage
from tests.parity.texts import body_text, field_lines
from tests.rig.answer import Answer
from tests.rig.http2_client import Http2, Stream, StreamBrokenError
from tests.rig.patience import PATIENCE_SECONDS

_SLOWLY_SECONDS = 0.2


@dataclass(slots=True)
class Http2Client:
    """One connection; `lines` grow with what is seen, `statuses` with the answers, stream by stream."""

    http2: Http2
    host: str
    stage: Stage
    lines: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    async def play(self, script: Http2Script) -> None:
        """All streams, and a last line on what became of the connection."""
        one_by_one = 1 if script.at_once else len(script.asks)
        for ask in script.asks[:one_by_one]:
            if ask.wakes:
                await self.stage.wake()
            if not self.http2.ended:
                stream = self._open(ask)
                await self._send(ask, stream)
                await self._receive(ask, stream)
        opened = [(ask, self._open(ask)) for ask in script.asks[one_by_one:]]
        await asyncio.gather(*(self._send(ask, stream) for ask, stream in opened))
        for ask, stream in opened:
            await self._receive(ask, stream)
        await self._look_at_end()

    def _open(self, ask: Ask) -> Stream:
        lines = [(name, value.replace(HOST, self.host)) for name, value in ask.lines]
        is_ended = ask.body is None and not ask.trailers and ask.ending is not Ending.RESET
        return self.http2.begin_raw(lines, ended=is_ended, hold=ask.ending is Ending.READ_SLOWLY)

    async def _send(self, ask: Ask, stream: Stream) -> None:
        if ask.ending is Ending.RESET:
            await self.stage.arrived(1)
            self.http2._h2.reset_stream(stream.number, ErrorCodes.CANCEL)
            self.http2._flush()
        elif ask.body is not None or ask.trailers:
            await self.http2.send(stream, [ask.body or b""], trailers=list(ask.trailers))

    async def _receive(self, ask: Ask, stream: Stream) -> None:
        if ask.ending is Ending.RESET:
            self.lines.append(f"stream {stream.number}: reset by the client")
            return
        if ask.ending is Ending.READ_SLOWLY:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await stream.headed.wait()
            await asyncio.sleep(_SLOWLY_SECONDS)
            self.http2.take(stream)
        try:
            await self.http2.answer(stream)
        except StreamBrokenError as error:
            # A stream whose answer is whole may be reset behind it (RFC 9113 8.1); whether that is seen is chance.
            if not (stream.answer and stream.answer.whole):
                self.lines.append(f"stream {stream.number} broke: {error}")
        except TimeoutError:
            self.lines.append(f"stream {stream.number}: silent")
        if stream.answer:
            self.statuses.append(stream.answer.status)
            self.lines += _told(stream.number, stream.answer)

    async def _look_at_end(self) -> None:
        """Is the connection kept? Told by one more request."""
        if not self.http2.ended:
            with contextlib.suppress(StreamBrokenError, TimeoutError):
                await self.http2.ask("GET", self.host, "/_health")
                self.lines.append("connection: kept")
                return
        self.lines.append(f"connection: {self.http2.ended}")


def _told(number: int, answer: Answer) -> list[str]:
    interim = [f"stream {number} interim: {status}" for status in answer.interim]
    body = body_text(bytes(answer.body))
    return [
        *interim,
        f"stream {number} answer: {answer.status}",
        *field_lines(answer.fields),
        f"  body, {body}" if answer.whole else f"  broken off by stream after {body}",
        *("  trailer" + line for line in field_lines(answer.trailers)),
    ]
