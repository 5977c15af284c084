"""How is a TXT value written to a name server that takes dynamic updates (RFC 2136, signed by RFC 8945)?"""

import binascii
from dataclasses import dataclass, field

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.update

from acme_client.errors import AcmeError, ErrorKind
from acme_client.name_servers import Endpoint
from acme_client.providers.provider import Entry
from acme_client.providers.variables import Variables, seconds

_ALGORITHMS = {
    str(name).rstrip("."): name
    for name in (
        dns.tsig.HMAC_SHA1,
        dns.tsig.HMAC_SHA224,
        dns.tsig.HMAC_SHA256,
        dns.tsig.HMAC_SHA384,
        dns.tsig.HMAC_SHA512,
    )
}
_TTL_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Rfc2136:
    """The primary server of a zone, and the key that may change its challenge records."""

    server: Endpoint
    key: dns.tsig.Key | None = field(repr=False)
    """None where the server allows this machine by its address."""
    timeout_seconds: float = 10.0
    propagation_seconds: float = 30.0
    """Notify and transfer to the secondaries."""

    def add(self, entry: Entry) -> None:
        update = self._update(entry)
        update.add(entry.name, _TTL_SECONDS, "TXT", _quoted(entry.value))
        self._send(update, f"add a TXT value at {entry.name}")

    def remove(self, entry: Entry) -> None:
        update = self._update(entry)
        update.delete(entry.name, "TXT", _quoted(entry.value))
        self._send(update, f"remove a TXT value at {entry.name}")

    def _update(self, entry: Entry) -> dns.update.UpdateMessage:
        return dns.update.UpdateMessage(self._zone(entry.name), keyring=self.key)

    def _zone(self, name: str) -> dns.name.Name:
        """The zone of `name` as this server has it: a hidden primary may know more than the public DNS.

        Whether the name exists or not, an authoritative server adds the SOA record of its zone (RFC 2308 3).
        """
        question = dns.message.make_query(name, "SOA", flags=dns.flags.Flag(0))
        if self.key:
            question.use_tsig(self.key)
        doing = f"find the zone of {name}"
        answer = self._exchange(question, doing)
        for rrset in (*answer.answer, *answer.authority):
            if rrset.rdtype == dns.rdatatype.SOA and answer.flags & dns.flags.AA:
                return rrset.name
        text = self._failed(doing, f"it does not speak for that zone ({dns.rcode.to_text(answer.rcode())})")
        raise AcmeError(ErrorKind.DNS_PROVIDER, text)

    def _send(self, update: dns.update.UpdateMessage, doing: str) -> None:
        rcode = self._exchange(update, doing).rcode()
        if rcode == dns.rcode.NOERROR:
            return
        name = dns.rcode.to_text(rcode)
        if rcode in {dns.rcode.REFUSED, dns.rcode.NOTAUTH}:
            text = self._failed(
                doing, f"it says {name}: {self._who} may not do that; see update-policy in its configuration"
            )
            raise AcmeError(ErrorKind.DNS_CREDENTIALS, text)
        raise AcmeError(ErrorKind.DNS_PROVIDER, self._failed(doing, f"it says {name}"))

    def _exchange(self, message: dns.message.Message, doing: str) -> dns.message.Message:
        """Question and answer over TCP, since an update that is lost may not be sent twice blindly (RFC 2136 7.16)."""
        try:
            address = self.server.addresses()[0]
            return dns.query.tcp(message, address, timeout=self.timeout_seconds, port=self.server.port)
        except dns.tsig.PeerBadTime as error:
            text = self._failed(doing, "the clocks of this machine and of the server differ too much for a signature")
            raise AcmeError(ErrorKind.DNS_CREDENTIALS, text) from error
        except (dns.tsig.PeerError, dns.tsig.BadSignature, dns.tsig.BadKey, dns.message.UnknownTSIGKey) as error:
            text = self._failed(doing, f"it does not accept {self._who}: {_objection(error)}")
            raise AcmeError(ErrorKind.DNS_CREDENTIALS, text) from error
        except dns.exception.Timeout as error:
            why = f"it did not answer within {self.timeout_seconds:g} s (RFC2136_DNS_TIMEOUT)"
            raise AcmeError(ErrorKind.DNS_PROVIDER, self._failed(doing, why)) from error
        except (dns.exception.DNSException, OSError, EOFError) as error:
            raise AcmeError(ErrorKind.DNS_PROVIDER, self._failed(doing, _word(error))) from error

    def _failed(self, doing: str, why: str) -> str:
        return f"The name server {self.server} (RFC2136_NAMESERVER) was asked to {doing}, but {why}"

    @property
    def _who(self) -> str:
        return (
            f"the key {str(self.key.name).rstrip('.')} (RFC2136_TSIG_KEY)" if self.key else "this machine without a key"
        )


