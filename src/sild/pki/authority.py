"""Giving time-stamps: a function of request, time, serial number and key (RFC 3161 2.4, RFC 5816)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import IntEnum

from cryptography.hazmat.asn1 import TLV, BitString, GeneralizedTime, SetOf
from cryptography.x509 import Certificate, ObjectIdentifier

from sild.errors import PeerError
from sild.pki.algorithms import DigestAlgorithm, PrivateKey, sign_bytes
from sild.pki.asn1 import (
    Algorithm,
    decode,
    digest_algorithm,
    digest_identifier,
    encode,
    issuer_der,
    octets,
    signature_identifier,
    subject_der,
    tlv,
    wrap,
)
from sild.pki.certificates import certificate_hash, der
from sild.pki.timestamp_asn1 import (
    ID_CONTENT_TYPE,
    ID_MESSAGE_DIGEST,
    ID_SIGNED_DATA,
    ID_SIGNING_CERTIFICATE_V2,
    ID_TST_INFO,
    TST_INFO_OID,
    Accuracy,
    Attribute,
    ContentInfo,
    EncapsulatedContentInfo,
    ESSCertIDv2,
    IssuerAndSerialNumber,
    PKIStatusInfo,
    SignedData,
    SignerInfo,
    SigningCertificateV2,
    TimeStampReq,
    TimeStampResp,
    TSTInfo,
)

__all__ = ["PKIFailureInfo", "TimeStampAuthority", "timestamp_refusal"]

MAX_REQUEST_BYTES = 16 * 1024
REJECTION = 2


class PKIFailureInfo(IntEnum):
    """The bit that says why no token was given (RFC 3161 2.4.2)."""

    BAD_ALG = 0
    BAD_REQUEST = 2
    BAD_DATA_FORMAT = 5
    TIME_NOT_AVAILABLE = 14
    UNACCEPTED_POLICY = 15
    UNACCEPTED_EXTENSION = 16
    ADD_INFO_NOT_AVAILABLE = 17
    SYSTEM_FAILURE = 25


class _Refusal(Exception):
    def __init__(self, failure: PKIFailureInfo, text: str) -> None:
        super().__init__(text)
        self.failure = failure


def timestamp_refusal(failure: PKIFailureInfo, text: str) -> bytes:
    """A TimeStampResp that gives no token."""
    named_bits = bytes(failure // 8) + bytes((0x80 >> failure % 8,))
    status = PKIStatusInfo(
        status=REJECTION, status_string=[text], fail_info=BitString(named_bits, 7 - failure % 8)
    )
    return encode(TimeStampResp(status=status))


class TimeStampAuthority:
    """Signs the time under one policy.

    certificate: extended key usage timeStamping alone, critical.  policy_oid: dotted; the only one accepted.
    chain: what goes along with the certificate when certReq asks for it.
    """

    def __init__(
        self,
        certificate: Certificate,
        key: PrivateKey,
        policy_oid: str,
        chain: Sequence[Certificate] = (),
        *,
        accuracy_milliseconds: int = 1000,
    ) -> None:
        self.certificate = certificate
        self.policy = ObjectIdentifier(policy_oid)
        self._key = key
        self._algorithm, self._identifier = signature_identifier(key)
        self._digest = self._algorithm.digest_algorithm
        self._certificates = [tlv(data) for data in sorted({der(certificate), *map(der, chain)})]
        self._sid = IssuerAndSerialNumber(
            issuer=tlv(issuer_der(certificate)), serial_number=certificate.serial_number
        )
        seconds, millis = divmod(accuracy_milliseconds, 1000)
        self._accuracy = Accuracy(seconds=seconds or None, millis=millis or None)
        self._tsa = [tlv(wrap(0xA4, subject_der(certificate)))]  # GeneralName: directoryName
        self._constant_attributes = (
            _attribute(ID_CONTENT_TYPE, TST_INFO_OID),
            _attribute(ID_SIGNING_CERTIFICATE_V2, tlv(encode(self._signing_certificate()))),
        )

    def _signing_certificate(self) -> SigningCertificateV2:
        named = None
        if self._digest is not DigestAlgorithm.SHA256:  # the default is left out in DER
            oid = {DigestAlgorithm.SHA384: "2.16.840.1.101.3.4.2.2"}
            named = Algorithm(algorithm=ObjectIdentifier(oid[self._digest]))
        return SigningCertificateV2(
            certificates=[
                ESSCertIDv2(hash_algorithm=named, cert_hash=certificate_hash(self.certificate, self._digest))
            ]
        )

    def answer(self, request: bytes, *, at: datetime, serial_number: int) -> bytes:
        """The DER TimeStampResp to `request`: a token with genTime `at` (to the millisecond), or a refusal.

        serial_number: never given before by this authority. Never raises for what a client sends.
        """
        try:
            wanted = self._read(request)
        except _Refusal as refusal:
            return timestamp_refusal(refusal.failure, str(refusal))
        token = self._token(self._info(wanted, at, serial_number), with_certificates=bool(wanted.cert_req))
        return encode(TimeStampResp(status=PKIStatusInfo(status=0), time_stamp_token=token))

    def _read(self, request: bytes) -> TimeStampReq:
        if len(request) > MAX_REQUEST_BYTES:
            raise _Refusal(PKIFailureInfo.BAD_DATA_FORMAT, "the request is too large")
        try:
            wanted = decode(TimeStampReq, request, ber=True)
        except PeerError:
            raise _Refusal(PKIFailureInfo.BAD_DATA_FORMAT, "the request is not a TimeStampReq") from None
        if wanted.version != 1:
            raise _Refusal(PKIFailureInfo.BAD_REQUEST, "only version 1 is known")
        algorithm = digest_algorithm(wanted.message_imprint.hash_algorithm)
        if algorithm is None:
            raise _Refusal(PKIFailureInfo.BAD_ALG, "the imprint must be by SHA-256, SHA-384 or SHA-512")
        if len(wanted.message_imprint.hashed_message) != algorithm.primitive.digest_size:
            raise _Refusal(PKIFailureInfo.BAD_DATA_FORMAT, "the imprint's length does not fit its algorithm")
        if wanted.req_policy is not None and wanted.req_policy != self.policy:
            raise _Refusal(PKIFailureInfo.UNACCEPTED_POLICY, f"the policy is {self.policy.dotted_string}")
        if wanted.extensions:
            raise _Refusal(PKIFailureInfo.UNACCEPTED_EXTENSION, "no extension is known")
        return wanted

    def _info(self, wanted: TimeStampReq, at: datetime, serial_number: int) -> bytes:
        return encode(
            TSTInfo(
                version=1,
                policy=self.policy,
                message_imprint=wanted.message_imprint,
                serial_number=serial_number,
                gen_time=GeneralizedTime(at.replace(microsecond=at.microsecond // 1000 * 1000)),
                accuracy=self._accuracy,
                nonce=wanted.nonce,
                tsa=self._tsa,
            )
        )

    def _token(self, info: bytes, *, with_certificates: bool) -> ContentInfo:
        digest = octets(self._digest.digest(info))
        attributes = sorted((*self._constant_attributes, _attribute(ID_MESSAGE_DIGEST, digest)))
        signature = sign_bytes(self._key, self._algorithm, wrap(0x31, b"".join(attributes)))
        signer = SignerInfo(
            version=1,
            sid=self._sid,
            digest_algorithm=digest_identifier(self._digest),
            signed_attributes=[decode(Attribute, attribute) for attribute in attributes],
            signature_algorithm=self._identifier,
            signature=signature,
            unsigned_attributes=None,
        )
        signed_data = SignedData(
            version=3,
            digest_algorithms=SetOf([digest_identifier(self._digest)]),
            encap_content_info=EncapsulatedContentInfo(content_type=ID_TST_INFO, content=info),
            certificates=self._certificates if with_certificates else None,
            crls=None,
            signer_infos=SetOf([tlv(encode(signer))]),
        )
        return ContentInfo(content_type=ID_SIGNED_DATA, content=tlv(encode(signed_data)))


def _attribute(kind: ObjectIdentifier, value: TLV) -> bytes:
    return encode(Attribute(kind=kind, values=SetOf([value])))
