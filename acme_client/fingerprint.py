"""With which settings was an attempt made? A fingerprint that another one has as soon as any that bears on it changes.

It is kept in records, so it is made with a key of its own: who sees a record learns nothing of the secrets in it, not
even by guessing.
"""

import contextlib
import hashlib
import secrets
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path

from acme_client.errors import AcmeError
from acme_client.private_file import UNFINISHED, write_private
from acme_client.providers.variables import Variables
from acme_client.regular_file import read_regular
from acme_client.settings import Settings

KEY_BYTES = 32
_BESIDE = {
    "server_domain",
    "ssl_domains",
    "cert_dir",
    "acme_directory_urls",
    "acme_tenant_wildcards",
    "acme_tenants",
    "acme_tenant_limit_per_week",
    "backend_url",
}
"""Settings that say what is wanted and of which CA, which is noted by itself, or that bear on no attempt."""
_WAY_OUT = ("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
"""How requests gets to the CA."""
_PREFIXES: Mapping[str, tuple[str, ...]] = {
    "alidns": ("ALICLOUD_",),
    "allinkl": ("ALL_INKL_",),
    "auroradns": ("AURORA_",),
    "azure": ("AZURE_",),
    "azuredns": ("AZURE_",),
    "cloudflare": ("CF_",),
    "designate": ("OS_",),
    "digitalocean": ("DO_",),
    "edgedns": ("AKAMAI_",),
    "gcloud": ("GCE_", "GOOGLE_"),
    "ibmcloud": ("SOFTLAYER_",),
    "internetbs": ("INTERNET_BS_",),
    "lightsail": ("AWS_",),
    "namedotcom": ("NAMECOM_",),
    "oraclecloud": ("OCI_",),
    "route53": ("AWS_",),
    "scaleway": ("SCW_",),
    "yandexcloud": ("YANDEX_CLOUD_",),
}
"""lego's variables that do not begin with the provider's own name (its pages of the providers)."""


def fingerprint(settings: Settings, environment: Mapping[str, str], key: bytes) -> str:
    """Of the settings with the provider's variables; the same for the same in any order. Hex, keyed by `key`.

    A file that is named counts by its content where it holds a secret, and by its date and size where it is a program.
    Empty without a key: what anybody can compute lets secrets be guessed.
    """
    if not key:
        return ""
    digest = hashlib.blake2b(key=key, digest_size=16)
    for part in _parts(settings, environment):
        digest.update(f"{len(part)}:{part}".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _parts(settings: Settings, environment: Mapping[str, str]) -> Iterator[str]:
    for each in fields(settings):
        if each.name not in _BESIDE:
            yield f"{each.name}={getattr(settings, each.name)!r}"
    for name in _WAY_OUT:
        yield f"{name}={environment.get(name, '')}:{environment.get(name.lower(), '')}"
    variables = Variables(environment)
    for prefix in _prefixes(settings.dns_provider or ""):
        try:
            yield from (f"{prefix}{name}={value}" for name, value in variables.with_prefix(prefix).items())
        except AcmeError as error:  # a file that cannot be read now; that it can be later is a change
            yield str(error)
    if program := environment.get("EXEC_PATH"):
        yield _state(shutil.which(program, path=environment.get("PATH")) or program)
    if settings.acme_ca_file:
        yield _state(str(settings.acme_ca_file))


def _prefixes(provider: str) -> tuple[str, ...]:
    library, _, name = provider.lower().rpartition(":")
    own = name.upper().replace("-", "_") + "_"
    return tuple(dict.fromkeys((own, *_PREFIXES.get(name, ()), *([f"{library.upper()}_"] if library else []))))


def _state(path: str) -> str:
    try:
        found = Path(path).stat()
    except OSError as error:
        return f"{path} {error.errno}"
    return f"{path} {found.st_mtime_ns} {found.st_size}"


def keep_key(path: Path) -> bytes:
    """The key of this folder, the same for all who share it; made when there is none.

    Empty where none can be kept: with another one each run, each would take the settings for changed ones.
    """
    if _held(path) is None:
        with contextlib.suppress(OSError):
            _make_key(path)
    return _held(path) or b""


def _held(path: Path) -> bytes | None:
    try:
        key = read_regular(path, KEY_BYTES + 1)
    except OSError:
        return None
    return key if len(key) == KEY_BYTES else None


def _make_key(path: Path) -> None:
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}{UNFINISHED}")
    try:
        write_private(beside, secrets.token_bytes(KEY_BYTES))
        if path.is_file():  # cut short, as on a disk that was full
            path.unlink()
        with contextlib.suppress(FileExistsError):  # another was quicker
            path.hardlink_to(beside)
    finally:
        beside.unlink(missing_ok=True)
