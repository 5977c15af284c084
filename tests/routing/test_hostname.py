"""A host name has one tenant, or a reason why it has none."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh_gateway.routing.hostname import HostKind, HostName, parse_host

TENANT, APEX, FOREIGN, MALFORMED = HostKind.TENANT, HostKind.APEX, HostKind.FOREIGN, HostKind.MALFORMED

LABEL = "a" * 63
# 253 bytes: three labels of 63, one of 48, and the rest
LONGEST = ".".join([LABEL, LABEL, LABEL, "b" * 48, "alice.nsl.sh"])
TOO_LONG = LONGEST.replace("b" * 48, "b" * 49)

GOLDEN = [
    ("alice.nsl.sh", TENANT, "alice"),
    ("ALICE.nsl.sh:8443", TENANT, "alice"),
    ("alice.nsl.sh.", TENANT, "alice"),
    ("alice.nsl.sh.:443", TENANT, "alice"),
    ("app.alice.nsl.sh", TENANT, "alice"),
    ("app-alice.nsl.sh", TENANT, "alice"),
    ("a-b-alice.nsl.sh", TENANT, "alice"),
    ("x.app-alice.nsl.sh", TENANT, "alice"),
    ("-alice.nsl.sh", TENANT, "alice"),
    ("alice-.nsl.sh", MALFORMED, None),
    ("al_ice.nsl.sh", MALFORMED, None),
    ("a..nsl.sh", MALFORMED, None),
    ("%41lice.nsl.sh", MALFORMED, None),
    ("foo?x.nsl.sh", MALFORMED, None),
    ("", MALFORMED, None),
    ("nsl.sh", APEX, None),
    ("www.nsl.sh", APEX, None),
    ("evil.org", FOREIGN, None),
    ("alice.nsl.sx", FOREIGN, None),
    ("xnsl.sh", FOREIGN, None),
    ("1.2.3.4", FOREIGN, None),
    ("[2001:db8::1]", FOREIGN, None),
    ("localhost", FOREIGN, None),
]


@pytest.mark.parametrize(("authority", "kind", "tenant"), GOLDEN, ids=[repr(row[0]) for row in GOLDEN])
def test_the_contract_is_kept(authority: str, kind: HostKind, tenant: str | None) -> None:
    name = parse_host(authority, "nsl.sh")
    assert (name.kind, name.tenant) == (kind, tenant)


MORE = [
    # reserved names, wherever the tenant would stand
    ("a.www.nsl.sh", APEX, None),
    ("x-www.nsl.sh", APEX, None),
    ("-www.nsl.sh", APEX, None),
    ("root.nsl.sh", APEX, None),
    ("APP.nsl.sh", APEX, None),
    ("alice.app.nsl.sh", APEX, None),
    ("alice-app.nsl.sh", APEX, None),
    ("www.alice.nsl.sh", TENANT, "alice"),
    ("www-alice.nsl.sh", TENANT, "alice"),
    ("www1.nsl.sh", TENANT, "www1"),
    ("nsl.sh.", APEX, None),
    ("NSL.SH:443", APEX, None),
    # what a tenant is made of
    ("0.nsl.sh", TENANT, "0"),
    ("4711.nsl.sh", TENANT, "4711"),
    (f"{LABEL}.nsl.sh", TENANT, LABEL),
    (f"a{LABEL}.nsl.sh", MALFORMED, None),
    (f"app-{'a' * 59}.nsl.sh", TENANT, "a" * 59),
    ("-.nsl.sh", MALFORMED, None),
    ("a--alice.nsl.sh", TENANT, "alice"),
    ("alice--.nsl.sh", MALFORMED, None),
    ("www-.nsl.sh", MALFORMED, None),
    ("al+ice.nsl.sh", MALFORMED, None),
    ("*.nsl.sh", MALFORMED, None),
    # underscores: none below our domain, other people's business elsewhere
    ("_dmarc.alice.nsl.sh", MALFORMED, None),
    ("my_app.alice.nsl.sh", MALFORMED, None),
    ("_x-alice.nsl.sh", MALFORMED, None),
    ("_dmarc.evil.org", FOREIGN, None),
    # dots
    (".", MALFORMED, None),
    ("..", MALFORMED, None),
    (".nsl.sh", MALFORMED, None),
    (".alice.nsl.sh", MALFORMED, None),
    ("alice..nsl.sh", MALFORMED, None),
    ("alice.nsl.sh..", MALFORMED, None),
    ("alice.nsl..sh", MALFORMED, None),
    ("evil..org", MALFORMED, None),
    ("alice", FOREIGN, None),
    ("sh", FOREIGN, None),
    # the suffix is compared label by label, at the end
    ("nsl.sh.evil.org", FOREIGN, None),
    ("alice.nsl.sh.evil.org", FOREIGN, None),
    ("alice-nsl.sh", FOREIGN, None),
    ("alicensl.sh", FOREIGN, None),
    ("nsl.sh.nsl.sh", TENANT, "sh"),
    # lengths
    (LONGEST, TENANT, "alice"),
    (f"{LONGEST}.", TENANT, "alice"),
    (f"{LONGEST}.:65535", TENANT, "alice"),
    (TOO_LONG, MALFORMED, None),
    (f"{TOO_LONG}.", MALFORMED, None),
    ("a." * 5000 + "alice.nsl.sh", MALFORMED, None),
    ("ü." * 200 + "alice.nsl.sh", MALFORMED, None),
    (f"{LABEL}a.evil.org", MALFORMED, None),
    # ports
    ("alice.nsl.sh:1", TENANT, "alice"),
    ("alice.nsl.sh:65535", TENANT, "alice"),
    ("alice.nsl.sh:00443", TENANT, "alice"),
    ("alice.nsl.sh:", MALFORMED, None),
    ("alice.nsl.sh:0", MALFORMED, None),
    ("alice.nsl.sh:65536", MALFORMED, None),
    ("alice.nsl.sh:000443", MALFORMED, None),
    ("alice.nsl.sh:http", MALFORMED, None),
    ("alice.nsl.sh:-1", MALFORMED, None),
    ("alice.nsl.sh:+80", MALFORMED, None),
    ("alice.nsl.sh:80:80", MALFORMED, None),
    ("alice.nsl.sh:80.", MALFORMED, None),
    ("alice.nsl.sh: 80", MALFORMED, None),
    ("alice.nsl.sh:٤٤٣", MALFORMED, None),
    (":80", MALFORMED, None),
    ("evil.org:99999", MALFORMED, None),
    ("localhost:8080", FOREIGN, None),
    # user names and what else a URL may hold
    ("user@alice.nsl.sh", MALFORMED, None),
    ("user:pass@alice.nsl.sh", MALFORMED, None),
    ("alice.nsl.sh@evil.org", MALFORMED, None),
    ("http://alice.nsl.sh", MALFORMED, None),
    ("alice.nsl.sh/", MALFORMED, None),
    ("alice.nsl.sh#x", MALFORMED, None),
    ("alice.nsl.sh\\evil.org", MALFORMED, None),
    ("alice.nsl.sh, bob.nsl.sh", MALFORMED, None),
    ("alice%2ensl.sh", MALFORMED, None),
    ("alice.nsl.sh%00", MALFORMED, None),
    ("evil%2eorg", MALFORMED, None),
    # white space and control bytes
    (" alice.nsl.sh", MALFORMED, None),
    ("alice.nsl.sh ", MALFORMED, None),
    ("ali ce.nsl.sh", MALFORMED, None),
    ("alice.nsl.sh\n", MALFORMED, None),
    ("alice.nsl.sh\t", MALFORMED, None),
    ("alice\x00.nsl.sh", MALFORMED, None),
    ("alice.nsl.sh\x7f", MALFORMED, None),
    ("evil.org\r", MALFORMED, None),
    # IP literals
    ("127.0.0.1:80", FOREIGN, None),
    ("[::1]:8443", FOREIGN, None),
    ("[::ffff:1.2.3.4]", FOREIGN, None),
    ("[::1", MALFORMED, None),
    ("::1", MALFORMED, None),
    ("2001:db8::1", MALFORMED, None),
    ("[]", MALFORMED, None),
    ("[1.2.3.4]", MALFORMED, None),
    ("[::1]x", MALFORMED, None),
    ("[::1]:", MALFORMED, None),
    ("[::1]:70000", MALFORMED, None),
    ("[fe80::1%eth0]", MALFORMED, None),
    ("[::g]", MALFORMED, None),
    ("[alice.nsl.sh]", MALFORMED, None),
    # international names
    ("bücher.alice.nsl.sh", TENANT, "alice"),
    ("BÜCHER.alice.nsl.sh:443", TENANT, "alice"),
    ("xn--bcher-kva.alice.nsl.sh", TENANT, "alice"),
    ("\uff41\uff4c\uff49\uff43\uff45.nsl.sh", TENANT, "alice"),
    ("alice。nsl。sh", TENANT, "alice"),
    ("alice.nsl.sh。", TENANT, "alice"),
    ("bücher.de", FOREIGN, None),
    # the rule of the last dash holds for A-labels too: such a name cannot belong to a tenant of its own
    ("bücher.nsl.sh", TENANT, "kva"),
    ("bü_cher.alice.nsl.sh", MALFORMED, None),
    ("\u2100.alice.nsl.sh", MALFORMED, None),
    ("\u0301x.alice.nsl.sh", MALFORMED, None),
    ("ü..alice.nsl.sh", MALFORMED, None),
    (f"{'ü' * 63}.nsl.sh", MALFORMED, None),
    ("Ã¼\x80.nsl.sh", MALFORMED, None),
    ("alice\u00ad.nsl.sh", TENANT, "alice"),
    ("alice.nsl.sh\uff1a443", MALFORMED, None),
]


@pytest.mark.parametrize(("authority", "kind", "tenant"), MORE, ids=[ascii(row[0])[:60] for row in MORE])
def test_a_host_is_told(authority: str, kind: HostKind, tenant: str | None) -> None:
    name = parse_host(authority, "nsl.sh")
    assert (name.kind, name.tenant) == (kind, tenant)


@pytest.mark.parametrize(
    ("authority", "expected"),
    [
        ("ALICE.Nsl.sh.:8443", HostName(TENANT, "alice.nsl.sh", 8443, "alice")),
        ("Bücher.alice.nsl.sh", HostName(TENANT, "xn--bcher-kva.alice.nsl.sh", None, "alice")),
        ("WWW.nsl.sh:80", HostName(APEX, "www.nsl.sh", 80, None)),
        ("Evil.org.", HostName(FOREIGN, "evil.org", None, None)),
        ("[2001:DB8::0:1]:443", HostName(FOREIGN, "[2001:db8::1]", 443, None)),
        ("alice.nsl.sh:0", HostName(MALFORMED, "", None, None)),
    ],
)
def test_a_host_is_normalised(authority: str, expected: HostName) -> None:
    assert parse_host(authority, "nsl.sh") == expected


@pytest.mark.parametrize(
    ("authority", "kind", "tenant"),
    [
        ("localhost", APEX, None),
        ("alice.localhost:8080", TENANT, "alice"),
        ("app-alice.localhost", TENANT, "alice"),
        ("127.0.0.1", FOREIGN, None),
        ("alice.nsl.sh", FOREIGN, None),
        ("xlocalhost", FOREIGN, None),
    ],
)
def test_a_domain_may_be_one_label(authority: str, kind: HostKind, tenant: str | None) -> None:
    name = parse_host(authority, "localhost")
    assert (name.kind, name.tenant) == (kind, tenant)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=40), st.text(max_size=20).map(lambda start: start + ".nsl.sh")))
def test_no_text_breaks_it_and_what_is_normal_stays(authority: str) -> None:
    name = parse_host(authority, "nsl.sh")
    assert (name.kind is TENANT) == (name.tenant is not None)
    if name.kind is not MALFORMED:
        assert parse_host(name.host, "nsl.sh") == HostName(name.kind, name.host, None, name.tenant)
