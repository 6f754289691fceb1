"""X.509 certificates, their status and their time: RFC 5280, RFC 6960 (OCSP), RFC 3161 with RFC 5816 (time-stamps).

Pure: bytes, keys, times, serial numbers and nonces come as arguments; nothing here opens a socket or asks the clock.
Every room above may call it. `Certificate` is cryptography's; on wires it is DER.

algorithms.py    digests and signature algorithms    ocsp.py       status: requests, responses, X-Road's rules
certificates.py  reading, hashes, kinds              responder.py  answering OCSP requests
issue.py         certificate profiles                timestamp.py  time-stamps: requests, tokens, X-Road's rules
path.py          certification paths                 authority.py  giving time-stamps
sole_signer.py   CMS in one form only
keystore.py      private keys under a password       seals.py      whose seal is believed
persons.py       whose personal signature is believed
asn1.py, ocsp_asn1.py, timestamp_asn1.py             the standards' structures
"""

from cryptography.x509 import Certificate

from sild.pki.algorithms import (
    DigestAlgorithm,
    PrivateKey,
    PublicKey,
    SignatureAlgorithm,
    algorithm_for,
    ecdsa_der_from_raw,
    ecdsa_raw_from_der,
    sign_bytes,
    verify_bytes,
)
from sild.pki.asn1 import NameKey, issuer_name_key, subject_name_key
from sild.pki.authority import PKIFailureInfo, TimeStampAuthority, timestamp_refusal
from sild.pki.certificates import (
    certificate_hash,
    certificate_sha1,
    der,
    is_auth_certificate,
    is_sign_certificate,
    ocsp_urls,
    read_certificate,
)
from sild.pki.issue import CertificateProfile, issue_certificate
from sild.pki.keystore import encrypt_key
from sild.pki.ocsp import (
    CertificateStatus,
    Good,
    OCSPResponse,
    Revoked,
    SingleResponse,
    Unknown,
    build_ocsp_request,
    ocsp_response_for,
    parse_ocsp_response,
    verify_ocsp_response,
)
from sild.pki.path import is_issued_by, verify_path
from sild.pki.persons import (
    natural_person,
    person_number,
    verify_personal_certificate,
    verify_stamp,
)
from sild.pki.responder import OCSPError, OCSPResponder, ocsp_error
from sild.pki.seals import SealedBy, verify_seal
from sild.pki.sole_signer import certificates_of_sole_signer
from sild.pki.timestamp import (
    TimeStampToken,
    add_certificate_to_token,
    build_timestamp_request,
    parse_timestamp_response,
    parse_timestamp_token,
    verify_timestamp,
)

__all__ = [
    "Certificate",
    "CertificateProfile",
    "CertificateStatus",
    "DigestAlgorithm",
    "Good",
    "NameKey",
    "OCSPError",
    "OCSPResponder",
    "OCSPResponse",
    "PKIFailureInfo",
    "PrivateKey",
    "PublicKey",
    "Revoked",
    "SealedBy",
    "SignatureAlgorithm",
    "SingleResponse",
    "TimeStampAuthority",
    "TimeStampToken",
    "Unknown",
    "add_certificate_to_token",
    "algorithm_for",
    "build_ocsp_request",
    "build_timestamp_request",
    "certificate_hash",
    "certificate_sha1",
    "certificates_of_sole_signer",
    "der",
    "ecdsa_der_from_raw",
    "ecdsa_raw_from_der",
    "encrypt_key",
    "is_auth_certificate",
    "is_issued_by",
    "is_sign_certificate",
    "issue_certificate",
    "issuer_name_key",
    "natural_person",
    "ocsp_error",
    "ocsp_response_for",
    "ocsp_urls",
    "parse_ocsp_response",
    "parse_timestamp_response",
    "parse_timestamp_token",
    "person_number",
    "read_certificate",
    "sign_bytes",
    "subject_name_key",
    "timestamp_refusal",
    "verify_bytes",
    "verify_ocsp_response",
    "verify_path",
    "verify_personal_certificate",
    "verify_seal",
    "verify_stamp",
    "verify_timestamp",
]
