"""Which part may know which? The rings of the design, read off the import statements (DESIGN part 3)."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ADDONS = ROOT / "addons"
GATEWAY = ADDONS / "mesh_gateway"

# Modules of the standard library that reach out of the process or read a clock: not for a pure decision.
IMPURE = {"asyncio", "http", "os", "random", "secrets", "select", "selectors", "shutil", "socket", "ssl", "subprocess"}
IMPURE |= {"tempfile", "threading", "time", "urllib.request"}


def imports_of(path: Path) -> Iterator[str]:
    """Every module that the file names in an import, wherever it stands in it."""
    for node in ast.walk(ast.parse(path.read_text(), path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import hides which ring it reaches"
            yield node.module or ""


def reaches(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def is_pure(module: str, path: Path) -> bool:
    if module == "idna":
        return path.name == "hostname.py"
    if any(reaches(module, impure) for impure in IMPURE):
        return False
    return reaches(module, "mesh_gateway.routing") or module.partition(".")[0] in sys.stdlib_module_names


def files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (GATEWAY / folder).rglob("*.py"))


@pytest.mark.parametrize("path", files("routing"), ids=lambda path: path.stem)
def test_a_decision_knows_only_pure_modules(path: Path) -> None:
    assert [module for module in imports_of(path) if not is_pure(module, path)] == []


OUTER = ("proxy", "debug", "admin")
INNER = [path for path in files(".") if path.relative_to(GATEWAY).parts[0] not in OUTER]


@pytest.mark.parametrize("path", INNER, ids=lambda path: str(path.relative_to(GATEWAY)))
def test_only_the_outer_ring_knows_mitmproxy(path: Path) -> None:
    forbidden = ("mitmproxy", "mitmproxy_rs", *(f"mesh_gateway.{ring}" for ring in OUTER))
    assert [module for module in imports_of(path) if any(reaches(module, name) for name in forbidden)] == []


def test_the_gateway_and_the_certificate_program_meet_in_files_only() -> None:
    pairs = ((ADDONS, "acme_client"), (ROOT / "acme_client", "mesh_gateway"), (ROOT / "acme_client", "gateway"))
    found = [
        (path, module)
        for folder, other in pairs
        for path in folder.rglob("*.py")
        for module in imports_of(path)
        if reaches(module, other)
    ]
    assert found == []


def test_the_rings_would_notice(tmp_path: Path) -> None:
    """A net without meshes: each kind of import is seen, and refused where it must be."""
    source = tmp_path / "guilty.py"
    source.write_text("import time\ndef late():\n    from mitmproxy.http import Request\n    import idna, json\n")
    assert set(imports_of(source)) == {"time", "mitmproxy.http", "idna", "json"}
    assert [module for module in imports_of(source) if is_pure(module, source)] == ["json"]
