"""Does somebody who waits for DNS see which server has the record yet, and how long is left?"""

import io

from acme_client.authoritative import NameServer, Seen
from acme_client.name_servers import Endpoint
from acme_client.progress import LineProgress, TerminalProgress, progress_on
from acme_client.propagation import Survey

ONE, TWO, SIX = (
    NameServer("ns1.", (Endpoint("192.0.2.1"),)),
    NameServer("ns-two.", ()),
    NameServer("six.", (Endpoint("2001:db8::1"),)),
)
NAME = "_acme-challenge.example.com."


def survey(one: Seen, two: Seen, left: float) -> Survey:
    return Survey(NAME, ((ONE, one), (TWO, two)), left)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_one_line_per_change_where_nobody_sees_it_drawn() -> None:
    screen = io.StringIO()
    progress = LineProgress(screen)
    progress.looked([survey(Seen.LACKING, Seen.LACKING, 60)])
    progress.looked([survey(Seen.LACKING, Seen.LACKING, 59)])
    progress.looked([survey(Seen.SHOWN, Seen.LACKING, 58)])
    progress.looked([survey(Seen.SHOWN, Seen.SHOWN, 57)])
    assert screen.getvalue().splitlines() == [
        f"TXT {NAME} ns1. (192.0.2.1) does not have it yet; ns-two. does not have it yet (60 s left)",
        f"TXT {NAME} ns-two. does not have it yet (58 s left)",
        f"TXT {NAME} every name server shows it",
    ]


def test_a_table_in_its_own_place_on_a_terminal() -> None:
    screen = Terminal()
    progress = TerminalProgress(screen)
    progress.looked([survey(Seen.SHOWN, Seen.SILENT, 60)])
    progress.looked([survey(Seen.SHOWN, Seen.SHOWN, 59)])
    first, second = screen.getvalue().split("\x1b[3F\x1b[J")
    assert first == f"TXT {NAME} (60 s left)\n  ns1.     has it\n  ns-two.  does not answer\n"
    assert second == f"TXT {NAME}\n  ns1.     has it\n  ns-two.  has it\n"


def test_what_is_finished_is_not_drawn_over() -> None:
    screen = Terminal()
    progress = TerminalProgress(screen)
    progress.looked([survey(Seen.SHOWN, Seen.SHOWN, 9)])
    progress.looked([survey(Seen.LACKING, Seen.SHOWN, 9)])
    assert "\x1b" not in screen.getvalue()


def test_the_screen_decides_how_it_is_shown() -> None:
    assert isinstance(progress_on(io.StringIO()), LineProgress)
    assert isinstance(progress_on(Terminal()), TerminalProgress)
    assert isinstance(progress_on(Terminal(), terminal_type="dumb"), LineProgress)


def test_a_server_without_a_route_is_left_out_while_another_can_be_asked() -> None:
    mixed = Survey(NAME, ((ONE, Seen.SHOWN), (SIX, Seen.UNREACHABLE)), 5)
    assert mixed.is_complete
    assert not mixed.lacking
    alone = Survey(NAME, ((SIX, Seen.UNREACHABLE),), 5)
    assert not alone.is_complete
    assert alone.lacking == "six. ([2001:db8::1]) cannot be reached from here (no route)"
