"""Which names may a certificate be asked for? Their form, parsed once."""

import re

Groups = tuple[tuple[str, ...], ...]
"""The names of one certificate each."""

MOST_NAMES = 100
"""In one certificate: Let's Encrypt's limit."""
MOST_GROUPS = 200
_LABEL = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})+")
_TENANT = re.compile(r"[a-z0-9]{1,63}")
_RESERVED = {"www", "root", "app"}
_LONGEST = 253
"""RFC 1035 2.3.4, without the root's dot."""


def parse_domain(text: str) -> str:
    """A name as A-labels in lower case; raises ValueError for what is none, or has only one label."""
    domain = text.strip().lower().removesuffix(".")
    if not _DOMAIN.fullmatch(domain) or len(domain) > _LONGEST:
        raise ValueError(f"{text.strip()!r} is no name that a CA gives certificates for; international names as xn--")
    if domain.rpartition(".")[2].isdecimal():
        raise ValueError(f"{text.strip()!r} is an address, not a name")
    return domain


def parse_name(text: str) -> str:
    """A name that may begin with `*.`; raises ValueError."""
    plain = text.strip().removeprefix("*.")
    return f"*.{parse_domain(plain)}" if plain != text.strip() else parse_domain(plain)


def parse_groups(text: str) -> Groups:
    """`a,*.a;b`: one group of names each certificate; raises ValueError."""
    groups = tuple(group for part in text.split(";") if (group := _group(part)))
    if len(groups) > MOST_GROUPS:
        raise ValueError(f"{len(groups)} groups, more than {MOST_GROUPS}")
    return groups


def parse_tenant(text: str) -> str:
    """The name of a tenant; raises ValueError."""
    tenant = text.strip().lower()
    if not _TENANT.fullmatch(tenant) or tenant in _RESERVED:
        raise ValueError(
            f"{text.strip()!r} is no tenant: a to z and 0 to 9, at most 63, none of {', '.join(sorted(_RESERVED))}"
        )
    return tenant


def parse_tenants(text: str) -> tuple[str, ...]:
    """Tenants separated by commas; raises ValueError."""
    return tuple(dict.fromkeys(parse_tenant(part) for part in text.split(",") if part.strip()))


def _group(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(parse_name(part) for part in text.split(",") if part.strip()))
    if len(names) > MOST_NAMES:
        raise ValueError(f"{len(names)} names in one certificate, more than {MOST_NAMES}")
    return names
