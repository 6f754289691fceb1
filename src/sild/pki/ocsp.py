"""Certificate status: asking for it, reading answers, and X-Road's rules for believing one (RFC 6960).

`verify_ocsp_response` follows the reference's OcspVerifier check by check, with its codes, and is stricter where noted
(S). Everything in it that does not depend on time is remembered, so the usual cost is one signature check.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.asn1 import TLV, Null
from cryptography.x509 import Certificate, ObjectIdentifier
from cryptography.x509.oid import ExtendedKeyUsageOID

from sild.errors import PeerError, TrustError
from sild.pki.algorithms import SignatureAlgorithm, verify_bytes
from sild.pki.asn1 import (
    Algorithm,
    Extension,
    content,
    decode,
    encode,
    key_bits,
    name_key,
    signature_algorithm,
    subject_der,
    tlv,
)
from sild.pki.certificates import extension, read_certificate
from sild.pki.ocsp_asn1 import (
    ID_BASIC,
    BasicOCSPResponse,
    CertID,
    CertStatus,
    OCSPRequest,
    ResponderID,
    ResponseData,
    RevokedInfo,
    RFC6960Response,
    RFC6960Single,
    SingleRequest,
    TBSRequest,
)
from sild.pki.path import is_issued_by

__all__ = [
    "CertificateStatus",
    "Good",
    "OCSPResponse",
    "Revoked",
    "SingleResponse",
    "Unknown",
    "build_ocsp_request",
    "ocsp_response_for",
    "parse_ocsp_response",
    "verify_ocsp_response",
]

MAX_RESPONSE_BYTES = 16 * 1024
MAX_SIGNATURE_CHECKS = 4
MAX_AHEAD = timedelta(days=1, minutes=5)
"""How far thisUpdate may lie after the time of checking before the response is refused. The reference does not look:
a response dated years ahead would stay fresh for years (RFC 6960 4.2.2.1 calls such a response unreliable). A day is
allowed because reference servers are known to exchange responses dated one day ahead (the recorded exchanges are such)."""

ID_SHA1 = ObjectIdentifier("1.3.14.3.2.26")
HASH_NAMES = {
    encode(Algorithm(algorithm=ObjectIdentifier(oid), parameters=parameters)): name
    for oid, name in {
        "1.3.14.3.2.26": "sha1",
        "2.16.840.1.101.3.4.2.1": "sha256",
        "2.16.840.1.101.3.4.2.2": "sha384",
        "2.16.840.1.101.3.4.2.3": "sha512",
    }.items()
    for parameters in (Null(), None)
}
"""Digests of CertIDs, by the DER of their AlgorithmIdentifier."""
STATUS_NAMES = {
    0: "successful",
    1: "malformedRequest",
    2: "internalError",
    3: "tryLater",
    5: "sigRequired",
    6: "unauthorized",
}


@dataclass(frozen=True, slots=True)
class Good:
    pass


@dataclass(frozen=True, slots=True)
class Revoked:
    """reason: RFC 5280 5.3.1; None when not said."""

    at: datetime
    reason: x509.ReasonFlags | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    pass


CertificateStatus = Good | Revoked | Unknown
CertificateKey = tuple[bytes, bytes, int]
"""SHA-1 of the issuer's name, SHA-1 of its key, serial number."""


@dataclass(frozen=True, slots=True)
class SingleResponse:
    """What a response says about one certificate. certificate_key: None when the CertID is not by SHA-1."""

    certificate_key: CertificateKey | None
    status: CertificateStatus
    this_update: datetime
    next_update: datetime | None


@dataclass(frozen=True, slots=True, eq=False)
class OCSPResponse:
    """A successful basic response. responder_name: DER of a Name.  certificates: DER, as sent; nothing is trusted yet."""

    der: bytes
    produced_at: datetime
    responder_name: bytes | None
    responder_key_hash: bytes | None
    singles: tuple[SingleResponse, ...]
    certificates: tuple[bytes, ...]
    signed: bytes
    signature: bytes
    algorithm: SignatureAlgorithm | None

    def single_for(self, certificate: Certificate, issuer: Certificate) -> SingleResponse | None:
        """The statement about `certificate`. Of several the first, unless a later one is not good (S)."""
        wanted = certificate_key(certificate, issuer)
        found = [single for single in self.singles if single.certificate_key == wanted]
        return next(
            (single for single in found if not isinstance(single.status, Good)), found[0] if found else None
        )


@lru_cache(maxsize=1024)
def issuer_hashes(issuer: Certificate, name: str = "sha1") -> tuple[bytes, bytes]:
    """Of the issuer's name and key, as a CertID has them."""
    return (
        hashlib.new(name, subject_der(issuer), usedforsecurity=False).digest(),
        hashlib.new(name, key_bits(issuer), usedforsecurity=False).digest(),
    )


def hash_name(identifier: TLV) -> str | None:
    return HASH_NAMES.get(encode(identifier))


