"""How are records kept? One JSON file for each certificate, which `status` shows and the gateway exports."""

import contextlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from acme_client.backoff import MOST_LIMITS, Limit, Setback, Tried
from acme_client.errors import AcmeError, ErrorKind
from acme_client.moment import parse_moment
from acme_client.private_file import write_private
from acme_client.record import LastError, Record, shorten
from acme_client.regular_file import read_regular
from acme_client.renewal import Span, Suggestion

VERSION = 1
MOST_BYTES = 1 << 20
MOST_COUNTED = 1 << 53
"""Up to here the gateway takes a count."""


@dataclass(frozen=True, slots=True)
class Records:
    """The folder of records."""

    folder: Path

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def load(self, name: str) -> Record:
        """The record, or an empty one where there is none or none that can be read: nothing in it is worth a standstill.

        Raises AcmeError (STORE) when something is there but cannot be read, or is no file.
        """
        path = self.path(name)
        try:
            return from_json(name, read_regular(path, MOST_BYTES))
        except FileNotFoundError:
            return Record(name)
        except OSError as error:
            raise AcmeError(ErrorKind.STORE, f"{path} cannot be read: {error.strerror}") from error

    def save(self, record: Record) -> None:
        """Replaces the file whole; raises AcmeError (STORE)."""
        path = self.path(record.name)
        try:
            write_private(path, to_json(record))
        except OSError as error:
            raise AcmeError(ErrorKind.STORE, f"{path} cannot be written: {error.strerror}") from error


def to_json(record: Record) -> bytes:
    """The file's content, schema version 1. Times are UTC (RFC 3339)."""
    error, last = record.last_error, max(record.setbacks.values(), key=lambda setback: setback.until, default=None)
    held_up = None if last is None else last.until
    content = {
        "version": VERSION,
        "name": record.name,
        "names": list(record.names),
        "directory": record.directory,
        "profile": record.profile,
        "issuer": record.issuer,
        "serial": record.serial,
        "not_before": _text(record.not_before),
        "not_after": _text(record.not_after),
        "generation": record.generation,
        "certificate_id": record.certificate_id,
        "renew_at": _text(record.renew_at),
        "renew_reason": record.renew_reason,
        "ari": _suggestion_json(record.suggestion) if record.suggestion else None,
        "last_success": _text(record.last_success),
        "last_attempt": _text(record.last_attempt),
        "last_error": {"kind": error.kind, "message": error.message, "at": _text(error.at)} if error else None,
        "failures": record.failures_in_a_row,
        "not_before_next_attempt": _text(held_up),
        "setbacks": {directory: _setback_json(setback) for directory, setback in record.setbacks.items()},
        "renewals": {"success": record.successes, "failure": record.failures},
        "jitter": record.jitter,
        "cut_off": record.cut_off,
        "out_of_turn": record.out_of_turn,
        "revoked_serial": record.revoked_serial,
    }
    return json.dumps(content, indent=1).encode() + b"\n"


def from_json(name: str, content: bytes) -> Record:
    """The record that `to_json` wrote; an empty one for what cannot be understood."""
    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        return _read(name, json.loads(content))
    return Record(name)


def _read(name: str, content: Any) -> Record:
    if content["version"] != VERSION:
        return Record(name)
    error, ari = content["last_error"], content["ari"]
    return Record(
        name,
        tuple(_shown(each) for each in content["names"]),
        directory=_word(content["directory"]),
        profile=_word(content["profile"]),
        issuer=_word(content["issuer"]),
        serial=_word(content["serial"]),
        not_before=_time(content["not_before"]),
        not_after=_time(content["not_after"]),
        generation=_word(content["generation"]),
        certificate_id=_certificate_id(content["certificate_id"]),
        renew_at=_time(content["renew_at"]),
        renew_reason=_word(content["renew_reason"]),
        suggestion=_read_suggestion(ari) if ari else None,
        last_success=_time(content["last_success"]),
        last_attempt=_time(content["last_attempt"]),
        last_error=LastError(_shown(error["kind"]), _shown(error["message"]), parse_moment(error["at"]))
        if error
        else None,
        setbacks={str(directory): _read_setback(each) for directory, each in content["setbacks"].items()},
        successes=_count(content["renewals"]["success"]),
        failures=_count(content["renewals"]["failure"]),
        jitter=_jitter(content["jitter"]),
        cut_off=_count(content["cut_off"]),
        out_of_turn=_count(content.get("out_of_turn", 0)),
        revoked_serial=_word(content["revoked_serial"]),
    )


