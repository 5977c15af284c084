"""What becomes of a server name that is no ASCII? Its handshake ends with an alert and a count, without a traceback.

CPython's ssl decodes the SNI before `sni_callback` sees it (_ssl.c, _servername_callback). Where that fails it ends the
handshake with internal_error, and shows the error through `sys.unraisablehook`: five lines on standard error for each
ClientHello of anybody, which no setting of a context prevents.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass

Hook = Callable[["sys.UnraisableHookArgs"], object]


@dataclass(frozen=True, slots=True)
class NameFilter:
    """An unraisable hook that is silent about such names; `hook` hears of everything else."""

    hook: Hook

    def __call__(self, unraisable: "sys.UnraisableHookArgs") -> None:
        if not _is_undecoded_name(unraisable):
            self.hook(unraisable)


def _is_undecoded_name(unraisable: "sys.UnraisableHookArgs") -> bool:
    """Only there the culprit is the bytes themselves: elsewhere it is a function, a generator or an object."""
    error, culprit = unraisable.exc_value, unraisable.object
    return isinstance(error, UnicodeDecodeError) and isinstance(culprit, bytes) and error.object == culprit


def silence_unreadable_names() -> None:
    """Put the filter before the hook of this process, once; their handshakes are counted as failed by their owner."""
    if not isinstance(sys.unraisablehook, NameFilter):
        sys.unraisablehook = NameFilter(sys.unraisablehook)
