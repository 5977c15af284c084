"""What does docs/settings.md say? It is written from the settings' own table; `--check` only compares."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from mesh_gateway.settings import TABLE, Setting

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"

HEAD = """\
# Settings

Every setting is an environment variable and an option of mitmproxy: `CACHE_TTL=30 scripts/run` and
`scripts/run --set cache_ttl=30` say the same, and the option wins. `SERVER_DOMAIN`, `WORKERS` and the ports must be variables:
`scripts/run` looks at them before it starts anything. A wrong value stops the start with one line that names the variable,
what it held and what it wants.

Durations are seconds or have a unit (`500ms`, `1.5s`, `5m`, `24h`, `7d`). Sizes are bytes or have a unit, in powers of
two (`64k`, `32KiB`, `20GiB`).

<!-- Written by scripts/settings-docs from addons/mesh_gateway/settings.py: change it there. -->

| variable | meaning | default | a right value is |
| --- | --- | --- | --- |
"""


def page(table: Sequence[Setting] = TABLE) -> str:
    """The whole page."""
    return HEAD + "".join(_lines(table))


def _lines(table: Sequence[Setting]) -> Iterator[str]:
    for row in table:
        default = f"`{row.default}`" if row.default else ""
        yield f"| `{row.variable}` | {row.help} | {default} | {row.wants} |\n"


def main(arguments: Sequence[str], path: Path = PAGE) -> int:
    """Write the page, or with `--check` say whether it is as it should be."""
    parser = argparse.ArgumentParser(prog="settings-docs", description="Write docs/settings.md from the settings.")
    parser.add_argument("--check", action="store_true", help="write nothing, fail when the page is out of date")
    if not parser.parse_args(arguments).check:
        path.write_text(page(), encoding="utf-8")
        return 0
    if path.exists() and path.read_text(encoding="utf-8") == page():
        return 0
    sys.stderr.write(f"{path} is out of date: run scripts/settings-docs\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
