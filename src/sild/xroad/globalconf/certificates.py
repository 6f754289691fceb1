"""Certificates as the configuration carries them: DER or PEM inside base64, sometimes not certificates at all."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable

from sild.errors import PlatformError
from sild.pki import Certificate, read_certificate

__all__ = ["Certificate", "auth_cert_hash", "der_of", "readable_certificates"]

_PEM_BEGIN = b"-----BEGIN"


def der_of(data: bytes) -> bytes:
    """PEM text to the DER inside; anything else as it is (a central server publishes whatever was uploaded to it)."""
    text = data.strip()
    if not text.startswith(_PEM_BEGIN):
        return data
    _, _, rest = text.partition(b"\n")
    body, end, _ = rest.partition(b"-----END")
    try:
        inner = base64.b64decode(b"".join(body.split()), validate=True)
    except binascii.Error:
        return data
    return inner if end and inner else data


def auth_cert_hash(der: bytes, version: int) -> bytes:
    """What `authCertHash` holds for an authentication certificate: SHA-1 in version 2, SHA-256 since (WIRE 13.4)."""
    if version == 2:
        return hashlib.sha1(der, usedforsecurity=False).digest()
    return hashlib.sha256(der).digest()


def readable_certificates(certificates: Iterable[bytes]) -> tuple[Certificate, ...]:
    """Those that can be parsed. One broken certificate in a configuration disables itself, not its whole instance."""
    found = []
    for data in certificates:
        try:
            found.append(read_certificate(data))
        except PlatformError:
            continue
    return tuple(found)
