"""Is it certain that a provider did not do what it was asked to? Then there is nothing to take back, nor to warn of."""

from collections.abc import Iterator

import httpx

from acme_client.errors import AcmeError, ErrorKind

_NEVER_BEGUN = (
    ConnectionRefusedError,
    FileNotFoundError,  # a program that is not there
    PermissionError,  # or may not be run
    httpx.ConnectError,
    httpx.ConnectTimeout,
)
"""Behind an error: nobody was reached who could have done it."""
_MOST_CAUSES = 10


def is_refusal(error: AcmeError) -> bool:
    """Whether who was asked said no, or nobody could be asked. A time that is over is neither: it may have been done."""
    return error.kind is ErrorKind.DNS_CREDENTIALS or any(isinstance(cause, _NEVER_BEGUN) for cause in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    for _ in range(_MOST_CAUSES):
        if cause is None:
            return
        yield cause
        cause = cause.__cause__ or cause.__context__  # the latter where the cause was hidden for its words
