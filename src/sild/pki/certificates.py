"""Reading certificates and asking what they are for (RFC 5280; X-Road's kinds: docs/pki.md)."""

from __future__ import annotations

import base64
import hashlib
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from sild.errors import PeerError
from sild.pki.algorithms import DigestAlgorithm

__all__ = [
    "certificate_hash",
    "certificate_sha1",
    "der",
    "extension",
    "is_auth_certificate",
    "is_sign_certificate",
    "key_usage",
    "ocsp_urls",
    "read_certificate",
]

Kind = TypeVar("Kind", bound=x509.ExtensionType)

UNREADABLE = (
    ValueError,  # binascii.Error among it
    TypeError,  # a name's value of a type its attribute does not have
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
PEM = re.compile(
    rb"-----BEGIN (?P<label>X509 |TRUSTED |)CERTIFICATE-----\s(?P<body>[^-]*)-----END (?P=label)CERTIFICATE-----"
)
MAX_CERTIFICATE_BYTES = 16 * 1024
"""Of the DER; PEM and base64 may be twice as long."""

_silence = Lock()


@lru_cache(maxsize=1024)
def read_certificate(data: bytes) -> Certificate:
    """Read one certificate: DER, PEM, or base64 of either, as global configurations hold it. Remembered by its bytes.

    Names and key of what it returns can be read. What follows the first PEM certificate is not looked at. Values outside
    RFC 5280's bounds are taken without a word, as the reference takes them: X-Road's own profiles have C=<instance>, and
    there are roots with the serial number 0. Raises PeerError (`incorrect_certificate`).
    """
    if len(data) > 2 * MAX_CERTIFICATE_BYTES:
        raise PeerError("a certificate is too large", code="incorrect_certificate", size=len(data))
    try:
        if data[:1] != b"\x30" and b"-----BEGIN" not in data:
            data = base64.b64decode(b"".join(data.split()), validate=True)
        encoded = data if data[:1] == b"\x30" else _der_of_pem(data)
        with _without_warnings():
            certificate = x509.load_der_x509_certificate(encoded)
            _ = (
                certificate.subject,
                certificate.issuer,
                certificate.public_key(),
            )  # now, not where one is used
        return certificate
    except UNREADABLE as error:
        raise PeerError(f"not a certificate: {error}", code="incorrect_certificate") from error


@contextmanager
def _without_warnings() -> Iterator[None]:
    """cryptography's: whoever sends a certificate must not fill our standard error. One thread at a time: the list is global."""
    with _silence, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _der_of_pem(data: bytes) -> bytes:
    """RFC 7468 5, its older label, and OpenSSL's TRUSTED, which puts settings after the certificate. Raises ValueError."""
    found = PEM.search(data)
    if found is None:
        raise ValueError("neither DER nor PEM")
    body = base64.b64decode(b"".join(found["body"].split()), validate=True)
    if found["label"] == b"TRUSTED " and body[:2] == b"\x30\x82":
        return body[: 4 + int.from_bytes(body[2:4], "big")]
    return body


@lru_cache(maxsize=1024)
def der(certificate: Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def certificate_hash(
    certificate: Certificate | bytes, algorithm: DigestAlgorithm = DigestAlgorithm.SHA256
) -> bytes:
    """Digest of the DER. A registered auth certificate is known by its SHA-256 (`authCertHash`)."""
    return algorithm.digest(certificate if isinstance(certificate, bytes) else der(certificate))


def certificate_sha1(certificate: Certificate | bytes) -> bytes:
    """The name under which port 5577 and version 2 parameters know a certificate; no security rests on it."""
    data = certificate if isinstance(certificate, bytes) else der(certificate)
    return hashlib.sha1(data, usedforsecurity=False).digest()


def key_usage(certificate: Certificate) -> x509.KeyUsage | None:
    """Raises PeerError (`incorrect_certificate`) when the extensions cannot be read."""
    return extension(certificate, x509.KeyUsage)


@lru_cache(maxsize=1024)
def is_auth_certificate(certificate: Certificate) -> bool:
    """X-Road's rule: extended key usage clientAuth, or key usage digitalSignature, keyEncipherment or dataEncipherment."""
    extended = extension(certificate, x509.ExtendedKeyUsage)
    if extended is not None and ExtendedKeyUsageOID.CLIENT_AUTH in extended:
        return True
    usage = key_usage(certificate)
    return usage is not None and (
        usage.digital_signature or usage.key_encipherment or usage.data_encipherment
    )


@lru_cache(maxsize=1024)
def is_sign_certificate(certificate: Certificate) -> bool:
    """X-Road's rule: key usage nonRepudiation (contentCommitment in newer words)."""
    usage = key_usage(certificate)
    return usage is not None and usage.content_commitment


def ocsp_urls(certificate: Certificate) -> tuple[str, ...]:
    """OCSP addresses out of the authorityInfoAccess extension, in their order."""
    access = extension(certificate, x509.AuthorityInformationAccess)
    return tuple(
        description.access_location.value
        for description in access or ()
        if description.access_method == AuthorityInformationAccessOID.OCSP
        and isinstance(description.access_location, x509.UniformResourceIdentifier)
    )


def extension(certificate: Certificate, kind: type[Kind]) -> Kind | None:
    """The extension of this kind, if there is one. Raises PeerError (`incorrect_certificate`) when none can be read."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
    except UNREADABLE as error:
        raise PeerError(f"unreadable extensions: {error}", code="incorrect_certificate") from error
