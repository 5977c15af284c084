"""Which private key does a certificate get? A new one each time: an old one that leaked is worth nothing then."""

from typing import assert_never

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from acme_client.settings import KeyType

_EXPONENT = 65537  # the CA/Browser Forum's baseline requirements, 6.1.6


def new_key(key_type: KeyType) -> bytes:
    """PKCS #8 in PEM, without a password."""
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    match key_type:
        case KeyType.EC256:
            key = ec.generate_private_key(ec.SECP256R1())
        case KeyType.EC384:
            key = ec.generate_private_key(ec.SECP384R1())
        case KeyType.RSA2048:
            key = rsa.generate_private_key(_EXPONENT, 2048)
        case KeyType.RSA4096:
            key = rsa.generate_private_key(_EXPONENT, 4096)
        case _:
            assert_never(key_type)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
