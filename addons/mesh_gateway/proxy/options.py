"""Which of mitmproxy's options must an edge have, and which must it never have?

The gateway sets the first; a start with one of the second is refused by name and reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mitmproxy.options import Options

from mesh_gateway.settings import Settings

# Nothing listens on port 1: a flow that is not given a route reaches nobody (HAZARDS A1).
DEAD_TARGET = "reverse:http://127.0.0.1:1"

SAFE: Mapping[str, Any] = {
    "block_global": False,  # it drops clients with public addresses (HAZARDS A4)
    "onboarding": False,  # it answers for mitm.it and hands out a CA (A5)
    "connection_strategy": "lazy",  # eager dials the dead target per client (D16)
    "upstream_cert": False,
    "keep_host_header": True,
    "keep_alt_svc_header": True,  # the gateway drops the field itself, and a flow shows what came (E8)
    "rawtcp": False,  # upgrades are tunnelled by the gateway, after its own check (B7)
    "websocket": False,
    "http3": False,
}

# Addons of mitmproxy that change requests behind the gateway's back. This one deletes `Connection` where a client asks
# for h2c, and with it the list of the fields that must not be passed on (HAZARDS B7, B8).
MEDDLING = ("disableh2c",)


@dataclass(frozen=True, slots=True)
class Unsafe:
    """One option that may not differ from `only`, and why."""

    option: str
    only: Any
    why: str


UNSAFE: tuple[Unsafe, ...] = (
    Unsafe("mode", ["regular"], "the gateway sets the modes itself; use PORT, SSL_PORT and LISTEN_ADDRESS"),
    Unsafe("listen_host", "", "use LISTEN_ADDRESS"),
    Unsafe("listen_port", None, "use PORT and SSL_PORT"),
    Unsafe("validate_inbound_headers", True, "without it HTTP/2 requests can be smuggled"),
    Unsafe(
        "ssl_insecure", False, "upstream certificates would not be verified, so any server could answer for a tenant"
    ),
    Unsafe("stream_large_bodies", None, "it crashes connections that the gateway answers itself; bodies stream anyway"),
    Unsafe("body_size_limit", None, "use MAX_BODY_SIZE"),
    Unsafe("store_streamed_bodies", False, "whole bodies would be kept in memory"),
    Unsafe("certs", [], "a bad file would be replaced by a certificate of mitmproxy's own CA; use CERT_DIR"),
    Unsafe("proxyauth", None, "it belongs to forward proxies"),
    Unsafe("ignore_hosts", [], "these connections would bypass routing"),
    Unsafe("allow_hosts", [], "the other connections would bypass routing"),
    Unsafe("tcp_hosts", [], "these connections would bypass routing"),
    Unsafe("udp_hosts", [], "these connections would bypass routing"),
    Unsafe("client_certs", None, "every tenant's server would be shown the same client certificate"),
    Unsafe("add_upstream_certs_to_client_chain", False, "one tenant's certificates would reach clients of all"),
    Unsafe("map_remote", [], "requests would leave for other places than the tenant's"),
)


def complaint(options: Options) -> str | None:
    """Why the gateway must not start with these options, in one line; None when it may."""
    for rule in UNSAFE:
        value = getattr(options, rule.option)
        if value != rule.only and not _is_ours(rule.option, value):
            return f"unsafe option {rule.option}={value!r}: {rule.why}"
    return None


def complaint_of_running(options: Options, modes: Sequence[str]) -> str | None:
    """Why a gateway that listens with `modes` must not go on with these options; None when it may."""
    for name, value in {**SAFE, "mode": list(modes)}.items():
        if getattr(options, name) != value:
            return f"unsafe option {name}={getattr(options, name)!r}: the gateway holds it at {value!r}"
    return complaint(options)


def _is_ours(option: str, value: Any) -> bool:
    return option == "mode" and all(mode.startswith(DEAD_TARGET) for mode in value)


def listeners(settings: Settings, *, has_certificate: bool) -> list[str]:
    """The mode entries to listen with: http, https once there is a certificate, admin."""
    addresses = [(settings.listen_address, settings.port)]
    if settings.ssl_port and has_certificate:
        addresses.append((settings.listen_address, settings.ssl_port))
    if settings.admin_port:
        addresses.append((settings.admin_address, settings.admin_port))
    return [f"{DEAD_TARGET}@{f'{host}:' if host else ''}{port}" for host, port in addresses]
