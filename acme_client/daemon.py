"""When does the program look again? `run`: every ten minutes, sooner when something falls due, until it is asked to end."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from acme_client.happening import Event, Happening, Tell
from acme_client.outcome import Outcome
from acme_client.proofs import Clock
from acme_client.rounds import Rounds
from acme_client.signals import Ended, Signals

LONGEST_SECONDS = 600.0
"""Between two looks: the clock may be set, a file may change, another instance may die."""
SHORTEST_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Daemon:
    """The program that stays."""

    rounds: Rounds
    signals: Signals
    """Being heard."""
    clock: Clock
    tell: Tell

    def run(self) -> None:
        """Looks after all certificates until SIGTERM or SIGINT, which it tells and returns from."""
        try:
            self.tell(Happening(event=Event.STARTED))
            is_asked_for = True
            while True:
                outcomes = self.rounds.go(is_asked_for=is_asked_for)
                is_asked_for = self.signals.sleep(seconds_until_look(outcomes.values(), self.clock()))
        except Ended:
            self.tell(Happening(event=Event.ENDED))


def seconds_until_look(outcomes: Iterable[Outcome], now: datetime) -> float:
    """Until the first of them falls due, within the shortest and the longest."""
    due = [(outcome.until - now).total_seconds() for outcome in outcomes]
    return min(max(min(due, default=LONGEST_SECONDS), SHORTEST_SECONDS), LONGEST_SECONDS)
