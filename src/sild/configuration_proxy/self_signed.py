"""A self-signed certificate for a key that does not leave its token (PKCS#11 ones cannot).

The token signs data, `issue_certificate` wants a key. So another key of the same kind signs a draft, and its signature is
exchanged for the token's over the same to-be-signed bytes (RFC 5280 4.1).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from sild.pki import (
    CertificateProfile,
    DigestAlgorithm,
    PrivateKey,
    PublicKey,
    SignatureAlgorithm,
    algorithm_for,
    der,
    issue_certificate,
)

__all__ = ["self_signed_certificate"]

COMMON_NAME = "N/A"  # the reference's; nobody reads it
VALIDITY = timedelta(days=20 * 365)
"""Nobody checks it: the certificate is a container for the key (WIRE 13.1)."""

Sign = Callable[[SignatureAlgorithm, bytes], Awaitable[bytes]]


async def self_signed_certificate(public_key: PublicKey, sign: Sign, at: datetime) -> bytes:
    """DER. `sign` gives EC signatures in DER."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, COMMON_NAME)])
    draft = issue_certificate(
        CertificateProfile.CONFIGURATION_SIGNER,
        subject=name,
        public_key=public_key,
        issuer=name,
        issuer_key=_another_key(public_key),
        issuer_public_key=public_key,
        serial_number=x509.random_serial_number(),
        not_before=at - timedelta(days=1),
        not_after=at + VALIDITY,
    )
    used = draft.signature_hash_algorithm
    assert used is not None  # RSA PKCS#1 and ECDSA name one
    digest = next(d for d in DigestAlgorithm if d.hashlib_name == used.name)
    certificate = asn1_x509.Certificate.load(der(draft))
    certificate["signature_value"] = await sign(
        algorithm_for(public_key, digest), draft.tbs_certificate_bytes
    )
    signed: bytes = certificate.dump()
    return signed


def _another_key(public_key: PublicKey) -> PrivateKey:
    if isinstance(public_key, rsa.RSAPublicKey):
        return rsa.generate_private_key(65537, 2048)
    return ec.generate_private_key(public_key.curve)
