"""What does a real name server hold? BIND, a primary that takes signed updates and its secondary, on loopback.

Both listen on one high port, each on an address of its own, so that NS records lead to them as they do on port 53. BIND
listens on addresses that an interface bears and no others, which on loopback are one of IPv4 and one of IPv6.
The primary also answers as the resolver (`recursion yes`), which CNAMEs from one zone to another need.
"""

import base64
import contextlib
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.query
import dns.rdatatype

from acme_client.name_servers import Endpoint
from tests.rig.ports import free_port

PRIMARY, SECONDARY, NOBODY = "127.0.0.1", "::1", "127.53.0.9"
KEY_NAME = "gateway"
_READY_SECONDS = 10.0
_STEP_SECONDS = 0.05
NAMED = shutil.which("named", path="/usr/sbin:/usr/bin:/usr/local/sbin")

_HEAD = """\
$TTL 1
@ IN SOA ns1.test. hostmaster.test. (1 3600 600 86400 0)
@ IN NS ns1.test.
"""
_TWO_SERVERS = "@ IN NS ns2.test.\n"

# fmt: off
ZONES = {
    # without a root of its own it would ask the real ones
    ".": f"""
        test. IN NS ns1.test.
        ns1.test. IN A {PRIMARY}
        lame.lab. IN NS ns1.test.
        """,
    # the parent of all, and the servers' own names
    "test": f"""
        ns1 IN A {PRIMARY}
        ns2 IN AAAA {SECONDARY}
        silent-ns IN A {NOBODY}
        bare-ns IN TXT "no address"
        example IN NS ns1
        sub.example IN NS ns1
        _acme-challenge.alias IN CNAME alias.challenges.test.
        _acme-challenge.far IN CNAME hop.test.
        hop IN CNAME far.challenges.test.
        _validation-persist.persist IN TXT "authority.example;" " accounturi=https://ca.example/acct/123; policy=wildcard"
        _acme-challenge.loop IN CNAME round.test.
        round IN CNAME _acme-challenge.loop.test.
        """ + "\n".join(f"long{n} IN CNAME long{n + 1}" for n in range(12)),
    "example.test": _TWO_SERVERS + '_acme-challenge IN TXT "a stranger\'s value"\n',
    "sub.example.test": _TWO_SERVERS,
    "example.co.test": _TWO_SERVERS,
    "challenges.test": _TWO_SERVERS,
    "slow.test": _TWO_SERVERS,
    "silent.test": "@ IN NS silent-ns.test.\n",
    "lame.lab": _TWO_SERVERS,
    "bare.test": "@ IN NS bare-ns.test.\n",
    "caa.test": """
        @ IN CAA 0 issue "ca.example"
        wild IN CAA 0 issue "other.example"
        wild IN CAA 0 issuewild "ca.example"
        nowild IN CAA 0 issue "ca.example"
        nowild IN CAA 0 issuewild ";"
        other IN CAA 0 issue "other.example; account=5"
        mail IN CAA 0 iodef "mailto:x@caa.test"
        critical IN CAA 128 unheardof "x"
        account IN CAA 0 issue "ca.example; accounturi=https://ca.example/acct/1; validationmethods=dns-01"
        alias IN CNAME other
        """,
}
# fmt: on
TRANSFERRED = ("test", "example.test", "sub.example.test", "example.co.test", "challenges.test", "slow.test")
"""What the secondary has as well; of slow.test it is never told."""
UPDATED = (
    "example.test",
    "sub.example.test",
    "example.co.test",
    "challenges.test",
    "slow.test",
    "silent.test",
    "lame.lab",
    "bare.test",
)
"""What the key may change: TXT records named _acme-challenge, and any in challenges.test."""


@dataclass(frozen=True, slots=True)
class Bind:
    """Two name servers that run."""

    port: int
    secret: str = field(repr=False)

    @property
    def primary(self) -> Endpoint:
        return Endpoint(PRIMARY, self.port)

    @property
    def secondary(self) -> Endpoint:
        return Endpoint(SECONDARY, self.port)

    @property
    def environment(self) -> dict[str, str]:
        """The settings that lead the program here."""
        return {
            "DNS_PROVIDER": "rfc2136",
            "DNS_RESOLVERS": str(self.primary),
            "RFC2136_NAMESERVER": str(self.primary),
            "RFC2136_TSIG_KEY": KEY_NAME,
            "RFC2136_TSIG_SECRET": self.secret,
            "RFC2136_TSIG_ALGORITHM": "hmac-sha256",
        }

    def texts(self, name: str, server: Endpoint | None = None) -> set[str]:
        """The TXT values that a server, the primary if none is named, has for a name."""
        answer = _asked(server or self.primary, name, "TXT")
        found = (record for rrset in answer.answer if rrset.rdtype == dns.rdatatype.TXT for record in rrset)
        return {b"".join(record.strings).decode() for record in found}

    def tell_secondary(self, zone: str) -> None:
        """A NOTIFY (RFC 1996) in the primary's name, so that the secondary fetches the zone now."""
        notice = dns.message.make_query(zone, "SOA", flags=dns.flags.AA)
        notice.set_opcode(dns.opcode.NOTIFY)
        dns.query.udp(notice, SECONDARY, timeout=2, port=self.port)


