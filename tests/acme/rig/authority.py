"""A CA in this process: signs for real, counts its orders in a file, fails when it is told to."""

import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from acme_client.errors import AcmeError
from acme_client.issuer import Order, RenewalAdvice, Signed

PEM = Encoding.PEM


@dataclass
class Authority:
    """An Issuer. Its state is what it is told to do next, and the orders it got."""

    directory: str = "https://ca.test/directory"
    is_staging: bool = False
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    life: timedelta = timedelta(days=90)
    counter: Path | None = None
    """A byte is added for each order, from whichever process."""
    failures: list[AcmeError] = field(default_factory=list)
    """Raised by the next orders, one each."""
    suggestion: RenewalAdvice | None = None
    staging: "Authority | None" = None
    before_signing: Callable[[], None] = lambda: None
    orders: list[Order] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Root of {self.directory}"[:64])])
        self._serials = itertools.count(1)

    def issue(self, order: Order) -> Signed:
        self.orders.append(order)
        if self.counter:
            descriptor = os.open(self.counter, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.write(descriptor, b"o")
            os.close(descriptor)
        self.before_signing()
        if self.failures:
            raise self.failures.pop(0)
        return self.sign(order.names)

    def advice(self, certificate_id: str) -> RenewalAdvice | None:
        self.questions.append(certificate_id)
        return self.suggestion

    def rehearsal(self) -> "Authority | None":
        return self.staging

    def sign(self, names: tuple[str, ...], *, not_before: datetime | None = None) -> Signed:
        """A chain of leaf and root, and the key."""
        start = not_before or self.clock().replace(microsecond=0)
        key = ec.generate_private_key(ec.SECP256R1())
        serial = x509.random_serial_number()
        leaf = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(serial)
            .not_valid_before(start)
            .not_valid_after(start + self.life)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        key_pem = key.private_bytes(PEM, PrivateFormat.PKCS8, NoEncryption())
        chain = leaf.public_bytes(PEM) + self.root_pem(start)
        return Signed(chain, key_pem, f"id-{next(self._serials)}-{serial:x}")

    def root_pem(self, now: datetime) -> bytes:
        root = (
            x509.CertificateBuilder()
            .subject_name(self._name)
            .issuer_name(self._name)
            .public_key(self._key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=3650))
            .not_valid_after(now + timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        return root.public_bytes(PEM)
