"""The services' own keys: one PKCS#12 file each, with its certificate, all behind one password (RFC 7292)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, assert_never

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from sild.errors import CallerError, Unavailable
from sild.pki import Certificate, PrivateKey, encrypt_key
from sild.private_files import write_private
from sild.trust_services.errors import PasswordIncorrect

__all__ = ["Credential", "KeyKind", "generate_key", "read_credential", "write_credential"]

KeyKind = Literal["ec-p256", "ec-p384", "rsa-2048", "rsa-3072", "rsa-4096"]
Credential = tuple[Certificate, PrivateKey]

KDF_ROUNDS = 100_000


def generate_key(kind: KeyKind) -> PrivateKey:
    match kind:
        case "ec-p256":
            return ec.generate_private_key(ec.SECP256R1())
        case "ec-p384":
            return ec.generate_private_key(ec.SECP384R1())
        case "rsa-2048" | "rsa-3072" | "rsa-4096":
            return rsa.generate_private_key(65537, int(kind.removeprefix("rsa-")))
        case _:
            assert_never(kind)


def write_credential(path: Path, credential: Credential, password: str) -> None:
    """Durable when it returns, whole or not there; readable by its owner alone. Raises CallerError, Unavailable."""
    if not password:
        raise CallerError("the password of the trust services is empty")
    certificate, key = credential
    data = encrypt_key(key, password.encode(), rounds=KDF_ROUNDS, name=path.stem, certificate=certificate)
    try:
        write_private(path, data)
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror}", code="io_error") from error


def read_credential(path: Path, password: str) -> Credential:
    """Raises PasswordIncorrect; Unavailable (`key_not_found`) for a file that is gone or holds something else."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror}", code="key_not_found") from error
    try:
        key, certificate, _others = pkcs12.load_key_and_certificates(data, password.encode())
    except ValueError as error:
        raise PasswordIncorrect(f"{path}: wrong password or spoilt file") from error
    if certificate is None or not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise Unavailable(f"{path} holds no certificate with its key", code="key_not_found")
    return certificate, key
