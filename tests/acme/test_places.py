"""Is it told at the start when a file or folder of the settings cannot be what it should?"""

from pathlib import Path

import pytest
import trustme

from acme_client.places import check_places
from acme_client.settings import Settings, SettingsError, read_settings


def settings(cert_dir: Path, ca_file: Path | str = "") -> Settings:
    return read_settings({"SERVER_DOMAIN": "example.com", "CERT_DIR": str(cert_dir), "ACME_CA_FILE": str(ca_file)})


def test_a_folder_that_is_there_or_can_be_made_will_do(tmp_path: Path) -> None:
    check_places(settings(tmp_path))
    check_places(settings(tmp_path / "new" / "certificates"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("below", ["", "certificates"])
def test_a_file_is_no_folder(tmp_path: Path, below: str) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(SettingsError, match=f"^CERT_DIR holds '{file / below}' but wants a folder \\(.*is none\\)$"):
        check_places(settings(file / below))


def test_a_device_is_no_folder() -> None:
    with pytest.raises(SettingsError, match=r"^CERT_DIR holds '/dev/null' but wants a folder \(it is none\)$"):
        check_places(settings(Path("/dev/null")))


def test_a_file_with_a_ca_will_do(tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")
    check_places(settings(tmp_path, tmp_path / "ca.pem"))


NO_CA = {
    "not there": (None, "No such file or directory"),
    "empty": ("", "it holds none"),
    "another text": ("certificate\n", "it holds none"),
    "broken": ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "it holds none"),
}


@pytest.mark.parametrize(("content", "reason"), NO_CA.values(), ids=NO_CA)
def test_a_file_without_a_ca_is_named(tmp_path: Path, content: str | None, reason: str) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SettingsError) as caught:
        check_places(settings(tmp_path, path))
    assert str(caught.value) == f"ACME_CA_FILE holds '{path}' but wants a file with certificates in PEM ({reason})"


def test_a_folder_is_no_file_of_certificates(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"ACME_CA_FILE .*\(Is a directory\)"):
        check_places(settings(tmp_path, tmp_path))