def _suggestion_json(suggestion: Suggestion) -> dict[str, str | None]:
    window = suggestion.window
    return {
        "start": _text(window.start) if window else None,
        "end": _text(window.end) if window else None,
        "chosen": _text(suggestion.chosen),
        "fetched": _text(suggestion.fetched),
        "retry_after": _text(suggestion.retry_after),
        "explanation_url": suggestion.explanation_url,
    }


def _read_suggestion(ari: Mapping[str, Any]) -> Suggestion:
    window = Span(parse_moment(ari["start"]), parse_moment(ari["end"])) if ari["start"] and ari["end"] else None
    fetched, retry_after = parse_moment(ari["fetched"]), parse_moment(ari["retry_after"])
    return Suggestion(window, _time(ari["chosen"]), fetched, retry_after, _word(ari["explanation_url"]))


def _setback_json(setback: Setback) -> dict[str, Any]:
    return {
        "kind": setback.kind,
        "message": shorten(setback.message),
        "at": _text(setback.at),
        "failures": setback.failures,
        "until": _text(setback.until),
        "names": sorted(setback.tried.names) if setback.tried else None,
        "settings": setback.tried.fingerprint if setback.tried else None,
        "limits": [{"names": sorted(limit.names), "until": _text(limit.until)} for limit in setback.limits],
    }


def _read_setback(each: Mapping[str, Any]) -> Setback:
    kind, failures = ErrorKind(each["kind"]), _count(each["failures"])
    at, until, message = parse_moment(each["at"]), parse_moment(each["until"]), _shown(each["message"])
    return Setback(kind, message, at, failures, until, _read_tried(each), _read_limits(each.get("limits", ())))


def _read_limits(limits: Sequence[Mapping[str, Any]]) -> tuple[Limit, ...]:
    return tuple(
        Limit(frozenset(str(name) for name in limit["names"]), parse_moment(limit["until"]))
        for limit in limits[:MOST_LIMITS]
    )


def _read_tried(each: Mapping[str, Any]) -> Tried | None:
    """None in a record from before it was kept."""
    names, fingerprint = each.get("names"), _word(each.get("settings"))
    if names is None or fingerprint is None:
        return None
    return Tried(frozenset(_shown(name) for name in names), fingerprint)


def _text(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if moment else None


def _time(text: str | None) -> datetime | None:
    return parse_moment(text) if text else None


def _word(text: Any) -> str | None:
    """The text, or None; raises ValueError for what is neither, or cannot be written out again (half a surrogate)."""
    if text is None:
        return None
    if not isinstance(text, str):
        raise ValueError(f"{text!r} is no text")  # noqa: TRY004 - one error for all that is wrong in a file
    text.encode()
    return text


def _shown(text: Any) -> str:
    return _word(str(text)) or ""


def _certificate_id(text: Any) -> str | None:
    """RFC 9773 4.1: two parts in base64url; it becomes a part of a URL."""
    if _word(text) and not re.fullmatch(r"[A-Za-z0-9_.-]+", text):
        raise ValueError(f"{text!r} is no certificate's identifier")
    return _word(text)


def _count(number: Any) -> int:
    """A longer one could be read and not be written again: Python writes out 4300 digits at most."""
    if isinstance(number, int) and 0 <= number <= MOST_COUNTED:
        return number
    raise ValueError(f"no count from 0 to {MOST_COUNTED}")


def _jitter(number: Any) -> float | None:
    if number is None:
        return None
    if 0 <= number < 1:  # not so for NaN
        return float(number)
    raise ValueError(f"{number!r} is out of 0 to 1")
