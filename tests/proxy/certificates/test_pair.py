"""May a pair of files serve, and is its key kept?"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from mesh_gateway.proxy.certificates.pair import CertificateFileError, Pair, make_certificate, read_pair
from mesh_gateway.proxy.certificates.places import find_places
from tests.proxy.certificates.bench import Bench
from tests.rig.pairs import issue


def test_a_certificate_serves_from_its_first_to_its_last_moment(ca: trustme.CA, tmp_path: Path) -> None:
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    issue(ca, tmp_path / "main", "example.com", not_after=ends)
    (place,) = find_places(tmp_path)
    pair = read_pair(place)
    assert make_certificate(pair, ends).not_after == ends
    for moment in (ends + timedelta(seconds=1), datetime(1999, 1, 1, tzinfo=UTC)):
        with pytest.raises(CertificateFileError, match="valid from"):
            make_certificate(pair, moment)


def test_a_pipe_in_a_files_place_holds_nobody_up(ca: trustme.CA, tmp_path: Path) -> None:
    folder = issue(ca, tmp_path / "main", "example.com")
    (folder / "privkey.pem").unlink()
    os.mkfifo(folder / "privkey.pem")
    assert Bench(tmp_path).look().refused == ("main",)


def test_a_file_without_end_is_refused(ca: trustme.CA, tmp_path: Path) -> None:
    folder = issue(ca, tmp_path / "main", "example.com")
    with (folder / "fullchain.pem").open("ab") as file:
        file.truncate(1 << 30)
    assert Bench(tmp_path).look().refused == ("main",)


def test_a_key_is_never_shown(ca: trustme.CA) -> None:
    key = ca.issue_cert("example.com").private_key_pem.bytes()
    assert repr(Pair("main", b"chain", key)) == "Pair('main')"
