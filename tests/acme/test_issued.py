"""Is a certificate's identifier the one of RFC 9773, and is a chain known by its topmost issuer?"""

import base64
from datetime import timedelta

import pytest
import trustme
from cryptography import x509

from acme_client.errors import AcmeError, ErrorKind
from acme_client.issued import certificate_id, check_issued, topmost_issuer
from tests.acme.rig.laboratory import now

# the example of RFC 9773, appendix A
EXAMPLE = b"""-----BEGIN CERTIFICATE-----
MIIBQzCB66ADAgECAgUAh2VDITAKBggqhkjOPQQDAjAVMRMwEQYDVQQDEwpFeGFt
cGxlIENBMCIYDzAwMDEwMTAxMDAwMDAwWhgPMDAwMTAxMDEwMDAwMDBaMBYxFDAS
BgNVBAMTC2V4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeBZu
7cbpAYNXZLbbh8rNIzuOoqOOtmxA1v7cRm//AwyMwWxyHz4zfwmBhcSrf47NUAFf
qzLQ2PPQxdTXREYEnKMjMCEwHwYDVR0jBBgwFoAUaYhba4dGQEHhs3uEe6CuLN4B
yNQwCgYIKoZIzj0EAwIDRwAwRAIge09+S5TZAlw5tgtiVvuERV6cT4mfutXIlwTb
+FYN/8oCIClDsqBklhB9KAelFiYt9+6FDj3z4KGVelYM5MdsO3pK
-----END CERTIFICATE-----
"""


def test_the_example_of_the_rfc_has_the_identifier_of_the_rfc() -> None:
    assert certificate_id(x509.load_pem_x509_certificate(EXAMPLE)) == "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"


@pytest.fixture(scope="module")
def root() -> trustme.CA:
    return trustme.CA()


def pair(issuer: trustme.CA, *names: str, life: timedelta = timedelta(days=1)) -> tuple[bytes, bytes]:
    """Chain and key; trustme leaves a root that signs out of the chain."""
    leaf = issuer.issue_cert(*names, not_after=now() + life)
    pem = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
    return pem, leaf.private_key_pem.bytes()


def test_a_sound_certificate_is_taken_without_what_stands_around_it(root: trustme.CA) -> None:
    chain, key = pair(root.create_child_ca(), "example.com")
    issued = check_issued(b"from the CA:\r\n" + chain.replace(b"\n", b"\r\n"), key, ["example.com"], now())
    assert issued.chain_pem == chain
    assert issued.certificate_id
    serial = issued.certificate_id.partition(".")[2]
    assert base64.urlsafe_b64decode(serial + "=" * (-len(serial) % 4)).hex().lstrip("0") == issued.leaf.serial


# fmt: off
UNSOUND = [
    pytest.param(["other.test"],  timedelta(0),          "where other.test is wanted", id="other names"),
    pytest.param(["example.com"], timedelta(days=5),     "is the clock right",         id="it is over"),
]
# fmt: on


@pytest.mark.parametrize(("names", "later", "cause"), UNSOUND)
def test_what_cannot_serve_is_refused(root: trustme.CA, names: list[str], later: timedelta, cause: str) -> None:
    chain, key = pair(root.create_child_ca(), "example.com")
    with pytest.raises(AcmeError, match=cause) as caught:
        check_issued(chain, key, names, now() + later)
    assert caught.value.kind is ErrorKind.BAD_CERTIFICATE


def test_another_key_is_refused(root: trustme.CA) -> None:
    child = root.create_child_ca()
    (chain, _), (_, key) = pair(child, "example.com"), pair(child, "example.com")
    with pytest.raises(AcmeError, match="belongs to another"):
        check_issued(chain, key, ["example.com"], now())


def test_a_chain_without_the_issuer_is_refused(root: trustme.CA) -> None:
    chain, key = pair(root, "example.com")
    with pytest.raises(AcmeError, match="is missing"):
        check_issued(chain, key, ["example.com"], now())


def test_a_chain_is_known_by_who_issued_its_last_certificate() -> None:
    assert topmost_issuer(EXAMPLE) == "Example CA"
    assert topmost_issuer(b"nothing") is None


def test_a_certificate_that_names_no_key_of_its_issuer_has_no_identifier() -> None:
    root = x509.load_pem_x509_certificate(trustme.CA().cert_pem.bytes())
    assert certificate_id(root) is None
