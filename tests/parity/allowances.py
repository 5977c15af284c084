"""In what may the two paths differ? Everything else that is seen must be equal, letter for letter.

A rewriting applies to each line of a part before the comparison. Those of `ALWAYS` to every row, those of `NAMED` to the
rows that name them.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, unique


@unique
class Part(Enum):
    """What is compared."""

    CLIENT = "what the client received"
    UPSTREAM = "what the upstream received"
    ACCESS = "the access lines"
    METRICS = "what the metrics count"
    API = "what the API was asked"


@dataclass(frozen=True, slots=True)
class Allowance:
    """Lines of `part` are written anew: what `pattern` finds becomes `by`; a line of nothing goes."""

    part: Part
    pattern: str
    by: str
    reason: str

    def apply(self, lines: Iterable[str]) -> list[str]:
        written = ((line, re.sub(self.pattern, self.by, line)) for line in lines)
        return [new for old, new in written if new or not old]


ALWAYS: tuple[Allowance, ...] = (
    Allowance(
        Part.CLIENT,
        r"^(  [Dd]ate: )(?!Tue, 15 Nov 1994 08:12:31 GMT$)\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$",
        r"\1<now>",
        "the gateway's own answers tell the time; an upstream's Date is compared",
    ),
    Allowance(
        Part.ACCESS,
        r"^  (time|(?:resolve|connect|firstByte|total)Ms): (?!null$).*",
        r"  \1: <some>",
        "moments and durations; null is compared",
    ),
    Allowance(Part.ACCESS, r"^  via: .*", "", "names the path that was taken"),
    Allowance(Part.METRICS, r'\bvia="\w+"', "via=<path>", "names the path that was taken"),
    Allowance(
        Part.CLIENT,
        r"^(  broken off by \w+) after .*",
        r"\1",
        "how much of an answer was on its way when it broke is a matter of moments",
    ),
)

NAMED: Mapping[str, tuple[Allowance, ...]] = {
    "continue": (
        Allowance(
            Part.UPSTREAM, r"^  Expect: 100-continue$", "", "the fast path lets the upstream say whether to go on"
        ),
        Allowance(
            Part.CLIENT, r"^answer: HTTP/1.1 100 .*|^stream \d+ interim: 100$", "", "the flow path says it, always"
        ),
    ),
    "interim": (
        Allowance(
            Part.CLIENT,
            r"^answer: HTTP/1.1 1(?!01).*|^stream \d+ interim: .*|^  Link: .*",
            "",
            "mitmproxy knows one answer to a request, so the flow path drops interim ones (HAZARDS B10)",
        ),
    ),
    "wording": (
        Allowance(
            Part.ACCESS,
            r"^  reason: (?!null$).*",
            "  reason: <some>",
            "what is wrong with a peer is said by whoever noticed: mitmproxy and h11, or the fast path",
        ),
        Allowance(Part.ACCESS, r"(?<='error': )(?:'[^']*'|\"[^\"]*\")", "<some>", "the same, of an attempt"),
    ),
    "retries": (
        Allowance(Part.API, r"^asked [2-9] times$", "asked some times", "waits between retries are random"),
        Allowance(Part.METRICS, r"^gateway_resolver_call_seconds_count.*", "", "the same"),
    ),
    "method": (
        Allowance(Part.ACCESS, r"^  method: .*", "  method: <some>", "mitmproxy writes methods in capitals for itself"),
    ),
}
