"""A sealed statement: canonical JSON (RFC 8785) beside its seal, both files that anyone keeps and checks for themselves. Pure.

The seal is JSON, too: algorithm, certificates (DER in base64, the body's first), SHA-256 of the statement, ECDSA signature over it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from cryptography.x509.oid import NameOID

from sild.documents.sealing import Sealer
from sild.errors import PeerError, TrustError
from sild.pki import Certificate, SignatureAlgorithm, der, read_certificate, verify_bytes, verify_path
from sild.rules import canonical_json

__all__ = ["SealedBy", "canonical_json", "parse_statement", "seal_statement", "verify_statement"]

ALGORITHM = "ES256"
MAX_CERTIFICATES = 8


@dataclass(frozen=True, slots=True)
class SealedBy:
    """authority: `INSTANCE/CLASS/CODE` of the certificate.  trusted: it leads to a certificate the verifier named."""

    authority: str
    trusted: bool


def seal_statement(statement: bytes, sealer: Sealer) -> bytes:
    """Raises as `Sealer.sign` does."""
    return canonical_json(
        {
            "algorithm": ALGORITHM,
            "certificates": [base64.b64encode(der(one)).decode() for one in sealer.chain],
            "sha256": hashlib.sha256(statement).hexdigest(),
            "value": base64.b64encode(sealer.sign(statement)).decode(),
        }
    )


def verify_statement(
    statement: bytes, seal: bytes, trusted: Sequence[Certificate] = (), *, at: datetime
) -> SealedBy:
    """trusted: authorities of seals, or a body's own certificate; revocation is not asked.

    Raises PeerError (`not_a_seal`), TrustError (`bad_seal`).
    """
    try:
        read = json.loads(seal)
        chain = [read_certificate(base64.b64decode(one)) for one in read["certificates"][:MAX_CERTIFICATES]]
        value = base64.b64decode(read["value"], validate=True)
        is_known = read["algorithm"] == ALGORITHM
        first = chain[0]
        names = first.subject.get_attributes_for_oid(NameOID.ORGANIZATION_IDENTIFIER)
    except (ValueError, KeyError, TypeError, IndexError, RecursionError, PeerError):
        raise PeerError("not a seal", code="not_a_seal") from None
    if not is_known or read.get("sha256") != hashlib.sha256(statement).hexdigest():
        raise TrustError("the seal is of something else", code="bad_seal")
    try:
        verify_bytes(first.public_key(), SignatureAlgorithm.ECDSA_SHA256, value, statement)
    except TrustError as error:
        raise TrustError("the seal does not hold", code="bad_seal") from error
    return SealedBy(str(names[0].value) if names else "", _is_trusted(first, chain[1:], trusted, at))


def _is_trusted(
    certificate: Certificate, others: Sequence[Certificate], trusted: Sequence[Certificate], at: datetime
) -> bool:
    for anchor in trusted:
        if anchor == certificate:
            return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc
        try:
            verify_path(certificate, anchor=anchor, intermediates=others, at=at)
        except TrustError:
            continue
        return True
    return False


def parse_statement(content: bytes) -> Mapping[str, Any]:
    """Raises PeerError (`not_a_statement`): no JSON object, or not in its one form."""
    try:
        read = json.loads(content)
        is_canonical = isinstance(read, dict) and canonical_json(read) == content
    except (
        ValueError,
        RecursionError,
    ):  # NaN, half a surrogate pair and the like can be read, and have no one form
        is_canonical = False
    if not is_canonical:
        raise PeerError("not canonical JSON", code="not_a_statement")
    return cast("Mapping[str, Any]", read)
