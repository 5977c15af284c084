"""Which end is final, and how long are the pauses before the others?"""

import pytest

from launch.restarts import Again, Over, Run, judge

ASKED, NOT_ASKED = True, False

CASES = {
    "asked to end, ended well": (Run(0, 500, is_first=False, failures=0), ASKED, Over(0)),
    "asked to end, ended by the signal": (Run(-15, 500, is_first=False, failures=0), ASKED, Over(0)),
    "ended well by itself": (Run(0, 5, is_first=True, failures=0), NOT_ASKED, Over(0)),
    "the first start failed": (Run(1, 9.9, is_first=True, failures=0), NOT_ASKED, Over(1)),
    "the first start was shot": (Run(-9, 1, is_first=True, failures=0), NOT_ASKED, Over(137)),
    "died after a while": (Run(1, 10, is_first=True, failures=0), NOT_ASKED, Again(1, 1)),
    "died again": (Run(1, 0.1, is_first=False, failures=1), NOT_ASKED, Again(2, 2)),
    "died for the sixth time": (Run(-11, 0.1, is_first=False, failures=5), NOT_ASKED, Again(30, 6)),
    "died for the hundredth time": (Run(1, 0.1, is_first=False, failures=99), NOT_ASKED, Again(30, 100)),
    "died after steady work": (Run(1, 60, is_first=False, failures=7), NOT_ASKED, Again(1, 1)),
}


@pytest.mark.parametrize(("run", "asked", "verdict"), CASES.values(), ids=CASES)
def test_the_verdict_on_an_end(run: Run, asked: bool, verdict: Over | Again) -> None:
    assert judge(run, asked_to_end=asked) == verdict
