"""The signer: keys in tokens, certificates and their status, signatures (UG-SS 5, WIRE 6 and 10).

Called by the security server (signatures, the key of port 5500, OCSP answers for port 5577) and by its administration
(keys, certificate requests, certificates). Keys never leave their token.
A signature's way: `signer.py` (which certificate) -> `signing.py` (one by one or in a batch) -> a token.
Tokens: `software_token.py`, or hardware: `devices.py` (settings) -> `hardware_tokens.py` (finds them) -> `pkcs11_token.py`.
"""

from sild.signer.auto_login import AutoLogin, PinSource, parse_pins, pins_from_command, pins_from_file
from sild.signer.certificates import CertificateInfo, CertificateRequest, CertificateStatus, KeyUsage
from sild.signer.devices import Pkcs11Device, read_devices_ini
from sild.signer.hardware_tokens import HardwareTokens
from sild.signer.keyring import Keyring
from sild.signer.pkcs10 import encode_request
from sild.signer.signer import DetachedSignature, Signer, TlsCredentials
from sild.signer.signing import SignedMessage
from sild.signer.software_token import SoftwareToken
from sild.signer.status import CertificateState, Validity
from sild.signer.store import Store as SignerStore
from sild.signer.tokens import (
    BatchSigning,
    KeyAlgorithm,
    KeyNotFound,
    PinIncorrect,
    Token,
    TokenKey,
    TokenNotActive,
    TokenNotAvailable,
)

__all__ = [
    "AutoLogin",
    "BatchSigning",
    "CertificateInfo",
    "CertificateRequest",
    "CertificateState",
    "CertificateStatus",
    "DetachedSignature",
    "HardwareTokens",
    "KeyAlgorithm",
    "KeyNotFound",
    "KeyUsage",
    "Keyring",
    "PinIncorrect",
    "PinSource",
    "Pkcs11Device",
    "SignedMessage",
    "Signer",
    "SignerStore",
    "SoftwareToken",
    "TlsCredentials",
    "Token",
    "TokenKey",
    "TokenNotActive",
    "TokenNotAvailable",
    "Validity",
    "encode_request",
    "parse_pins",
    "pins_from_command",
    "pins_from_file",
    "read_devices_ini",
]
