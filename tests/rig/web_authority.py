"""Which certificates would a browser take, but for who signed them? Those of a CA that keeps to the rules of the public ones.

`trustme`, behind `Authority`, marks the names as critical beside a subject, which RFC 5280 4.2.1.6 forbids: most clients
do not mind, and a strict verifier does.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LEAF_LIFETIME = timedelta(days=90)
ROOT_LIFETIME = timedelta(days=365)
BACKDATED = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class WebAuthority:
    """A root and what it signs, in the form of the Baseline Requirements (7.1.2.7), as of `now`."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    name: x509.Name = field(default_factory=lambda: _named("Web CA of a test"))
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()), repr=False)

    @property
    def pem(self) -> bytes:
        """Its own certificate; one more with the same name and key at each call."""
        root = self._draft(self.name, self.key.public_key(), ROOT_LIFETIME)
        root = root.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        root = root.add_extension(_usage(signs_certificates=True), critical=True)
        return root.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def issue(self, *names: str) -> tuple[bytes, bytes]:
        """Chain and key for DNS names, as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = self._draft(_named(names[0]), key.public_key(), LEAF_LIFETIME)
        leaf = leaf.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        leaf = leaf.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        leaf = leaf.add_extension(_usage(signs_certificates=False), critical=True)
        leaf = leaf.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        leaf = leaf.add_extension(issuer, critical=False)
        chain = leaf.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM)
        return chain, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def _draft(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, lifetime: timedelta
    ) -> x509.CertificateBuilder:
        """What root and leaf have in common."""
        begin = self.now - BACKDATED
        draft = x509.CertificateBuilder(self.name, subject, key, x509.random_serial_number(), begin, begin + lifetime)
        return draft.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
