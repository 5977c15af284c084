"""Do medians and ratios hold what they promise?"""

from bench.results import Results
from bench.summary import rows
from tests.bench.made import RESULTS, sample


def test_the_median_of_the_rounds_is_shown_in_the_order_asked_for() -> None:
    found = rows(RESULTS, "h1-32", ("nginx", "fast", "caddy"), "fast")
    assert [(row.proxy, row.rate, row.errors) for row in found] == [("nginx", 1000, 3), ("fast", 1000, 0)]


def test_a_ratio_is_the_median_of_the_rounds_and_not_of_the_medians() -> None:
    nginx, fast = rows(RESULTS, "h1-32", ("nginx", "fast"), "fast")
    assert (nginx.ratio, fast.ratio) == (1.0, 1.0)  # of 2, 1 and 1/4
    assert nginx.ratio_per_cpu == 1.0  # of 4, 1 and 1/4


def test_only_rounds_that_both_have_are_compared() -> None:
    results = Results({}, [sample("nginx", 0, 100), sample("nginx", 1, 100), sample("fast", 1, 300)])
    assert rows(results, "h1-32", ("nginx",), "fast")[0].ratio == 3.0


def test_without_the_gateway_there_is_no_ratio() -> None:
    assert rows(Results({}, [sample("nginx", 0, 100)]), "h1-32", ("nginx",), "fast")[0].ratio is None


def test_processor_time_below_a_tick_gives_no_ratio() -> None:
    results = Results({}, [sample("nginx", 0, 100, 0.0), sample("fast", 0, 100)])
    row = rows(results, "h1-32", ("nginx",), "fast")[0]
    assert (row.rate_per_cpu, row.ratio, row.ratio_per_cpu) == (0.0, 1.0, None)
