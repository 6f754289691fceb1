"""Keys and certificates as X-Road peers have them, made with `cryptography` alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def new_key(kind: str) -> Key:
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


class Identity:
    """A key with its certificate chain: leaf, then the intermediate CA that issued it; the root apart."""

    def __init__(self, key: Key, chain: list[x509.Certificate]) -> None:
        self.key, self.chain = key, chain

    @property
    def der(self) -> tuple[bytes, ...]:
        return tuple(c.public_bytes(Encoding.DER) for c in self.chain)

    def pem_file(self, directory: Path) -> Path:
        path = directory / "identity.pem"
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(key + b"".join(c.public_bytes(Encoding.PEM) for c in self.chain))
        return path


def issue(
    subject: str,
    key: Key,
    issuer: str,
    issuer_key: Key,
    *,
    ca: bool = False,
    expired: bool = False,
    client_auth_only: bool = False,
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now - timedelta(days=1) if expired else now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if client_auth_only:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        builder = builder.add_extension(usage, critical=True)
    return builder.sign(issuer_key, hashes.SHA256())


def auth_identity(kind: str, *, expired: bool = False) -> Identity:
    """An X-Road auth certificate (EKU clientAuth alone, critical) under an intermediate CA; both keys of one kind."""
    ca_key, key = new_key(kind), new_key(kind)
    ca = issue("intermediate", ca_key, "root", new_key("p256"), ca=True)
    return Identity(
        key, [issue("peer", key, "intermediate", ca_key, expired=expired, client_auth_only=True), ca]
    )


def self_signed(kind: str) -> Identity:
    key = new_key(kind)
    return Identity(key, [issue("is", key, "is", key)])
