"""Are there descriptors for as many connections as are allowed? Out of them, a process cannot even refuse."""

import logging
import resource

logger = logging.getLogger(__name__)

# What is open besides: the API's connections, logs, certificates while they are read, listeners.
RESERVE = 256


def open_files_for(connections: int) -> int:
    """How many client connections there is room for, each with one upstream; at most `connections`.

    Raises the process's soft limit as far as it may.
    """
    wanted = 2 * connections + RESERVE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    places = max(1, (soft - min(RESERVE, soft // 2)) // 2)
    logger.warning(
        "MAX_CONNECTIONS is %d, but with %d open files there is room for %d: raise the limit of open files (ulimit -n)",
        connections,
        soft,
        places,
    )
    return places
