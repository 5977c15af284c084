"""Does a start with a path that leads nowhere end in one line with the variable, what it held and what it wants?"""

import re
from pathlib import Path

import pytest

from mesh_gateway.settings import Settings, SettingsError, read_settings
from mesh_gateway.settings_paths import check_paths, check_routes_file


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a file in it."""
    (tmp_path / "file").write_text("{}")
    return tmp_path


def settings(**values: str) -> Settings:
    return read_settings({"server_domain": "example.com", **values})


_ROUTES = "the resolution API's http(s) URL, or file:PATH of a routes file"
WRONG = {
    "no routes file": ("BACKEND_URL", "file:{root}/nope", f"{_ROUTES} ({{root}}/nope: No such file or directory)"),
    "a folder of routes": ("BACKEND_URL", "file:{root}", f"{_ROUTES} ({{root}}: Is a directory)"),
    "a file of certificates": ("CERT_DIR", "{root}/file", "a folder ({root}/file is none)"),
    "a folder below a file": ("CERT_DIR", "{root}/file/a/b", "a folder ({root}/file is none)"),
    "a device": ("CERT_DIR", "/dev/null", "a folder (/dev/null is none)"),
    "no authorities": (
        "UPSTREAM_CA_FILE",
        "{root}/nope",
        "a PEM file, or nothing for the system's ({root}/nope: No such file or directory)",
    ),
}


@pytest.mark.parametrize(("variable", "held", "wants"), WRONG.values(), ids=WRONG)
def test_a_path_that_leads_nowhere_is_one_line(root: Path, variable: str, held: str, wants: str) -> None:
    held, wants = held.format(root=root), wants.format(root=root)
    line = f"{variable} holds {held!r} but wants {wants}"
    with pytest.raises(SettingsError, match=rf"^{re.escape(line)}$"):
        check_paths(settings(**{variable.lower(): held}))


def test_what_is_there_or_can_be_made_is_taken(root: Path) -> None:
    check_paths(settings(backend_url=f"file:{root}/file", cert_dir=str(root), upstream_ca_file=str(root / "file")))
    check_paths(settings(cert_dir=str(root / "not" / "yet")))


def test_the_routes_file_is_asked_for_alone(root: Path) -> None:
    check_routes_file(settings(cert_dir=str(root / "file"), backend_url=f"file:{root}/file"))
    with pytest.raises(SettingsError, match=r"^BACKEND_URL"):
        check_routes_file(settings(backend_url=f"file:{root}/nope"))
