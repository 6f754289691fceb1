"""The seal of a record by the key of the body that decided, and the link that ties it to the case's decision before.

What is sealed is the link: `{"authority", "case", "decided_at", "decision", "position", "previous", "record"}` in canonical form.
record: hash of the record.  previous: hash of the case's link before, null for the first. Link and seal together are the leaf of
the Merkle tree, so that a key that leaks later seals nothing into the past.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric import ec

from sild.decisions.canonical import canonical_json
from sild.decisions.record import DecisionRecord
from sild.pki import Certificate, SignatureAlgorithm, der, sign_bytes

__all__ = ["ALGORITHM", "KeySealer", "Sealer", "leaf_content", "link_of", "sealer_id"]

ALGORITHM = "ES256"


class Sealer(Protocol):
    """A body's seal: ECDSA on P-256 with SHA-256."""

    @property
    def chain(self) -> Sequence[Certificate]:
        """The certificate of the key first, then those above it; the root may be left out."""

    def sign(self, data: bytes) -> bytes:
        """DER. Raises Unavailable while the key cannot be used."""


class KeySealer:
    """A seal whose key is in memory. Raises ValueError when key and certificate do not fit, or are not P-256."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, chain: Sequence[Certificate]) -> None:
        if not isinstance(key.curve, ec.SECP256R1) or chain[0].public_key() != key.public_key():
            raise ValueError("a seal is a P-256 key and its certificate")
        self._key = key
        self.chain = tuple(chain)

    def sign(self, data: bytes) -> bytes:
        return sign_bytes(self._key, SignatureAlgorithm.ECDSA_SHA256, data)


def sealer_id(sealer: Sealer) -> str:
    """SHA-256 of the certificate, hexadecimal."""
    return hashlib.sha256(der(sealer.chain[0])).hexdigest()


def link_of(record: DecisionRecord, position: int, previous: str | None) -> bytes:
    return canonical_json(
        {
            "authority": record.authority,
            "case": record.case,
            "decided_at": record.to_json()["decided_at"],
            "decision": str(record.id),
            "position": position,
            "previous": previous,
            "record": record.sha256,
        }
    )


def leaf_content(link: dict[str, Any], seal: bytes, sealer: str) -> bytes:
    """link: parsed."""
    return canonical_json({"kind": "decision", "link": link, "seal": seal_json(seal, sealer)})


def seal_json(seal: bytes, sealer: str) -> dict[str, str]:
    return {"algorithm": ALGORITHM, "certificate": sealer, "value": base64.b64encode(seal).decode()}
