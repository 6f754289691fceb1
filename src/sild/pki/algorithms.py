"""Digest and signature algorithms, their names on each wire, and the two operations on them.

XML names are those of RFC 9231 and XML Encryption; Java names stand in management requests; HTTP names in `x-hash-algorithm`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from enum import Enum
from typing import Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from sild.errors import PeerError, TrustError

__all__ = [
    "DigestAlgorithm",
    "PrivateKey",
    "PublicKey",
    "SignatureAlgorithm",
    "algorithm_for",
    "ecdsa_der_from_raw",
    "ecdsa_raw_from_der",
    "sign_bytes",
    "verify_bytes",
]

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
Scheme = Literal["rsa", "rsa-pss", "ecdsa"]


class DigestAlgorithm(Enum):
    SHA256 = ("SHA-256", "http://www.w3.org/2001/04/xmlenc#sha256", "sha256")
    SHA384 = ("SHA-384", "http://www.w3.org/2001/04/xmldsig-more#sha384", "sha384")
    SHA512 = ("SHA-512", "http://www.w3.org/2001/04/xmlenc#sha512", "sha512")

    def __init__(self, http_name: str, uri: str, hashlib_name: str) -> None:
        self.http_name = http_name
        self.uri = uri
        self.hashlib_name = hashlib_name
        self._new: Callable[..., hashlib._Hash] = getattr(
            hashlib, hashlib_name
        )  # not hashlib.new, which looks it up

    def digest(self, data: bytes) -> bytes:
        return self._new(data).digest()

    def new(self) -> hashlib._Hash:
        """A running digest: `update(bytes)`, `digest()`."""
        return self._new()

    @property
    def primitive(self) -> hashes.HashAlgorithm:
        return _PRIMITIVES[self]

    @classmethod
    def from_uri(cls, uri: str) -> DigestAlgorithm:
        """Raises PeerError for any other URI, SHA-1's among them."""
        try:
            return _DIGEST_BY_URI[uri]
        except KeyError:
            raise PeerError(f"unsupported digest algorithm {uri!r}", code="malformed_signature") from None


_DIGEST_BY_URI = {algorithm.uri: algorithm for algorithm in DigestAlgorithm}
_PRIMITIVES = {
    DigestAlgorithm.SHA256: hashes.SHA256(),
    DigestAlgorithm.SHA384: hashes.SHA384(),
    DigestAlgorithm.SHA512: hashes.SHA512(),
}


class SignatureAlgorithm(Enum):
    RSA_SHA256 = (
        "rsa",
        DigestAlgorithm.SHA256,
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        "SHA256withRSA",
    )
    RSA_SHA384 = (
        "rsa",
        DigestAlgorithm.SHA384,
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
        "SHA384withRSA",
    )
    RSA_SHA512 = (
        "rsa",
        DigestAlgorithm.SHA512,
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
        "SHA512withRSA",
    )
    RSA_PSS_SHA256 = (
        "rsa-pss",
        DigestAlgorithm.SHA256,
        "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1",
        "SHA256withRSAandMGF1",
    )
    RSA_PSS_SHA384 = (
        "rsa-pss",
        DigestAlgorithm.SHA384,
        "http://www.w3.org/2007/05/xmldsig-more#sha384-rsa-MGF1",
        "SHA384withRSAandMGF1",
    )
    RSA_PSS_SHA512 = (
        "rsa-pss",
        DigestAlgorithm.SHA512,
        "http://www.w3.org/2007/05/xmldsig-more#sha512-rsa-MGF1",
        "SHA512withRSAandMGF1",
    )
    ECDSA_SHA256 = (
        "ecdsa",
        DigestAlgorithm.SHA256,
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
        "SHA256withECDSA",
    )
    ECDSA_SHA384 = (
        "ecdsa",
        DigestAlgorithm.SHA384,
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384",
        "SHA384withECDSA",
    )
    ECDSA_SHA512 = (
        "ecdsa",
        DigestAlgorithm.SHA512,
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512",
        "SHA512withECDSA",
    )

    def __init__(self, scheme: Scheme, digest: DigestAlgorithm, uri: str, java_name: str) -> None:
        self.scheme = scheme
        self.digest_algorithm = digest
        self.uri = uri
        self.java_name = java_name

    @classmethod
    def from_uri(cls, uri: str) -> SignatureAlgorithm:
        """Raises PeerError for an algorithm X-Road does not use; SHA-1 variants are refused."""
        try:
            return _SIGNATURE_BY_URI[uri]
        except KeyError:
            raise PeerError(f"unsupported signature algorithm {uri!r}", code="malformed_signature") from None


