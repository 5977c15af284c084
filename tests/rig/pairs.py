"""How does a test lay certificates out on disk, whole and spoiled?"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import trustme

Spoil = Callable[[trustme.CA, Path], None]
NAME = "example.com"


def issue(ca: trustme.CA, folder: Path, *names: str, not_after: datetime | None = None) -> Path:
    """`fullchain.pem` and `privkey.pem` in a folder; the chain is a leaf and, below a child CA, its issuer."""
    folder.mkdir(parents=True, exist_ok=True)
    leaf = ca.issue_cert(*names, not_after=not_after)
    write(folder, chain=b"".join(blob.bytes() for blob in leaf.cert_chain_pems), key=leaf.private_key_pem.bytes())
    return folder


def write(folder: Path, *, chain: bytes, key: bytes) -> None:
    """Both files of a pair, in place."""
    clear(folder)
    (folder / "privkey.pem").write_bytes(key)
    (folder / "fullchain.pem").write_bytes(chain)


def clear(folder: Path) -> None:
    """Take away whatever lies in the places of the two files."""
    for path in (folder / "privkey.pem", folder / "fullchain.pem"):
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)


def another_key(ca: trustme.CA, folder: Path) -> None:
    (folder / "privkey.pem").write_bytes(ca.issue_cert(NAME).private_key_pem.bytes())


def cut(name: str) -> Spoil:
    def spoil(_: trustme.CA, folder: Path) -> None:
        (folder / name).write_bytes((folder / name).read_bytes()[:100])

    return spoil


def emptied(name: str) -> Spoil:
    def spoil(_: trustme.CA, folder: Path) -> None:
        (folder / name).write_bytes(b"")

    return spoil


def without_key(_: trustme.CA, folder: Path) -> None:
    (folder / "privkey.pem").unlink()


def expired(ca: trustme.CA, folder: Path) -> None:
    issue(ca, folder, NAME, not_after=datetime(2020, 1, 1, tzinfo=UTC))


def not_yet_valid(ca: trustme.CA, folder: Path) -> None:
    leaf = ca.issue_cert(NAME, not_before=datetime(2090, 1, 1, tzinfo=UTC), not_after=datetime(2091, 1, 1, tzinfo=UTC))
    write(folder, chain=leaf.cert_chain_pems[0].bytes(), key=leaf.private_key_pem.bytes())


def of_an_address(ca: trustme.CA, folder: Path) -> None:
    issue(ca, folder, "192.0.2.1")


def in_wrong_order(ca: trustme.CA, folder: Path) -> None:
    child = ca.create_child_ca()
    leaf = child.issue_cert(NAME)
    strangers = trustme.CA().cert_pem.bytes()
    write(folder, chain=leaf.cert_chain_pems[0].bytes() + strangers, key=leaf.private_key_pem.bytes())


def issuer_first(ca: trustme.CA, folder: Path) -> None:
    leaf = ca.create_child_ca().issue_cert(NAME)
    chain = b"".join(blob.bytes() for blob in reversed(leaf.cert_chain_pems))
    write(folder, chain=chain, key=leaf.private_key_pem.bytes())


def a_folder(_: trustme.CA, folder: Path) -> None:
    (folder / "fullchain.pem").unlink()
    (folder / "fullchain.pem").mkdir()


def dangling(_: trustme.CA, folder: Path) -> None:
    """What nobody can read, root included."""
    (folder / "fullchain.pem").unlink()
    (folder / "fullchain.pem").symlink_to(folder / "nowhere.pem")


def garbage(_: trustme.CA, folder: Path) -> None:
    (folder / "fullchain.pem").write_bytes(bytes(range(256)) * 16)


def half_written(_: trustme.CA, folder: Path) -> None:
    """The last line of PEM has not come yet."""
    path = folder / "fullchain.pem"
    path.write_bytes(path.read_bytes().rstrip()[:-20])


SPOILED: dict[str, Spoil] = {
    "another certificate's key": another_key,
    "half a chain": cut("fullchain.pem"),
    "half a key": cut("privkey.pem"),
    "an empty chain": emptied("fullchain.pem"),
    "an empty key": emptied("privkey.pem"),
    "no key": without_key,
    "expired": expired,
    "not yet valid": not_yet_valid,
    "for no name": of_an_address,
    "a stranger in the chain": in_wrong_order,
    "the issuer first": issuer_first,
    "a folder": a_folder,
    "a link to nowhere": dangling,
    "garbage": garbage,
    "half-written": half_written,
}