def certificate_key(certificate: Certificate, issuer: Certificate) -> CertificateKey:
    return (*issuer_hashes(issuer), certificate.serial_number)


def build_ocsp_request(certificate: Certificate, issuer: Certificate) -> bytes:
    """The request X-Road sends: one CertID by SHA-1, unsigned, without a nonce so that responders may cache."""
    name_hash, key_hash = issuer_hashes(issuer)
    identifier = tlv(encode(Algorithm(algorithm=ID_SHA1, parameters=Null())))
    cert_id = CertID(
        hash_algorithm=identifier,
        issuer_name_hash=name_hash,
        issuer_key_hash=key_hash,
        serial_number=certificate.serial_number,
    )
    return encode(OCSPRequest(tbs_request=TBSRequest(request_list=[SingleRequest(cert_id=cert_id)])))


@lru_cache(maxsize=512)
def parse_ocsp_response(der: bytes) -> OCSPResponse:
    """Read a response; says nothing about its truth.

    Raises PeerError (`incorrect_validation_info`): not a response, not a basic one, an unknown critical extension, or
    an error status of the responder (named in the message).
    """
    try:
        if len(der) > MAX_RESPONSE_BYTES:
            raise PeerError("larger than any OCSP response needs to be")
        outer = decode(RFC6960Response, der, ber=True)
        if content(outer.status) != b"\x00" or outer.response_bytes is None:
            status = int.from_bytes(content(outer.status)[:4], "big")
            raise PeerError(f"the OCSP responder answered {STATUS_NAMES.get(status, status)}")
        if outer.response_bytes.response_type != ID_BASIC:
            raise PeerError("not a basic OCSP response")
        basic = decode(BasicOCSPResponse, outer.response_bytes.response, ber=True)
        signed = encode(basic.tbs_response_data)
        data = decode(ResponseData, signed)
        _refuse_critical(data.extensions)
        name, key_hash = _responder_id(data.responder_id)
        return OCSPResponse(
            der=der,
            produced_at=data.produced_at.as_datetime(),
            responder_name=name,
            responder_key_hash=key_hash,
            singles=tuple(_single(single) for single in data.responses),
            certificates=tuple(encode(certificate) for certificate in basic.certificates or ()),
            signed=signed,
            signature=basic.signature.as_bytes(),
            algorithm=signature_algorithm(basic.signature_algorithm),
        )
    except PeerError as error:
        raise PeerError(error.message, code="incorrect_validation_info") from error


def _responder_id(responder: ResponderID) -> tuple[bytes | None, bytes | None]:
    if isinstance(responder.value, bytes):
        return None, responder.value
    name = encode(responder.value)
    name_key(name)  # readable at all
    return name, None


def _single(single: RFC6960Single) -> SingleResponse:
    _refuse_critical(single.extensions)
    cert_id = single.cert_id
    by_sha1 = hash_name(cert_id.hash_algorithm) == "sha1"
    return SingleResponse(
        certificate_key=(cert_id.issuer_name_hash, cert_id.issuer_key_hash, cert_id.serial_number)
        if by_sha1
        else None,
        status=_status(single.cert_status),
        this_update=single.this_update.as_datetime(),
        next_update=None if single.next_update is None else single.next_update.as_datetime(),
    )


def _status(status: CertStatus) -> CertificateStatus:
    if isinstance(status.value, RevokedInfo):
        reasons = status.value.revocation_reason
        code = content(reasons[0])[-1] if reasons and content(reasons[0]) else None
        return Revoked(
            status.value.revocation_time.as_datetime(), REASONS.get(code) if code is not None else None
        )
    return Good() if status.tag == "good" else Unknown()


REASONS = {
    0: x509.ReasonFlags.unspecified,
    1: x509.ReasonFlags.key_compromise,
    2: x509.ReasonFlags.ca_compromise,
    3: x509.ReasonFlags.affiliation_changed,
    4: x509.ReasonFlags.superseded,
    5: x509.ReasonFlags.cessation_of_operation,
    6: x509.ReasonFlags.certificate_hold,
    8: x509.ReasonFlags.remove_from_crl,
    9: x509.ReasonFlags.privilege_withdrawn,
    10: x509.ReasonFlags.aa_compromise,
}
"""CRLReason, RFC 5280 5.3.1."""


def _refuse_critical(extensions: Sequence[Extension] | None) -> None:
    for found in extensions or ():
        if found.critical:
            raise PeerError(f"unknown critical extension {found.extension_id.dotted_string}")


def ocsp_response_for(
    certificate: Certificate, issuer: Certificate, responses: Iterable[bytes]
) -> bytes | None:
    """The first of `responses` (DER) that speaks about `certificate`; unreadable ones are passed over."""
    for response in responses:
        try:
            if parse_ocsp_response(response).single_for(certificate, issuer) is not None:
                return response
        except PeerError:
            continue
    return None


