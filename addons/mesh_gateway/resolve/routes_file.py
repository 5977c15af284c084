"""What does a routes file say?

A mapping of tenant to where it lives, as JSON (`.json`) or YAML (`.yaml`, `.yml`), each tenant in one of three forms:

    alice: http://127.0.0.1:9001          # a URL: one route of source `file`, the host an IP address
    bob:                                  # a list of routes as in the API's answer
      - {ip: 127.0.0.1, port: 9002, priority: 1, source: agent, scheme: http}
      - {ip: 127.0.0.1, port: 9003, priority: 2, source: tunnel}
    carol:                                # the API's whole answer
      userId: abc123
      routes: []                          # claimed, but offline
      lastSeenOnline: 2024-01-15T10:30:00Z

A name that is not in the file is unknown. `routesTtl` is not used: the file is read again when it changes.
The API's answers are read with tolerance, a file is not: someone is there to mend it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from mesh_gateway.routing.addresses import AddressPolicy
from mesh_gateway.routing.decoding import DecodingError, decode_v2
from mesh_gateway.routing.hostname import TENANT
from mesh_gateway.routing.routes import RouteSet

FILE_TTL = 1.0
"""Seconds that an answer lives: an edit shows at once, and the file need not be looked at for every request."""


class FileSourceError(ValueError):
    """The file cannot be used. The text names the file and the place in it."""


class _PlainLoader(yaml.SafeLoader):
    """YAML without timestamps: `lastSeenOnline` is text, as in JSON."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own attribute
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def parse_routes(path: Path, content: bytes, policy: AddressPolicy) -> Mapping[str, RouteSet]:
    """The tenants in `content`, which was read from `path`; raises FileSourceError."""
    loaded = _load(path, content)
    if not isinstance(loaded, dict):
        raise FileSourceError(f"{path}: wants a mapping of tenant to routes at its top")
    return {_tenant(path, name): _route_set(path, name, value, policy) for name, value in loaded.items()}


def _load(path: Path, content: bytes) -> object:
    load = _LOADERS.get(path.suffix.lower())
    if load is None:
        raise FileSourceError(f"{path}: wants a name that ends in .json, .yaml or .yml")
    try:
        return load(content.decode())
    except json.JSONDecodeError as error:
        raise FileSourceError(f"{path}:{error.lineno}:{error.colno}: {error.msg}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise FileSourceError(f"{path}{place}: {error.problem}") from error
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise FileSourceError(f"{path}: {error}") from error


def _load_yaml(text: str) -> object:
    return yaml.load(text, _PlainLoader)  # noqa: S506 - a SafeLoader


_LOADERS: Mapping[str, Callable[[str], Any]] = {".json": json.loads, ".yaml": _load_yaml, ".yml": _load_yaml}


def _tenant(path: Path, name: object) -> str:
    if not isinstance(name, str):
        raise FileSourceError(f"{path}: tenant {name!r} is not text; put it in quotes")
    if not TENANT.fullmatch(name):
        raise FileSourceError(f"{path}: tenant {name!r} wants 1 to 63 letters a-z and digits")
    return name


def _route_set(path: Path, tenant: str, value: object, policy: AddressPolicy) -> RouteSet:
    try:
        found = decode_v2(_answer(value), tenant, policy)
    except ValueError as error:
        raise FileSourceError(f"{path}: tenant {tenant}: {error}") from error
    if found.dropped:
        raise FileSourceError(f"{path}: tenant {tenant}: {'; '.join(found.dropped)}")
    return replace(found, ttl_seconds=FILE_TTL)


def _answer(value: object) -> object:
    """The three forms become the API's answer; raises ValueError."""
    match value:
        case str():
            return {"routes": [_route_of(value)]}
        case list():
            return {"routes": value}
        case dict():
            return value
        case _:
            raise DecodingError("wants a URL, a list of routes, or a mapping with routes")


def _route_of(url: str) -> dict[str, object]:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise DecodingError(f"{url!r} wants the form http://127.0.0.1:9001")
    default_port = 443 if parts.scheme == "https" else 80
    port = parts.port if parts.port is not None else default_port
    return {"ip": parts.hostname, "port": port, "scheme": parts.scheme, "source": "file"}
