"""How does a certificate come from a CA? One order, from newOrder to the downloaded chain (RFC 8555 7.4)."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import acme.crypto_util
import requests
from acme import messages
from cryptography import x509
from josepy.json_util import field as json_field

from acme_client.account import Account
from acme_client.authorization import Allows, Asked, Proving, Stands, prove
from acme_client.errors import AcmeError, ErrorKind
from acme_client.issued import Issued, check_issued, topmost_issuer
from acme_client.network import RefusedError, making_sense
from acme_client.polling import Polling
from acme_client.private_key import new_key
from acme_client.problems import kind_of, parse_problem, tell
from acme_client.proofs import Prover
from acme_client.settings import KeyType

logger = logging.getLogger(__name__)

DEADLINE_SECONDS = 300.0
MOST_ALTERNATES = 10
_NOT_AFTER_ANOTHER = ("alreadyReplaced", "malformed", "unauthorized")
"""What CAs answer when the certificate to be replaced has a successor, is unknown or another account's (RFC 9773 5)."""


class NewOrder(messages.NewOrder):
    """What acme 5.9 has, and the certificate that this one comes after."""

    replaces: str | None = json_field("replaces", omitempty=True)


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What is asked for."""

    names: tuple[str, ...]
    """A-labels; wildcards begin with `*.`."""
    key_type: KeyType = KeyType.EC256
    profile: str | None = None
    preferred_chain: str | None = None
    """The common name of the topmost issuer; a chain without it does as well when there is no other."""
    replaces: str | None = None
    """Its identifier (RFC 9773 4.1); such orders are exempt from limits."""


def issue(
    account: Account,
    request: OrderRequest,
    prover: Prover,
    *,
    stands: Stands = lambda *_: False,
    allows: Allows = lambda *_: None,
    deadline_seconds: float = DEADLINE_SECONDS,
    known_key: bytes | None = None,
) -> Issued:
    """One certificate, with a new key unless a known one (PEM) is given. Raises AcmeError.

    `deadline_seconds` is what the CA gets to look at the proofs, and again to sign; the time until name servers show
    them is the prover's.
    """
    profile = _profile(account, request.profile)
    key_pem = known_key or new_key(request.key_type)
    csr = x509.load_pem_x509_csr(acme.crypto_util.make_csr(key_pem, list(request.names)))
    with making_sense(account.directory.url):
        order, uri = _new_order(account, request, profile)
        asked = Asked(request.names, tuple(order.authorizations))
    prove(account, asked, Proving(prover, stands, allows), seconds=deadline_seconds)
    with making_sense(account.directory.url):
        url = _finalized(account, uri, csr, Polling(account.network.line, deadline_seconds))
        chain = _download(account, url, request.preferred_chain)
    return check_issued(chain, key_pem, request.names, account.network.line.clock())


def _profile(account: Account, wanted: str | None) -> str | None:
    """A name that the CA does not advertise must not be sent (draft-ietf-acme-profiles 4)."""
    profiles = account.directory.profiles
    if wanted is None or wanted in profiles:
        return wanted
    if not profiles:
        logger.warning("%s has no profiles; ordering without ACME_PROFILE %r", account.directory.url, wanted)
        return None
    text = (
        f"ACME_PROFILE holds {wanted!r} but wants one of those that {account.directory.url} has: {', '.join(profiles)}"
    )
    raise AcmeError(ErrorKind.ORDER_FAILED, text)


def _new_order(account: Account, request: OrderRequest, profile: str | None) -> tuple[messages.Order, str]:
    """The order and its URL."""
    identifiers = [messages.Identifier(typ=messages.IDENTIFIER_FQDN, value=name) for name in request.names]
    # only where the CA knows renewal information (RFC 9773 5)
    replaces = request.replaces if account.directory.renewal_info else None
    url = account.directory.resources["newOrder"]
    wish = NewOrder(identifiers=identifiers, profile=profile, replaces=replaces)
    try:
        response = account.post(url, wish)
    except RefusedError as refusal:
        if replaces is None or refusal.code not in _NOT_AFTER_ANOTHER:
            raise
        logger.info("Ordering without naming the certificate before: %s", refusal)
        response = account.post(url, wish.update(replaces=None))
    return messages.Order.from_json(response.json()), response.headers["Location"]


def _finalized(account: Account, uri: str, csr: x509.CertificateSigningRequest, polling: Polling) -> str:
    """Where the certificate is, once the order is valid (the states of RFC 8555 7.1.6)."""
    is_sent = False
    while True:
        response = account.post(uri)
        order: messages.Order = messages.Order.from_json(response.json())
        match order.status.name:
            case "valid" if order.certificate:
                return str(order.certificate)
            case "invalid":
                raise _failure(order)
            case "ready" if not is_sent:
                account.post(order.finalize, messages.CertificateRequest(csr=csr))
                is_sent = True
            case status:
                polling.pause(response, f"the order is still {status}")


def _download(account: Account, url: str, preferred: str | None) -> bytes:
    response = account.post(url)
    first: bytes = response.content
    if preferred is None or topmost_issuer(first) == preferred:
        return first
    for each in islice(_alternates(response), MOST_ALTERNATES):
        chain: bytes = account.post(each).content
        if topmost_issuer(chain) == preferred:
            return chain
    logger.warning(
        "%s has no chain by %r (ACME_PREFERRED_CHAIN); taking its own choice", account.directory.url, preferred
    )
    return first


def _alternates(response: requests.Response) -> Iterator[str]:
    """RFC 8555 7.4.2. Not `response.links`, which keeps one link of a kind."""
    for link in requests.utils.parse_header_links(response.headers.get("Link", "")):
        if link.get("rel") == "alternate":
            yield link["url"]


def _failure(order: messages.Order) -> AcmeError:
    if order.error is None:
        return AcmeError(ErrorKind.ORDER_FAILED, "The CA gave the order up and did not say why")
    problem = parse_problem(order.error.to_json())
    kind = kind_of(problem, otherwise=ErrorKind.ORDER_FAILED)
    return AcmeError(kind, f"The CA gave the order up: {tell(problem)}")
