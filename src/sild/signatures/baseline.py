"""Writing what a person signs: XAdES baseline (ETSI EN 319 132-1) over one file beside it, B-B first, then B-T and B-LT.

    prepared = prepare_baseline(certificate, part, signing_time=at)          # the same values give the same bytes
    signed = prepared.complete(signature)                                   # B-B: `signature` is over prepared.to_be_signed
    add_evidence(signed, time_stamp=..., certificates=..., ocsp_responses=...)   # B-T and B-LT

Unlike X-Road's profile (template.py) it names the certificate by SigningCertificateV2 and no policy, and its time-stamp covers the
canonical ds:SignatureValue, as EN 319 132-1 5.3 says. Text is written in canonical form, as there.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from sild.clock import xml_datetime
from sild.errors import PeerError
from sild.pki import (
    Certificate,
    DigestAlgorithm,
    SignatureAlgorithm,
    certificate_hash,
    der,
    ecdsa_raw_from_der,
)
from sild.signatures.names import C14N, SIGNED_PROPERTIES_TYPE
from sild.signatures.reading import canonical_signature_value, parse_signature
from sild.signatures.signature import MALFORMED
from sild.signatures.template import HEAD, NAMESPACES

__all__ = ["DocumentPart", "PreparedBaseline", "add_evidence", "prepare_baseline", "stamped_bytes"]

SHA256 = DigestAlgorithm.SHA256
ALGORITHM = SignatureAlgorithm.ECDSA_SHA256
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]{1,60}", re.ASCII)
_NO_EVIDENCE = b"<xades:UnsignedProperties></xades:UnsignedProperties>"


@dataclass(frozen=True, slots=True)
class DocumentPart:
    """The file that is signed. name: in the container, one segment of plain signs.  digest: SHA-256. Raises ValueError."""

    name: str
    media_type: str
    digest: bytes

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or not _MEDIA_TYPE.fullmatch(self.media_type):
            raise ValueError("not the name or the kind of a file")
        if len(self.digest) != 32:
            raise ValueError("the digest is not SHA-256")


@dataclass(frozen=True, slots=True)
class PreparedBaseline:
    """A signature that lacks its value. `to_be_signed` is the canonical SignedInfo, `digest` its SHA-256."""

    to_be_signed: bytes
    _certificate: Certificate
    _signed_info: str
    _signed_properties: str

    @property
    def digest(self) -> bytes:
        return SHA256.digest(self.to_be_signed)

    def complete(self, signature: bytes) -> bytes:
        """signatures.xml at level B-B. signature: DER, ECDSA with SHA-256."""
        key = self._certificate.public_key()
        assert isinstance(key, EllipticCurvePublicKey)
        value = _base64(ecdsa_raw_from_der(signature, key))
        return (
            f'{HEAD}<ds:SignedInfo>{self._signed_info}</ds:SignedInfo><ds:SignatureValue Id="signature-value">{value}'
            f"</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{_base64(der(self._certificate))}"
            "</ds:X509Certificate></ds:X509Data></ds:KeyInfo><ds:Object>"
            '<xades:QualifyingProperties Target="#signature"><xades:SignedProperties Id="signed-properties">'
            f"{self._signed_properties}</xades:SignedProperties>{_NO_EVIDENCE.decode()}"
            "</xades:QualifyingProperties></ds:Object></ds:Signature></asic:XAdESSignatures>"
        ).encode()


def prepare_baseline(
    certificate: Certificate, part: DocumentPart, *, signing_time: datetime, commitment: str | None = None
) -> PreparedBaseline:
    """What the holder of the certificate's key (P-256) is to sign. Two who know these values know the bytes.

    commitment: OID of what the signature is for (EN 319 132-1 5.2.3). Raises ValueError.
    """
    if not isinstance(certificate.public_key(), EllipticCurvePublicKey):
        raise ValueError("the key is not on an elliptic curve")
    method = f'<ds:DigestMethod Algorithm="{SHA256.uri}"></ds:DigestMethod>'
    properties = (
        f"<xades:SignedSignatureProperties><xades:SigningTime>{xml_datetime(signing_time, milliseconds=True)}</xades:SigningTime>"
        f"<xades:SigningCertificateV2><xades:Cert><xades:CertDigest>{method}<ds:DigestValue>"
        f"{_base64(certificate_hash(certificate, SHA256))}</ds:DigestValue></xades:CertDigest></xades:Cert>"
        "</xades:SigningCertificateV2></xades:SignedSignatureProperties><xades:SignedDataObjectProperties>"
        f'<xades:DataObjectFormat ObjectReference="#signature-reference-0"><xades:MimeType>{part.media_type}'
        f"</xades:MimeType></xades:DataObjectFormat>{_commitment(commitment)}</xades:SignedDataObjectProperties>"
    )
    canonical = (
        f'<xades:SignedProperties {NAMESPACES} Id="signed-properties">{properties}</xades:SignedProperties>'
    )
    info = (
        f'<ds:CanonicalizationMethod Algorithm="{C14N}"></ds:CanonicalizationMethod>'
        f'<ds:SignatureMethod Algorithm="{ALGORITHM.uri}"></ds:SignatureMethod>'
        f'<ds:Reference Id="signature-reference-0" URI="{part.name}">{method}'
        f"<ds:DigestValue>{_base64(part.digest)}</ds:DigestValue></ds:Reference>"
        f'<ds:Reference Id="signature-reference-1" Type="{SIGNED_PROPERTIES_TYPE}" URI="#signed-properties">{method}'
        f"<ds:DigestValue>{_base64(SHA256.digest(canonical.encode()))}</ds:DigestValue></ds:Reference>"
    )
    to_be_signed = f"<ds:SignedInfo {NAMESPACES}>{info}</ds:SignedInfo>".encode()
    return PreparedBaseline(to_be_signed, certificate, info, properties)


def _commitment(oid: str | None) -> str:
    if oid is None:
        return ""
    return (
        '<xades:CommitmentTypeIndication><xades:CommitmentTypeId><xades:Identifier Qualifier="OIDAsURN">'
        f"urn:oid:{oid}</xades:Identifier></xades:CommitmentTypeId>"
        "<xades:AllSignedDataObjects></xades:AllSignedDataObjects></xades:CommitmentTypeIndication>"
    )


def stamped_bytes(xml: bytes) -> bytes:
    """What the time-stamp of a baseline signature is over: its canonical ds:SignatureValue. Raises PeerError."""
    return canonical_signature_value(xml)


def add_evidence(
    xml: bytes, *, time_stamp: bytes, certificates: Sequence[Certificate], ocsp_responses: Sequence[bytes]
) -> bytes:
    """From B-B to B-LT: the time-stamp over `stamped_bytes`, then what certifies the signer, and that it is good.

    certificates: of the path above the signer's own.  ocsp_responses: DER. Raises PeerError (`malformed_signature`).
    """
    if xml.count(_NO_EVIDENCE) != 1:
        raise PeerError("a signature that has its evidence, or none of ours", code=MALFORMED)
    held = "".join(
        f"<xades:EncapsulatedX509Certificate>{_base64(der(one))}</xades:EncapsulatedX509Certificate>"
        for one in certificates
    )
    answers = "".join(
        f"<xades:EncapsulatedOCSPValue>{_base64(one)}</xades:EncapsulatedOCSPValue>" for one in ocsp_responses
    )
    evidence = (
        "<xades:UnsignedProperties><xades:UnsignedSignatureProperties>"
        '<xades:SignatureTimeStamp Id="signature-time-stamp">'
        f'<ds:CanonicalizationMethod Algorithm="{C14N}"></ds:CanonicalizationMethod>'
        f"<xades:EncapsulatedTimeStamp>{_base64(time_stamp)}</xades:EncapsulatedTimeStamp></xades:SignatureTimeStamp>"
        f"<xades:CertificateValues>{held}</xades:CertificateValues>"
        f"<xades:RevocationValues><xades:OCSPValues>{answers}</xades:OCSPValues></xades:RevocationValues>"
        "</xades:UnsignedSignatureProperties></xades:UnsignedProperties>"
    )
    whole = xml.replace(_NO_EVIDENCE, evidence.encode())
    if parse_signature(whole).timestamp != time_stamp:
        raise PeerError("the time-stamp has no place in this signature", code=MALFORMED)
    return whole


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
