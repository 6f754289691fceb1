"""A private key under a password: PKCS#12 (RFC 7292) with PBES2, AES-256-CBC and HMAC-SHA-256, as OpenSSL 3 and Java write it."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12
from cryptography.x509 import Certificate

from sild.pki.algorithms import PrivateKey

__all__ = ["encrypt_key"]


def encrypt_key(
    key: PrivateKey, password: bytes, *, rounds: int, name: str, certificate: Certificate | None = None
) -> bytes:
    """DER. rounds: of PBKDF2, which each guess at the password costs.  name: what tools show.  Salts are OpenSSL's.

    Raises ValueError: an empty password, a certificate of another key.
    """
    encryption = (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(rounds)
        .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(hashes.SHA256())
        .build(password)
    )
    return pkcs12.serialize_key_and_certificates(name.encode(), key, certificate, None, encryption)
