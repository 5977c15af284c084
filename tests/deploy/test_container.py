"""Is the image made of what it needs, and does all that is set reach it? Read off the files, for want of a builder."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.rig.gateway import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
COMPOSE = ROOT / "deploy" / "compose.yaml"
# Notes what it is asked for, and is there as the venv's own once it has made one.
STAND_IN = """\
#!/bin/sh
echo "$*" >>asked
[ "$2" != venv ] || { mkdir -p "$3/bin" && cp "$0" "$3/bin/python"; }
"""
RUN_SECONDS = 20


def gateway() -> dict[str, Any]:
    service: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]["gateway"]
    return service


def installation(folder: Path, extras: str) -> list[str]:
    """What `RUN python -m venv ...` asks of pip for a build argument, as the builder's shell sees it."""
    (command,) = re.findall(r"^RUN (python -m venv .*)$", DOCKERFILE, re.MULTILINE)
    python = folder / "python"
    python.write_text(STAND_IN)
    python.chmod(0o755)
    environment = {"PATH": f"{folder}:/usr/bin:/bin", "DNS_EXTRAS": extras}
    subprocess.run(["/bin/sh", "-ec", command], cwd=folder, env=environment, timeout=RUN_SECONDS, check=True)
    return (folder / "asked").read_text().splitlines()


LOCKS = {"": ["requirements.lock"], "1": ["requirements.lock", "requirements-dns.lock"]}


@pytest.mark.parametrize("extras", LOCKS)
def test_the_dns_extras_are_installed_where_the_build_asks_for_them(tmp_path: Path, extras: str) -> None:
    _, install, uninstall = installation(tmp_path, extras)
    assert "--require-hashes" in install
    assert re.findall(r"-r (\S+)", install) == LOCKS[extras]
    assert "uninstall" in uninstall
    assert re.search(r"^ARG DNS_EXTRAS=$", DOCKERFILE, re.MULTILINE)
    assert gateway()["build"]["args"] == {"DNS_EXTRAS": "${DNS_EXTRAS:-}"}


def test_all_that_the_image_copies_is_there() -> None:
    sources = [
        source
        for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert "acme_client" in sources
    assert [source for source in sources if not (ROOT / source).exists()] == []
    let_through = (ROOT / ".dockerignore").read_text().splitlines()
    assert [source for source in sources if f"!{source}" not in let_through] == []


def releases(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE))


def test_the_extras_share_their_releases_with_the_rest() -> None:
    usual, extras = releases("requirements.lock"), releases("requirements-dns.lock")
    assert {"certbot-dns-multi", "dns-lexicon"} <= extras.keys()
    shared = usual.keys() & extras.keys()
    assert shared
    assert {name: extras[name] for name in shared} == {name: usual[name] for name in shared}


def test_one_file_hands_every_variable_on_and_fills_in_what_is_named() -> None:
    service = gateway()
    assert service["env_file"] == [{"path": ".env", "required": False}]
    # What the file does not fill in would be covered by the entry below it.
    named = {name: str(value) for name, value in service["environment"].items()}
    assert [name for name, value in named.items() if not value.startswith(f"${{{name}:")] == []
