"""X.509 certificates, their status and their time: RFC 5280, RFC 6960 (OCSP), RFC 3161 with RFC 5816 (time-stamps).

Pure: bytes, keys, times, serial numbers and nonces come as arguments; nothing here opens a socket or asks the clock.
Every room above may call it. `Certificate` is cryptography's; on wires it is DER.

algorithms.py  digests and signature algorithms       path.py       certification paths
certificates.py  reading, hashes, kinds               ocsp.py       requests, responses, X-Road's acceptance rules
issue.py       certificate profiles                   responder.py  answering OCSP requests
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
from sild.pki.path import is_issued_by, verify_path

__all__ = [
    "Certificate",
    "CertificateProfile",
    "DigestAlgorithm",
    "PrivateKey",
    "PublicKey",
    "SignatureAlgorithm",
    "algorithm_for",
    "certificate_hash",
    "certificate_sha1",
    "der",
    "ecdsa_der_from_raw",
    "ecdsa_raw_from_der",
    "is_auth_certificate",
    "is_issued_by",
    "is_sign_certificate",
    "issue_certificate",
    "ocsp_urls",
    "read_certificate",
    "sign_bytes",
    "verify_bytes",
    "verify_path",
]
