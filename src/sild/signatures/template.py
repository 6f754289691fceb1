"""Writing XAdES signatures quickly: all but five values of a signature stay the same while the certificate does (WIRE 6.1).

A `SignatureTemplate` is made once per signing certificate and OCSP response; each signature then is a concatenation, a hash
of the SignedProperties and the private key's work. No XML library runs, so the text itself must be canonical: attributes in
canonical order, end tags written out, no white space between elements. The canonical forms of SignedInfo and of
SignedProperties are then that same text with the root's four namespace declarations put into their start tags.
"""

from __future__ import annotations

import base64
import re
from binascii import b2a_base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from sild.clock import xml_datetime
from sild.pki import (
    Certificate,
    DigestAlgorithm,
    SignatureAlgorithm,
    certificate_hash,
    der,
    ecdsa_raw_from_der,
)
from sild.signatures.issuer_name import canonical_text, issuer_name
from sild.signatures.names import (
    C14N,
    MIME_HASH_CHAIN_RESULT,
    MIME_TEXT_XML,
    NS_ASIC,
    NS_DS,
    NS_XADES,
    NS_XSI,
    SIG_HASH_CHAIN_RESULT,
    SIGNED_PROPERTIES_TYPE,
)

# Declared on the root, so part of each canonical form.
NAMESPACES = f'xmlns:asic="{NS_ASIC}" xmlns:ds="{NS_DS}" xmlns:xades="{NS_XADES}" xmlns:xsi="{NS_XSI}"'

HEAD = (
    '<?xml version="1.0" encoding="UTF-8" standalone="no"?>'
    f'<asic:XAdESSignatures {NAMESPACES}><ds:Signature Id="signature">'
)
_START = f"{HEAD}<ds:SignedInfo>".encode()
_INFO_CANONICAL_START = f"<ds:SignedInfo {NAMESPACES}>".encode()
_PROPERTIES_START = b'<xades:SignedProperties Id="signed-properties">'
_PROPERTIES_CANONICAL_START = f'<xades:SignedProperties {NAMESPACES} Id="signed-properties">'.encode()
_PROPERTIES_END = (
    b"</xades:MimeType></xades:DataObjectFormat></xades:SignedDataObjectProperties></xades:SignedProperties>"
)
_SIGNING_TIME = b"<xades:SignedSignatureProperties><xades:SigningTime>"

# The policy every X-Road signature names: "Profile for High Performance Digital Signatures".
_SIGNATURE_POLICY = (
    "<xades:SignaturePolicyIdentifier><xades:SignaturePolicyId><xades:SigPolicyId>"
    '<xades:Identifier Qualifier="OIDAsURN">urn:oid:1.3.6.1.4.1.3516.16.2</xades:Identifier>'
    "<xades:Description>Profile for High Performance Digital Signatures (version 1.2)</xades:Description>"
    "</xades:SigPolicyId><xades:SigPolicyHash>"
    f'<ds:DigestMethod Algorithm="{DigestAlgorithm.SHA512.uri}"></ds:DigestMethod><ds:DigestValue>'
    "BuO0EDNfkxSVlUbxCzmQPzX1AUF1/xx9ytWHk3/6SAOePxQiniEfDYk+90QeYb3lWpV3Izhuz9fKaYyE+lTcXw=="
    "</ds:DigestValue></xades:SigPolicyHash><xades:SigPolicyQualifiers><xades:SigPolicyQualifier>"
    "<xades:SPURI>https://repo.cyber.ee/dsig-profile-1.2.pdf</xades:SPURI>"
    "</xades:SigPolicyQualifier></xades:SigPolicyQualifiers></xades:SignaturePolicyId>"
    "</xades:SignaturePolicyIdentifier>"
)

