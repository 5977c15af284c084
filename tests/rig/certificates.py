"""Who vouches for whom? A certification authority of the test's own, for clients, gateway and upstreams."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography import x509


class Authority:
    """One CA and what it issues."""

    def __init__(self, name: str = "Test CA") -> None:
        self._ca = trustme.CA(organization_name=name)

    @property
    def pem(self) -> bytes:
        """Its own certificate."""
        return self._ca.cert_pem.bytes()

    def write_pem(self, path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.pem)
        return path

    def write_store(self, folder: Path, *names: str) -> None:
        """`fullchain.pem` and `privkey.pem` for `names`, as the gateway's CERT_DIR wants them."""
        place = folder / names[0].replace("*.", "wildcard.")
        place.mkdir(parents=True, exist_ok=True)
        leaf = self._ca.issue_cert(*names)
        (place / "privkey.pem").write_bytes(leaf.private_key_pem.bytes())
        (place / "fullchain.pem").write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))

    def renew(self, place: Path, *names: str) -> int:
        """A new pair behind the link `place`, swapped by one rename as the certificate program does; its serial."""
        begin = datetime.now(UTC) - timedelta(hours=1)
        leaf = self._ca.issue_cert(*names, not_before=begin, not_after=begin + timedelta(days=60))
        chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
        serial = x509.load_pem_x509_certificate(chain).serial_number
        generation = place.parent.parent / "archive" / place.name / f"{serial:x}"
        generation.mkdir(parents=True)
        (generation / "privkey.pem").write_bytes(leaf.private_key_pem.bytes())
        (generation / "fullchain.pem").write_bytes(chain)
        place.parent.mkdir(exist_ok=True)
        beside = place.with_name(f".{place.name}")
        beside.symlink_to(generation)
        beside.rename(place)
        return serial

    def serving(
        self,
        *names: str,
        common_name: str | None = None,
        alpn: tuple[str, ...] = ("http/1.1",),
        not_after: datetime | None = None,
    ) -> ssl.SSLContext:
        """What a server with a certificate for `names` listens with."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._ca.issue_cert(*names, common_name=common_name, not_after=not_after).configure_cert(context)
        context.set_alpn_protocols(list(alpn))
        return context

    def trusting(self, *alpn: str) -> ssl.SSLContext:
        """What a client that believes this CA connects with."""
        context = ssl.create_default_context()
        self._ca.configure_trust(context)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context
