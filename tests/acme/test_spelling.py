"""Are misspelt words led back to the known ones, and others left alone?"""

import pytest

from acme_client.spelling import near

KNOWN = ("rfc2136", "acme-dns", "exec", "httpreq", "cloudflare", "clouddns")


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("rfc-2136", ("rfc2136",)),
        ("acmedns", ("acme-dns",)),
        ("cloudfare", ("cloudflare",)),
        ("cloudflare", ()),
        ("exoscale", ()),
        ("route53", ()),
        ("", ()),
    ],
)
def test_near(word: str, meant: tuple[str, ...]) -> None:
    assert near(word, KNOWN) == meant
