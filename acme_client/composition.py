"""Which parts does the program consist of? Put together here from the settings, and nowhere else."""

import os
import random
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

from acme_client.account import Applicant
from acme_client.authority import Authority, Wishes
from acme_client.caa import caa_look_up, check_caa
from acme_client.dns_prover import DnsProver, Patience
from acme_client.errors import AcmeError, ErrorKind
from acme_client.fingerprint import fingerprint, keep_key
from acme_client.happening import Happening, Told
from acme_client.happening import line as line_of
from acme_client.leftovers import Leftovers
from acme_client.lifecycle import Lifecycle
from acme_client.lock import Locks
from acme_client.look_up import LookUpError, Resolver
from acme_client.network import Network
from acme_client.persist import PersistRecord, is_set, issuers_of
from acme_client.progress import progress_on
from acme_client.proofs import Prover
from acme_client.providers import Surroundings, provider_from
from acme_client.records import Records
from acme_client.rounds import Rounds
from acme_client.settings import Settings, SettingsError
from acme_client.signals import Signals
from acme_client.status import Standing
from acme_client.store import Store
from acme_client.tenants import ResolutionApi, Tenants
from acme_client.transport import Line
from acme_client.wanted import wanted_from


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts that need neither a CA nor a DNS provider."""

    settings: Settings
    environment: Mapping[str, str]
    store: Store
    records: Records
    locks: Locks
    signals: Signals
    stderr: TextIO

    def tell(self, happening: Happening) -> None:
        """One line for the log."""
        self.stderr.write(line_of(happening, now()) + "\n")
        self.stderr.flush()


def now() -> datetime:
    return datetime.now(UTC)


def parts_from(settings: Settings, environment: Mapping[str, str], signals: Signals, stderr: TextIO) -> Parts:
    """The store with its records and locks."""
    root = settings.cert_dir
    locks = Locks(root / "locks", Signals.wait, time.monotonic)
    return Parts(settings, environment, Store(root), Records(root / "state"), locks, signals, stderr)


def prover_from(parts: Parts) -> DnsProver:
    """Who shows proofs in DNS; raises SettingsError when the provider's settings are wrong, AcmeError (STORE)."""
    settings, root = parts.settings, parts.settings.cert_dir
    parts.store.prepare()
    around = Surroundings(root / "accounts", settings.dns_resolvers, sys.stdin, parts.stderr)
    try:
        provider = provider_from(parts.environment, around)
    except AcmeError as error:
        if error.kind is ErrorKind.STORE:  # a full disk may pass; a wrong value or a secret's missing file does not
            raise
        raise SettingsError(str(error)) from error
    return DnsProver(
        provider=provider,
        resolver=Resolver(settings.dns_resolvers),
        leftovers=Leftovers(root / "state" / "dns-leftovers", now),
        patience=Patience(
            settings.dns_propagation_timeout, settings.dns_propagation_check, settings.dns_authoritative_port
        ),
        wait=Signals.wait,
        monotonic=time.monotonic,
        progress=progress_on(
            parts.stderr if parts.stderr.isatty() else Told(parts.tell),
            terminal_type=parts.environment.get("TERM", ""),
        ),
    )


def authorities_from(parts: Parts, prover: Prover) -> dict[str, Authority]:
    """The CAs of ACME_DIRECTORY_URLS in their order, by directory."""
    return {directory: authority_from(directory, parts, prover) for directory in parts.settings.acme_directory_urls}


def authority_from(directory: str, parts: Parts, prover: Prover) -> Authority:
    """One CA, whether it is of that list or one that a certificate is from."""
    settings, resolver = parts.settings, Resolver(parts.settings.dns_resolvers)
    line, look_up = Line(now, Signals.wait, settings.acme_ca_file), caa_look_up(resolver)
    authority = Authority(
        directory=directory,
        accounts=settings.cert_dir / "accounts",
        applicant=Applicant(settings.ssl_email, settings.acme_eab_kid, settings.acme_eab_hmac_key),
        wishes=Wishes(settings.acme_key_type, settings.acme_profile, settings.acme_preferred_chain),
        prover=prover,
        check_caa=lambda names, identities, account, methods: check_caa(
            names, identities, account, look_up, methods=methods
        ),
        network_for=lambda key: Network(line, key),
    )

    def stands(domain: str, is_wildcard: bool, challenge: Mapping[str, Any]) -> bool:
        """Whether dns-persist-01 needs no further record; where that cannot be found out, dns-01 will do."""
        try:
            uri, issuers = authority.account().uri, issuers_of(challenge)
            return any(is_set(PersistRecord(domain, each, uri, is_wildcard), resolver, now()) for each in issuers)
        except (ValueError, LookUpError):
            return False

    authority.stands = stands
    return authority


def rounds_from(parts: Parts) -> Rounds:
    """All that looks after the certificates; raises SettingsError."""
    prover = prover_from(parts)
    key = keep_key(parts.settings.cert_dir / "state" / "fingerprint.key")
    lifecycle = Lifecycle(
        store=parts.store,
        records=parts.records,
        locks=parts.locks,
        issuers=dict(authorities_from(parts, prover)),
        profile=parts.settings.acme_profile,
        host=os.uname().nodename,
        clock=now,
        draw=random.random,
        tell=parts.tell,
        fingerprint=fingerprint(parts.settings, parts.environment, key),
    )
    return Rounds(parts.settings, lifecycle, tenants_from(parts), prover.sweep)


def tenants_from(parts: Parts) -> Tenants | None:
    """The tenants' wishes; None without ACME_TENANT_WILDCARDS."""
    settings = parts.settings
    if not settings.acme_tenant_wildcards:
        return None
    return Tenants(
        folder=settings.cert_dir / "tenants",
        listed=settings.acme_tenants,
        limit_per_week=settings.acme_tenant_limit_per_week,
        api=ResolutionApi(settings.backend_url),
        locks=parts.locks,
        clock=now,
        tell=parts.tell,
    )


def standings_from(parts: Parts) -> list[Standing]:
    """How every certificate stands that is wanted, tenants' with one included. Raises AcmeError (STORE)."""
    settings = parts.settings
    tenants = tenants_from(parts)
    wanted = wanted_from(settings, tenants.wishes() if tenants else ())
    return [Standing(each, parts.store.held(each.name), parts.records.load(each.name)) for each in wanted]
