"""Are CAs known by their short names, and is a directory read for what it offers?"""

import pytest

from acme_client.directories import KNOWN, directory_url, is_staging, staging_of
from acme_client.directory import parse_directory
from acme_client.errors import AcmeError

NEEDED = {name: f"https://ca.test/{name}" for name in ("newNonce", "newAccount", "newOrder")}


@pytest.mark.parametrize("name", KNOWN)
def test_a_short_name_stands_for_an_https_url(name: str) -> None:
    assert directory_url(name) == KNOWN[name].url
    assert KNOWN[name].url.startswith("https://")


@pytest.mark.parametrize("name", [name for name, known in KNOWN.items() if known.staging])
def test_the_staging_of_a_known_ca_is_one(name: str) -> None:
    staging = staging_of(directory_url(name))
    assert staging is not None
    assert (is_staging(staging), is_staging(directory_url(name))) == (True, False)
    assert staging_of(staging) is None


def test_a_url_stands_for_itself() -> None:
    assert directory_url("https://ca.test/dir") == "https://ca.test/dir"
    assert (is_staging("https://ca.test/dir"), staging_of("https://ca.test/dir")) == (False, None)


@pytest.mark.parametrize("text", ["verisign", "", "ftp://ca.test"])
def test_another_word_is_an_error_that_names_the_known_ones(text: str) -> None:
    with pytest.raises(ValueError, match="letsencrypt, letsencrypt-staging, zerossl"):
        directory_url(text)


def test_a_misspelt_name_is_an_error_that_names_the_near_one() -> None:
    with pytest.raises(ValueError, match=r"did you mean zerossl\?$"):
        directory_url("zero-ssl")


def test_what_a_ca_says_of_itself_is_read() -> None:
    meta = {
        "termsOfService": "https://ca.test/terms",
        "caaIdentities": ["ca.test", "other.test"],
        "externalAccountRequired": True,
        "profiles": {"classic": "as ever"},
    }
    found = parse_directory("u", {**NEEDED, "meta": meta, "renewalInfo": "https://ca.test/ari/"})
    assert found.terms == "https://ca.test/terms"
    assert found.caa_identities == ("ca.test", "other.test")
    assert found.wants_binding
    assert found.profiles == {"classic": "as ever"}
    assert found.renewal_info == "https://ca.test/ari"


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"meta": None},
        {"meta": "x"},
        {"meta": {"caaIdentities": "ca.test", "profiles": ["a"], "termsOfService": 7, "externalAccountRequired": "no"}},
        {"meta": {"caaIdentities": [7]}, "renewalInfo": 7},
    ],
)
def test_what_it_says_in_a_wrong_form_is_left_out(more: dict[str, object]) -> None:
    found = parse_directory("u", {**NEEDED, **more})
    assert (found.terms, found.caa_identities, found.wants_binding) == (None, (), False)
    assert (found.profiles, found.renewal_info) == ({}, None)


@pytest.mark.parametrize("document", [None, [], "x", {}, {**NEEDED, "newOrder": "x"}, {**NEEDED, "newNonce": None}])
def test_what_is_no_directory_is_refused(document: object) -> None:
    with pytest.raises(AcmeError, match="is no ACME directory"):
        parse_directory("https://ca.test/dir", document)
