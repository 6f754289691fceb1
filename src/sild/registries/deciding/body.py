"""The keys of a body that decides: of its seal, and the secret of its pseudonyms and sealed values. Files for their owner alone."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sild.decisions import BodyKeys, KeySealer
from sild.errors import PlatformError, Unavailable
from sild.pki import Certificate, CertificateProfile, issue_certificate
from sild.private_files import write_private
from sild.telemetry import get_logger

__all__ = ["Body", "Certify", "open_body", "open_seal"]

log = get_logger("register")

KEYS = "decisions.keys"
SECRET_BYTES = 32
SELF_ISSUED = timedelta(days=3650)
RENEWED_BEFORE = timedelta(days=30)

Certify = Callable[[bytes], Sequence[Certificate]]
"""A PKCS#10 request (DER) -> the certificate of a body's seal and those above it, from the state's certification authority."""


@dataclass(frozen=True, slots=True)
class Body:
    sealer: KeySealer
    keys: BodyKeys


def open_body(
    directory: Path, authority: str, *, name: str, at: datetime, certify: Certify | None = None
) -> Body:
    """With the files in `directory`, made there if there are none; several processes of one body share them.

    authority: `INSTANCE/CLASS/CODE`.  name: of the body, for people.  certify: None: a certificate issued by the key itself, that
    whoever verifies has to be given.  Raises Unavailable (`key_not_found`): unreadable.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if not (directory / KEYS).exists():
        write_private(directory / KEYS, secrets.token_bytes(SECRET_BYTES), replace=False)
    sealer = open_seal(directory, "decisions", authority, name=name, at=at, certify=certify)
    try:
        return Body(sealer, BodyKeys((directory / KEYS).read_bytes()))
    except (OSError, ValueError) as error:
        raise Unavailable(
            f"the keys of decisions in {directory} are not readable", code="key_not_found"
        ) from error


def open_seal(
    directory: Path, of: str, authority: str, *, name: str, at: datetime, certify: Certify | None = None
) -> KeySealer:
    """A body's seal for one kind of thing, in `directory/OF-seal.pem`; else as `open_body`. of: decisions, papers, receipts.

    A key whose certificate ends within `RENEWED_BEFORE`, or that certified itself where an authority now can, is replaced by a new
    one. What the old one sealed stays as it is: its certificate lies beside every record. Whoever wants a new key takes the file away.
    """
    file = directory / f"{of}-seal.pem"
    directory.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        write_private(file, _new_seal(of, authority, name, at, certify), replace=False)
    seal = _read_seal(file)
    if not _is_due(seal.chain[0], at, certify):
        return seal
    try:
        write_private(file, _new_seal(of, authority, name, at, certify))
    except (PlatformError, OSError) as error:
        if at >= seal.chain[0].not_valid_after_utc:
            raise
        log.warning("register.seal_not_renewed", file=str(file), reason=type(error).__name__)
        return seal
    log.info("register.seal_renewed", file=str(file))
    return _read_seal(file)


def _read_seal(file: Path) -> KeySealer:
    try:
        pem = file.read_bytes()
        key = serialization.load_pem_private_key(pem, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError("a seal is a P-256 key")
        return KeySealer(key, x509.load_pem_x509_certificates(pem))
    except (OSError, ValueError) as error:
        raise Unavailable(f"{file} is not readable", code="key_not_found") from error


def _is_due(certificate: Certificate, at: datetime, certify: Certify | None) -> bool:
    certified_itself = certificate.issuer == certificate.subject
    return at > certificate.not_valid_after_utc - RENEWED_BEFORE or (certified_itself and certify is not None)


def _new_seal(of: str, authority: str, name: str, at: datetime, certify: Certify | None) -> bytes:
    """Key and chain in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, name[:64]),
            x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, authority),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{name} {of}"[:64]),
        ]
    )
    chain = certify(_request(subject, key)) if certify else [_self_issued(subject, key, at)]
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in chain)


def _request(subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> bytes:
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.DER)


def _self_issued(subject: x509.Name, key: ec.EllipticCurvePrivateKey, at: datetime) -> Certificate:
    return issue_certificate(
        CertificateProfile.SIGN,
        subject=subject,
        public_key=key.public_key(),
        issuer=subject,
        issuer_key=key,
        issuer_public_key=key.public_key(),
        serial_number=secrets.randbits(120) + 1,
        not_before=at - timedelta(minutes=5),
        not_after=at + SELF_ISSUED,
    )
