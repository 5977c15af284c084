"""What does a handshake begin with, before it is known whom it is for? And which keys seal the sessions of clients?

OpenSSL seals session tickets with the keys of the context that a handshake began with, not of the one that its SNI led
to. So these contexts outlive the certificates: a session goes on after a renewal. They are made anew once a day, for a
stolen key must not open more than a day's TLS 1.2 sessions (RFC 5077 5.5). Neither library lets keys be set, so each
worker has its own: a client that comes back to another worker shakes hands in full.
"""

import ssl
from collections.abc import Callable

from OpenSSL import SSL

from mesh_gateway.proxy.certificates.contexts import bare_context, fast_context
from mesh_gateway.proxy.certificates.pair import Certificate
from mesh_gateway.proxy.certificates.unreadable import NamedObject, name_filter

KEYS_LIVE_SECONDS = 24 * 3600.0

Select = Callable[[str | None], Certificate | None]


class Greeting:
    """The contexts of both paths without a certificate of their own: the SNI chooses one, or the handshake ends."""

    def __init__(self, select: Select, clock: Callable[[], float]) -> None:
        self._select = select
        self._clock = clock
        name_filter()  # the callback of the fast path never hears them
        self._make_keys()

    def _make_keys(self) -> None:
        self._made_at = self._clock()
        self._fast = _choosing_context(self._select)
        self._flow = bare_context()

    def _refresh(self) -> None:
        if self._clock() - self._made_at >= KEYS_LIVE_SECONDS:
            self._make_keys()

    def fast(self) -> ssl.SSLContext:
        """For a new connection on the fast path; its callback hears the SNI."""
        self._refresh()
        return self._fast

    def flow(self, server_name: str | None) -> SSL.Connection:
        """For one on the flow path, where mitmproxy has read the SNI already."""
        self._refresh()
        connection = SSL.Connection(self._flow)
        if certificate := self._select(server_name):
            connection.set_context(certificate.context)
        connection.set_accept_state()
        return connection


def _choosing_context(select: Select) -> ssl.SSLContext:
    def choose(connection: ssl.SSLObject, server_name: str | None, _: ssl.SSLContext) -> int | None:
        if isinstance(connection, NamedObject):  # each is: see below
            connection.sni = server_name  # the one place where the name can be had
        certificate = select(server_name)
        if certificate is None:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME  # HAZARDS E1
        connection.context = certificate.serving
        return None

    context = fast_context()
    context.sslobject_class = NamedObject
    context.sni_callback = choose
    return context
