"""Is the certificate program set up as the environment says, and told clearly where it is wrong?"""

import re
from pathlib import Path

import pytest

from acme_client.name_servers import Endpoint
from acme_client.settings import TABLE, KeyType, Setting, SettingsError, check_orders, misspelt, read_settings
from mesh_gateway.settings import TABLE as GATEWAYS

PAGE = Path(__file__).parent.parent.parent / "docs" / "acme-settings.md"
LEAST = {"SERVER_DOMAIN": "example.com"}
LETSENCRYPT = "https://acme-v02.api.letsencrypt.org/directory"


def test_one_setting_is_enough() -> None:
    settings = read_settings(LEAST)
    assert settings.server_domain == "example.com"
    assert settings.acme_directory_urls == (LETSENCRYPT,)
    assert settings.cert_dir == Path("certificates")
    assert settings.acme_key_type is KeyType.EC256
    assert settings.ssl_domains == ()
    assert not settings.acme_tenant_wildcards
    assert (settings.dns_propagation_timeout, settings.dns_propagation_check) == (120.0, True)


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("SERVER_DOMAIN", " .Example.COM. ", "example.com"),
        ("SSL_EMAIL", "me@example.com", "me@example.com"),
        ("SSL_DOMAINS", "", ()),
        ("SSL_DOMAINS", "a.org, *.a.org;b.net;", (("a.org", "*.a.org"), ("b.net",))),
        ("SSL_DOMAINS", "a.org,a.org", (("a.org",),)),
        ("ACME_DIRECTORY_URLS", "https://ca.test:14000/dir", ("https://ca.test:14000/dir",)),
        ("ACME_DIRECTORY_URLS", "letsencrypt, https://ca.test/d", (LETSENCRYPT, "https://ca.test/d")),
        ("ACME_CA_FILE", "/a/b.pem", Path("/a/b.pem")),
        ("ACME_PROFILE", "", None),
        ("ACME_PROFILE", "shortlived", "shortlived"),
        ("ACME_KEY_TYPE", "RSA4096", KeyType.RSA4096),
        ("ACME_TENANT_WILDCARDS", "on", True),
        ("ACME_TENANTS", "alice, bob,alice", ("alice", "bob")),
        ("ACME_TENANT_LIMIT_PER_WEEK", "7", 7),
        ("BACKEND_URL", "https://api.test/router/", "https://api.test/router"),
        ("DNS_RESOLVERS", "127.0.0.1:5353,::1", (Endpoint("127.0.0.1", 5353), Endpoint("::1"))),
        ("DNS_PROPAGATION_TIMEOUT", "10m", 600.0),
        ("DNS_PROPAGATION_CHECK", "off", False),
    ],
)
def test_a_right_value(variable: str, text: str, value: object) -> None:
    assert getattr(read_settings(LEAST | {variable: text}), variable.lower()) == value


