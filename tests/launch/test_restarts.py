"""Which end is final, and how long are the pauses before the others?"""

import pytest

from launch.restarts import Again, Over, Run, judge

ASKED, NOT_ASKED = True, False
ALONE, ONE_OF_MANY = True, False

WELL, KILLED = 0, -9


def run(status: int, lived: float = 5, *, listened: bool = True, first: bool = True, failures: int = 0) -> Run:
    return Run(status, lived, listened, first, failures)


CASES = {
    "asked to end, ended well": (run(WELL, 500), ASKED, ONE_OF_MANY, Over(0)),
    "asked to end, ended by the signal": (run(-15, 500), ASKED, ALONE, Over(0)),
    "a lone one ended well by itself": (run(WELL), NOT_ASKED, ALONE, Over(0)),
    "one of many ended well by itself": (run(WELL), NOT_ASKED, ONE_OF_MANY, Again(0, 1)),
    "one of many had nothing to do": (run(WELL, listened=False), NOT_ASKED, ONE_OF_MANY, Over(0)),
    "the first start failed": (run(1, listened=False), NOT_ASKED, ONE_OF_MANY, Over(1)),
    "the first start was shot": (run(KILLED, listened=False), NOT_ASKED, ALONE, Over(137)),
    "died": (run(KILLED), NOT_ASKED, ALONE, Again(0, 1)),
    "died again": (run(1, 0.1, first=False, failures=1), NOT_ASKED, ALONE, Again(1, 2)),
    "a later start failed": (run(1, 0.1, listened=False, first=False, failures=2), NOT_ASKED, ALONE, Again(2, 3)),
    "died for the seventh time": (run(-11, 0.1, first=False, failures=6), NOT_ASKED, ALONE, Again(30, 7)),
    "died for the hundredth time": (run(1, 0.1, first=False, failures=99), NOT_ASKED, ALONE, Again(30, 100)),
    "died after steady work": (run(1, 60, first=False, failures=7), NOT_ASKED, ALONE, Again(0, 1)),
}


@pytest.mark.parametrize(("ended", "asked", "alone", "verdict"), CASES.values(), ids=CASES)
def test_the_verdict_on_an_end(ended: Run, asked: bool, alone: bool, verdict: Over | Again) -> None:
    assert judge(ended, asked_to_end=asked, is_alone=alone) == verdict
