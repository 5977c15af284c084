"""Does a client ask too often?

A token bucket per address, kept as one number: the time at which the bucket will be full again (GCRA).
"""

import ipaddress
from collections import OrderedDict
from itertools import islice

# How many buckets an eviction looks at: enough to spare a throttled one, few enough to cost nothing.
_EVICTION_SAMPLE = 16


class RateLimiter:
    """Lets each client address make `per_second` requests, and `burst_seconds` worth of them at once; 0 is no limit.

    At most `capacity` buckets are kept. A new one takes the place of one that is full, which is as good as none,
    or else of the fullest of a few: to have a throttled address forgotten, an attacker must throttle as many others.
    """

    def __init__(self, per_second: int, burst_seconds: float = 10, capacity: int = 65536) -> None:
        self._interval = 1 / per_second if per_second else 0.0
        self._burst_seconds = max(burst_seconds, self._interval)
        self._capacity = capacity
        self._full_at: OrderedDict[str | int, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def allow(self, address: str, now: float) -> bool:
        """Whether a request of `address` may pass at `now`; one that may not costs no token."""
        if not self._interval:
            return True
        key = _bucket_of(address)
        full_at = self._full_at.get(key)
        if full_at is None:
            self._make_room(now)
        full_at = max(now, full_at or now)
        # An eighth of a token of slack, for sums of fractions of a second are not exact.
        if full_at - now > self._burst_seconds - self._interval * 7 / 8:
            return False
        self._full_at[key] = full_at + self._interval
        return True

    def _make_room(self, now: float) -> None:
        if len(self._full_at) < self._capacity:
            return
        looked_at = tuple(islice(self._full_at.items(), _EVICTION_SAMPLE))
        fullest, full_at = min(looked_at, key=lambda bucket: bucket[1])
        del self._full_at[fullest]
        if full_at > now:  # all are in use: the others go to the back, so that the next eviction sees new ones
            for key, _ in looked_at:
                if key != fullest:
                    self._full_at.move_to_end(key)


def _bucket_of(address: str) -> str | int:
    """The address, or the /64 of an IPv6 one: a single customer is given that many (RFC 6177)."""
    if ":" not in address:
        return address
    try:
        parsed = ipaddress.IPv6Address(address)
    except ValueError:
        return address
    # All of IPv4 would share the one /64 of ::ffff:0:0/96.
    return str(parsed.ipv4_mapped) if parsed.ipv4_mapped else int(parsed) >> 64
