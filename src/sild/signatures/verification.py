"""Verifying a signature's arithmetic: references, signed properties, signature value (WIRE 6.2, step 6).

Whose certificate it is, whether it was good at the time, and what the time was, is decided above (`sild.xroad.verification`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from hmac import compare_digest

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from sild.errors import PeerError, TrustError
from sild.pki import Certificate, ecdsa_der_from_raw, verify_bytes
from sild.signatures.hash_chains import SignedPart
from sild.signatures.signature import Signature

INVALID = "invalid_signature_value"


def verify_signature(signature: Signature, *, parts: Mapping[str, bytes | SignedPart]) -> None:
    """Check that `signature` covers exactly `parts`, and that its key made it.

    parts: by name, a part's bytes, or its digest where the part streamed by. There must be a reference for each part and a
    part for each reference: whoever hands over fewer or more parts than were signed is refused (WIRE 18).
    Raises PeerError `malformed_signature` (a part is not signed), TrustError `invalid_signature_value` (anything else).
    """
    uncovered = parts.keys() - {reference.uri for reference in signature.references}
    if uncovered:
        raise PeerError(
            f"the signature does not cover {', '.join(sorted(uncovered))}", code="malformed_signature"
        )
    for reference in signature.references:
        _verify_reference(reference, parts.get(reference.uri))
    _verify_reference(signature.signed_properties_reference, signature.signed_properties)
    key = _public_key(signature.signing_certificate)
    value = signature.signature_value
    if isinstance(key, EllipticCurvePublicKey):
        value = ecdsa_der_from_raw(value, key)
    verify_bytes(key, signature.algorithm, value, signature.signed_info)


def _verify_reference(reference: SignedPart, part: bytes | SignedPart | None) -> None:
    if part is None:
        raise TrustError(f"{reference.uri!r} was signed but is not here", code=INVALID)
    if isinstance(part, SignedPart):
        actual = part.digest if part.algorithm is reference.algorithm else b""
    else:
        actual = reference.algorithm.digest(part)
    if not compare_digest(actual, reference.digest):
        raise TrustError(f"{reference.uri!r} has another digest than was signed", code=INVALID)


@lru_cache(maxsize=1024)
def _public_key(certificate: Certificate) -> object:
    try:
        return certificate.public_key()
    except ValueError:
        raise TrustError("the signing certificate has an unusable key", code=INVALID) from None
