"""Signed ACME requests (RFC 8555 6.2-6.5, RFC 7515): flattened JSON, one signature, everything in the protected header.

Two steps, because the key of a request is named by its header: `parse_request` reads without believing, `verify` believes
under a key. JOSE itself is joserfc's.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jwk, jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey, RSAKey
from joserfc.registry import HeaderParameter

from sild.trust_services.acme_errors import AcmeProblem

__all__ = ["ALGORITHMS", "AcmeRequest", "import_public_key", "parse_binding", "parse_request", "verify"]

ALGORITHMS = ("ES256", "ES384", "ES512", "RS256")
"""Of requests. MACs and `none` are refused: RFC 8555 6.2."""
BINDING_ALGORITHMS = ("HS256", "HS384", "HS512")
RSA_BITS = range(2048, 8193)
CURVES = ("P-256", "P-384", "P-521")
PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})

PublicKey = RSAKey | ECKey


class _Registry(jws.JWSRegistry):
    """joserfc's rules with ACME's two header parameters, and room for an RSA key in the header."""

    max_header_length = 4096

    def __init__(self, algorithms: tuple[str, ...]) -> None:
        super().__init__(
            {
                "nonce": HeaderParameter("Replay nonce", "str"),
                "url": HeaderParameter("Request URL", "str", True),
            },
            algorithms,
        )


@dataclass(frozen=True, slots=True)
class AcmeRequest:
    """A request as it came: nothing in it is to be believed before `verify`.

    header: protected.  payload: None for POST-as-GET (an empty payload), else a JSON object.
    """

    raw: Mapping[str, Any]
    header: Mapping[str, Any]
    payload: Mapping[str, Any] | None

    @property
    def url(self) -> object:
        return self.header.get("url")

    @property
    def nonce(self) -> object:
        return self.header.get("nonce")

    @property
    def kid(self) -> str | None:
        kid = self.header.get("kid")
        return kid if isinstance(kid, str) else None

    @property
    def jwk(self) -> object:
        return self.header.get("jwk")


def parse_request(body: bytes) -> AcmeRequest:
    """Raises AcmeProblem (malformed, badSignatureAlgorithm)."""
    return _parse(_json(body), ALGORITHMS)


def parse_inner(value: object) -> AcmeRequest:
    """The JWS inside a keyChange request. Raises AcmeProblem."""
    return _parse(value, ALGORITHMS)


def parse_binding(value: object) -> AcmeRequest:
    """An externalAccountBinding (7.3.4), signed by MAC. Raises AcmeProblem."""
    return _parse(value, BINDING_ALGORITHMS)


def _parse(value: object, algorithms: tuple[str, ...]) -> AcmeRequest:
    if not isinstance(value, dict) or value.keys() != {"protected", "payload", "signature"}:
        # an unprotected header or several signatures would be things one reader sees and another does not
        raise AcmeProblem(
            "malformed", "the request is no JWS in flattened JSON with a protected header alone"
        )
    if not all(isinstance(part, str) and part.isascii() for part in value.values()):
        raise AcmeProblem("malformed", "the parts of a JWS are base64url texts")
    header = _json(_decode(value["protected"]))
    if not isinstance(header, dict):
        raise AcmeProblem("malformed", "the JWS has no protected header")
    if header.get("alg") not in algorithms:
        raise AcmeProblem(
            "badSignatureAlgorithm",
            "this signature algorithm is refused",
            more={"algorithms": list(algorithms)},
        )
    if header.get("crit") is not None or "b64" in header:
        raise AcmeProblem("malformed", "extensions of JWS are not understood")
    if not isinstance(header.get("url"), str):
        raise AcmeProblem("malformed", "the protected header names no url")
    payload = _json(_decode(value["payload"])) if value["payload"] else None
    if payload is not None and not isinstance(payload, dict):
        raise AcmeProblem("malformed", "the payload is no JSON object")
    return AcmeRequest(value, header, payload)


def verify(request: AcmeRequest, key: PublicKey | OctKey) -> None:
    """Raises AcmeProblem (malformed) when the signature is not by `key`, or the algorithm not for such a key."""
    algorithms = BINDING_ALGORITHMS if isinstance(key, OctKey) else ALGORITHMS
    try:
        jws.deserialize_json(dict(request.raw), key, registry=_Registry(algorithms))  # type: ignore[call-overload]
    except (JoseError, ValueError, TypeError) as error:
        raise AcmeProblem("malformed", "the signature of the JWS is wrong") from error


def import_public_key(value: object) -> PublicKey:
    """A JWK of an account or a certificate. Raises AcmeProblem (badPublicKey)."""
    if not isinstance(value, dict) or PRIVATE & value.keys():
        raise AcmeProblem("badPublicKey", "the JWK is missing, or holds a private key")
    if not _is_strong(value):
        raise AcmeProblem("badPublicKey", "keys are RSA of 2048 to 8192 bits, or on P-256, P-384 or P-521")
    try:
        key = jwk.import_key(value)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise AcmeProblem("badPublicKey", "the JWK cannot be read") from error
    if not isinstance(key, RSAKey | ECKey):
        raise AcmeProblem("badPublicKey", "the JWK is of another kind")
    return key


def _is_strong(value: Mapping[str, Any]) -> bool:
    """Asked before a library works with the key."""
    modulus = value.get("n")
    if value.get("kty") != "RSA" or not isinstance(modulus, str) or not modulus.isascii():
        return value.get("kty") == "EC" and value.get("crv") in CURVES
    try:
        return int.from_bytes(_decode(modulus)).bit_length() in RSA_BITS
    except AcmeProblem:
        return False


def _decode(text: str) -> bytes:
    """One spelling only: base64url without padding, unused bits zero."""
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise AcmeProblem("malformed", "a part of the JWS is no base64url") from error
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != text:
        raise AcmeProblem("malformed", "a part of the JWS is no base64url")
    return data


def _json(data: bytes) -> object:
    """Doubled names are refused: two readers would see two requests."""
    try:
        return json.loads(data, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise AcmeProblem("malformed", "the request is no JSON") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found
