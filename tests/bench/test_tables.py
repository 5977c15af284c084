"""What do the tables say?"""

import pytest

from bench.cases import BY_KEY, CASES
from bench.results import Results
from bench.tables import figure, gateway_in, table, tables
from tests.bench.made import RESULTS, sample


def test_a_table_has_a_row_for_each_proxy_that_was_measured() -> None:
    assert table(RESULTS, BY_KEY["h1-32"]).splitlines() == [
        "### HTTP/1.1, 32 connections",
        "",
        "| | requests/s | per CPU-second | p50 ms | p99 ms | memory MiB | fast path to it | per CPU-second |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| the upstream itself | 100,000 | 100,000 | 0.5 | 2 | 50 | 0.02 | 0.04 |",
        r"| nginx \* | 1,000 | 1,000 | 0.5 | 2 | 50 | 1.00 | 1.00 |",
        "| gateway, fast path | 1,000 | 1,000 | 0.5 | 2 | 50 | 1.00 | 1.00 |",
        "",
        r"\* with errors that the client saw: nginx 3",
    ]


def test_memory_has_a_table_of_its_own_and_a_gap_says_why() -> None:
    text = table(RESULTS, BY_KEY["idle"])
    assert "| gateway, fast path | 10 | 30 | 20 |" in text
    assert "- Caddy was not measured: caddy ended (1): no such file" in text


def test_a_case_that_was_not_measured_is_not_shown() -> None:
    assert table(RESULTS, BY_KEY["h2"]) == ""
    assert tables(RESULTS).count("###") == 2


@pytest.mark.parametrize("proxy", ["flow", "fast"])
def test_without_the_fast_path_the_flow_path_is_compared(proxy: str) -> None:
    assert gateway_in(Results({}, [sample(proxy, 0, 1)])) == proxy


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (0.1234, "0.123"), (5, "5"), (99.96, "100"), (100, "100"), (139.4, "139"), (999.6, "1,000"),
        (1234, "1,230"), (48390, "48,400"), (139053, "139,000"), (1_234_567, "1,230,000"),
    ],
)  # fmt: skip
def test_a_figure_has_three_digits(value: float, text: str) -> None:
    assert figure(value) == text


def test_cases_have_names_of_their_own() -> None:
    assert len(BY_KEY) == len(CASES) == len({case.title for case in CASES})
