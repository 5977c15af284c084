"""Which addresses are this machine's own, so that a route to one of them would be a loop?"""

import re
import socket
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

_KERNEL = Path("/proc/net")
# fib_trie names an address on one line and says on the next that it is this machine's.
_LOCAL_IPV4 = re.compile(r"\|-- (\S+)\n\s+/32 host LOCAL")


def own_addresses(kernel: Path = _KERNEL) -> frozenset[str]:
    """Canonical literals of all interfaces. Where the kernel has no such tables (not Linux), of the host's name."""
    found = frozenset((*_ipv4(kernel / "fib_trie"), *_ipv6(kernel / "if_inet6")))
    return found or frozenset(_of_host_name())


def _ipv4(table: Path) -> Iterator[str]:
    if table.exists():
        yield from _LOCAL_IPV4.findall(table.read_text())


def _ipv6(table: Path) -> Iterator[str]:
    if table.exists():
        for line in table.read_text().splitlines():
            yield str(ip_address(bytes.fromhex(line.split()[0])))


def _of_host_name() -> Iterator[str]:
    try:
        for *_, address in socket.getaddrinfo(socket.gethostname(), None):
            yield str(address[0]).partition("%")[0]
    except OSError:
        return
