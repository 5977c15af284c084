"""How do the metrics of several workers become one page? Each sample says whose it is, each family stands once.

Labels and no sums: a worker that starts anew counts from nothing, and a sum that falls looks to Prometheus like a
restart of them all.
"""

from collections.abc import Iterable

_HELP = "# HELP "


def label_worker(page: str, worker: str) -> str:
    """The page with `worker` as the first label of each sample. It must be one of the client library's (format 0.0.4)."""
    return "".join(_labelled(line, f'worker="{worker}"') for line in page.splitlines(keepends=True))


def combine(pages: Iterable[str]) -> str:
    """All samples of all pages; a family's come together, as the format wants it, and its description first."""
    families: dict[str, list[str]] = {}
    for page in pages:
        for family in page.split(_HELP)[1:]:
            lines = family.splitlines(keepends=True)
            description = _HELP + "".join(lines[:2])  # HELP and TYPE
            families.setdefault(description, []).extend(lines[2:])
    return "".join(description + "".join(samples) for description, samples in families.items())


def _labelled(line: str, label: str) -> str:
    if line.startswith("#") or not line.strip():
        return line
    name, brace, rest = line.partition("{")
    if brace:
        return f"{name}{{{label},{rest}"
    name, _, value = line.partition(" ")
    return f"{name}{{{label}}} {value}"
