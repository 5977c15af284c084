"""Laws of the rate limiter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh_gateway.routing.limits import RateLimiter


def passed(limiter: RateLimiter, address: str, now: float, tries: int) -> int:
    return sum(limiter.allow(address, now) for _ in range(tries))


def test_zero_is_no_limit_and_remembers_nobody() -> None:
    limiter = RateLimiter(0)
    assert passed(limiter, "192.0.2.1", 0, 10_000) == 10_000
    assert len(limiter) == 0


@pytest.mark.parametrize("per_second", [1, 3, 7, 10, 1000])
@pytest.mark.parametrize("now", [0.0, 1.1, 123_456.789, 9e7])
def test_a_burst_is_ten_seconds_worth_to_the_request(per_second: int, now: float) -> None:
    assert passed(RateLimiter(per_second), "192.0.2.1", now, per_second * 12) == per_second * 10


def test_a_burst_shorter_than_one_request_lets_one_pass() -> None:
    assert passed(RateLimiter(1, burst_seconds=0.1), "192.0.2.1", 0, 3) == 1


def test_tokens_come_back_at_the_rate_and_not_beyond_the_burst() -> None:
    limiter = RateLimiter(2, burst_seconds=2)
    assert passed(limiter, "192.0.2.1", 0, 9) == 4
    assert passed(limiter, "192.0.2.1", 1, 9) == 2
    assert passed(limiter, "192.0.2.1", 1000, 9) == 4


def test_a_refused_request_costs_nothing() -> None:
    limiter = RateLimiter(1, burst_seconds=1)
    assert passed(limiter, "192.0.2.1", 0, 1000) == 1
    assert limiter.allow("192.0.2.1", 1)


SHARED = {
    "one /64": ("2001:db8::1", "2001:db8::ffff:1", True),
    "two spellings": ("2001:db8::1", "2001:0DB8:0::1", True),
    "an IPv4 address and its mapped form": ("192.0.2.1", "::ffff:192.0.2.1", True),
    "two /64": ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
    "two IPv4 addresses": ("192.0.2.1", "192.0.2.2", False),
    "two mapped IPv4 addresses": ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
    "two that are no addresses": ("un:known", "un:named", False),
    "one link-local with its zone": ("fe80::1%eth0", "fe80::2%eth0", True),
}


@pytest.mark.parametrize(("one", "other", "shared"), SHARED.values(), ids=SHARED)
def test_who_shares_a_bucket(one: str, other: str, *, shared: bool) -> None:
    limiter = RateLimiter(1, burst_seconds=1)
    assert limiter.allow(one, 0)
    assert limiter.allow(other, 0) is not shared


def test_full_buckets_make_room_before_those_in_use() -> None:
    limiter = RateLimiter(1, burst_seconds=1, capacity=3)
    limiter.allow("192.0.2.1", 0)
    limiter.allow("192.0.2.2", 9)
    limiter.allow("192.0.2.3", 9)
    assert limiter.allow("192.0.2.4", 9.5)
    assert not limiter.allow("192.0.2.2", 9.5)
    assert not limiter.allow("192.0.2.3", 9.5)
    assert limiter.allow("192.0.2.1", 9.5), "it had waited long enough"


def test_a_throttled_address_is_not_forgotten_for_many_strangers() -> None:
    limiter = RateLimiter(1, capacity=64)
    passed(limiter, "192.0.2.1", 0, 10)
    for i in range(10_000):
        limiter.allow(f"198.51.{i // 256}.{i % 256}", 0)
    assert not limiter.allow("192.0.2.1", 0)
    assert len(limiter) == 64


def test_throttled_addresses_at_the_front_do_not_keep_the_rest_from_making_room() -> None:
    limiter = RateLimiter(1, capacity=40)
    throttled = [f"192.0.2.{i}" for i in range(20)]
    for address in throttled:
        passed(limiter, address, 0, 10)
    for i in range(1000):
        limiter.allow(f"198.51.{i // 256}.{i % 256}", 0)
    # The first eviction saw sixteen throttled ones only and one of them went; from then on strangers went first.
    assert sum(limiter.allow(address, 0) for address in throttled) <= 1


@given(
    st.lists(st.tuples(st.integers(0, 9), st.floats(0, 0.5)), max_size=200),
    st.integers(1, 5),
    st.integers(1, 4),
)
def test_the_table_stays_bounded(steps: list[tuple[int, float]], per_second: int, capacity: int) -> None:
    limiter, now = RateLimiter(per_second, capacity=capacity), 0.0
    for host, pause in steps:
        now += pause
        limiter.allow(f"192.0.2.{host}", now)
        assert len(limiter) <= capacity
