"""Where does a value stand that may be a secret: in its variable NAME, or in the file that NAME_FILE names?"""

from collections.abc import Mapping
from pathlib import Path

MOST_BYTES = 64 << 10


class SecretError(ValueError):
    """The value cannot be had. The text is one line that names the variable; the value is not in it."""


def read_secret(environment: Mapping[str, str], name: str) -> str:
    """The value without the white space around it, empty where neither is set.

    Raises SecretError when both are, since one of the two would be disregarded in silence, and for a file that cannot
    be read or holds nothing.
    """
    value, path = environment.get(name, "").strip(), environment.get(f"{name}_FILE", "").strip()
    if value and path:
        raise SecretError(f"{name} and {name}_FILE are both set but only one of them is wanted")
    return _held(f"{name}_FILE", Path(path)) if path else value


def _held(variable: str, path: Path) -> str:
    try:
        with path.open("rb") as file:
            held = file.read(MOST_BYTES + 1)
        if len(held) > MOST_BYTES:
            raise _unfit(variable, path, f"it has more than {MOST_BYTES} bytes")
        text = held.decode().strip()
    except OSError as error:
        raise _unfit(variable, path, error.strerror or type(error).__name__) from error
    except UnicodeDecodeError:  # its text would show the bytes
        raise _unfit(variable, path, "it is no text") from None
    if not text:
        raise _unfit(variable, path, "it is empty")
    return text


def _unfit(variable: str, path: Path, reason: str) -> SecretError:
    return SecretError(f"{variable} holds {str(path)!r} but wants a file that can be read ({reason})")
