"""Is the wish to wait read as RFC 9110 10.2.3 writes it?"""

from datetime import UTC, datetime, timedelta

import pytest

from acme_client.retry_after import parse_retry_after

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

# fmt: off
FIELDS = [
    pytest.param("120",                              120,  id="seconds"),
    pytest.param(" 0 ",                              0,    id="at once"),
    pytest.param("Sun, 01 Mar 2026 12:02:00 GMT",    120,  id="a date"),
    pytest.param("Sunday, 01-Mar-26 12:02:00 GMT",   120,  id="a date as RFC 850 has it"),
    pytest.param("Sun, 01 Mar 2026 12:02:00 -0000",  120,  id="a date without a zone"),
    pytest.param("Sun, 01 Mar 2026 13:02:00 +0100",  120,  id="a date of another zone"),
    pytest.param("Sun, 01 Mar 2026 11:00:00 GMT",    0,    id="a date that is over"),
    pytest.param("Tue, 01 Mar 2039 11:00:00 GMT",    None, id="a date in years"),
    pytest.param("Mon, 01 Jan " + "9" * 20 + " 00:00:00 GMT", None, id="a year of many digits"),
    pytest.param("Mon, 01 Jan 2026 00:00:00 +" + "9" * 22,    None, id="a zone of many digits"),
    pytest.param("Fri, 31 Dec 9999 23:59:59 -1200",           None, id="the end of the calendar"),
    pytest.param(None,                               None, id="nothing"),
    pytest.param("",                                 None, id="an empty one"),
    pytest.param("-5",                               None, id="less than nothing"),
    pytest.param("1.5",                              None, id="a fraction"),
    pytest.param("99999999",                         None, id="years"),
    pytest.param("9" * 5000,                         None, id="more than anybody can wait"),
    pytest.param("soon",                             None, id="a word"),
    pytest.param("\u0661\u0662",                     None, id="digits of another script"),
]
# fmt: on


@pytest.mark.parametrize(("text", "seconds"), FIELDS)
def test_a_wish_to_wait(text: str | None, seconds: int | None) -> None:
    assert parse_retry_after(text, NOW) == (None if seconds is None else timedelta(seconds=seconds))