def verify_ocsp_response(
    response: bytes,
    *,
    certificate: Certificate,
    issuer: Certificate,
    responder_certificates: Sequence[Certificate],
    ca_certificates: Sequence[Certificate],
    at: datetime,
    freshness: timedelta,
    check_next_update: bool = True,
) -> SingleResponse:
    """Check that `response` says, credibly and freshly at `at`, that `certificate` is good.

    responder_certificates: listed in the global configuration for the issuing CA.  ca_certificates: all CAs of it.
    freshness: ocspFreshnessSeconds.  check_next_update: the NEXTUPDATE part, on unless it says otherwise.
    Raises TrustError `incorrect_validation_info` (a response not to be believed) or `cert_validation` (revoked,
    unknown); PeerError `incorrect_validation_info` when it cannot be read.
    """
    parsed = parse_ocsp_response(response)
    single = parsed.single_for(certificate, issuer)
    if single is None:
        raise _incorrect(f"OCSP response does not apply to certificate (sn = {certificate.serial_number})")
    _verify_responder(parsed, issuer, responder_certificates, ca_certificates, at)
    if single.this_update < at - freshness:
        raise _incorrect(f"OCSP response is too old (thisUpdate: {single.this_update.isoformat()})")
    if single.this_update > at + MAX_AHEAD:  # (S)
        raise _incorrect(f"OCSP response is of the future (thisUpdate: {single.this_update.isoformat()})")
    if check_next_update and single.next_update is not None and single.next_update < at:
        raise _incorrect(f"OCSP nextUpdate is too old ({single.next_update.isoformat()})")
    if not isinstance(single.status, Good):
        text = "UNKNOWN"
        if isinstance(single.status, Revoked):
            text = f"REVOKED (date: {single.status.at:%Y-%m-%d %H:%M:%S})"
        raise TrustError(f"OCSP response indicates certificate status is {text}", code="cert_validation")
    return single


def _verify_responder(
    response: OCSPResponse,
    issuer: Certificate,
    listed: Sequence[Certificate],
    authorities: Sequence[Certificate],
    at: datetime,
) -> None:
    """The response is signed by somebody entitled to speak for `issuer`.

    The reference takes the first certificate of the responder's name; here each may prove itself, so that a responder
    may change its key and keep its name.
    """
    problem = "Could not find OCSP certificate for responder ID"
    checks = MAX_SIGNATURE_CHECKS
    for candidate in _candidates(response, listed, authorities):
        if not _is_authorised(candidate, issuer, listed, at):
            problem = "OCSP responder is not authorized for given CA"
            continue
        checks -= 1
        if _is_signed_by(response, candidate):
            return
        problem = "Signature on OCSP response is not valid"
        if checks == 0:
            break
    raise _incorrect(problem)


def _candidates(
    response: OCSPResponse, listed: Sequence[Certificate], authorities: Sequence[Certificate]
) -> Iterator[Certificate]:
    for certificate in (*listed, *authorities):
        if _is_responder(certificate, response):
            yield certificate
    for embedded in response.certificates[:MAX_SIGNATURE_CHECKS]:
        try:
            certificate = read_certificate(embedded)
            if _is_responder(certificate, response):
                yield certificate
        except PeerError:
            continue


def _is_responder(certificate: Certificate, response: OCSPResponse) -> bool:
    """By name, written from the root down or the other way round (the reference takes both), or by key."""
    if response.responder_name is not None:
        subject, responder = name_key(subject_der(certificate)), name_key(response.responder_name)
        return responder in (subject, subject[::-1])
    return issuer_hashes(certificate)[1] == response.responder_key_hash


def _is_authorised(
    responder: Certificate, issuer: Certificate, listed: Sequence[Certificate], at: datetime
) -> bool:
    """RFC 6960 4.2.2.2: listed in the configuration, the issuer itself, or delegated by it and valid then (S)."""
    if responder in listed or responder == issuer:
        return True
    return responder.not_valid_before_utc <= at <= responder.not_valid_after_utc and _is_delegate(
        responder, issuer
    )


@lru_cache(maxsize=256)
def _is_delegate(responder: Certificate, issuer: Certificate) -> bool:
    purposes = extension(responder, x509.ExtendedKeyUsage)
    return (
        purposes is not None
        and ExtendedKeyUsageOID.OCSP_SIGNING in purposes
        and is_issued_by(responder, issuer)
    )


@lru_cache(maxsize=512)
def _is_signed_by(response: OCSPResponse, responder: Certificate) -> bool:
    if response.algorithm is None:  # SHA-1 and whatever else nobody should sign with (S)
        return False
    try:
        verify_bytes(responder.public_key(), response.algorithm, response.signature, response.signed)
    except TrustError:
        return False
    return True


def _incorrect(message: str) -> TrustError:
    return TrustError(message, code="incorrect_validation_info")
