"""Answering OCSP requests: a function of request, time, key and status source (RFC 6960 2, 4).

Several certificates may be asked about at once, by SHA-1 or SHA-2 CertIDs; the CertID comes back byte for byte as it
was sent. A nonce is returned (RFC 9654). A signature on the request is not looked at: X-Road does not sign them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import IntEnum

from cryptography.hazmat.asn1 import BitString, GeneralizedTime, Null, Variant
from cryptography.x509 import Certificate

from sild.errors import PeerError, Unavailable
from sild.pki.algorithms import PrivateKey, sign_bytes
from sild.pki.asn1 import Extension, decode, encode, signature_identifier, tlv
from sild.pki.certificates import der
from sild.pki.ocsp import REASONS, CertificateStatus, Revoked, Unknown, hash_name, issuer_hashes
from sild.pki.ocsp_asn1 import (
    ID_BASIC,
    ID_NONCE,
    BasicOCSPResponse,
    CertID,
    CertStatus,
    OCSPRequest,
    ResponseBytes,
    ResponseData,
    RevokedInfo,
    RFC6960Response,
    RFC6960Single,
)

__all__ = ["OCSPError", "OCSPResponder", "StatusSource", "ocsp_error"]

StatusSource = Callable[[int], CertificateStatus]
"""Serial number to status. May raise Unavailable, which the asker sees as tryLater."""

MAX_REQUEST_BYTES = 16 * 1024
MAX_SINGLE_REQUESTS = 64
MAX_NONCE_BYTES = 131
"""A nonce of at most 128 octets (RFC 9654 2.1) inside its own OCTET STRING."""

REASON_CODES = {reason: code for code, reason in REASONS.items()}


class OCSPError(IntEnum):
    """OCSPResponseStatus without the successful one (RFC 6960 4.2.1)."""

    MALFORMED_REQUEST = 1
    INTERNAL_ERROR = 2
    TRY_LATER = 3
    SIG_REQUIRED = 5
    UNAUTHORIZED = 6


def ocsp_error(status: OCSPError) -> bytes:
    """An unsigned error response."""
    return encode(RFC6960Response(status=tlv(bytes((0x0A, 1, status))), response_bytes=None))


class OCSPResponder:
    """Speaks for the certificates of one CA.

    certificate, key: the issuer's own, or a delegate's (extended key usage OCSPSigning, issued by `issuer`).
    """

    def __init__(self, certificate: Certificate, key: PrivateKey, issuer: Certificate) -> None:
        self.certificate = certificate
        self.issuer = issuer
        self._key = key
        self._algorithm, self._identifier = signature_identifier(key)
        self._key_hash = issuer_hashes(certificate)[1]
        self._certificates = None if certificate == issuer else [tlv(der(certificate))]

    def answer(
        self, request: bytes, *, at: datetime, status_of: StatusSource, validity: timedelta | None
    ) -> bytes:
        """The DER OCSPResponse to `request`: thisUpdate `at`, nextUpdate `at` + `validity` (None: left out).

        Never raises for what a client or a busy status source does: malformedRequest for what cannot be read or is too
        large, unauthorized when no certificate of this CA is asked about, tryLater when the status is not to be had.
        """
        try:
            identifiers, nonce = _read_request(request)
            serials = [self._serial(identifier) for identifier in identifiers]
            if all(serial is None for serial in serials):
                return ocsp_error(OCSPError.UNAUTHORIZED)
            at = at.replace(microsecond=0)
            singles = [
                _single(identifier, Unknown() if serial is None else status_of(serial), at, validity)
                for identifier, serial in zip(identifiers, serials, strict=True)
            ]
        except PeerError:
            return ocsp_error(OCSPError.MALFORMED_REQUEST)
        except Unavailable:
            return ocsp_error(OCSPError.TRY_LATER)
        return self._signed(singles, at, nonce)

    def _serial(self, identifier: CertID) -> int | None:
        """The serial number asked about, or None for a certificate of another CA."""
        name = hash_name(identifier.hash_algorithm)
        if name is None or issuer_hashes(self.issuer, name) != (
            identifier.issuer_name_hash,
            identifier.issuer_key_hash,
        ):
            return None
        return identifier.serial_number

    def _signed(self, singles: list[RFC6960Single], at: datetime, nonce: Extension | None) -> bytes:
        data = ResponseData(
            version=None,
            responder_id=Variant(self._key_hash, "key"),
            produced_at=GeneralizedTime(at),
            responses=singles,
            extensions=None if nonce is None else [nonce],
        )
        signed = encode(data)
        basic = BasicOCSPResponse(
            tbs_response_data=tlv(signed),
            signature_algorithm=self._identifier,
            signature=BitString(sign_bytes(self._key, self._algorithm, signed), 0),
            certificates=self._certificates,
        )
        body = ResponseBytes(response_type=ID_BASIC, response=encode(basic))
        return encode(RFC6960Response(status=tlv(b"\x0a\x01\x00"), response_bytes=body))


def _read_request(request: bytes) -> tuple[list[CertID], Extension | None]:
    if len(request) > MAX_REQUEST_BYTES:
        raise PeerError("an OCSP request is too large")
    tbs = decode(OCSPRequest, request).tbs_request
    if not 0 < len(tbs.request_list) <= MAX_SINGLE_REQUESTS:
        raise PeerError("an OCSP request asks about nothing or too much")
    for single in tbs.request_list:
        _nonce(single.extensions)
    return [single.cert_id for single in tbs.request_list], _nonce(tbs.extensions)


def _nonce(extensions: list[Extension] | None) -> Extension | None:
    """The nonce among `extensions`. Raises PeerError for a critical extension we do not know and an over-long nonce."""
    found = None
    for candidate in extensions or ():
        if candidate.extension_id == ID_NONCE:
            if not 0 < len(candidate.value) <= MAX_NONCE_BYTES:
                raise PeerError("a nonce of a wrong length")
            found = Extension(extension_id=ID_NONCE, value=candidate.value)
        elif candidate.critical:
            raise PeerError(f"unknown critical extension {candidate.extension_id.dotted_string}")
    return found


def _single(
    identifier: CertID, status: CertificateStatus, at: datetime, validity: timedelta | None
) -> RFC6960Single:
    return RFC6960Single(
        cert_id=identifier,
        cert_status=_cert_status(status),
        this_update=GeneralizedTime(at),
        next_update=None if validity is None else GeneralizedTime(at + validity),
        extensions=None,
    )


def _cert_status(status: CertificateStatus) -> CertStatus:
    if isinstance(status, Revoked):
        reason = None if status.reason is None else [tlv(bytes((0x0A, 1, REASON_CODES[status.reason])))]
        revoked_at = GeneralizedTime(status.at.replace(microsecond=0))
        return Variant(RevokedInfo(revocation_time=revoked_at, revocation_reason=reason), "revoked")
    return Variant(Null(), "unknown" if isinstance(status, Unknown) else "good")
