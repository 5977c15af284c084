"""Are there descriptors for as much as is allowed? Out of them, a process cannot even refuse."""

import logging
import resource
from dataclasses import dataclass

logger = logging.getLogger(__name__)

# What is open besides: the API's connections, logs, certificates while they are read, listeners, and what was accepted
# in one go before it could be refused.
RESERVE = 256
# Upstream connections that wait for a further request.
MAX_IDLE = 2048


@dataclass(frozen=True, slots=True)
class Room:
    """How much may be open at a time. Each exchange has an upstream connection, each client connection may keep one."""

    connections: int
    exchanges: int
    idle: int

    @property
    def upstreams(self) -> int:
        return max(self.connections, self.exchanges + self.idle)


def room_for(connections: int, exchanges: int) -> Room:
    """At most so many; less where that is too much for the process's limit, whose soft one is raised as far as it may."""
    room = Room(connections, exchanges, MAX_IDLE)
    wanted = connections + room.upstreams + RESERVE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return room
    fitting = _fit(room, soft - min(RESERVE, soft // 2))
    logger.warning(
        "MAX_CONNECTIONS is %d and MAX_EXCHANGES %d, but with %d open files there is room for %d and %d: "
        "raise the limit of open files (ulimit -n)",
        connections,
        exchanges,
        soft,
        fitting.connections,
        fitting.exchanges,
    )
    return fitting


def _fit(room: Room, files: int) -> Room:
    """Half for clients, half for upstreams; of these most for exchanges."""
    connections = min(room.connections, max(1, files // 2))
    upstreams = files - connections
    exchanges = min(room.exchanges, max(1, upstreams * 2 // 3))
    return Room(connections, exchanges, min(room.idle, max(0, upstreams - exchanges)))