@pytest.mark.parametrize(
    ("variable", "text", "says"),
    [
        ("SERVER_DOMAIN", "", "SERVER_DOMAIN holds '' but wants the domain that tenants live under"),
        ("SERVER_DOMAIN", "localhost", "is no name that a CA gives certificates for"),
        ("SERVER_DOMAIN", "192.0.2.1", "is an address"),
        ("SERVER_DOMAIN", "bücher.example", "international names as xn--"),
        ("SERVER_DOMAIN", "*.example.com", "is no name"),
        ("SSL_EMAIL", "a@b.c,d@e.f", "wants an e-mail address"),
        ("SSL_DOMAINS", "a.org;*.*.b", "SSL_DOMAINS holds 'a.org;*.*.b'"),
        ("SSL_DOMAINS", ",".join(f"a{number}.org" for number in range(101)), "101 names in one certificate"),
        ("SSL_DOMAINS", ";".join(f"a{number}.org" for number in range(201)), "201 groups"),
        ("CERT_DIR", "~nobody-at-all/x", "wants a folder"),
        ("ACME_DIRECTORY_URLS", "http://ca.test/", "http://ca.test/ is not https"),
        ("ACME_DIRECTORY_URLS", "letsencrpyt", "did you mean letsencrypt"),
        ("ACME_DIRECTORY_URLS", "verisign", "the short names are letsencrypt, letsencrypt-staging"),
        ("ACME_DIRECTORY_URLS", "https:///dir", "https:///dir names no host"),
        ("ACME_DIRECTORY_URLS", "https://ca.test:99999/dir", "Port out of range"),
        ("ACME_DIRECTORY_URLS", ",", "separated by commas"),
        ("ACME_PROFILE", "a b", "or nothing"),
        ("ACME_KEY_TYPE", "dsa", "wants ec256, ec384, rsa2048 or rsa4096"),
        ("ACME_TENANT_WILDCARDS", "maybe", "wants true or false"),
        ("ACME_TENANTS", "alice,www", "'www' is no tenant"),
        ("ACME_TENANTS", "al_ice", "'al_ice' is no tenant"),
        ("ACME_TENANT_LIMIT_PER_WEEK", "0", "a count of at least 1"),
        ("BACKEND_URL", "ftp://x", "wants the resolution API's"),
        ("BACKEND_URL", "http://", "http:// names no host"),
        ("BACKEND_URL", "http://x:0", "http://x:0 has port 0"),
        ("DNS_RESOLVERS", "127.0.0.1:99999", "has a port out of 1 to 65535"),
        ("DNS_RESOLVERS", "9.9.9.9,quad9", "'quad9' is no address"),
        ("DNS_RESOLVERS", "9.9.9", "'9.9.9' is no address"),
        ("DNS_RESOLVERS", "9.9.9.9 1.1.1.1", "is no name server"),
        ("DNS_AUTHORITATIVE_PORT", "65536", "wants a port"),
        ("DNS_PROPAGATION_TIMEOUT", "0", "wants a duration"),
        ("DNS_PROPAGATION_CHECK", "2", "wants true or false"),
    ],
)
def test_a_wrong_value_is_named_in_one_line(variable: str, text: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(LEAST | {variable: text})
    message = str(caught.value)
    assert message.startswith(f"{variable} holds {text!r} but wants ")
    assert says in message
    assert "\n" not in message


def test_a_secret_may_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "hmac").write_text("c2VjcmV0\n")
    both = {"ACME_EAB_KID": "kid", "ACME_EAB_HMAC_KEY_FILE": str(tmp_path / "hmac")}
    assert read_settings(LEAST | both).acme_eab_hmac_key == "c2VjcmV0"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    missing = {"ACME_EAB_KID": "kid", "ACME_EAB_HMAC_KEY_FILE": str(tmp_path / "none")}
    with pytest.raises(SettingsError, match=r"ACME_EAB_HMAC_KEY_FILE holds .*none' but wants a file that can be read"):
        read_settings(LEAST | missing)


def test_a_wrong_short_name_is_told_once() -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(LEAST | {"ACME_DIRECTORY_URLS": "verisign"})
    assert str(caught.value).count("ACME_DIRECTORY_URLS") == 1


def test_a_wrong_kind_of_key_is_told_in_our_words() -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(LEAST | {"ACME_KEY_TYPE": "foo"})
    assert str(caught.value) == "ACME_KEY_TYPE holds 'foo' but wants ec256, ec384, rsa2048 or rsa4096"


def test_a_secret_and_its_file_are_one_too_many(tmp_path: Path) -> None:
    (tmp_path / "hmac").write_text("c2VjcmV0")
    three = {"ACME_EAB_KID": "kid", "ACME_EAB_HMAC_KEY": "YWJj", "ACME_EAB_HMAC_KEY_FILE": str(tmp_path / "hmac")}
    with pytest.raises(SettingsError, match=r"^ACME_EAB_HMAC_KEY and ACME_EAB_HMAC_KEY_FILE are both set but only one"):
        read_settings(LEAST | three)


