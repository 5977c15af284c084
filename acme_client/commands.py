"""What can be asked of the program on the command line, and how does it answer the shell?

Exit codes: 0 all is well (nothing was to do, or it was done), 1 something failed or, for `status`, a certificate is not as
it should be, 2 the settings or the command line are wrong.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence

from acme_client.composition import Parts, authorities_from, now, parts_from, prover_from, rounds_from, standings_from
from acme_client.daemon import Daemon
from acme_client.errors import AcmeError
from acme_client.happening import Event, Happening, warnings_told
from acme_client.interventions import forget_failures, persist_record, revoke, roll_key
from acme_client.outcome import Failed, Outcome, Rested, with_advice
from acme_client.places import check_places
from acme_client.rehearsal import rehearse
from acme_client.renewal import Reason
from acme_client.revocation import RevocationReason
from acme_client.settings import SettingsError, check_orders, misspelt, read_settings
from acme_client.shell import FAILED, WELL, WRONG_SETTINGS, Streams
from acme_client.signals import Ended, Signals
from acme_client.status import as_json, as_table
from acme_client.wanted import wanted_from

Command = Callable[[Parts, argparse.Namespace, Streams], int]


def main(arguments: Sequence[str], environment: Mapping[str, str], streams: Streams | None = None) -> int:
    """Does what the command line asks for; returns the exit code. SystemExit is argparse's own, for a wrong line (2)."""
    streams = streams or Streams(sys.stdout, sys.stderr)
    asked = _parser().parse_args(arguments)
    command: Command = asked.command
    signals = Signals()
    try:
        settings = read_settings(environment)
        check_places(settings)
        parts = parts_from(settings, environment, signals, streams.stderr)
        for variable, meant in misspelt(environment).items():
            text = f"{variable} is set, which nobody reads; did you mean {meant}?"
            parts.tell(Happening(event=Event.WARNED, message=text))
        with signals.heard(), warnings_told(parts.tell):
            return command(parts, asked, streams)
    except SettingsError as error:
        streams.stderr.write(f"{error}\n")
        return WRONG_SETTINGS
    except AcmeError as error:
        streams.stderr.write(f"{with_advice(error)}\n")
        return FAILED
    except Ended:
        parts.tell(Happening(event=Event.ENDED))
        return FAILED


def _run(parts: Parts, _asked: argparse.Namespace, _streams: Streams) -> int:
    check_orders(parts.settings)
    Daemon(rounds_from(parts), parts.signals, now, parts.tell).run()
    return WELL


def _once(parts: Parts, asked: argparse.Namespace, streams: Streams) -> int:
    if asked.dry_run:
        return _rehearse(parts, asked, streams)
    check_orders(parts.settings)
    outcomes = rounds_from(parts).go(is_asked_for=True)
    return FAILED if any(is_failure(outcome) for outcome in outcomes.values()) else WELL


def is_failure(outcome: Outcome) -> bool:
    """Whether a certificate is due and could not be had, now or while it waits for its next attempt."""
    return isinstance(outcome, Failed) or (isinstance(outcome, Rested) and outcome.reason is Reason.BACKOFF)


def _rehearse(parts: Parts, _asked: argparse.Namespace, streams: Streams) -> int:
    check_orders(parts.settings)
    first = next(iter(authorities_from(parts, prover_from(parts)).values()))
    would_work = rehearse(wanted_from(parts.settings), first, lambda text: print(text, file=streams.stdout, flush=True))
    return WELL if would_work else FAILED


def _status(parts: Parts, asked: argparse.Namespace, streams: Streams) -> int:
    standings, moment = standings_from(parts), now()
    streams.stdout.write((as_json if asked.json else as_table)(standings, moment) + "\n")
    return WELL if all(standing.is_well(moment) for standing in standings) else FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m acme_client",
        description="Gets certificates for the gateway and renews them. Set up by environment variables: docs/acme-settings.md.",
        epilog="Exit codes: 0 all is well, 1 something failed or is not as it should be, 2 wrong settings or command line.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Command, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(command=command)
        return added

    add("run", _run, "Look after the certificates until SIGTERM; SIGHUP or SIGUSR1: look now.")
    once = add("once", _once, "Do what is due now, then end; for cron.")
    once.add_argument("--dry-run", action="store_true", help="try with a staging CA and keep nothing")
    add("rehearse", _rehearse, "Say whether it would work: try with a staging CA and keep nothing.")
    status = add("status", _status, "Say how the certificates stand; exit code 1 when one needs somebody's care.")
    status.add_argument("--json", action="store_true", help="for programs")
    _add_interventions(add)
    return parser


def _add_interventions(add: Callable[[str, Command, str], argparse.ArgumentParser]) -> None:
    revoking = add("revoke", revoke, "Revoke a live certificate; the next look orders another.")
    revoking.add_argument("name", metavar="NAME", help="as in CERT_DIR/live")
    reasons = [reason.name.lower().replace("_", "-") for reason in RevocationReason]
    revoking.add_argument("--reason", choices=reasons, default="unspecified", help="RFC 5280 5.3.1")
    revoking.add_argument(
        "--by-certificate-key",
        action="store_true",
        help="ask no account, sign with the certificate's own key (RFC 8555 7.6); done anyway where the account may not",
    )
    add("roll-key", roll_key, "Give the account a new key, with each CA of the list.")
    text = "Print the TXT records of dns-persist-01, which make further ones unnecessary."
    add("persist-record", persist_record, text)
    text = "Take back the waiting times after failures: try again at the next look."
    forgetting = add("forget-failures", forget_failures, text)
    forgetting.add_argument("names", metavar="NAME", nargs="*", help="a certificate that is wanted; all by default")
