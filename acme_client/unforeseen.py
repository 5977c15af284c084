"""What becomes of a fault that nobody thought of? A failure of the one thing that was being done, and of nothing else."""

import contextlib
import traceback
from collections.abc import Iterator

from acme_client.errors import AcmeError, ErrorKind


@contextlib.contextmanager
def contained(doing: str) -> Iterator[None]:
    """Turns every Exception that is no AcmeError into one (ORDER_FAILED), which says its type and where it arose.

    Its own text is left out: a stranger's error may quote a secret. What asks the program to end passes.
    """
    try:
        yield
    except AcmeError:
        raise
    except Exception as error:  # the only broad one: the other certificates' lives must not end with this one's
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{place.filename.rpartition('/')[2]}:{place.lineno}"
        text = f"{doing} met a fault of this program: {type(error).__name__} at {where}; please report it"
        raise AcmeError(ErrorKind.ORDER_FAILED, text) from error
