"""Do the scripts find a Python that really runs, whatever lies about on the machine?"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


class Machine:
    """A machine with some programs on its PATH beside the usual ones, and nothing in its home folder."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.home = folder / "home"
        self.bin.mkdir()
        self.home.mkdir()

    def has(self, name: str, script: str) -> Path:
        program = self.bin / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return program

    def runs(self, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """What `command` says where scripts/setup.sh has been sourced."""
        surroundings = {"PATH": f"{self.bin}:{os.defpath}", "HOME": str(self.home), **environment}
        script = f"source '{ROOT}/scripts/setup.sh'; {command}"
        return subprocess.run(
            ["bash", "-c", script], env=surroundings, capture_output=True, text=True, timeout=60, check=False
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


WORKS = f'exec "{sys.executable}" "$@"'
SHIM = 'echo "pyenv: python3.13: command not found" >&2; exit 127'
TOO_OLD = "exit 1"


def test_a_shim_that_fails_is_passed_over(machine: Machine) -> None:
    machine.has("python3.13", SHIM)
    machine.has("python3.12", WORKS)
    done = machine.runs("interpreter")
    assert (done.stdout, done.stderr) == ("python3.12\n", "")


def test_one_in_pyenvs_versions_folder_is_found_behind_a_python3_that_is_too_old(machine: Machine) -> None:
    for name in ("python3.13", "python3.12", "python3.14", "python3"):
        machine.has(name, TOO_OLD)
    (machine.home / "elsewhere/versions/3.13.0/bin").mkdir(parents=True)
    python = machine.home / "elsewhere/versions/3.13.0/bin/python"
    python.symlink_to(machine.has("anything", WORKS))
    # The machine that runs this test may have one more; it would be found before.
    done = machine.runs(
        'eval "are_$(declare -f is_fit)"; is_fit() { [[ $1 != /usr/local/* && $1 != /opt/* ]] && are_is_fit "$1"; }; interpreter',
        PYENV_ROOT=str(machine.home / "elsewhere"),
    )
    assert (done.stdout, done.stderr) == (f"{python}\n", "")


def test_the_named_one_is_taken_or_refused_but_never_replaced(machine: Machine) -> None:
    machine.has("python3.13", WORKS)
    old = machine.has("old", TOO_OLD)
    assert machine.runs("interpreter", PYTHON=sys.executable).stdout == f"{sys.executable}\n"
    refused = machine.runs("interpreter", PYTHON=str(old))
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr == f"setup: PYTHON={old} is no working Python 3.12, 3.13 or 3.14\n"


NONE_FITS = "[[ $1 == */fetched ]]"


def test_where_none_fits_one_is_fetched(machine: Machine) -> None:
    machine.has("uv", f'case "$2" in find) echo "{machine.bin}/fetched";; esac')
    done = machine.runs(f"is_fit() {{ {NONE_FITS}; }}; interpreter")
    assert done.stdout == f"{machine.bin}/fetched\n"
    assert done.stderr == "setup: fetching Python 3.13\n"


def test_where_none_can_be_fetched_one_line_says_what_to_do(machine: Machine) -> None:
    machine.has("uv", 'echo "error: no route to host" >&2; exit 2')
    done = machine.runs(f"is_fit() {{ {NONE_FITS}; }}; interpreter")
    assert done.returncode == 1
    assert done.stdout == ""
    *_, cause, advice = done.stderr.splitlines()
    assert cause == "error: no route to host"
    assert advice.startswith(
        "setup: found no Python 3.12, 3.13 or 3.14 and could not fetch one: install one, or name it"
    )


def test_a_start_without_an_interpreter_stops_there(machine: Machine) -> None:
    machine.has("uv", "exit 2")
    done = machine.runs('is_fit() { return 1; }; venv=$HOME/venv; setup; echo "went on"')
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 2, "one line for the try, one for its failure"
    assert list(machine.home.iterdir()) == []


def test_what_succeeds_is_quiet_and_what_fails_is_shown(machine: Machine) -> None:
    assert machine.runs("quietly echo fine").stderr == ""
    failed = machine.runs("quietly sh -c 'echo no space left; exit 3'")
    assert (failed.returncode, failed.stderr) == (3, "no space left\n")


def test_the_locks_pin_everything_with_hashes_and_name_no_index() -> None:
    for name in ("requirements.lock", "requirements-dev.lock", "requirements-uv.lock"):
        text = (ROOT / name).read_text()
        entries = [entry for entry in text.replace("\\\n", " ").splitlines() if entry and not entry.startswith("#")]
        assert entries
        assert [entry for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []
        assert "://" not in text
        assert "index-url" not in text


def test_the_development_lock_has_the_same_releases_as_the_gateways() -> None:
    def pins(name: str) -> set[str]:
        lines = (ROOT / name).read_text().splitlines()
        return {line.split(" ")[0] for line in lines if "==" in line and not line.startswith((" ", "#"))}

    assert pins("requirements.lock") <= pins("requirements-dev.lock")
