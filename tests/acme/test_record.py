"""Does what is remembered survive, and does a bad file cost nothing but its memory?"""

import json
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from acme_client.backoff import Setback, Tried, after
from acme_client.errors import AcmeError, ErrorKind
from acme_client.pair import Leaf
from acme_client.record import LastError, Record, failed, made_good, succeeded
from acme_client.records import MOST_BYTES, MOST_COUNTED, Records, from_json, to_json
from acme_client.renewal import Span, Suggestion
from tests.acme.rig.calendar import TODAY

CA = "https://ca.test/directory"
LATER = TODAY + timedelta(days=60)
FULL = Record(
    "example.com",
    ("example.com", "*.example.com"),
    directory=CA,
    profile="tlsserver",
    issuer="R3",
    serial="2a",
    not_before=TODAY,
    not_after=LATER,
    generation="20260301T120000Z-0000002a",
    certificate_id="a.b",
    renew_at=LATER,
    renew_reason="ari",
    suggestion=Suggestion(Span(TODAY, LATER), TODAY, TODAY, LATER, "https://ca.test/why"),
    last_success=TODAY,
    last_attempt=TODAY,
    last_error=LastError("caa", "not allowed", TODAY),
    setbacks={CA: Setback(ErrorKind.CAA, "not allowed", TODAY, 2, LATER, Tried(frozenset({"a.b", "c.d"}), "0f"))},
    successes=3,
    failures=1,
    jitter=0.42,
    cut_off=1,
)


@pytest.mark.parametrize(
    "record",
    [
        FULL,
        Record("example.com"),
        replace(FULL, suggestion=Suggestion(None, None, TODAY, LATER)),
        replace(FULL, setbacks={CA: replace(FULL.setbacks[CA], tried=None)}),
    ],
    ids=["full", "empty", "no window", "what was tried is not known"],
)
def test_a_record_comes_back_as_it_was(record: Record, tmp_path: Path) -> None:
    records = Records(tmp_path / "state")
    records.save(record)
    assert records.load("example.com") == record
    assert records.path("example.com").stat().st_mode & 0o777 == 0o600


def test_a_record_of_before_what_was_tried_was_kept_is_read() -> None:
    content = json.loads(to_json(FULL))
    del content["setbacks"][CA]["names"], content["setbacks"][CA]["settings"]
    assert from_json("example.com", json.dumps(content).encode()).setbacks[CA].tried is None


def test_the_file_has_the_keys_that_the_gateway_reads() -> None:
    content = json.loads(to_json(FULL))
    assert list(content) == [
        "version", "name", "names", "directory", "profile", "issuer", "serial", "not_before", "not_after", "generation",
        "certificate_id", "renew_at", "renew_reason", "ari", "last_success", "last_attempt", "last_error", "failures",
        "not_before_next_attempt", "setbacks", "renewals", "jitter", "cut_off",
        "out_of_turn", "revoked_serial",
    ]  # fmt: skip
    assert (content["version"], content["not_after"]) == (1, "2026-04-30T12:00:00Z")
    assert content["renewals"] == {"success": 3, "failure": 1}
    assert content["last_error"] == {"kind": "caa", "message": "not allowed", "at": "2026-03-01T12:00:00Z"}
    assert (content["failures"], content["not_before_next_attempt"]) == (2, "2026-04-30T12:00:00Z")
    assert sorted(content["ari"]) == ["chosen", "end", "explanation_url", "fetched", "retry_after", "start"]


