"""Which provider libraries may be installed besides, and was one of their names misspelt?"""

import importlib.util
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from acme_client.errors import AcmeError, ErrorKind
from acme_client.spelling import near

# The better known of lego's codes (https://go-acme.github.io/lego/dns/): its bridge has no list to ask for.
_LEGO = (
    "active24 alidns allinkl arvancloud auroradns autodns azuredns bluecat bunny civo clouddns cloudflare cloudns"
    " constellix cpanel desec designate digitalocean dnsimple dnsmadeeasy domeneshop dreamhost duckdns dyn dynu easydns"
    " edgedns exoscale freemyip gandiv5 gcloud gcore glesys godaddy hetzner hostingde hostinger hosttech httpnet"
    " huaweicloud hurricane ibmcloud infoblox infomaniak internetbs inwx ionos ipv64 joker leaseweb lightsail linode"
    " loopia luadns mailinabox mijnhost mittwald mythicbeasts namecheap namedotcom namesilo netcup netlify njalla ns1"
    " openprovider oraclecloud ovh pdns plesk porkbun rackspace regru route53 sakuracloud scaleway selectel servercow"
    " simply spaceship technitium tencentcloud transip ultradns variomedia vercel vultr websupport wedos yandexcloud"
    " zoneee zonomi"
)

HOW_TO_INSTALL = ".venv/bin/python -m pip install -r requirements-dns.txt, or an image that is built with DNS_EXTRAS=1"


def is_installed(module: str) -> bool:
    """Whether a library is there."""
    return importlib.util.find_spec(module) is not None


def lexicon_names() -> list[str]:
    """All of the installed dns-lexicon; none where it is not installed, or keeps its providers elsewhere than 3.25 does."""
    try:
        package = importlib.util.find_spec("lexicon._private.providers")
    except ModuleNotFoundError:
        return []
    places = package.submodule_search_locations if package else None
    return [module.name for module in pkgutil.iter_modules(places or ())]


@dataclass(frozen=True, slots=True)
class Library:
    """One of them."""

    module: str
    package: str
    names: Callable[[], list[str]]
    has_all_names: bool
    """Whether a name that is not among these is none."""


LIBRARIES: Mapping[str, Library] = MappingProxyType(
    {
        "lego": Library("lego_bridge", "certbot-dns-multi", _LEGO.split, has_all_names=False),
        "lexicon": Library("lexicon", "dns-lexicon", lexicon_names, has_all_names=True),
    }
)


def check_name(library: Library, name: str, held: str, alike: str, *, is_there: bool) -> None:
    """Raises AcmeError (DNS_PROVIDER) for a name that the library does not have, or a library that is not installed.

    `held` is what DNS_PROVIDER holds, `alike` the question for a name that is written almost so: it comes first, since
    nobody should install a library for the sake of a letter.
    """
    if is_there:
        known = library.names()
        if library.has_all_names and known and name not in known:
            text = f"DNS_PROVIDER holds {held!r} but wants a name of {library.package}'s{alike}"
            raise AcmeError(ErrorKind.DNS_PROVIDER, text)
        return
    needs = f"{library.package}, which is not installed: {HOW_TO_INSTALL}"
    if alike:
        text = f"DNS_PROVIDER holds {held!r}{alike} If not: it needs {needs}"
        raise AcmeError(ErrorKind.DNS_PROVIDER, text)
    raise AcmeError(ErrorKind.DNS_PROVIDER, f"DNS_PROVIDER={held} needs {needs}")


def did_you_mean(held: str, others: list[str]) -> str:
    """`; did you mean cloudflare?` for names that are written almost like `held`: of the same library, or `others`."""
    label, colon, _ = held.partition(":")
    if colon and label in LIBRARIES:
        also = others if label == "lego" else []  # it has those built in here as well
        names = [f"{label}:{name}" for name in [*(LIBRARIES[label].names() or _LEGO.split()), *also]]
    else:
        names = [*others, *_LEGO.split()]
    meant = near(held, names)
    return f"; did you mean {' or '.join(meant)}?" if meant else ""
