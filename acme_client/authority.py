"""Who signs? A CA with our account there, opened when it is first needed: the Issuer of the real world."""

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from acme_client.account import Account, Applicant, NetworkFor, account_folder, open_account, roll_key
from acme_client.authorization import Stands
from acme_client.caa import METHODS
from acme_client.directories import is_staging, staging_of
from acme_client.errors import AcmeError, ErrorKind
from acme_client.issuer import Order, RenewalAdvice, Signed
from acme_client.order import OrderRequest, issue
from acme_client.proofs import Prover
from acme_client.renewal_info import renewal_advice
from acme_client.revocation import Revocation, RevocationReason, revoke, revoke_by_key
from acme_client.settings import KeyType

logger = logging.getLogger(__name__)

CheckCaa = Callable[[Sequence[str], Sequence[str], str | None, Collection[str]], None]
"""Names, the CA's own names, the account, the methods one of which will be used; raises AcmeError (CAA) when a record
forbids it."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is the same for all orders."""

    key_type: KeyType = KeyType.EC256
    profile: str | None = None
    preferred_chain: str | None = None


@dataclass(slots=True)
class Authority:
    """One CA. Its mutable state is the account once it is open."""

    directory: str
    accounts: Path
    """The folder of all accounts."""
    applicant: Applicant
    wishes: Wishes
    prover: Prover
    check_caa: CheckCaa
    network_for: NetworkFor
    stands: Stands = lambda *_: False
    """Whether a record of dns-persist-01 is set."""
    _account: Account | None = field(default=None, repr=False)

    @property
    def is_staging(self) -> bool:
        return is_staging(self.directory)

    def account(self) -> Account:
        """Raises AcmeError when it cannot be opened."""
        if self._account is None:
            self._account = open_account(self.directory, self._folder, self.applicant, self.network_for)
        return self._account

    def issue(self, order: Order) -> Signed:
        self._account = None  # orders are rare, and another process may have changed the key meanwhile
        account = self.account()

        def allows(name: str, method: str) -> None:
            """Once more, when the CA has said how this name can be proved (RFC 8657 4)."""
            self.check_caa((name,), account.caa_identities, account.uri, (method,))

        self.check_caa(order.names, account.caa_identities, account.uri, METHODS)
        wishes = self.wishes
        request = OrderRequest(order.names, wishes.key_type, wishes.profile, wishes.preferred_chain, order.replaces)
        issued = issue(account, request, self.prover, stands=self.stands, allows=allows)
        return Signed(issued.chain_pem, issued.key_pem, issued.certificate_id)

    def advice(self, certificate_id: str) -> RenewalAdvice | None:
        account = self.account()
        return renewal_advice(account.directory, account.network, certificate_id)

    def rehearsal(self) -> "Authority | None":
        staging = staging_of(self.directory)
        if staging is None:
            return None
        # A persistent record names one account, and that on the staging is another one.
        return replace(self, directory=staging, stands=lambda *_: False, _account=None)

    def revoke(self, chain_pem: bytes, key_pem: bytes, reason: RevocationReason, *, by_key: bool = False) -> Revocation:
        """Takes back a certificate; raises AcmeError.

        Signed by the account. By the certificate's key (RFC 8555 7.6) where the account is refused, as one is that was
        made anew since, and where `by_key` says so: no account is opened then.
        """
        if not by_key:
            try:
                return Revocation(revoke(self.account(), chain_pem, reason), is_by_key=False)
            except AcmeError as error:
                if error.kind is not ErrorKind.ACCOUNT:
                    raise
                logger.info("%s; trying by the certificate's own key", error)
        is_new = revoke_by_key(self.directory, (chain_pem, key_pem), reason, self.network_for)
        return Revocation(is_new, is_by_key=True)

    def roll_key(self) -> None:
        """Gives the account a new key; raises AcmeError."""
        roll_key(self.account(), self._folder)
        self._account = None

    @property
    def _folder(self) -> Path:
        return account_folder(self.accounts, self.directory)