_REFERENCE_URI = re.compile(r"/[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class PreparedSignature:
    """A signature that lacks its value. `to_be_signed` is the canonical SignedInfo."""

    to_be_signed: bytes
    _template: SignatureTemplate
    _signed_info: bytes
    _signed_properties: bytes

    def complete(self, signature: bytes) -> bytes:
        """signatures.xml. `signature` is what `sign_bytes` gave for `to_be_signed`: for EC keys DER, written as r||s."""
        return self._template.write(self._signed_info, signature, self._signed_properties)


class SignatureTemplate:
    """Everything about the signatures of one certificate that does not change from one to the next."""

    def __init__(
        self,
        certificate: Certificate,
        *,
        ocsp_responses: Sequence[bytes],
        intermediates: Sequence[Certificate] = (),
        algorithm: SignatureAlgorithm,
        digest_algorithm: DigestAlgorithm = DigestAlgorithm.SHA512,
    ) -> None:
        """`ocsp_responses`: DER, the signing certificate's first, then the intermediates' in their order."""
        method = f'<ds:DigestMethod Algorithm="{digest_algorithm.uri}"></ds:DigestMethod>'
        self.certificate = certificate
        self.algorithm = algorithm
        self.digest_algorithm = digest_algorithm
        key = certificate.public_key()
        self._curve_key = key if isinstance(key, EllipticCurvePublicKey) else None
        self._digest_size = digest_algorithm.new().digest_size
        self._info_start = (
            f'<ds:CanonicalizationMethod Algorithm="{C14N}"></ds:CanonicalizationMethod>'
            f'<ds:SignatureMethod Algorithm="{algorithm.uri}"></ds:SignatureMethod>'
            '<ds:Reference Id="signature-reference-0" URI="'
        ).encode()
        self._info_digest = f'">{method}<ds:DigestValue>'.encode()
        self._info_properties = (
            '</ds:DigestValue></ds:Reference><ds:Reference Id="signature-reference-1"'
            f' Type="{SIGNED_PROPERTIES_TYPE}" URI="#signed-properties">{method}<ds:DigestValue>'
        ).encode()
        self._after_value = (
            "</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509Certificate>"
            f"{_base64(der(certificate))}</ds:X509Certificate></ds:X509Data></ds:KeyInfo><ds:Object>"
            '<xades:QualifyingProperties Target="#signature">'
        ).encode()
        self._properties_certificate = (
            "</xades:SigningTime><xades:SigningCertificate>"
            f"<xades:Cert>{_certificate_id(certificate, digest_algorithm)}</xades:Cert></xades:SigningCertificate>"
            f"{_SIGNATURE_POLICY}</xades:SignedSignatureProperties><xades:SignedDataObjectProperties>"
            '<xades:DataObjectFormat ObjectReference="#signature-reference-0"><xades:MimeType>'
        ).encode()
        self._end = (
            f"{_unsigned_properties(intermediates, ocsp_responses, digest_algorithm)}"
            "</xades:QualifyingProperties></ds:Object></ds:Signature></asic:XAdESSignatures>"
        ).encode()

    def prepare(self, reference_uri: str, digest: bytes, *, signing_time: datetime) -> PreparedSignature:
        """Sign the part named `reference_uri` (`/message.xml`, or `/sig-hashchainresult.xml` for several parts).

        `digest` is over the part's bytes in the template's digest algorithm. Raises ValueError.
        """
        if len(digest) != self._digest_size:
            raise ValueError("the digest is of another algorithm")
        if not _REFERENCE_URI.fullmatch(reference_uri):
            raise ValueError("not the name of a part")
        mime = MIME_HASH_CHAIN_RESULT if reference_uri == SIG_HASH_CHAIN_RESULT else MIME_TEXT_XML
        properties = b"".join(
            (
                _SIGNING_TIME,
                xml_datetime(signing_time, milliseconds=True).encode(),
                self._properties_certificate,
                mime.encode(),
                _PROPERTIES_END,
            )
        )
        properties_digest = self.digest_algorithm.digest(_PROPERTIES_CANONICAL_START + properties)
        info = b"".join(
            (
                self._info_start,
                reference_uri.encode(),
                self._info_digest,
                b2a_base64(digest, newline=False),
                self._info_properties,
                b2a_base64(properties_digest, newline=False),
                b"</ds:DigestValue></ds:Reference></ds:SignedInfo>",
            )
        )
        return PreparedSignature(_INFO_CANONICAL_START + info, self, info, properties)

    def write(self, signed_info: bytes, signature: bytes, signed_properties: bytes) -> bytes:
        """Put the pieces together: for `PreparedSignature` only."""
        if self._curve_key is not None:
            signature = ecdsa_raw_from_der(signature, self._curve_key)
        return b"".join(
            (
                _START,
                signed_info,
                b'<ds:SignatureValue Id="signature-value">',
                b2a_base64(signature, newline=False),
                self._after_value,
                _PROPERTIES_START,
                signed_properties,
                self._end,
            )
        )


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _certificate_id(certificate: Certificate, algorithm: DigestAlgorithm) -> str:
    """CertDigest and IssuerSerial, the content of xades:Cert."""
    return (
        f'<xades:CertDigest><ds:DigestMethod Algorithm="{algorithm.uri}"></ds:DigestMethod>'
        f"<ds:DigestValue>{_base64(certificate_hash(certificate, algorithm))}</ds:DigestValue></xades:CertDigest>"
        f"<xades:IssuerSerial><ds:X509IssuerName>{canonical_text(issuer_name(certificate))}</ds:X509IssuerName>"
        f"<ds:X509SerialNumber>{certificate.serial_number}</ds:X509SerialNumber></xades:IssuerSerial>"
    )


def _unsigned_properties(
    intermediates: Sequence[Certificate], ocsp_responses: Sequence[bytes], algorithm: DigestAlgorithm
) -> str:
    references = "".join(
        f'<xades:Cert URI="#encapsulated-cert-{number}">{_certificate_id(certificate, algorithm)}</xades:Cert>'
        for number, certificate in enumerate(intermediates, 1)
    )
    certificates = "".join(
        f'<xades:EncapsulatedX509Certificate Id="encapsulated-cert-{number}">{_base64(der(certificate))}'
        "</xades:EncapsulatedX509Certificate>"
        for number, certificate in enumerate(intermediates, 1)
    )
    responses = "".join(
        f'<xades:EncapsulatedOCSPValue Id="ocsp-response-{number}">{_base64(response)}</xades:EncapsulatedOCSPValue>'
        for number, response in enumerate(ocsp_responses, 1)
    )
    if intermediates:
        references = (
            '<xades:CompleteCertificateRefs Id="complete-certificate-refs"><xades:CertRefs>'
            f"{references}</xades:CertRefs></xades:CompleteCertificateRefs>"
            f"<xades:CertificateValues>{certificates}</xades:CertificateValues>"
        )
    return (
        f"<xades:UnsignedProperties><xades:UnsignedSignatureProperties>{references}"
        f"<xades:RevocationValues><xades:OCSPValues>{responses}</xades:OCSPValues></xades:RevocationValues>"
        "</xades:UnsignedSignatureProperties></xades:UnsignedProperties>"
    )