@pytest.mark.parametrize("url", ["file:routes.json", "FILE:/routes.json"])
def test_tenants_wildcards_want_an_api(url: str) -> None:
    told = rf"^BACKEND_URL holds '{url}' but wants an http\(s\) URL while ACME_TENANT_WILDCARDS is on"
    with pytest.raises(SettingsError, match=told):
        read_settings(LEAST | {"BACKEND_URL": url, "ACME_TENANT_WILDCARDS": "on"})
    assert read_settings(LEAST | {"BACKEND_URL": url}).backend_url == url


@pytest.mark.parametrize("url", ["https://me:hidden@ca.test/", "https:/me:hidden@ca.test", "//me:hidden@ca.test"])
@pytest.mark.parametrize("variable", ["ACME_DIRECTORY_URLS", "BACKEND_URL"])
def test_a_password_in_a_url_is_not_shown(variable: str, url: str) -> None:
    with pytest.raises(SettingsError, match="without a user name") as caught:
        read_settings(LEAST | {variable: url})
    assert "hidden" not in str(caught.value)


def test_a_secret_is_never_shown() -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(LEAST | {"ACME_EAB_KID": "kid", "ACME_EAB_HMAC_KEY": "top secret!"})
    assert "top secret" not in str(caught.value)
    settings = read_settings(LEAST | {"ACME_EAB_KID": "kid", "ACME_EAB_HMAC_KEY": "c2VjcmV0"})
    assert "c2VjcmV0" not in repr(settings)


@pytest.mark.parametrize("only", ["ACME_EAB_KID", "ACME_EAB_HMAC_KEY"])
def test_half_a_binding_is_refused(only: str) -> None:
    with pytest.raises(SettingsError, match=f"wants what the CA gave together with {only}"):
        read_settings(LEAST | {only: "abc"})


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("ACME_DIRECTORY_URL", "ACME_DIRECTORY_URLS"),
        ("SSL_EMIAL", "SSL_EMAIL"),
        ("DNS_RESOLVER", "DNS_RESOLVERS"),
        ("ACME_EAB_HMACKEY_FILE", "ACME_EAB_HMAC_KEY_FILE"),
    ],
)
def test_a_misspelt_variable_is_noticed(variable: str, meant: str) -> None:
    assert misspelt({variable: "x"}) == {variable: meant}
    assert misspelt({variable: "x", meant: "y"}) == {}


def test_the_variables_of_others_are_not_taken_for_misspelt_ones() -> None:
    others = [row.variable for row in GATEWAYS] + ["EXEC_PROPAGATION_TIMEOUT", "RFC2136_TTL", "SSL_CERT_DIR", "ACME"]
    assert misspelt(dict.fromkeys(others, "x")) == {}


@pytest.mark.parametrize("missing", ["SSL_EMAIL", "DNS_PROVIDER"])
def test_orders_need_an_address_and_a_provider(missing: str) -> None:
    complete = LEAST | {"SSL_EMAIL": "me@example.com", "DNS_PROVIDER": "rfc2136"}
    check_orders(read_settings(complete))
    with pytest.raises(SettingsError, match=f"{missing} holds ''"):
        check_orders(read_settings(complete | {missing: ""}))


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.variable)
def test_the_page_tells_of_every_setting(row: Setting) -> None:
    variable = f"`{row.variable}`" + (f", `{row.variable}_FILE`" if row.is_secret else "")
    default = f"`{row.default}`" if row.default else ""
    assert f"| {variable} | {row.help} | {default} | {row.wants} |" in PAGE.read_text(encoding="utf-8").splitlines()


def test_the_page_tells_of_nothing_else() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if re.match(r"\| `[A-Z]", line)]
    assert len(rows) == len(TABLE)
