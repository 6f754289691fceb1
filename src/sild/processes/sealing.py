"""A register's seal and time-stamps in its settings: who certifies the key, who says when a decision was there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from cryptography import x509
from pydantic import Field, StringConstraints

from sild.decisions import Stamp, TimeStampClient
from sild.errors import CallerError, Unavailable
from sild.http1 import fetch
from sild.pki import Certificate, SealedBy
from sild.registries import Certify
from sild.settings import Settings, read_secret

__all__ = [
    "SealSettings",
    "TimeStampSettings",
    "certificates_of",
    "certify_by",
    "stamp_by",
    "time_stamp_words",
]

PATIENCE_SECONDS = 30.0
MAX_CERTIFICATE_BYTES = 64 * 1024
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s?#]+$")]


class SealSettings(Settings):
    """The authority that certifies the body's seal: `url` takes a PKCS#10 request and answers a certificate in PEM."""

    url: Url
    key_file: Path  # its first line is the API key: Authorization: Bearer
    authority: Path  # PEM: the authority's certificate, and those above it


class TimeStampSettings(Settings):
    """Authorities of RFC 3161 for the heads of the log of decisions, for papers and receipts."""

    urls: tuple[Url, ...] = Field(min_length=1)  # the first that answers
    certificates: Path  # PEM: theirs
    interval_seconds: int = Field(default=60, ge=1)  # how often there is a new head


def certify_by(settings: SealSettings, base: Path) -> Certify:
    """base: of relative paths. What it gives blocks, and raises Unavailable (`not_certified`): a register without a seal does not start."""
    key = read_secret(None, base / settings.key_file)
    above = certificates_of(base / settings.authority)

    def certify(request: bytes) -> Sequence[Certificate]:
        headers = [
            (b"Authorization", f"Bearer {key}".encode()),
            (b"Content-Type", b"application/pkcs10"),
        ]
        asking = fetch(
            settings.url,
            method="POST",
            body=request,
            headers=headers,
            timeout=PATIENCE_SECONDS,
            max_bytes=MAX_CERTIFICATE_BYTES,
        )
        answer = asyncio.run(asking)  # in a thread of its own: a register is opened beside the loop
        if answer.status not in (200, 201):
            raise Unavailable(
                f"{settings.url} answered {answer.status}: the seal is not certified", code="not_certified"
            )
        try:
            issued = x509.load_pem_x509_certificates(answer.body)
        except ValueError as error:
            raise Unavailable(f"{settings.url} gave no certificate", code="not_certified") from error
        return [issued[0], *above]

    return certify


def stamp_by(settings: TimeStampSettings, base: Path) -> tuple[Stamp, timedelta]:
    """And how often."""
    stamp = TimeStampClient(settings.urls, certificates_of(base / settings.certificates), fetch)
    return stamp, timedelta(seconds=settings.interval_seconds)


def time_stamp_words(seal: SealedBy) -> str:
    """For whoever checks one."""
    if seal.stamped_at is None:
        return "none: when it was sealed is the body's own word"
    by = "an authority you trust" if seal.stamp_is_trusted else "nobody you named, which proves nothing"
    return f"{seal.stamped_at.isoformat()}, by {by}"


def certificates_of(file: Path) -> Sequence[Certificate]:
    """Of a PEM file. Raises CallerError."""
    try:
        return x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError) as error:
        raise CallerError(f"{file}: no certificates in PEM") from error
