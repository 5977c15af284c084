"""What does the DNS say about a name, as a resolver sees it?"""

from collections.abc import Sequence

import dns.exception
import dns.nameserver
import dns.rdata
import dns.resolver

from acme_client.name_servers import Endpoint

_SECONDS = 10.0
"""For one question, all resolvers and repetitions together."""
Records = tuple[dns.rdata.Rdata, ...]


class LookUpError(Exception):
    """A question that no resolver answered. The text names it and says what they did instead."""


class Resolver:
    """Asks resolvers: those of the system, or those that DNS_RESOLVERS names."""

    def __init__(self, servers: Sequence[Endpoint] = (), *, seconds: float = _SECONDS) -> None:
        self._servers = tuple(servers)
        self._seconds = seconds

    def records(self, name: str, kind: str, *, aliases: bool = True) -> Records:
        """The records of that type, behind aliases unless those are not wanted; empty for a name that has none.

        Raises LookUpError when that cannot be found out (SERVFAIL, no answer).
        """
        try:
            answer = self._resolver().resolve(
                name, kind, search=False, raise_on_no_answer=False, lifetime=self._seconds
            )
        except dns.resolver.NXDOMAIN:
            return ()
        except (dns.exception.DNSException, OSError) as error:
            raise LookUpError(f"{kind} of {name}: {error}") from error
        if answer.rrset is None or (not aliases and answer.canonical_name != answer.qname):
            return ()
        return tuple(answer.rrset)

    def _resolver(self) -> dns.resolver.Resolver:
        """A new one each time: resolv.conf may have changed since, and an old one's cache must not be believed."""
        if not self._servers:
            return dns.resolver.Resolver()
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = [
            dns.nameserver.Do53Nameserver(address, server.port)
            for server in self._servers
            for address in server.addresses()
        ]
        return resolver