_SIGNATURE_BY_URI = {algorithm.uri: algorithm for algorithm in SignatureAlgorithm}


def algorithm_for(
    key: PrivateKey | PublicKey, digest: DigestAlgorithm = DigestAlgorithm.SHA512, *, pss: bool = False
) -> SignatureAlgorithm:
    """The algorithm a key of this kind signs with."""
    wanted: Scheme = "ecdsa"
    if isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey):
        wanted = "rsa-pss" if pss else "rsa"
    return next(a for a in SignatureAlgorithm if a.scheme == wanted and a.digest_algorithm is digest)


def sign_bytes(key: PrivateKey, algorithm: SignatureAlgorithm, data: bytes) -> bytes:
    """Sign `data`. EC signatures come out in DER; XML-DSig wants `ecdsa_raw_from_der`. Raises ValueError (key of another kind)."""
    scheme = algorithm.scheme
    if scheme == "ecdsa":
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return key.sign(data, _ECDSA[algorithm.digest_algorithm])
    elif isinstance(key, rsa.RSAPrivateKey):
        scheme_padding = _PKCS1 if scheme == "rsa" else _pss(algorithm)
        return key.sign(data, scheme_padding, algorithm.digest_algorithm.primitive)
    raise ValueError(f"{algorithm.java_name} does not fit the key")


def verify_bytes(key: object, algorithm: SignatureAlgorithm, signature: bytes, data: bytes) -> None:
    """Check `signature` (EC: DER) over `data`. Raises TrustError (`invalid_signature_value`), for a key of another kind too."""
    scheme = algorithm.scheme
    try:
        if scheme == "ecdsa":
            if isinstance(key, ec.EllipticCurvePublicKey):
                return key.verify(signature, data, _ECDSA[algorithm.digest_algorithm])
        elif isinstance(key, rsa.RSAPublicKey):
            scheme_padding = _PKCS1 if scheme == "rsa" else _pss(algorithm)
            return key.verify(signature, data, scheme_padding, algorithm.digest_algorithm.primitive)
    except (
        InvalidSignature,
        ValueError,
    ):  # ValueError: an RSA key too short for the digest, which a peer may have
        raise TrustError("the signature value does not match", code="invalid_signature_value") from None
    raise TrustError(f"{algorithm.java_name} does not fit the key", code="invalid_signature_value")


def ecdsa_raw_from_der(
    signature: bytes, key: ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey
) -> bytes:
    """DER to r||s, each padded to the field's length (XML-DSig 1.1, 6.4.3)."""
    size = (key.key_size + 7) // 8
    r, s = decode_dss_signature(signature)
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def ecdsa_der_from_raw(signature: bytes, key: ec.EllipticCurvePublicKey) -> bytes:
    """r||s to DER. Raises TrustError (`invalid_signature_value`) unless exactly two field lengths long."""
    size = (key.key_size + 7) // 8
    if len(signature) != 2 * size:
        raise TrustError("an ECDSA signature value has the wrong length", code="invalid_signature_value")
    return encode_dss_signature(
        int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
    )


_PKCS1 = padding.PKCS1v15()
_ECDSA = {digest: ec.ECDSA(digest.primitive) for digest in DigestAlgorithm}


def _pss(algorithm: SignatureAlgorithm) -> padding.PSS:
    digest = algorithm.digest_algorithm.primitive
    return padding.PSS(mgf=padding.MGF1(digest), salt_length=digest.digest_size)