@contextlib.contextmanager
def bind(folder: Path) -> Iterator[Bind]:
    """Starts both servers in `folder`, which must be empty, and ends them."""
    rig = Bind(free_port(), base64.b64encode(secrets.token_bytes(32)).decode())
    with contextlib.ExitStack() as servers:
        servers.enter_context(_named(folder / "primary", _primary(rig)))
        _await(rig.primary, "example.test")
        servers.enter_context(_named(folder / "secondary", _secondary(rig)))
        _await(rig.secondary, *TRANSFERRED)
        yield rig


@contextlib.contextmanager
def _named(folder: Path, configuration: str) -> Iterator[None]:
    folder.mkdir(parents=True)
    for zone, records in ZONES.items():
        lines = (line.strip() for line in (_HEAD + records).splitlines())
        (folder / _file(zone)).write_text("\n".join(lines) + "\n")
    (folder / "named.conf").write_text(configuration)
    assert NAMED, "BIND's named is needed (Debian: bind9)"
    with (folder / "named.log").open("wb") as log:
        process = subprocess.Popen(
            [NAMED, "-g", "-n", "1", "-c", "named.conf"], cwd=folder, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(_READY_SECONDS)


def _primary(rig: Bind) -> str:
    listen = f"listen-on port {rig.port} {{ {PRIMARY}; }}; listen-on-v6 {{ none; }};"
    zones = (
        f'zone "{zone}" {{ type primary; file "{_file(zone)}"; {_policy(zone)} {_notify(rig, zone)} }};\n'
        for zone in ZONES
    )
    # a zone that cannot be fetched is answered with SERVFAIL
    broken = f'zone "broken.test" {{ type secondary; file "broken"; primaries {{ {NOBODY} port {rig.port}; }}; }};\n'
    return _options(rig, listen, "recursion yes; allow-recursion { any; }; max-ncache-ttl 0;") + "".join(zones) + broken


def _secondary(rig: Bind) -> str:
    listen = f"listen-on {{ none; }}; listen-on-v6 port {rig.port} {{ {SECONDARY}; }};"
    zones = (
        f'zone "{zone}" {{ type secondary; file "{zone}.copy"; primaries {{ {PRIMARY} port {rig.port}; }};'
        " allow-update-forwarding { any; }; };\n"
        for zone in TRANSFERRED
    )
    return _options(rig, listen, "recursion no; allow-notify { any; }; min-refresh-time 1;") + "".join(zones)


def _options(rig: Bind, listen: str, further: str) -> str:
    """In its own folder, without a control channel, and quick to tell and to fetch."""
    return (
        f'options {{ directory "."; {listen} pid-file none; session-keyfile none; dnssec-validation no;'
        f" check-integrity no; notify-delay 0; notify-rate 1000; startup-notify-rate 1000; serial-query-rate 1000;"
        f" {further} }};\n"
        "controls { };\n"
        f'key "{KEY_NAME}" {{ algorithm hmac-sha256; secret "{rig.secret}"; }};\n'
    )


def _file(zone: str) -> str:
    return f"{zone.strip('.') or 'root'}.zone"


def _policy(zone: str) -> str:
    match zone:
        case "challenges.test":
            return f"update-policy {{ grant {KEY_NAME}. zonesub TXT; }};"
        case _ if zone in UPDATED:
            owners = (f"_acme-challenge.{zone}.", f"_acme-challenge.alice.{zone}.", f"_acme-challenge.app.{zone}.")
            return f"update-policy {{ {' '.join(f'grant {KEY_NAME}. name {owner} TXT;' for owner in owners)} }};"
        case _:
            return ""


def _notify(rig: Bind, zone: str) -> str:
    if zone in TRANSFERRED and zone != "slow.test":
        return f"notify explicit; also-notify {{ {SECONDARY} port {rig.port}; }};"
    return "notify no;"


def _await(server: Endpoint, *zones: str) -> None:
    end = time.monotonic() + _READY_SECONDS
    for zone in zones:
        while not _speaks_for(server, zone):
            assert time.monotonic() < end, f"{server} does not serve {zone}"
            time.sleep(_STEP_SECONDS)  # noqa: TID251 - no event loop here


def _speaks_for(server: Endpoint, zone: str) -> bool:
    try:
        return bool(_asked(server, zone, "SOA").flags & dns.flags.AA)
    except (OSError, dns.exception.DNSException):
        return False


def _asked(server: Endpoint, name: str, kind: str) -> dns.message.Message:
    question = dns.message.make_query(name, kind, flags=dns.flags.Flag(0))
    answer, _ = dns.query.udp_with_fallback(question, server.host, timeout=2, port=server.port)
    return answer
