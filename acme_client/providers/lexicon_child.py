"""The program that calls dns-lexicon: one letter on standard input, one record added or removed."""

import importlib
import json
import sys
from typing import Any

_NOT_INSTALLED = 3


class _Known:
    """The zone is known already; lexicon would look it up by itself, or fetch a list of suffixes from the web."""

    def __init__(self, zone: str) -> None:
        self._zone = zone

    def zone_for_name(self, _name: str) -> Any:
        return importlib.import_module("dns.name").from_text(self._zone)


def main() -> int:
    letter = json.load(sys.stdin)
    try:
        client, config = importlib.import_module("lexicon.client"), importlib.import_module("lexicon.config")
    except ModuleNotFoundError:
        return _NOT_INSTALLED
    resolver: Any = importlib.import_module("dns.resolver")
    resolver.zone_for_name = _Known(letter["zone"]).zone_for_name
    settings = config.ConfigResolver().with_dict(_settings(letter))
    with client.Client(settings) as operations:
        done = _carry_out(operations, letter)
    if not done:
        sys.stderr.write(f"{letter['provider']} says that it did not {letter['action']} the record\n")
    return 0 if done else 1


def _settings(letter: dict[str, Any]) -> dict[str, Any]:
    return {
        "provider_name": letter["provider"],
        "domain": letter["zone"],
        "resolve_zone_name": True,
        "ttl": letter["ttl"],
        letter["provider"]: letter["options"],
    }


def _carry_out(operations: Any, letter: dict[str, Any]) -> bool:
    if letter["action"] == "create":
        return bool(operations.create_record("TXT", letter["name"], letter["value"]))
    return bool(operations.delete_record(None, "TXT", letter["name"], letter["value"]))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Exception as error:  # noqa: BLE001 - providers of 90 authors raise whatever they like; the last line tells
        sys.exit(f"{type(error).__name__}: {error}")
