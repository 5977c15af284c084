"""Are the load generators understood? Their own output, shortened, and what it says."""

import pytest

from bench.readings import Reading, ReadingError, percentile, read_ab, read_h2load, read_wrk, reading_of

WRK = """\
Running 2s test @ http://127.0.0.1:20000/
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.09ms  523.37us   9.21ms   88.11%
    Req/Sec    28.86k     1.46k   31.31k    65.00%
  Latency Distribution
     50%    1.01ms
     75%    1.18ms
     90%    1.53ms
     99%    {p99}
  {total} requests in {seconds}, 8.36MB read
{errors}Requests/sec:  28706.37
Transfer/sec:      4.17MB
"""


@pytest.mark.parametrize(
    ("total", "seconds", "p99", "errors", "reading"),
    [
        pytest.param("57528", "2.00s", "3.20ms", "", Reading(57528, 2.0, 1.01, 3.2), id="a good run"),
        pytest.param("10", "900.50ms", "250.00us", "", Reading(10, 0.9005, 1.01, 0.25), id="units below a second"),
        pytest.param("90", "1.50m", "1.25s ", "", Reading(90, 90.0, 1.01, 1250.0), id="units above, set with a blank"),
        pytest.param(
            "100", "2.00s", "1.00ms", "  Non-2xx or 3xx responses: 40\n", Reading(60, 2.0, 1.01, 1.0, 40),
            id="answers of another status are errors and do not count",
        ),
        pytest.param(
            "100", "2.00s", "1.00ms", "  Socket errors: connect 1, read 2, write 3, timeout 4\n",
            Reading(100, 2.0, 1.01, 1.0, 10), id="broken connections are errors",
        ),
    ],
)  # fmt: skip
def test_wrk(total: str, seconds: str, p99: str, errors: str, reading: Reading) -> None:
    assert read_wrk(WRK.format(total=total, seconds=seconds, p99=p99, errors=errors)) == reading


@pytest.mark.parametrize(("total", "errors"), [("0", ""), ("5", "  Non-2xx or 3xx responses: 5\n")])
def test_wrk_without_a_good_answer_is_no_reading(total: str, errors: str) -> None:
    with pytest.raises(ReadingError, match="nothing was answered"):
        read_wrk(WRK.format(total=total, seconds="1.00s", p99="0.00us", errors=errors))


AB = """\
Concurrency Level:      32
Time taken for tests:   2.004 seconds
Complete requests:      4008
Failed requests:        3
Non-2xx responses:      5
Requests per second:    2000.00 [#/sec] (mean)
"""
AB_TABLE = "Percentage served,Time in ms\n0,1.207\n50,4.712\n98,9.000\n99,9.631\n100,14.0\n"


def test_ab_counts_what_went_wrong_apart() -> None:
    assert read_ab(AB, AB_TABLE) == Reading(4000, 2.004, 4.712, 9.631, 8)


H2LOAD = """\
finished in {duration}, 2000.00 req/s, 265.88KB/s
requests: 1021 total, 1028 started, 1021 done, 1000 succeeded, 21 failed, 21 errored, 0 timeout
status codes: 1000 2xx, 0 3xx, 0 4xx, 0 5xx
"""
H2LOAD_LOG = "".join(f"1795526713731965\t200\t{microseconds}\n" for microseconds in range(1000, 0, -1))


@pytest.mark.parametrize("duration", ["500.12ms", "1.00s"])
def test_h2load_tells_the_time_by_its_rate_which_has_more_digits(duration: str) -> None:
    assert read_h2load(H2LOAD.format(duration=duration), H2LOAD_LOG) == Reading(1000, 0.5, 0.5, 0.99, 21)


def test_h2load_without_an_answer_is_no_reading() -> None:
    with pytest.raises(ReadingError):
        read_h2load(H2LOAD.replace("2000.00 req/s", "0.00 req/s").format(duration="1.00s"), "")


@pytest.mark.parametrize("read", [read_wrk, lambda text: read_ab(text, AB_TABLE), lambda text: read_h2load(text, "")])
def test_other_words_are_no_reading(read: object) -> None:
    assert callable(read)
    with pytest.raises(ReadingError, match="unable to connect"):
        read("unable to connect to 127.0.0.1:20000 Connection refused")


def test_no_round_trip_is_no_reading() -> None:
    with pytest.raises(ReadingError):
        reading_of([], 0, 1.0)


@pytest.mark.parametrize(
    ("values", "percent", "value"),
    [([7], 50, 7), ([7], 99, 7), ([1, 2], 50, 1), ([1, 2, 3], 50, 2), (list(range(1, 101)), 99, 99), ([1, 2], 100, 2)],
)
def test_a_percentile_is_the_nearest_rank(values: list[float], percent: int, value: float) -> None:
    assert percentile(values, percent) == value
