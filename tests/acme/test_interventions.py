"""Is a person who steps in told what to do, and what cannot be done? With a CA that says how records name it."""

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from acme_client.commands import main
from acme_client.shell import FAILED, WELL, Streams
from tests.acme.rig.bind import Bind
from tests.acme.rig.pebble import Pebble
from tests.acme.rig.shim import Asked, Reply, Shim, Then, rewriting, shim


@pytest.fixture
def front(ca: Pebble, tmp_path: Path) -> Iterator[Shim]:
    with shim(tmp_path, ca.port, ca.ca_file) as started:
        yield started


def with_identity(directory: Any) -> Any:
    directory["meta"]["caaIdentities"] = ["authority.example"]
    return directory


def with_account(uri: str) -> Then:
    """The CA says that the account is this one."""

    def change(asked: Asked, reply: Reply) -> Reply:
        return replace(reply, fields=reply.fields | {"Location": uri}) if "sign-me-up" in asked.path else reply

    return change


def persist_record(front: Shim, named: Bind, folder: Path, domain: str) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    out, err = io.StringIO(), io.StringIO()
    environment = {
        "SERVER_DOMAIN": domain,
        "SSL_EMAIL": "me@example.test",
        "CERT_DIR": str(folder / "certificates"),
        "ACME_DIRECTORY_URLS": front.directory,
        "ACME_CA_FILE": str(front.ca_file),
        **named.environment,
    }
    return main(["persist-record"], environment, Streams(out, err)), out.getvalue(), err.getvalue()


def test_what_is_to_be_set_is_printed_alone_on_standard_output(front: Shim, named: Bind, tmp_path: Path) -> None:
    front.then.append(rewriting("/dir", with_identity))
    code, told, beside = persist_record(front, named, tmp_path, "example.test")
    assert code == WELL
    (line,) = told.splitlines()
    begin = '_validation-persist.example.test. IN TXT "authority.example; accounturi=https://127.0.0.1:'
    assert line.startswith(begin)
    assert line.endswith('; policy=wildcard"')
    account = line.partition("accounturi=")[2].partition(";")[0]
    explained, found = beside.splitlines()
    assert explained.startswith("Set these TXT records once and let them stay.")
    assert f"the account {account} prove its names to {front.directory} whenever that offers dns-pers" in explained
    assert found == "_validation-persist.example.test. is not set yet."


def test_a_record_that_names_another_account_is_not_the_one(front: Shim, named: Bind, tmp_path: Path) -> None:
    front.then.append(rewriting("/dir", with_identity))
    assert "is not set yet" in persist_record(front, named, tmp_path, "persist.test")[2]
    front.then.append(with_account("https://ca.example/acct/123"))
    code, told, beside = persist_record(front, named, tmp_path, "persist.test")
    assert (code, "accounturi=https://ca.example/acct/123;" in told) == (WELL, True)
    assert beside.splitlines()[-1] == "_validation-persist.persist.test. is set."


def test_a_zone_that_cannot_be_looked_at_is_told(front: Shim, named: Bind, tmp_path: Path) -> None:
    front.then.append(rewriting("/dir", with_identity))
    code, told, beside = persist_record(front, named, tmp_path, "x.broken.test")
    assert (code, told.count("\n")) == (WELL, 1)
    assert "may be set or not, which could not be found out: TXT of" in beside


def test_a_ca_that_does_not_say_how_records_name_it(front: Shim, named: Bind, tmp_path: Path) -> None:
    code, told, beside = persist_record(front, named, tmp_path, "example.test")
    assert (code, told) == (FAILED, "")
    assert beside.startswith(
        f"No record of dns-persist-01 can be made for {front.directory}: its directory does not say"
    )
