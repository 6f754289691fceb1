"""The identity card in the browser: Web eID's authentication token, format version 1 (web-eid-system-architecture-doc).

The card signs hash(origin) + hash(nonce), and neither stands in the token: both come from our own memory, so a token made for
another site or for another log-in cannot verify here. The nonce counts as text: the base64 the page was given.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec

from sild.errors import PeerError
from sild.openid.certificates import person_of, verify_person_certificate
from sild.openid.claims import Person
from sild.pki import Certificate, SignatureAlgorithm, ecdsa_der_from_raw, read_certificate, verify_bytes

__all__ = ["WEB_EID_ALGORITHMS", "WebEidToken", "parse_web_eid_token", "verify_web_eid_token"]

WEB_EID_ALGORITHMS = {
    "ES256": SignatureAlgorithm.ECDSA_SHA256,
    "ES384": SignatureAlgorithm.ECDSA_SHA384,
    "ES512": SignatureAlgorithm.ECDSA_SHA512,
    "PS256": SignatureAlgorithm.RSA_PSS_SHA256,
    "PS384": SignatureAlgorithm.RSA_PSS_SHA384,
    "PS512": SignatureAlgorithm.RSA_PSS_SHA512,
    "RS256": SignatureAlgorithm.RSA_SHA256,
    "RS384": SignatureAlgorithm.RSA_SHA384,
    "RS512": SignatureAlgorithm.RSA_SHA512,
}
"""JWA names (RFC 7518 3.3-3.5) as the token spells them."""

MAX_TOKEN = 10_000
MIN_NONCE = 44
"""32 bytes in base64."""

_FORMAT = re.compile(r"web-eid:1(?:\.\d{1,3})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class WebEidToken:
    """A token whose form was checked and nothing else. signature: raw r || s for EC keys."""

    certificate: Certificate
    algorithm: SignatureAlgorithm
    signature: bytes


def parse_web_eid_token(text: str | bytes) -> WebEidToken:
    """Read the JSON object. Raises PeerError (`malformed_token`)."""
    if len(text) > MAX_TOKEN:
        raise _malformed("the token is too long")
    try:
        token = json.loads(text)
        fields = {name: token[name] for name in ("unverifiedCertificate", "algorithm", "signature", "format")}
        if not all(isinstance(value, str) for value in fields.values()):
            raise _malformed("a field of the token is no text")
        if not _FORMAT.fullmatch(fields["format"]):
            raise _malformed("only web-eid:1 tokens are read")
        algorithm = WEB_EID_ALGORITHMS[fields["algorithm"]]
        signature = base64.b64decode(fields["signature"], validate=True)
        encoded = base64.b64decode(fields["unverifiedCertificate"], validate=True)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _malformed("the token is not a Web eID token") from error
    return WebEidToken(read_certificate(encoded), algorithm, signature)


def verify_web_eid_token(
    token: WebEidToken,
    *,
    origin: str,
    nonce: str,
    anchors: Sequence[Certificate],
    intermediates: Sequence[Certificate] = (),
    at: datetime,
) -> tuple[Person, tuple[Certificate, ...]]:
    """The person, and the certificate's path for the question of its status, which the caller asks next (OCSP).

    origin: `https://host` and port if any, ours.  nonce: the one given to this browser, used up whatever the outcome.
    Raises TrustError (`certificate_not_trusted`, `invalid_signature_value`).
    """
    if len(nonce) < MIN_NONCE:
        raise ValueError("a nonce shorter than 32 bytes")
    path = verify_person_certificate(token.certificate, anchors=anchors, intermediates=intermediates, at=at)
    digest = token.algorithm.digest_algorithm.digest
    key = token.certificate.public_key()
    signature = token.signature
    if isinstance(key, ec.EllipticCurvePublicKey):
        signature = ecdsa_der_from_raw(signature, key)
    verify_bytes(key, token.algorithm, signature, digest(origin.encode()) + digest(nonce.encode()))
    return person_of(token.certificate), path


def _malformed(message: str) -> PeerError:
    return PeerError(message, code="malformed_token")
