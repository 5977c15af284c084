"""What do the metrics say of certificates? By a real registry's page, and state files as the certificate program writes them."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from mesh_gateway.observe.certificate_metrics import CertificateMetrics
from mesh_gateway.observe.renewals import (
    LOOK_SECONDS,
    MOST_BYTES,
    MOST_COUNTED,
    MOST_TEXT,
    Renewals,
    RenewalsFolder,
    parse_renewal,
)

RECORD: dict[str, Any] = {
    "version": 1,
    "name": "example.com",
    "names": ["example.com", "*.example.com"],
    "not_after": "2026-03-01T00:00:00Z",
    "renew_at": "2026-02-01T00:00:00Z",
    "renew_reason": "ari",
    "last_success": "2025-12-01T00:00:00Z",
    "last_error": {"kind": "dns", "message": "no", "at": "2026-01-01T00:00:00Z"},
    "failures": 2,
    "renewals": {"success": 3, "failure": 5},
}


def samples(registry: CollectorRegistry) -> dict[str, float]:
    lines = generate_latest(registry).decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


def content(**changes: Any) -> bytes:
    return json.dumps({**RECORD, **changes}).encode()


def test_what_serves_and_what_was_read_is_shown() -> None:
    registry = CollectorRegistry()
    metrics = CertificateMetrics(registry)
    metrics.serving({"example.com": 1705314600.0, "old": 1.0}, refused=2)
    metrics.serving({"example.com": 1705314600.0}, refused=1)
    metrics.reloaded(successes=2, failures=1)
    got = samples(registry)
    assert got['gateway_certificate_reloads_total{result="success"}'] == 2
    assert got['gateway_certificate_reloads_total{result="failure"}'] == 1
    assert got["gateway_certificates_refused"] == 1
    ends = {name: value for name, value in got.items() if name.startswith("gateway_certificate_not_after")}
    assert ends == {'gateway_certificate_not_after_timestamp_seconds{certificate="example.com"}': 1705314600}


def test_what_the_program_says_is_shown() -> None:
    registry = CollectorRegistry()
    metrics = CertificateMetrics(registry)
    metrics.told(Renewals((parse_renewal(content()),), faults=3))
    got = samples(registry)
    assert got['gateway_certificate_renewal_due_timestamp_seconds{certificate="example.com"}'] == 1769904000
    assert got['gateway_certificate_issued_timestamp_seconds{certificate="example.com"}'] == 1764547200
    assert got['gateway_certificate_renewals_total{certificate="example.com",result="success"}'] == 3
    assert got['gateway_certificate_renewals_total{certificate="example.com",result="failure"}'] == 5
    assert got['gateway_certificate_renewal_failures{certificate="example.com"}'] == 2
    assert got['gateway_certificate_renewal_error{certificate="example.com",kind="dns"}'] == 1
    assert got["gateway_certificate_state_faults"] == 3


def test_an_error_that_a_success_has_mended_is_not_shown() -> None:
    mended = parse_renewal(content(failures=0, renew_reason="backoff"))
    assert (mended.last_error, mended.error_message, mended.next_attempt) == (None, None, None)


def test_what_the_last_error_was_and_when_it_is_tried_again_is_kept_in_bounds() -> None:
    told = {"kind": "dns", "message": " no\nanswer\x1b" + "x" * 1000, "at": "2026-01-01T00:00:00Z"}
    record = parse_renewal(content(last_error=told, renew_reason="backoff"))
    assert record.next_attempt == record.renew_at == 1769904000
    assert record.error_message is not None
    assert record.error_message.startswith("no answer x")
    assert len(record.error_message) == MOST_TEXT
    assert parse_renewal(content(last_error={"kind": "dns", "message": 3})).error_message is None


def test_when_it_is_tried_again_is_not_the_latest_setback_of_several() -> None:
    held_up = {"not_before_next_attempt": "2026-06-01T00:00:00Z"}
    assert parse_renewal(content(renew_reason="backoff", **held_up)).next_attempt == 1769904000
    assert parse_renewal(content(renew_reason="ari", **held_up)).next_attempt is None


@pytest.mark.parametrize("latest", ["9998-12-31T23:59:59Z", "9998-12-31T23:59:59+14:00"])
def test_the_latest_time_can_be_written_out(latest: str) -> None:
    moment = parse_renewal(content(renew_at=latest)).renew_at
    assert moment is not None
    assert datetime.fromtimestamp(moment, UTC) == datetime.fromisoformat(latest)


def test_a_kind_of_error_that_is_no_word_is_other() -> None:
    assert parse_renewal(content(last_error={"kind": 'x"} 1'})).last_error == "other"


def test_what_is_unknown_is_left_out() -> None:
    record = parse_renewal(b'{"version": 1, "name": "example.com", "not_after": null}')
    assert (record.not_after, record.renew_at, record.successes, record.last_error) == (None, None, 0, None)


BAD = {
    "empty": b"",
    "cut": content()[:40],
    "a list": b"[]",
    "another version": content(version=2),
    "no name": content(name=None),
    "a name of another sort": content(name='a"b'),
    "no time": content(renew_at="soon"),
    "no zone": content(renew_at="2026-02-01T00:00:00"),
    "a negative count": content(failures=-1),
    "no count": content(renewals={"success": "three"}),
    "no object": content(renewals=3),
    "a count that is no float": content(renewals={"success": 10**400}),
    "a row of failures that is no float": content(failures=10**400),
    "a count past the largest": content(failures=MOST_COUNTED + 1),
    "a time before 1970": content(renew_at="0001-01-01T00:00:00+14:00"),
    "a time past all years": content(renew_at="10000-01-01T00:00:00Z"),
    "a time that is past all years in UTC": content(renew_at="9999-12-31T23:59:59-12:00"),
    "a time too late": content(not_after="9999-01-01T00:00:00Z"),
    "a time of 1969 in UTC": content(last_success="1970-01-01T00:00:00+01:00"),
    "too deep": b"[" * 100_000,
    "too large": content(names=["x" * MOST_BYTES]),
    "not UTF-8": b"\xff" * 9,
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_file_that_is_no_record_is_counted_and_the_others_are_read(tmp_path: Path, bad: bytes) -> None:
    (tmp_path / "bad.json").write_bytes(bad)
    (tmp_path / "good.json").write_bytes(content())
    (tmp_path / "dns-leftovers.json").write_text("[]")
    found = RenewalsFolder(tmp_path, lambda: 0.0).look()
    assert ([each.name for each in found.records], found.faults) == (["example.com"], 1)


def test_a_folder_is_read_now_and_then_only(tmp_path: Path) -> None:
    now = 0.0
    folder = RenewalsFolder(tmp_path / "state", lambda: now)
    assert folder.look() == Renewals()
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "example.com.json").write_bytes(content())
    assert folder.look() == Renewals()
    now += LOOK_SECONDS
    assert len(folder.look().records) == 1


def test_what_is_no_file_is_counted(tmp_path: Path) -> None:
    (tmp_path / "folder.json").mkdir()
    assert RenewalsFolder(tmp_path, lambda: 0.0).look() == Renewals(faults=1)