def rfc2136(variables: Variables) -> Rfc2136:
    """By RFC2136_NAMESERVER, RFC2136_TSIG_KEY, _SECRET, _ALGORITHM and RFC2136_DNS_TIMEOUT, as lego names them."""
    variables.required("RFC2136_NAMESERVER", "the zone's primary server, host or host:port")
    server = variables.parsed("RFC2136_NAMESERVER", "", Endpoint.parse, "the zone's primary server, host or host:port")
    timeout_seconds = variables.parsed("RFC2136_DNS_TIMEOUT", "10", seconds, "a number of seconds")
    return Rfc2136(server, _key(variables), timeout_seconds)


def _key(variables: Variables) -> dns.tsig.Key | None:
    if not variables.text("RFC2136_TSIG_KEY"):
        if variables.text("RFC2136_TSIG_SECRET"):
            text = "RFC2136_TSIG_KEY is not set but wants the name of the key whose secret RFC2136_TSIG_SECRET holds"
            raise AcmeError(ErrorKind.DNS_CREDENTIALS, text)
        return None
    wants = f"one of {', '.join(_ALGORITHMS)}"
    algorithm = variables.parsed("RFC2136_TSIG_ALGORITHM", "hmac-sha256", _algorithm, wants)
    name = variables.parsed("RFC2136_TSIG_KEY", "", _key_name, "the name of a key")
    secret = variables.required("RFC2136_TSIG_SECRET", "the secret of RFC2136_TSIG_KEY in base64")
    try:
        return dns.tsig.Key(name, binascii.a2b_base64(secret.encode(), strict_mode=True), algorithm)
    except ValueError:  # its text and context would show the secret
        text = "RFC2136_TSIG_SECRET is no base64; it wants the secret as tsig-keygen prints it"
        raise AcmeError(ErrorKind.DNS_CREDENTIALS, text) from None


def _key_name(text: str) -> dns.name.Name:
    try:
        return dns.name.from_text(text)
    except dns.exception.DNSException as error:
        raise ValueError(text) from error


def _algorithm(text: str) -> dns.name.Name:
    name = text.lower().rstrip(".")
    if name not in _ALGORITHMS:
        raise ValueError(text)
    return _ALGORITHMS[name]


def _quoted(value: str) -> str:
    return f'"{value}"'


def _objection(error: Exception) -> str:
    """Which setting is to be looked at (RFC 8945 5.2): the name and algorithm of a key count before its signature does."""
    match error:
        case dns.tsig.PeerBadKey() | dns.tsig.BadKey() | dns.message.UnknownTSIGKey():
            return "it knows no such key with RFC2136_TSIG_ALGORITHM; check that and RFC2136_TSIG_KEY"
        case dns.tsig.PeerBadSignature() | dns.tsig.BadSignature():
            return "its secret is another one than RFC2136_TSIG_SECRET"
        case _:
            return f"{_word(error)}; check RFC2136_TSIG_KEY, RFC2136_TSIG_SECRET and RFC2136_TSIG_ALGORITHM"


def _word(error: Exception) -> str:
    match error:
        case EOFError():  # dnspython 2, when TCP is closed before the answer is whole
            return "it closed the connection without an answer"
        case OSError():
            return error.strerror or str(error)
        case _:
            return str(error).rstrip(".") or type(error).__name__
