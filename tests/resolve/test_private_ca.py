import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from mesh_gateway.resolve.api_client import ApiClient
from mesh_gateway.resolve.private_ca import PrivateCa, PrivateCaError, parse_authorities
from mesh_gateway.resolve.source import SourceUnavailable
from tests.resolve.stand_ins import Api, Clock, client_of, dice, response

CA, OTHER = trustme.CA(), trustme.CA()
LEAF = CA.issue_cert("alice.example.com")
PEM, OTHER_PEM = CA.cert_pem.bytes(), OTHER.cert_pem.bytes()
DER = (ssl.PEM_cert_to_DER_cert(PEM.decode()),)
OTHER_DER = (ssl.PEM_cert_to_DER_cert(OTHER_PEM.decode()),)


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    it = Api()
    await it.start()
    yield it
    await it.stop()


@pytest.fixture
async def client(api: Api) -> AsyncIterator[ApiClient]:
    it = client_of(api.url, Clock())
    yield it
    await it.close()


def answer(api: Api, pem: bytes, status: int = 200) -> None:
    api.paths["/ca-cert"] = response(status, pem, "application/x-pem-file")


def private_ca(client: ApiClient, state_dir: Path, url: str = "https://api.example.com") -> PrivateCa:
    return PrivateCa(client, url, state_dir, random=dice())


@pytest.mark.parametrize(
    "pem",
    [b"", b"<html>", LEAF.cert_chain_pems[0].bytes(), PEM + LEAF.cert_chain_pems[0].bytes(), PEM[:200]],
    ids=["empty", "html", "a leaf", "a leaf among authorities", "cut short"],
)
def test_only_authorities_are_taken(pem: bytes) -> None:
    with pytest.raises(PrivateCaError):
        parse_authorities(pem)


def test_several_authorities_are_taken_in_order() -> None:
    assert parse_authorities(PEM + OTHER_PEM) == DER + OTHER_DER


async def test_the_generation_counts_changes(api: Api, client: ApiClient, tmp_path: Path) -> None:
    ca = private_ca(client, tmp_path)
    assert (ca.certificates, ca.generation) == ((), 0)
    for pem, der, generation in ((PEM, DER, 1), (PEM, DER, 1), (OTHER_PEM, OTHER_DER, 2)):
        answer(api, pem)
        await ca.fetch()
        assert (ca.certificates, ca.generation) == (der, generation)


@pytest.mark.parametrize(
    ("pem", "status"), [(b"", 503), (b"<html>", 200), (PEM * 200, 200)], ids=["not ready", "not PEM", "too long"]
)
async def test_what_cannot_be_used_changes_nothing(
    api: Api, client: ApiClient, tmp_path: Path, pem: bytes, status: int
) -> None:
    ca = private_ca(client, tmp_path)
    answer(api, PEM)
    await ca.fetch()
    answer(api, pem, status)
    with pytest.raises((SourceUnavailable, PrivateCaError)):
        await ca.fetch()
    assert (ca.certificates, ca.generation) == (DER, 1)


async def test_the_last_good_one_is_there_at_the_next_start_even_if_the_api_is_not(
    api: Api, client: ApiClient, tmp_path: Path
) -> None:
    answer(api, PEM)
    await private_ca(client, tmp_path / "state").fetch()
    (kept,) = (tmp_path / "state").iterdir()
    assert kept.read_bytes() == PEM
    assert kept.stat().st_mode & 0o777 == 0o644
    await api.stop()
    ca = private_ca(client, tmp_path / "state")
    await ca.start()
    assert (ca.certificates, ca.generation) == (DER, 1)
    await ca.close()


async def test_another_apis_authorities_are_not_trusted(api: Api, client: ApiClient, tmp_path: Path) -> None:
    answer(api, PEM)
    await private_ca(client, tmp_path).fetch()
    answer(api, b"", 503)
    ca = private_ca(client, tmp_path, "https://other.example.com")
    await ca.start()
    assert ca.certificates == ()
    await ca.close()


async def test_it_is_asked_for_until_it_is_there(api: Api, client: ApiClient, tmp_path: Path) -> None:
    answer(api, b"", 503)
    ca = private_ca(client, tmp_path)
    await ca.start()
    await asyncio.sleep(0.1)
    assert ca.generation == 0
    answer(api, PEM)
    await asyncio.sleep(1.3)
    assert ca.certificates == DER
    await ca.close()


async def test_a_disk_that_cannot_be_written_or_read_is_no_reason_to_go_without(
    api: Api, client: ApiClient, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    answer(api, PEM)
    ca = private_ca(client, tmp_path / "state")
    await ca.start()
    await asyncio.sleep(0.2)
    assert ca.certificates == DER
    assert "not usable" in caplog.text
    assert "not kept on disk" in caplog.text
    await ca.close()
