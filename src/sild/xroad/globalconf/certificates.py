"""Certificates as the configuration carries them: DER or PEM inside base64, sometimes not certificates at all."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from functools import lru_cache

from cryptography import x509

from sild.errors import PlatformError
from sild.pki import Certificate, read_certificate

__all__ = ["Certificate", "NameKey", "auth_cert_hash", "der_of", "name_key", "readable_certificates"]

_PEM_BEGIN = b"-----BEGIN"

NameKey = tuple[tuple[tuple[str, str], ...], ...]


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


@lru_cache(maxsize=4096)
def _value_key(value: str) -> str:
    return " ".join(value.split()).casefold()


def name_key(name: x509.Name) -> NameKey:
    """A key under which names equal by RFC 5280 7.1 meet: case and white space folded, order of RDNs kept."""
    return tuple(
        tuple(sorted((a.oid.dotted_string, _value_key(str(a.value))) for a in rdn)) for rdn in name.rdns
    )
