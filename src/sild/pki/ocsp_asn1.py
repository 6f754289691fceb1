"""The ASN.1 of RFC 6960, in its own names; where a name is also a type of the door it is prefixed `RFC6960`."""

from __future__ import annotations

from typing import Annotated, Literal

from cryptography.hazmat import asn1
from cryptography.hazmat.asn1 import TLV, BitString, Explicit, GeneralizedTime, Implicit, Null, Variant
from cryptography.x509 import ObjectIdentifier

from sild.pki.asn1 import Extension, Tagged0, Tagged1

__all__ = [
    "ID_BASIC",
    "ID_NONCE",
    "BasicOCSPResponse",
    "CertID",
    "CertStatus",
    "OCSPRequest",
    "RFC6960Response",
    "RFC6960Single",
    "ResponderID",
    "ResponseBytes",
    "ResponseData",
    "RevokedInfo",
    "SingleRequest",
    "TBSRequest",
]

ID_BASIC = ObjectIdentifier("1.3.6.1.5.5.7.48.1.1")
ID_NONCE = ObjectIdentifier("1.3.6.1.5.5.7.48.1.2")


@asn1.sequence
class CertID:
    hash_algorithm: TLV
    issuer_name_hash: bytes
    issuer_key_hash: bytes
    serial_number: int


@asn1.sequence
class RevokedInfo:
    revocation_time: GeneralizedTime
    revocation_reason: Tagged0


CertStatus = (
    Annotated[Variant[Null, Literal["good"]], Implicit(0)]
    | Annotated[Variant[RevokedInfo, Literal["revoked"]], Implicit(1)]
    | Annotated[Variant[Null, Literal["unknown"]], Implicit(2)]
)


@asn1.sequence
class RFC6960Single:
    cert_id: CertID
    cert_status: CertStatus
    this_update: GeneralizedTime
    next_update: Annotated[GeneralizedTime | None, Explicit(0)]
    extensions: Annotated[list[Extension] | None, Explicit(1)]


ResponderID = (
    Annotated[Variant[TLV, Literal["name"]], Explicit(1)]
    | Annotated[Variant[bytes, Literal["key"]], Explicit(2)]
)


@asn1.sequence
class ResponseData:
    version: Annotated[int | None, Explicit(0)]
    responder_id: ResponderID
    produced_at: GeneralizedTime
    responses: list[RFC6960Single]
    extensions: Annotated[list[Extension] | None, Explicit(1)]


@asn1.sequence
class BasicOCSPResponse:
    tbs_response_data: TLV
    signature_algorithm: TLV
    signature: BitString
    certificates: Annotated[list[TLV] | None, Explicit(0)]


@asn1.sequence
class ResponseBytes:
    response_type: ObjectIdentifier
    response: bytes


@asn1.sequence
class RFC6960Response:
    status: TLV  # ENUMERATED
    response_bytes: Annotated[ResponseBytes | None, Explicit(0)]


@asn1.sequence
class SingleRequest:
    cert_id: CertID
    extensions: Annotated[list[Extension] | None, Explicit(0)] = None


@asn1.sequence
class TBSRequest:
    version: Annotated[int | None, Explicit(0)] = None
    requestor_name: Tagged1 = None
    request_list: list[SingleRequest]
    extensions: Annotated[list[Extension] | None, Explicit(2)] = None


@asn1.sequence
class OCSPRequest:
    tbs_request: TBSRequest
    signature: Tagged0 = None
