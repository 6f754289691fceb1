"""The server's own TLS key towards information systems: port 8443, and the certificate it offers to https services.

It proves nothing to other members, so it is self-signed (or by the organisation's own authority) and lives in a file
only this process may read, not in a token. X-Road's: RSA-2048, for clients that know only RSA suites; a setting makes it EC.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from secrets import randbits

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from sild.errors import CallerError
from sild.pki import Certificate, CertificateProfile, PrivateKey, der, issue_certificate, read_certificate
from sild.private_files import write_private
from sild.signer import KeyAlgorithm

__all__ = ["InternalTls"]

VALIDITY = timedelta(days=365 * 20)


class InternalTls:
    """key and certificate, made on first use in `directory`/internal-tls.pem (mode 0600)."""

    def __init__(
        self,
        directory: Path,
        *,
        host_names: tuple[str, ...],
        at: datetime,
        key_algorithm: KeyAlgorithm = KeyAlgorithm.RSA_2048,
    ) -> None:
        self._path = directory / "internal-tls.pem"
        if not self._path.exists():
            self._make(host_names, at, key_algorithm)
        data = self._path.read_bytes()
        key = load_pem_private_key(data, password=None)
        self.certificate: Certificate = read_certificate(data[data.index(b"-----BEGIN CERTIFICATE") :])
        if not isinstance(key, PrivateKey):
            raise CallerError(f"{self._path}: neither an RSA nor an EC key", code="bad_request")
        self.key: PrivateKey = key

    @property
    def certificate_der(self) -> bytes:
        return der(self.certificate)

    def _make(self, host_names: tuple[str, ...], at: datetime, key_algorithm: KeyAlgorithm) -> None:
        key: PrivateKey = (
            ec.generate_private_key(ec.SECP256R1())
            if key_algorithm is KeyAlgorithm.EC_P256
            else rsa.generate_private_key(65537, 2048)
        )
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host_names[0])])
        certificate = issue_certificate(
            CertificateProfile.TLS,
            subject=subject,
            public_key=key.public_key(),
            issuer=subject,
            issuer_key=key,
            issuer_public_key=key.public_key(),
            serial_number=randbits(64) | 1,
            not_before=at - timedelta(hours=1),
            not_after=at + VALIDITY,
            dns_names=host_names,
        )
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        pem += certificate.public_bytes(Encoding.PEM)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_private(self._path, pem, replace=False)  # another process may be quicker: then its key it is
