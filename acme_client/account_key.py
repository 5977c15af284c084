"""Which key is an account's, and how is it kept so that no crash loses it? Who has the key finds the account again."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from josepy.jwk import JWK, JWKEC, JWKRSA

from acme_client.errors import AcmeError, ErrorKind
from acme_client.private_file import UNFINISHED, write_private
from acme_client.regular_file import read_regular

KEY = "key.pem"
COMING = "key.next.pem"
"""While the CA is told of a new key: nobody knows yet which of the two it takes."""

MOST_BYTES = 1 << 16
"""Of a key's file."""


def new_account_key() -> bytes:
    """A key on P-256 as PEM, which every CA takes (RFC 8555 6.2)."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def read_key(path: Path) -> JWK:
    """Raises AcmeError (STORE) when there is none or it is none."""
    try:
        key = jwk_of(read_regular(path, MOST_BYTES))
    except OSError as error:
        raise AcmeError(ErrorKind.STORE, f"The account's key {path} cannot be read: {error.strerror}") from error
    if key is None:
        text = f"The account's key {path} is no EC or RSA key in PEM; put it back, or move it away for a new account"
        raise AcmeError(ErrorKind.STORE, text)
    return key


def jwk_of(pem: bytes) -> JWK | None:
    """A private key as requests to a CA are signed with it (RFC 8555 6.2); None for what is no EC or RSA key in PEM."""
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError):  # TypeError: it wants a password
        return None
    match key:
        case ec.EllipticCurvePrivateKey():
            return JWKEC(key=key)
        case rsa.RSAPrivateKey():
            return JWKRSA(key=key)
        case _:
            return None


def keep_key(folder: Path) -> JWK:
    """The key in `folder`, made when there is none. Raises AcmeError (STORE)."""
    path = folder / KEY
    if not path.exists():
        _create(path)
    return read_key(path)


def announce(folder: Path, pem: bytes) -> JWK:
    """Keeps a key that the CA will be told of; raises AcmeError (STORE)."""
    with _storing(folder / COMING):
        write_private(folder / COMING, pem)
    return read_key(folder / COMING)


def adopt(folder: Path) -> None:
    """The announced key is the account's from now on; raises AcmeError (STORE)."""
    with _storing(folder / KEY):
        (folder / COMING).replace(folder / KEY)


def forget(folder: Path, name: str) -> None:
    """Removes a key; raises AcmeError (STORE)."""
    with _storing(folder / name):
        (folder / name).unlink(missing_ok=True)


def _create(path: Path) -> None:
    """Of several that start at once, one writes the key, and the others take it: link(2) never replaces."""
    beside = path.with_name(f"{path.name}.{os.getpid()}{UNFINISHED}")
    with _storing(path):
        write_private(beside, new_account_key())
        try:
            os.link(beside, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without hard links
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)


@contextlib.contextmanager
def _storing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise AcmeError(ErrorKind.STORE, f"The account's key {path} cannot be kept: {error.strerror}") from error
