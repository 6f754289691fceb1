"""A sealed statement: canonical JSON (RFC 8785) beside its seal, both files that anyone keeps and checks for themselves. Pure.

The seal is JSON, too: algorithm, certificates (DER in base64, the body's first), SHA-256 of the statement, ECDSA signature over it,
and, once an authority gave one, `timestamp`: a time-stamp token (RFC 3161, base64) over the signature. There is one spelling of
each seal: canonical JSON of these members, base64 and DER that encode again to the same. Whose seal is believed says
`sild.pki.verify_seal`.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sild.documents.sealing import Sealer
from sild.errors import PeerError, TrustError
from sild.pki import (
    Certificate,
    SealedBy,
    SignatureAlgorithm,
    der,
    read_certificate,
    verify_bytes,
    verify_seal,
)
from sild.rules import canonical_json

__all__ = [
    "canonical_json",
    "parse_statement",
    "seal_statement",
    "seal_value",
    "stamped_seal",
    "verify_statement",
]

ALGORITHM = "ES256"
MEMBERS = {"algorithm", "certificates", "sha256", "value"}
MAX_CERTIFICATES = 8


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


def seal_value(seal: bytes) -> bytes:
    """What a time-stamp is over: the signature. seal: of ours."""
    return base64.b64decode(json.loads(seal)["value"])


def stamped_seal(seal: bytes, token: bytes) -> bytes:
    """The same seal with a time-stamp over `seal_value`. token: DER."""
    return canonical_json({**json.loads(seal), "timestamp": base64.b64encode(token).decode()})


def verify_statement(
    statement: bytes, seal: bytes, named: Sequence[Certificate] = (), *, body: str, at: datetime
) -> SealedBy:
    """body: which the statement names, `INSTANCE/CLASS/CODE`; the rest as of `sild.pki.verify_seal`.

    Raises PeerError (`not_a_seal`), TrustError (`bad_seal`, `another_body`, `untrusted_seal`).
    """
    try:
        read = parse_statement(seal)
        if set(read) - {"timestamp"} != MEMBERS or len(read["certificates"]) > MAX_CERTIFICATES:
            raise PeerError("other members than a seal has")
        chain = [_certificate(one) for one in read["certificates"]]
        first, value = chain[0], _unbase64(read["value"])
        is_known = read["algorithm"] == ALGORITHM
        token = _unbase64(read["timestamp"]) if "timestamp" in read else None
    except (ValueError, KeyError, TypeError, IndexError, PeerError):
        raise PeerError("not a seal", code="not_a_seal") from None
    if not is_known or read["sha256"] != hashlib.sha256(statement).hexdigest():
        raise TrustError("the seal is of something else", code="bad_seal")
    try:
        verify_bytes(first.public_key(), SignatureAlgorithm.ECDSA_SHA256, value, statement)
    except TrustError as error:
        raise TrustError("the seal does not hold", code="bad_seal") from error
    return verify_seal(chain, named, body=body, at=at, value=value, time_stamp=token)


def _certificate(text: str) -> Certificate:
    data = _unbase64(text)
    certificate = read_certificate(data)
    if der(certificate) != data:
        raise PeerError("a certificate that is not DER")
    return certificate


def _unbase64(text: str) -> bytes:
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:  # bits left over, which say nothing
        raise PeerError("base64 that has another spelling")
    return data


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
