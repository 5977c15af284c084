"""What does a person do by hand? Revoke a certificate, forget failures, change the account's key, set a lasting record."""

import argparse
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from acme_client.account_key import MOST_BYTES
from acme_client.authority import Authority
from acme_client.composition import Parts, authorities_from, authority_from, now, prover_from, standings_from
from acme_client.decision import MOST_AT_ONCE
from acme_client.errors import AcmeError, ErrorKind
from acme_client.look_up import LookUpError, Resolver
from acme_client.pair import serial_of
from acme_client.persist import METHOD, PersistRecord, is_set, persist_records
from acme_client.proofs import Proof
from acme_client.record import forgiven
from acme_client.regular_file import read_regular
from acme_client.revocation import Revocation, RevocationReason
from acme_client.settings import check_account, check_orders
from acme_client.shell import FAILED, WELL, Streams
from acme_client.store import KEY
from acme_client.wanted import wanted_from

LOCK_SECONDS = 60.0
"""A person waits for it."""


class NoProver:
    """The Prover of who orders nothing. A key that was stolen is not to wait for a DNS provider's settings."""

    def published(self, proofs: Sequence[Proof]) -> AbstractContextManager[None]:
        names = ", ".join(proof.domain for proof in proofs)
        raise AcmeError(ErrorKind.DNS_PROVIDER, f"There is nobody here to prove {names}")


def revoke(parts: Parts, asked: argparse.Namespace, streams: Streams) -> int:
    """Revokes `asked.name`, with the CA that it is from. Raises AcmeError, SettingsError."""
    if not asked.by_certificate_key:
        check_account(parts.settings)
    name = asked.name
    with parts.locks.held(name, patience_seconds=LOCK_SECONDS):  # first: what is revoked must be noted
        if name not in (there := _live_names(parts)):
            streams.stderr.write(f"There is no live certificate {name}; {_listed(there)}\n")
            return FAILED
        chain, key, record = parts.store.live_chain(name), _live_key(parts, name), parts.records.load(name)
        directory = record.directory or parts.settings.acme_directory_urls[0]
        authority = authority_from(directory, parts, NoProver())
        reason = RevocationReason[asked.reason.upper().replace("-", "_")]
        done = authority.revoke(chain, key, reason, by_key=asked.by_certificate_key)
        parts.records.save(forgiven(replace(record, revoked_serial=serial_of(chain))))
    streams.stdout.write(f"{name}: {_told(done, directory)}; the next look orders another with a new key.\n")
    return WELL


def _live_names(parts: Parts) -> list[str]:
    folder = parts.store.live("")
    try:
        return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise AcmeError(ErrorKind.STORE, f"{folder} cannot be read: {error.strerror}") from error


def _live_key(parts: Parts, name: str) -> bytes:
    path = parts.store.live(name) / KEY
    try:
        return read_regular(path, MOST_BYTES)
    except FileNotFoundError:  # lost: the account may revoke it all the same
        return b""
    except OSError as error:
        raise AcmeError(ErrorKind.STORE, f"{path} cannot be read: {error.strerror}") from error


def _listed(names: Iterable[str]) -> str:
    listed = ", ".join(names)
    return f"there are: {listed}" if listed else "there is none at all in CERT_DIR"


def _told(done: Revocation, directory: str) -> str:
    if not done.is_new:
        return f"had been revoked before, says {directory}"
    signed = " (signed by its own key, for it is not this account's)" if done.is_by_key else ""
    return f"revoked by {directory}{signed}"


def forget_failures(parts: Parts, asked: argparse.Namespace, streams: Streams) -> int:
    """Takes back the waiting times of `asked.names`, of all where none is named. Raises AcmeError."""
    standings = {standing.wanted.name: standing for standing in standings_from(parts)}
    if unknown := [name for name in asked.names if name not in standings]:
        streams.stderr.write(f"No certificate {', '.join(unknown)} is wanted; {_listed(standings)}\n")
        return FAILED
    for name in asked.names or standings:
        with parts.locks.held(name, patience_seconds=LOCK_SECONDS):
            record = parts.records.load(name)
            if not (record.setbacks or record.cut_off or record.out_of_turn >= MOST_AT_ONCE):
                streams.stdout.write(f"{name}: has no failures to forget; nothing was changed.\n")
                continue
            parts.records.save(forgiven(record))
        streams.stdout.write(f"{name}: will be tried at the next look (`once`, or SIGHUP for `run`).\n")
    return WELL


def roll_key(parts: Parts, _asked: argparse.Namespace, streams: Streams) -> int:
    """Gives the account with each CA a new key. Raises AcmeError, SettingsError."""
    for directory, authority in _authorities(parts).items():
        authority.roll_key()
        streams.stdout.write(f"{directory}: the account has a new key.\n")
    return WELL


def persist_record(parts: Parts, _asked: argparse.Namespace, streams: Streams) -> int:
    """Prints the records on standard output and what to do with them beside it. Raises AcmeError, SettingsError."""
    results = [_persist_with(authority, parts, streams) for authority in _authorities(parts).values()]
    return WELL if all(results) else FAILED


def _persist_with(authority: Authority, parts: Parts, streams: Streams) -> bool:
    account = authority.account()
    if not account.caa_identities:
        streams.stderr.write(
            f"No record of {METHOD} can be made for {authority.directory}: its directory does not say by which name"
            " records know it (caaIdentities, RFC 8555 7.1.1). Names are proved to it by DNS_PROVIDER.\n"
        )
        return False
    streams.stderr.write(
        f"Set these TXT records once and let them stay. They let the account {account.uri} prove its names to"
        f" {authority.directory} whenever that offers {METHOD}; while it does not, DNS_PROVIDER goes on proving them.\n"
    )
    for wanted in wanted_from(parts.settings):
        for record in persist_records(wanted.names, account.caa_identities[0], account.uri):
            streams.stdout.write(record.zone_line + "\n")
            streams.stderr.write(f"{record.name} {_presence(record, parts)}\n")
    return True


def _presence(record: PersistRecord, parts: Parts) -> str:
    try:
        return "is set." if is_set(record, Resolver(parts.settings.dns_resolvers), now()) else "is not set yet."
    except LookUpError as error:
        return f"may be set or not, which could not be found out: {error}"


def _authorities(parts: Parts) -> dict[str, Authority]:
    check_orders(parts.settings)
    return authorities_from(parts, prover_from(parts))
