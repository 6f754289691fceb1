"""Signatures over bytes: whatever the key is, a refusal is a refusal."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from sild.errors import TrustError
from sild.pki import SignatureAlgorithm, verify_bytes


@pytest.mark.parametrize("algorithm", [SignatureAlgorithm.RSA_PSS_SHA512, SignatureAlgorithm.RSA_SHA512])
def test_a_key_too_short_for_the_digest(algorithm: SignatureAlgorithm) -> None:
    """512 bits, as a peer may put into a certificate of its own making; the signature is looked at before its chain."""
    key = rsa.RSAPublicNumbers(65537, 2**511 + 111).public_key()
    with pytest.raises(TrustError) as refused:
        verify_bytes(key, algorithm, bytes(64), b"data")
    assert refused.value.code == "invalid_signature_value"
