"""Which tenants may have a new certificate now? Inside a limit per week, oldest wish first. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

WEEK = timedelta(days=7)
"""The span that Let's Encrypt counts new certificates of one registered domain in."""
MOST_WISHES = 10_000


@dataclass(frozen=True, slots=True)
class Ledger:
    """Who wished when, and when the orders of the last week were made."""

    wished: Mapping[str, datetime] = field(default_factory=dict)
    ordered: tuple[datetime, ...] = ()


def note(ledger: Ledger, wishes: Sequence[str], now: datetime) -> Ledger:
    """The ledger with wishes that are new dated now, and those that are withdrawn taken out."""
    wished = {tenant: min(ledger.wished.get(tenant, now), now) for tenant in wishes[:MOST_WISHES]}
    return Ledger(wished, _counted(ledger, now))


def admitted(ledger: Ledger, holders: frozenset[str], limit_per_week: int, now: datetime) -> tuple[str, ...]:
    """Those that have a certificate, which may be renewed at any time, then the oldest wishes that the week has room for."""
    oldest_first = sorted(ledger.wished, key=lambda tenant: (ledger.wished[tenant], tenant))
    room = max(limit_per_week - len(_counted(ledger, now)), 0)
    have = [tenant for tenant in oldest_first if tenant in holders]
    new = [tenant for tenant in oldest_first if tenant not in holders]
    return (*have, *new[:room])


def order_made(ledger: Ledger, now: datetime) -> Ledger:
    """The ledger after one more new certificate."""
    return replace(ledger, ordered=(*_counted(ledger, now), now))


def put_back(ledger: Ledger, tenants: Sequence[str], now: datetime) -> Ledger:
    """The ledger with these wishes behind all the others; those that are withdrawn stay out."""
    last = now + timedelta.resolution  # behind those that are dated now, too
    return replace(ledger, wished={**ledger.wished, **{each: last for each in tenants if each in ledger.wished}})


def _counted(ledger: Ledger, now: datetime) -> tuple[datetime, ...]:
    # An order of the future was dated by a clock that was wrong: it would count for ever.
    return tuple(moment for moment in ledger.ordered if now - WEEK < moment <= now + WEEK)
