"""What did a gateway count between two looks? The looks themselves are counted by it too, and taken off."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.rig.gateway import Gateway
from tests.rig.http1_client import Http1

Samples = defaultdict[str, float]
"""Name and labels, as the page has them -> value."""
_BYTES_SENT = "gateway_response_body_bytes_total"
_BUSY = ("gateway_exchanges_in_flight", "gateway_connections_open")
_OF_TIME = ("_bucket", "_sum", "_created")


@dataclass(frozen=True, slots=True)
class Look:
    """The counters at one moment; `is_calm` when neither request nor connection is under way."""

    counted: Samples
    is_calm: bool

    @property
    def requests(self) -> int:
        """How many requests have ended."""
        return int(sum(value for key, value in self.counted.items() if _name(key) == "gateway_requests_total"))

    def lines_since(self, before: "Look") -> list[str]:
        """What has changed, a line a sample."""
        changes = {key: value - before.counted[key] for key, value in self.counted.items()}
        return sorted(f"{key} {change:+g}" for key, change in changes.items() if change)


@dataclass(slots=True)
class Tally:
    """The counters of one gateway. A look is a request to the admin port, so it costs what `price` says."""

    gateway: Gateway
    price: Mapping[str, float] = field(default_factory=dict)
    _sizes: list[int] = field(default_factory=list)
    """Of the pages that looks were answered with."""
    _calm: tuple[float, ...] = ()

    async def learn(self) -> None:
        """What one look costs; nothing else may go on."""
        await self._scrape()
        before, after = await self._scrape(), await self._scrape()
        self.price = {key: after[key] - before[key] for key in after if key != _BYTES_SENT}
        self._calm = _busy(after)

    async def look(self) -> Look:
        """Everything that is counted."""
        counted = await self._scrape()
        calm = _busy(counted) == self._calm
        *before, _ = self._sizes  # this look is not counted yet
        for key, each in self.price.items():
            counted[key] -= each * len(before)
        counted[_BYTES_SENT] -= sum(before)
        return Look(counted, calm)

    async def _scrape(self) -> Samples:
        async with Http1.connect(self.gateway.admin_port) as client:
            answer = await client.ask("GET", "admin", "/_metrics")
        self._sizes.append(answer.tally.size)
        return _counted(answer.text)


def _counted(page: str) -> Samples:
    """The gateway's own samples but for those of times. Not by the rig's parser: that takes longer than a row."""
    samples = (line.rpartition(" ") for line in page.splitlines() if line.startswith("gateway_"))
    return defaultdict(float, {key: float(value) for key, _, value in samples if not _name(key).endswith(_OF_TIME)})


def _name(key: str) -> str:
    return key.partition("{")[0]


def _busy(samples: Samples) -> tuple[float, ...]:
    return tuple(samples[name] for name in _BUSY)
