"""Time-stamps: asking for one, reading a token and believing it (RFC 3161, RFC 5816; X-Road's TimestampVerifier).

The certificates to believe are the approved time-stamping services of the global configuration: being listed there is
the trust, so no path is built. What a token carries itself is never trusted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.asn1 import TLV
from cryptography.x509 import Certificate, ObjectIdentifier
from cryptography.x509.oid import ExtendedKeyUsageOID

from sild.errors import PeerError, TrustError
from sild.pki.algorithms import DigestAlgorithm, SignatureAlgorithm, verify_bytes
from sild.pki.asn1 import (
    content,
    decode,
    digest_algorithm,
    digest_identifier,
    encode,
    issuer_der,
    name_key,
    signature_algorithm,
    tlv,
    wrap,
)
from sild.pki.certificates import certificate_hash, certificate_sha1, der, extension
from sild.pki.timestamp_asn1 import (
    ID_CONTENT_TYPE,
    ID_MESSAGE_DIGEST,
    ID_SIGNED_DATA,
    ID_SIGNING_CERTIFICATE,
    ID_SIGNING_CERTIFICATE_V2,
    ID_TST_INFO,
    TST_INFO_OID,
    Attribute,
    ContentInfo,
    MessageImprint,
    SignedData,
    SignerInfo,
    SigningCertificate,
    SigningCertificateV2,
    TimeStampReq,
    TimeStampResp,
    TSTInfo,
)

__all__ = [
    "TimeStampToken",
    "add_certificate_to_token",
    "build_timestamp_request",
    "parse_timestamp_response",
    "parse_timestamp_token",
    "verify_timestamp",
]

Kind = TypeVar("Kind")

MAX_TOKEN_BYTES = 64 * 1024
GRANTED = (0, 1)
"""granted, grantedWithMods."""
STATUS_NAMES = {2: "rejection", 3: "waiting", 4: "revocationWarning", 5: "revocationNotification"}
FAILURES = {
    0: "badAlg",
    2: "badRequest",
    5: "badDataFormat",
    14: "timeNotAvailable",
    15: "unacceptedPolicy",
    16: "unacceptedExtension",
    17: "addInfoNotAvailable",
    25: "systemFailure",
}
"""PKIFailureInfo, RFC 3161 2.4.2."""


@dataclass(frozen=True, slots=True, eq=False)
class TimeStampToken:
    """A token as read; `verify_timestamp` says whether to believe it.

    policy: dotted.  signer: (DER of the issuer's name, serial number), or the subject key identifier.
    certificates: DER, as sent along.
    """

    der: bytes
    gen_time: datetime
    policy: str
    imprint_algorithm: DigestAlgorithm
    imprint: bytes
    serial_number: int
    nonce: int | None
    signer: tuple[bytes, int] | bytes
    certificates: tuple[bytes, ...]
    content: bytes
    signed_attributes: bytes
    message_digest: bytes
    signing_certificate_hash: tuple[DigestAlgorithm | None, bytes]
    digest_algorithm: DigestAlgorithm
    signature_algorithm: SignatureAlgorithm
    signature: bytes


def build_timestamp_request(
    imprint: bytes,
    algorithm: DigestAlgorithm = DigestAlgorithm.SHA512,
    *,
    nonce: int | None = None,
    cert_req: bool = False,
    policy: str | None = None,
) -> bytes:
    """A TimeStampReq over a digest. X-Road asks with SHA-512 and neither nonce, certReq nor policy."""
    return encode(
        TimeStampReq(
            version=1,
            message_imprint=MessageImprint(
                hash_algorithm=digest_identifier(algorithm), hashed_message=imprint
            ),
            req_policy=None if policy is None else ObjectIdentifier(policy),
            nonce=nonce,
            cert_req=True if cert_req else None,
        )
    )


def parse_timestamp_response(response: bytes) -> bytes:
    """The token (DER) out of a TimeStampResp that grants one.

    Raises PeerError (`timestamper_failed`) for what cannot be read and for a refusal, with status and PKIFailureInfo.
    """
    try:
        if len(response) > MAX_TOKEN_BYTES:
            raise PeerError("larger than any time-stamp response needs to be")
        parsed = decode(TimeStampResp, response, ber=True)
        if parsed.status.status not in GRANTED:
            raise PeerError(_refusal(parsed))
        if parsed.time_stamp_token is None:
            raise PeerError("a time-stamp response grants a token and holds none")
        return encode(parsed.time_stamp_token)
    except PeerError as error:
        raise PeerError(error.message, code="timestamper_failed") from error


def _refusal(response: TimeStampResp) -> str:
    status = response.status
    text = f"the time-stamping authority answered {STATUS_NAMES.get(status.status, status.status)}"
    if status.fail_info is not None:
        bits = status.fail_info.as_bytes()
        set_bits = [bit for bit in range(8 * len(bits)) if bits[bit // 8] & (0x80 >> bit % 8)]
        text += f" ({', '.join(FAILURES.get(bit, str(bit)) for bit in set_bits)})"
    return text if not status.status_string else f"{text}: {'; '.join(status.status_string)[:200]}"


@lru_cache(maxsize=64)
def parse_timestamp_token(token: bytes) -> TimeStampToken:
    """Read a TimeStampToken (DER or BER of ContentInfo). Raises PeerError (`timestamp_validation`)."""
    try:
        if len(token) > MAX_TOKEN_BYTES:
            raise PeerError("larger than any time-stamp token needs to be")
        return _token(token)
    except PeerError as error:
        raise PeerError(f"time-stamp token: {error.message}", code="timestamp_validation") from error


def _token(token: bytes) -> TimeStampToken:
    signed_data = _signed_data(token)
    encapsulated = signed_data.encap_content_info
    if encapsulated.content_type != ID_TST_INFO or encapsulated.content is None:
        raise PeerError("it does not hold a TSTInfo")
    info = decode(TSTInfo, encapsulated.content)
    signers = signed_data.signer_infos.as_list()
    if info.version != 1 or len(signers) != 1:
        raise PeerError("version 1 and exactly one signer are required")
    if any(extension.critical for extension in info.extensions or ()):
        raise PeerError("unknown critical extension")
    signer = decode(SignerInfo, encode(signers[0]))
    attributes = signer.signed_attributes or []
    if encode(_only(attributes, ID_CONTENT_TYPE)) != encode(TST_INFO_OID):
        raise PeerError("the content type signed is not TSTInfo")
    digest = _known(digest_algorithm(signer.digest_algorithm))
    sid = signer.sid
    if not isinstance(sid, bytes):
        name_key(encode(sid.issuer))  # readable at all
    return TimeStampToken(
        der=token,
        gen_time=info.gen_time.as_datetime(),
        policy=info.policy.dotted_string,
        imprint_algorithm=_known(digest_algorithm(info.message_imprint.hash_algorithm)),
        imprint=info.message_imprint.hashed_message,
        serial_number=info.serial_number,
        nonce=info.nonce,
        signer=sid if isinstance(sid, bytes) else (encode(sid.issuer), sid.serial_number),
        certificates=tuple(
            encode(certificate)
            for certificate in signed_data.certificates or ()
            if certificate.tag_bytes == b"\x30"
        ),
        content=encapsulated.content,
        signed_attributes=wrap(0x31, b"".join(sorted(encode(attribute) for attribute in attributes))),
        message_digest=content(_only(attributes, ID_MESSAGE_DIGEST)),
        signing_certificate_hash=_signing_certificate_hash(attributes),
        digest_algorithm=digest,
        signature_algorithm=_known(signature_algorithm(signer.signature_algorithm, digest)),
        signature=signer.signature,
    )


def _signed_data(token: bytes) -> SignedData:
    outer = decode(ContentInfo, token, ber=True)
    if outer.content_type != ID_SIGNED_DATA:
        raise PeerError("it is not CMS SignedData")
    return decode(SignedData, encode(outer.content), ber=True)


def _known(algorithm: Kind | None) -> Kind:
    if algorithm is None:
        raise PeerError("an unknown or outdated algorithm")
    return algorithm


def _only(attributes: Sequence[Attribute], kind: ObjectIdentifier) -> TLV:
    """The one value of the one signed attribute of `kind` (RFC 5652 11)."""
    values = [value for found in attributes if found.kind == kind for value in found.values.as_list()]
    if len(values) != 1:
        raise PeerError(f"{len(values)} signed attributes {kind.dotted_string}, one is required")
    return values[0]


def _signing_certificate_hash(attributes: Sequence[Attribute]) -> tuple[DigestAlgorithm | None, bytes]:
    """Digest (None: SHA-1) and hash of the signer's certificate: ESSCertIDv2, or ESSCertID of older authorities."""
    if any(found.kind == ID_SIGNING_CERTIFICATE_V2 for found in attributes):
        second = decode(SigningCertificateV2, encode(_only(attributes, ID_SIGNING_CERTIFICATE_V2)), ber=True)
        for named in second.certificates[:1]:
            if named.hash_algorithm is None:
                return DigestAlgorithm.SHA256, named.cert_hash
            return _known(digest_algorithm(tlv(encode(named.hash_algorithm)))), named.cert_hash
    first = decode(SigningCertificate, encode(_only(attributes, ID_SIGNING_CERTIFICATE)), ber=True)
    for older in first.certificates[:1]:
        return None, older.cert_hash
    raise PeerError("it names no signing certificate")


def verify_timestamp(
    token: bytes, *, data: bytes, tsa_certificates: Sequence[Certificate], nonce: int | None = None
) -> TimeStampToken:
    """Check that `token` covers `data` and that one of the approved authorities signed it (WIRE 8.3, 9).

    data: what was stamped, the bytes themselves: a hash chain result, or the decoded SignatureValue.
    nonce: what the request carried, when it did.  Revocation is not asked about, as in the reference.
    Raises PeerError `timestamp_validation` (not a token); TrustError `malformed_signature` (it covers other data),
    `internal_error` (no approved authority of that name, the reference's code), `timestamp_validation` (all else).
    """
    parsed = parse_timestamp_token(token)
    if parsed.imprint_algorithm.digest(data) != parsed.imprint:
        raise TrustError("Timestamp hashes do not match", code="malformed_signature")
    if nonce is not None and parsed.nonce != nonce:
        raise _refused("the time-stamp answers another request")
    if not tsa_certificates:
        raise TrustError("No TSP service providers are configured.", code="internal_error")
    candidates = [certificate for certificate in tsa_certificates if _is_signer(parsed, certificate)]
    if not candidates:
        raise TrustError("Could not find TSP certificate for timestamp", code="internal_error")
    for certificate in candidates[:-1]:
        try:
            return _verify_signer(parsed, certificate)
        except TrustError:
            continue
    return _verify_signer(parsed, candidates[-1])


def _is_signer(token: TimeStampToken, certificate: Certificate) -> bool:
    if isinstance(token.signer, bytes):
        identifier = extension(certificate, x509.SubjectKeyIdentifier)
        return identifier is not None and identifier.digest == token.signer
    issuer, serial_number = token.signer
    return certificate.serial_number == serial_number and name_key(issuer_der(certificate)) == name_key(
        issuer
    )


def _verify_signer(token: TimeStampToken, certificate: Certificate) -> TimeStampToken:
    algorithm, expected = token.signing_certificate_hash
    found = certificate_sha1(certificate) if algorithm is None else certificate_hash(certificate, algorithm)
    if found != expected:  # RFC 5816 2.2.1: a token is bound to its signer's certificate, not only to the key
        raise _refused("the time-stamp names another signing certificate")
    if not certificate.not_valid_before_utc <= token.gen_time <= certificate.not_valid_after_utc:
        raise _refused("the time-stamping certificate was not valid then")
    purposes = extension(certificate, x509.ExtendedKeyUsage)
    if purposes is not None and ExtendedKeyUsageOID.TIME_STAMPING not in purposes:  # RFC 3161 2.3
        raise _refused("the certificate is not for time-stamping")
    if token.digest_algorithm.digest(token.content) != token.message_digest:
        raise _refused("Failed to verify timestamp")
    try:
        verify_bytes(
            certificate.public_key(), token.signature_algorithm, token.signature, token.signed_attributes
        )
    except TrustError as error:
        raise _refused("Failed to verify timestamp") from error
    return token


def _refused(message: str) -> TrustError:
    return TrustError(message, code="timestamp_validation")


def add_certificate_to_token(token: bytes, certificate: Certificate) -> bytes:
    """The same token with `certificate` among its certificates (WIRE 9); no signature covers that set.

    Raises PeerError (`timestamp_validation`).
    """
    try:
        signed_data = _signed_data(token)
        ours = der(certificate)
        present = [encode(found) for found in signed_data.certificates or ()]
        if ours in present:
            return token
        signed_data.certificates = [tlv(found) for found in sorted([ours, *present])]
        return encode(ContentInfo(content_type=ID_SIGNED_DATA, content=tlv(encode(signed_data))))
    except PeerError as error:
        raise PeerError(f"time-stamp token: {error.message}", code="timestamp_validation") from error