BAD_COUNTS = (b"9" * 4300, str(MOST_COUNTED + 1).encode(), b"-1", b'"3"')


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"version": 2}',
        b'{"version": 1}',
        b"[" * 100_000,
        to_json(FULL).replace(b'"2a"', b"42").replace(b"2026-04-30T12:00:00Z", b"soon"),
        to_json(FULL).replace(b"12:00:00Z", b"12:00:00"),
        to_json(FULL).replace(b'"caa"', b'"of next year"'),
        to_json(FULL).replace(b'"success": 3', b'"success": 1e999'),
        *(to_json(FULL).replace(b'"success": 3', b'"success": ' + count) for count in BAD_COUNTS),
        to_json(FULL).replace(b'"failures": 2', b'"failures": ' + BAD_COUNTS[0]),
        to_json(FULL).replace(b'"cut_off": 1', b'"cut_off": ' + BAD_COUNTS[0]),
        to_json(FULL).replace(b'"out_of_turn": 0', b'"out_of_turn": ' + BAD_COUNTS[0]),
        to_json(FULL).replace(b"0.42", b"NaN"),
        to_json(FULL).replace(b"0.42", b'"0.42"'),
        to_json(FULL).replace(b"2026-04-30T12:00:00Z", b"9999-12-31T23:59:59-12:00"),
        to_json(FULL).replace(b"2026-04-30T12:00:00Z", b"0001-01-01T00:00:00+12:00"),
        to_json(FULL).replace(b'"a.b"', b'"../a.b"'),
        to_json(FULL).replace(b'"not allowed"', b'"\\ud800"'),
        to_json(FULL).replace(b'"R3"', b'"\\ud800"'),
    ],
    ids=[
        "empty",
        "cut",
        "list",
        "null",
        "binary",
        "newer",
        "bare",
        "deep",
        "no time",
        "no zone",
        "unknown kind",
        "endless count",
        "a count of 4300 digits",
        "a count past the largest",
        "a negative count",
        "a count as text",
        "failures in a row of 4300 digits",
        "cut off 4300 digits",
        "out of turn 4300 digits",
        "no number",
        "text jitter",
        "past the calendar",
        "before the calendar",
        "a path",
        "half a letter in a message",
        "half a letter",
    ],
)
def test_what_cannot_be_understood_is_forgotten(content: bytes) -> None:
    assert from_json("example.com", content) == Record("example.com")


def test_the_largest_count_can_be_counted_on() -> None:
    largest = from_json("example.com", to_json(replace(FULL, failures=MOST_COUNTED)))
    assert largest.failures == MOST_COUNTED
    assert str(MOST_COUNTED + 1).encode() in to_json(failed(largest, CA, FULL.setbacks[CA]))


def test_a_pipe_in_its_place_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "example.com.json")
    with pytest.raises(AcmeError, match=r"example\.com\.json cannot be read: it is no regular file") as caught:
        Records(tmp_path).load("example.com")
    assert caught.value.kind is ErrorKind.STORE


def test_one_that_is_too_large_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b" " * MOST_BYTES + to_json(FULL))
    assert Records(tmp_path).load("a") == Record("a")


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    records = Records(tmp_path / "state")
    with pytest.raises(AcmeError, match="cannot be written") as caught:
        records.save(FULL)
    assert caught.value.kind is ErrorKind.STORE
    with pytest.raises(AcmeError, match="cannot be read"):
        records.load("example.com")


def test_failures_are_remembered_until_a_success() -> None:
    error = AcmeError(ErrorKind.CAA, "first line\nsecond " + "x" * 5000)
    record = failed(Record("a.b", cut_off=1), CA, after(error, None, TODAY))
    record = failed(record, CA, after(error, record.setbacks[CA], TODAY))
    assert (record.failures, record.failures_in_a_row, record.cut_off) == (2, 2, 0)
    assert record.renew_reason == "backoff"
    assert record.last_error is not None
    assert len(record.last_error.message) == 2000
    assert "\n" not in record.last_error.message


def test_a_success_forgets_them() -> None:
    leaf = Leaf(("a.b",), "R3", "ff", TODAY, LATER)
    record = succeeded(replace(FULL, failures=4), leaf, LATER, generation="g", certificate_id=None)
    assert (record.setbacks, record.last_error, record.suggestion, record.cut_off) == ({}, None, None, 0)
    assert (record.successes, record.failures, record.serial) == (4, 4, leaf.serial)


def test_of_what_is_not_due_only_what_still_holds_a_ca_up_is_kept() -> None:
    assert made_good(FULL, LATER - timedelta(seconds=1)) == FULL
    mended = made_good(FULL, LATER)
    assert (mended.setbacks, mended.last_error, mended.failures) == ({}, None, 1)
