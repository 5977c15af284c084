"""Is mitmproxy started the way an edge must be?"""

import stat
import sys
from pathlib import Path

import pytest
import yaml
from argon2 import PasswordHasher

from launch.programs import ROOT, Tool, gateway
from mesh_gateway.settings import SettingsError


def test_the_listeners_wait_for_the_gateway_and_no_foreign_configuration_is_read(tmp_path: Path) -> None:
    program = gateway(Tool.DUMP, ["--set", "cache_ttl=5"], {}, tmp_path)
    assert program.command[:4] == (sys.executable, "-P", "-m", "launch.worker")
    assert program.command[4:] == (
        *("--scripts", str(ROOT / "addons" / "gateway.py"), "--quiet"),
        *("--set", f"confdir={tmp_path}", "--set", "server=false", "--set", "cache_ttl=5"),
    )
    assert [path.name for path in tmp_path.iterdir()] == ["openssl.cnf"]
    assert program.page is None


def test_a_leash_goes_before_the_command(tmp_path: Path) -> None:
    plain = gateway(Tool.DUMP, [], {}, tmp_path).command
    assert gateway(Tool.DUMP, [], {}, tmp_path, leash=("tie", "--fast")).command == ("tie", "--fast", *plain)


def test_tls_secrets_are_not_written_anywhere(tmp_path: Path) -> None:
    environment = {"SSLKEYLOGFILE": "/tmp/a", "MITMPROXY_SSLKEYLOGFILE": "/tmp/b", "PORT": "80"}  # noqa: S108 - never opened
    own = {"OPENSSL_CONF": str(tmp_path / "openssl.cnf")}
    assert gateway(Tool.DUMP, [], environment, tmp_path).environment == {"PORT": "80", **own}


def test_an_operators_own_configuration_of_openssl_is_left_alone(tmp_path: Path) -> None:
    environment = {"OPENSSL_CONF": "/etc/ssl/fips.cnf"}
    assert gateway(Tool.DUMP, [], environment, tmp_path).environment == environment


def test_the_page_of_mitmweb_opens_with_a_token_that_only_its_owner_can_read(tmp_path: Path) -> None:
    program = gateway(Tool.WEB, [], {"WEB_PORT": "9000"}, tmp_path, new_token=lambda: "secret")
    assert program.page == "http://127.0.0.1:9000/?token=secret"
    assert "secret" not in " ".join(program.command)
    configuration = tmp_path / "config.yaml"
    assert stat.S_IMODE(configuration.stat().st_mode) == 0o600
    said = yaml.safe_load(configuration.read_text())
    assert (said["web_open_browser"], said["web_port"]) == (False, 9000)
    assert PasswordHasher().verify(said["web_password"], "secret")


def test_every_start_has_another_token(tmp_path: Path) -> None:
    pages = {gateway(Tool.WEB, [], {}, tmp_path).page for _ in range(3)}
    assert len(pages) == 3


def test_a_wrong_port_for_the_page_is_said_like_any_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^WEB_PORT holds 'x' but wants a port from 1 to 65535$"):
        gateway(Tool.WEB, [], {"WEB_PORT": "x"}, tmp_path)
