"""The signer: keys in tokens, certificates and their status, signatures (UG-SS 5, WIRE 6 and 10).

Called by the security server (signatures, the key of port 5500, OCSP answers for port 5577) and by its administration
(keys, certificate requests, certificates). Keys never leave their token.
A signature's way: `signer.py` (which certificate) -> `signing.py` (one by one or in a batch) -> a token.
"""

from sild.signer.certificates import CertificateInfo, CertificateRequest, CertificateStatus, KeyUsage
from sild.signer.keyring import Keyring
from sild.signer.signer import Signer, TlsCredentials
from sild.signer.signing import SignedMessage
from sild.signer.software_token import SoftwareToken
from sild.signer.tokens import (
    BatchSigning,
    KeyAlgorithm,
    KeyNotFound,
    PinIncorrect,
    Token,
    TokenKey,
    TokenNotActive,
)

__all__ = [
    "BatchSigning",
    "CertificateInfo",
    "CertificateRequest",
    "CertificateStatus",
    "KeyAlgorithm",
    "KeyNotFound",
    "KeyUsage",
    "Keyring",
    "PinIncorrect",
    "SignedMessage",
    "Signer",
    "SoftwareToken",
    "TlsCredentials",
    "Token",
    "TokenKey",
    "TokenNotActive",
]
