"""Certificate requests for keys that cannot be had (RFC 2986): the part to be signed, and the whole.

cryptography signs requests only with a key it holds; here the signature comes from elsewhere. SHA-256 throughout.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sild.pki import PublicKey, SignatureAlgorithm
from sild.xroad.globalconf import CsrFormat

__all__ = ["assemble_request", "encode_request", "request_info"]

_INTEGER, _BIT_STRING, _OCTET_STRING, _OID, _SEQUENCE, _SET, _TAGGED_0 = (
    0x02,
    0x03,
    0x04,
    0x06,
    0x30,
    0x31,
    0xA0,
)
_EXTENSION_REQUEST = bytes.fromhex("2a864886f70d01090e")
_SUBJECT_ALT_NAME = bytes.fromhex("551d11")
_SIGNATURE_IDENTIFIERS = {
    SignatureAlgorithm.RSA_SHA256: bytes.fromhex("300d06092a864886f70d01010b0500"),
    SignatureAlgorithm.ECDSA_SHA256: bytes.fromhex("300a06082a8648ce3d040302"),
    # with SHA-256 for message and mask, and 32 bytes of salt (RFC 4055)
    SignatureAlgorithm.RSA_PSS_SHA256: bytes.fromhex(
        "304106092a864886f70d01010a3034a00f300d06096086480165030402010500"
        "a11c301a06092a864886f70d010108300d06096086480165030402010500a203020120"
    ),
}


def request_info(subject: x509.Name, public_key: PublicKey, dns_names: Sequence[str] = ()) -> bytes:
    """CertificationRequestInfo, DER: what is signed. dns_names: asked for as a subjectAltName."""
    attributes = b""
    if dns_names:
        names = x509.SubjectAlternativeName([x509.DNSName(name) for name in dns_names]).public_bytes()
        extension = _der(_SEQUENCE, _der(_OID, _SUBJECT_ALT_NAME), _der(_OCTET_STRING, names))
        extensions = _der(_SET, _der(_SEQUENCE, extension))
        attributes = _der(_SEQUENCE, _der(_OID, _EXTENSION_REQUEST), extensions)
    return _der(
        _SEQUENCE,
        _der(_INTEGER, b"\0"),
        subject.public_bytes(),
        public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        _der(_TAGGED_0, attributes),
    )


def assemble_request(info: bytes, algorithm: SignatureAlgorithm, signature: bytes) -> bytes:
    """CertificationRequest, DER. algorithm: one with SHA-256.  signature: over `info`, EC in DER."""
    return _der(_SEQUENCE, info, _SIGNATURE_IDENTIFIERS[algorithm], _der(_BIT_STRING, b"\0", signature))


def encode_request(request: bytes, form: CsrFormat) -> bytes:
    """A request (DER) in the form a certification authority wants; each authority has one it is given by default."""
    if form == "DER":
        return request
    text = base64.encodebytes(request).replace(b"\n", b"")
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return b"\n".join(
        [b"-----BEGIN CERTIFICATE REQUEST-----", *lines, b"-----END CERTIFICATE REQUEST-----", b""]
    )


def _der(tag: int, *contents: bytes) -> bytes:
    body = b"".join(contents)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body
