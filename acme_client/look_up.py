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
            raise LookUpError(f"{kind} of {name}: {self._told(error)}") from error
        if answer.rrset is None or (not aliases and answer.canonical_name != answer.qname):
            return ()
        return tuple(answer.rrset)

    def _told(self, error: Exception) -> str:
        """What each resolver did, once, however often it was asked."""
        match error:
            case dns.resolver.LifetimeTimeout() | dns.resolver.NoNameservers():
                said = (_said(server, fault, self._seconds) for server, _, _, fault, _ in error.kwargs["errors"])
                told = "; ".join(dict.fromkeys(said)) or f"no resolver answered within {self._seconds:g} s"
            case _:
                told = str(error) or type(error).__name__
        return f"{told} (DNS_RESOLVERS)" if self._servers else told

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


def _said(server: str, fault: object, seconds: float) -> str:
    """One resolver's fault, out of dnspython's trace: `Do53:192.0.2.1@53`, and an exception or the name of an rcode."""
    name = server.removeprefix("Do53:").replace("@", " port ").removesuffix(" port 53")
    match fault:
        case dns.exception.Timeout():
            return f"{name} did not answer within {seconds:g} s"
        case OSError():
            return f"{name} cannot be reached: {fault.strerror or fault}"
        case _:
            return f"{name} answered {fault}"
