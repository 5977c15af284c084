"""Can the gateway listen where it is told to? Asked before it starts, so that the answer is one line."""

import errno
import socket
from dataclasses import dataclass

from mesh_gateway.proxy.certificates.places import find_places
from mesh_gateway.settings import Settings


class PortError(Exception):
    """A port that cannot be listened on. The text is one line: the port, why, and what to set."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A port that will be listened on. `variable` is what changes it."""

    variable: str
    address: str
    port: int


def wishes(settings: Settings) -> tuple[Wish, ...]:
    """The ports that the gateway takes at its start. The https one follows when there is a certificate: `https_wish`."""
    public = Wish("PORT", settings.listen_address, settings.port)
    if settings.admin_port is None:
        return (public,)
    return (public, Wish("ADMIN_PORT", settings.admin_address, settings.admin_port))


def https_wish(settings: Settings) -> tuple[Wish, ...]:
    """The https port, once there are certificates or they will be obtained; until then it is left to others.

    Where certificates come later by other ways the workers bind it themselves.
    """
    if settings.ssl_port is None or not (obtains_certificates(settings) or _has_certificates(settings)):
        return ()
    return (Wish("SSL_PORT", settings.listen_address, settings.ssl_port),)


def obtains_certificates(settings: Settings) -> bool:
    """Whether the certificate program runs beside the workers."""
    return settings.acme and bool(settings.ssl_email)


def _has_certificates(settings: Settings) -> bool:
    try:
        return bool(find_places(settings.cert_dir))
    except OSError:
        return False  # the workers tell why


def check(wish: Wish, *, shared: bool = False) -> None:
    """Raise PortError where nobody could listen now.

    `shared`: a listener that shares its port (SO_REUSEPORT) is no hindrance, so that a new gateway can start
    before the old one has ended.
    """
    address = wish.address or "0.0.0.0"  # noqa: S104 - no address means all
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            probe.bind((address, wish.port))
        except OSError as error:
            raise PortError(complaint(wish, error)) from error


def complaint(wish: Wish, error: OSError) -> str:
    """Why the port cannot be had, and what to do about it, in one line."""
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {wish.port} is taken by another program: choose another one with {wish.variable}="
        case errno.EACCES:
            return (
                f"port {wish.port} is not for everybody: choose one above 1023 with {wish.variable}=, "
                "or give the program CAP_NET_BIND_SERVICE"
            )
        case _:
            return (
                f"cannot listen on {wish.address or 'any address'} port {wish.port} ({wish.variable}): {error.strerror}"
            )
