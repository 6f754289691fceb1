"""The ASN.1 of RFC 3161 and of CMS as far as time-stamp tokens use it (RFC 5652, RFC 5035), in its own names."""

from __future__ import annotations

from typing import Annotated

from cryptography.hazmat import asn1
from cryptography.hazmat.asn1 import TLV, BitString, Explicit, GeneralizedTime, Implicit, SetOf
from cryptography.x509 import ObjectIdentifier

from sild.pki.asn1 import Algorithm, Extension, Tagged0, Tagged1, encode, tlv

__all__ = [
    "ID_CONTENT_TYPE",
    "ID_MESSAGE_DIGEST",
    "ID_SIGNED_DATA",
    "ID_SIGNING_CERTIFICATE",
    "ID_SIGNING_CERTIFICATE_V2",
    "ID_TST_INFO",
    "TST_INFO_OID",
    "Accuracy",
    "Attribute",
    "ContentInfo",
    "ESSCertID",
    "ESSCertIDv2",
    "EncapsulatedContentInfo",
    "IssuerAndSerialNumber",
    "MessageImprint",
    "PKIStatusInfo",
    "SignedData",
    "SignerInfo",
    "SigningCertificate",
    "SigningCertificateV2",
    "TSTInfo",
    "TimeStampReq",
    "TimeStampResp",
]

ID_SIGNED_DATA = ObjectIdentifier("1.2.840.113549.1.7.2")
ID_TST_INFO = ObjectIdentifier("1.2.840.113549.1.9.16.1.4")
TST_INFO_OID = tlv(encode(Algorithm(algorithm=ID_TST_INFO))[2:])
"""The object identifier as an element of its own."""
ID_CONTENT_TYPE = ObjectIdentifier("1.2.840.113549.1.9.3")
ID_MESSAGE_DIGEST = ObjectIdentifier("1.2.840.113549.1.9.4")
ID_SIGNING_CERTIFICATE = ObjectIdentifier("1.2.840.113549.1.9.16.2.12")
ID_SIGNING_CERTIFICATE_V2 = ObjectIdentifier("1.2.840.113549.1.9.16.2.47")


@asn1.sequence
class MessageImprint:
    hash_algorithm: TLV
    hashed_message: bytes


@asn1.sequence
class TimeStampReq:
    version: int
    message_imprint: MessageImprint
    req_policy: ObjectIdentifier | None = None
    nonce: int | None = None
    cert_req: bool | None = None
    extensions: Annotated[list[Extension] | None, Implicit(0)] = None


@asn1.sequence
class PKIStatusInfo:
    status: int
    status_string: list[str] | None = None
    fail_info: BitString | None = None


@asn1.sequence
class ContentInfo:
    content_type: ObjectIdentifier
    content: Annotated[TLV, Explicit(0)]


@asn1.sequence
class TimeStampResp:
    status: PKIStatusInfo
    time_stamp_token: ContentInfo | None = None


@asn1.sequence
class Accuracy:
    seconds: int | None = None
    millis: Annotated[int | None, Implicit(0)] = None
    micros: Annotated[int | None, Implicit(1)] = None


@asn1.sequence
class TSTInfo:
    version: int
    policy: ObjectIdentifier
    message_imprint: MessageImprint
    serial_number: int
    gen_time: GeneralizedTime
    accuracy: Accuracy | None = None
    ordering: bool | None = None
    nonce: int | None = None
    tsa: Tagged0 = None
    extensions: Annotated[list[Extension] | None, Implicit(1)] = None


@asn1.sequence
class EncapsulatedContentInfo:
    content_type: ObjectIdentifier
    content: Annotated[bytes | None, Explicit(0)]


@asn1.sequence
class SignedData:
    version: int
    digest_algorithms: SetOf[TLV]
    encap_content_info: EncapsulatedContentInfo
    certificates: Tagged0
    crls: Tagged1
    signer_infos: SetOf[TLV]


@asn1.sequence
class IssuerAndSerialNumber:
    issuer: TLV
    serial_number: int


@asn1.sequence
class Attribute:
    kind: ObjectIdentifier
    values: SetOf[TLV]


@asn1.sequence
class SignerInfo:
    version: int
    sid: IssuerAndSerialNumber | Annotated[bytes, Implicit(0)]
    digest_algorithm: TLV
    signed_attributes: Annotated[list[Attribute] | None, Implicit(0)]
    signature_algorithm: TLV
    signature: bytes
    unsigned_attributes: Tagged1


@asn1.sequence
class _IssuerSerial:
    issuer: list[TLV]
    serial_number: int


@asn1.sequence
class ESSCertID:
    """By SHA-1, RFC 2634 5.4.1."""

    cert_hash: bytes
    issuer_serial: _IssuerSerial | None = None


@asn1.sequence
class ESSCertIDv2:
    """hash_algorithm: None means SHA-256 (RFC 5035 4)."""

    hash_algorithm: Algorithm | None = None
    cert_hash: bytes
    issuer_serial: _IssuerSerial | None = None


@asn1.sequence
class SigningCertificate:
    certificates: list[ESSCertID]
    policies: list[TLV] | None = None


@asn1.sequence
class SigningCertificateV2:
    certificates: list[ESSCertIDv2]
    policies: list[TLV] | None = None
