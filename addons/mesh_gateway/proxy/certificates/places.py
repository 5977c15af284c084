"""Where in CERT_DIR do certificates lie? Each program has its own way to lay them out; all are found side by side.

live/<name>/fullchain.pem, privkey.pem    the certificate program's; certbot's
<name>/fullchain.pem, privkey.pem         folders and links made by hand
tls.crt, tls.key                          a Kubernetes secret, mounted here or in a sub-folder
<name>.crt, <name>.key                    lego's, here or in its sub-folder `certificates`
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

MOST_PLACES = 1000
"""More are not looked at: the table, the contexts in memory and the labels of metrics stay bounded."""
PEM_PAIR = ("fullchain.pem", "privkey.pem")
SECRET_PAIR = ("tls.crt", "tls.key")
LIVE = "live"
LEGO_FOLDER = "certificates"
DATED_FOLDER = "..data"
"""What a mounted secret's files are links through; Kubernetes swaps it whole (AtomicWriter)."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a pair of files lies."""

    name: str
    """What the certificate is called, in printable characters; no two places of a folder share one."""
    folder: Path
    """Links of the folder itself are not followed yet: `Pair` does so once, and reads both files behind them."""
    chain: str
    key: str


def find_places(root: Path) -> tuple[Place, ...]:
    """All places in `root`; one that is not there yet has none. Raises OSError where it cannot be read, or is no folder."""
    found: dict[str, Place] = {}
    try:
        entries = _listed(root)
    except FileNotFoundError:
        entries = []
    for place in _candidates(root, entries):
        if len(found) == MOST_PLACES:
            break
        name = printable(place.name)
        if name in found:  # two layouts hold the same name
            name = printable(str((place.folder / place.chain).relative_to(root)))
        found[name] = Place(name, place.folder, place.chain, place.key)
    return tuple(found.values())


def printable(name: str) -> str:
    """A name from the disk or a certificate, fit for logs and metrics: what is no printable character is escaped.

    Line breaks would forge lines of the log, and bytes that are no UTF-8 cannot be written at all.
    """
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in name)


def _candidates(root: Path, entries: list[Path]) -> Iterator[Place]:
    if not entries:
        return
    yield from _folders(_entries(root / LIVE))
    yield from _folders(entry for entry in entries if entry.name != LIVE)
    yield from _secrets([root])
    yield from _lego(entries)
    yield from _lego(_entries(root / LEGO_FOLDER))


def _listed(folder: Path) -> list[Path]:
    """What lies in a folder, without what is hidden."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _entries(folder: Path) -> list[Path]:
    """The same; nothing for one that is not there or no folder."""
    try:
        return _listed(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _folders(paths: Iterable[Path]) -> Iterator[Place]:
    for path in paths:
        if os.path.lexists(path / PEM_PAIR[0]):
            yield Place(path.name, path, *PEM_PAIR)
        else:
            yield from _secrets([path])


def _secrets(paths: Iterable[Path]) -> Iterator[Place]:
    for path in paths:
        if os.path.lexists(path / SECRET_PAIR[0]):
            generation = path / DATED_FOLDER
            yield Place(path.name, generation if generation.is_dir() else path, *SECRET_PAIR)


def _lego(paths: Iterable[Path]) -> Iterator[Place]:
    for path in paths:
        stem = path.name.removesuffix(".crt")
        is_pair = path.name.endswith(".crt") and os.path.lexists(path.with_name(f"{stem}.key"))
        if is_pair and path.name != SECRET_PAIR[0]:
            yield Place(stem, path.parent, path.name, f"{stem}.key")
