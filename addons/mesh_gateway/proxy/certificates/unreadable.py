"""What becomes of a server name that is no ASCII? Its handshake ends with an alert, counted as one for an unknown name.

CPython's ssl decodes the SNI before `sni_callback` sees it (_ssl.c, _servername_callback). Where that fails it ends the
handshake with internal_error, and shows the error through `sys.unraisablehook`: five lines on standard error for each
ClientHello of anybody, which no setting of a context prevents.
"""

import ssl
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import override

from OpenSSL import SSL

Hook = Callable[["sys.UnraisableHookArgs"], object]


@dataclass(slots=True)
class NameFilter:
    """An unraisable hook that keeps such names to itself; `hook` hears of everything else."""

    hook: Hook
    _last: bytes | None = None

    def __call__(self, unraisable: "sys.UnraisableHookArgs") -> None:
        if name := _undecoded_name(unraisable):
            self._last = name
        else:
            self.hook(unraisable)

    def take(self) -> str | None:
        """The name that was kept last, as far as it can be read; None where there is none. It is forgotten then."""
        name, self._last = self._last, None
        return None if name is None else readable(name)


def _undecoded_name(unraisable: "sys.UnraisableHookArgs") -> bytes | None:
    """Only there the culprit is the bytes themselves: elsewhere it is a function, a generator or an object."""
    error, culprit = unraisable.exc_value, unraisable.object
    if isinstance(error, UnicodeDecodeError) and isinstance(culprit, bytes) and error.object == culprit:
        return culprit
    return None


def readable(name: bytes) -> str:
    """A name of the wire as text; what is no ASCII becomes a mark that no certificate's name has (RFC 6066 3)."""
    return name.decode("ascii", "replace")


def name_filter() -> NameFilter:
    """The filter before the hook of this process, put there at the first call."""
    if not isinstance(sys.unraisablehook, NameFilter):
        sys.unraisablehook = NameFilter(sys.unraisablehook)
    return sys.unraisablehook


class NamedObject(ssl.SSLObject):
    """One TLS connection of the fast path, which knows the name that its client asked for."""

    sni: str | None = None

    @override
    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except ssl.SSLWantReadError:
            raise
        except ssl.SSLError:
            # Handshakes have the event loop's thread to themselves: what was kept belongs to this one.
            self.sni = name_filter().take() or self.sni
            raise


def asked_name(connection: SSL.Connection | None, parsed: str | None) -> str | None:
    """The name in a ClientHello of the flow path; mitmproxy's `parsed` is None for one that is no host name, too."""
    if parsed:
        return parsed
    name = connection.get_servername() if connection else None
    return readable(name) if name else None
