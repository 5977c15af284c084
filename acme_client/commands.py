"""What can be asked of the program on the command line, and how does it answer the shell?

Exit codes: 0 all is well (nothing was to do, or it was done), 1 something failed, 2 the settings or the command line are wrong.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TextIO

from acme_client.authority import Authority
from acme_client.composition import (
    Parts,
    authorities_from,
    now,
    parts_from,
    prover_from,
    rounds_from,
    standings_from,
)
from acme_client.daemon import Daemon
from acme_client.errors import AcmeError
from acme_client.happening import Event, Happening, warnings_told
from acme_client.outcome import Failed, Outcome, Rested, with_advice
from acme_client.pair import serial_of
from acme_client.persist import persist_records
from acme_client.record import forgiven
from acme_client.rehearsal import rehearse
from acme_client.renewal import Reason
from acme_client.revocation import RevocationReason
from acme_client.settings import SettingsError, check_orders, read_settings
from acme_client.signals import Ended, Signals
from acme_client.status import as_json, as_table
from acme_client.wanted import wanted_from

WELL, FAILED, WRONG_SETTINGS = 0, 1, 2
LOCK_SECONDS = 60.0
"""For commands that a person waits for."""


@dataclass(frozen=True, slots=True)
class Streams:
    """Where answers and happenings go."""

    stdout: TextIO
    stderr: TextIO


Command = Callable[[Parts, argparse.Namespace, Streams], int]


def main(arguments: Sequence[str], environment: Mapping[str, str], streams: Streams | None = None) -> int:
    """Does what the command line asks for; returns the exit code. SystemExit is argparse's own, for a wrong line (2)."""
    streams = streams or Streams(sys.stdout, sys.stderr)
    asked = _parser().parse_args(arguments)
    command: Command = asked.command
    signals = Signals()
    try:
        parts = parts_from(read_settings(environment), environment, signals, streams.stderr)
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
    outcomes = rounds_from(parts).go()
    for name, outcome in outcomes.items():
        if isinstance(outcome, Rested) and outcome.reason is Reason.BACKOFF:
            error = parts.records.load(name).last_error
            message = error.message if error else "attempts were killed on and on"
            parts.tell(Happening(event=Event.WAITING, name=name, until=outcome.until, message=message))
    return FAILED if any(is_failure(outcome) for outcome in outcomes.values()) else WELL


def is_failure(outcome: Outcome) -> bool:
    """Whether a certificate is due and could not be had, now or while it waits for its next attempt."""
    return isinstance(outcome, Failed) or (isinstance(outcome, Rested) and outcome.reason is Reason.BACKOFF)


def _rehearse(parts: Parts, _asked: argparse.Namespace, streams: Streams) -> int:
    first = next(iter(_authorities(parts).values()))
    would_work = rehearse(wanted_from(parts.settings), first, lambda text: print(text, file=streams.stdout, flush=True))
    return WELL if would_work else FAILED


def _status(parts: Parts, asked: argparse.Namespace, streams: Streams) -> int:
    standings = standings_from(parts)
    streams.stdout.write((as_json if asked.json else as_table)(standings, now()) + "\n")
    return WELL


def _forget_failures(parts: Parts, _asked: argparse.Namespace, streams: Streams) -> int:
    for standing in standings_from(parts):
        name = standing.wanted.name
        with parts.locks.held(name, patience_seconds=LOCK_SECONDS):
            parts.records.save(forgiven(parts.records.load(name)))
        streams.stdout.write(f"{name}: will be tried at the next look (`once`, or SIGHUP for `run`).\n")
    return WELL


def _revoke(parts: Parts, asked: argparse.Namespace, streams: Streams) -> int:
    name, authorities = asked.name, _authorities(parts)
    with parts.locks.held(name, patience_seconds=LOCK_SECONDS):  # first: what is revoked must be noted
        chain, record = parts.store.live_chain(name), parts.records.load(name)
        authority = authorities.get(record.directory or "", next(iter(authorities.values())))
        authority.revoke(chain, RevocationReason[asked.reason.upper().replace("-", "_")])
        parts.records.save(forgiven(replace(record, revoked_serial=serial_of(chain))))
    streams.stdout.write(f"{name}: revoked by {authority.directory}; the next look orders another with a new key.\n")
    return WELL


def _roll_key(parts: Parts, _asked: argparse.Namespace, streams: Streams) -> int:
    for directory, authority in _authorities(parts).items():
        authority.roll_key()
        streams.stdout.write(f"{directory}: the account has a new key.\n")
    return WELL


def _persist_record(parts: Parts, _asked: argparse.Namespace, streams: Streams) -> int:
    code = WELL
    for authority in _authorities(parts).values():
        account = authority.account()
        if not account.caa_identities:
            streams.stderr.write(f"{authority.directory} does not say by which name records know it.\n")
            code = FAILED
        for wanted in wanted_from(parts.settings):
            for identity in account.caa_identities[:1]:
                for record in persist_records(wanted.names, identity, account.uri):
                    streams.stdout.write(record.zone_line + "\n")
    return code


def _authorities(parts: Parts) -> dict[str, Authority]:
    check_orders(parts.settings)
    return authorities_from(parts, prover_from(parts))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m acme_client",
        description="Gets certificates for the gateway and renews them. Set up by environment variables: docs/acme-settings.md.",
        epilog="Exit codes: 0 all is well, 1 something failed, 2 wrong settings or command line.",
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
    status = add("status", _status, "Say how the certificates stand.")
    status.add_argument("--json", action="store_true", help="for programs")
    revoke = add("revoke", _revoke, "Revoke a live certificate; the next look orders another.")
    revoke.add_argument("name", metavar="NAME", help="as in CERT_DIR/live")
    reasons = [reason.name.lower().replace("_", "-") for reason in RevocationReason]
    revoke.add_argument("--reason", choices=reasons, default="unspecified", help="RFC 5280 5.3.1")
    add("roll-key", _roll_key, "Give the account a new key, with each CA of the list.")
    add(
        "persist-record",
        _persist_record,
        "Print the TXT records of dns-persist-01, which make further ones unnecessary.",
    )
    add("forget-failures", _forget_failures, "Take back the waiting times after failures: try again at the next look.")
    return parser
