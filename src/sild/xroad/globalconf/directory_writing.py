"""Writing a signed directory, in a central server's layout or a configuration proxy's (WIRE 13.1, 13.5)."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from sild.clock import xml_datetime
from sild.errors import CallerError
from sild.pki import DigestAlgorithm, SignatureAlgorithm

__all__ = ["DirectoryPart", "PreparedDirectory", "content_location_prefix", "prepare_signed_directory"]

Layout = Literal["central-server", "configuration-proxy"]


@dataclass(frozen=True, slots=True)
class DirectoryPart:
    """A file to be listed: `location` is the path clients fetch it from."""

    content_identifier: str
    instance_identifier: str
    location: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PreparedDirectory:
    """`to_be_signed` is complete; `complete(signature)` wraps it. EC signatures in DER."""

    to_be_signed: bytes
    boundaries: tuple[str, str]
    certificate: bytes
    algorithm: SignatureAlgorithm
    hash_algorithm: DigestAlgorithm
    layout: Layout

    def complete(self, signature: bytes) -> bytes:
        outer, inner = self.boundaries
        certificate_hash = base64.b64encode(self.hash_algorithm.digest(self.certificate)).decode()
        value = base64.b64encode(signature).decode()
        if self.layout == "central-server":
            head = f"Content-Type: multipart/related; charset=UTF-8; boundary={outer}\r\n\r\n"
            first = f"Content-Type: multipart/mixed; charset=UTF-8; boundary={inner}"
            second = (
                "Content-Type: application/octet-stream\r\n"
                "Content-Transfer-Encoding: base64\r\n"
                f"Signature-Algorithm-Id: {self.algorithm.uri}\r\n"
                f"Verification-certificate-hash: {certificate_hash}; "
                f'hash-algorithm-id="{self.hash_algorithm.uri}"'
            )
        else:
            related = f'multipart/related; type="multipart/mixed"; charset=UTF-8; boundary={outer}'
            head = f"content-type: {related}\n\n"
            first = f"content-type: multipart/mixed; charset=UTF-8; boundary={inner}"
            second = (
                "content-type: application/octet-stream\r\n"
                "content-transfer-encoding: base64\r\n"
                f"signature-algorithm-id: {self.algorithm.uri}\r\n"
                f"verification-certificate-hash: {certificate_hash}; "
                f"hash-algorithm-id={self.hash_algorithm.uri}"
            )
        before = f"{head}--{outer}\r\n{first}\r\n\r\n".encode()
        after = f"\r\n--{outer}\r\n{second}\r\n\r\n{value}\r\n--{outer}--\r\n".encode()
        return before + self.to_be_signed + after


def content_location_prefix(version: int, generated_at: datetime) -> str:
    """`/V6/20251110170000548026000`: where a central server puts a generation's files (COMPAT I8)."""
    at = generated_at.astimezone(UTC)
    return f"/V{version}/{at:%Y%m%d%H%M%S}{at.microsecond * 1000:09d}"


_BOUNDARY = re.compile(r"[0-9A-Za-z]{16,70}")


def prepare_signed_directory(
    parts: Sequence[DirectoryPart],
    *,
    expire_at: datetime,
    version: int,
    boundaries: tuple[str, str],
    certificate: bytes,
    algorithm: SignatureAlgorithm,
    hash_algorithm: DigestAlgorithm = DigestAlgorithm.SHA512,
    layout: Layout = "central-server",
) -> PreparedDirectory:
    """`boundaries`: outer, inner, fresh and random, 20 letters and digits (a proxy: 30). `certificate`: the signer's, DER.

    Raises CallerError: no parts, a bad boundary, an identifier or location that would break a header line.
    """
    outer, inner = boundaries
    if outer == inner or not all(map(_BOUNDARY.fullmatch, boundaries)):
        raise CallerError(
            "boundaries are two different runs of 16 letters and digits or more", code="bad_request"
        )
    if not parts:
        raise CallerError("a directory lists at least one file", code="bad_request")
    for part in parts:
        for text in (part.content_identifier, part.instance_identifier, part.location):
            if re.search(r"[\x00-\x1f\x7f\"';]", text):
                raise CallerError(f"{text!r} cannot stand in a directory", code="bad_request")
    content = _content(parts, expire_at, version, inner, hash_algorithm, layout)
    return PreparedDirectory(content, boundaries, certificate, algorithm, hash_algorithm, layout)


def _content(
    parts: Sequence[DirectoryPart],
    expire_at: datetime,
    version: int,
    boundary: str,
    algorithm: DigestAlgorithm,
    layout: Layout,
) -> bytes:
    if layout == "central-server":
        head = f"Expire-date: {xml_datetime(expire_at)}\r\nVersion: {version}\r\n"
        names = ("Content-type", "Content-transfer-encoding", "Content-identifier", "Content-location")
        hash_name, quote = "Hash-algorithm-id", "'"
    else:
        head = f"expire-date: {xml_datetime(expire_at, milliseconds=True)}\r\nVersion: {version}\r\n"
        names = ("content-type", "content-transfer-encoding", "content-identifier", "content-location")
        hash_name, quote = "hash-algorithm-id", '"'
    out = [f"--{boundary}\r\n{head}\r\n"]
    for part in parts:
        identifier = f"{part.content_identifier}; instance={quote}{part.instance_identifier}{quote}"
        values = ("application/octet-stream", "base64", identifier, part.location)
        fields = "".join(f"{name}: {value}\r\n" for name, value in zip(names, values, strict=True))
        digest = base64.b64encode(algorithm.digest(part.content)).decode()
        out.append(f"--{boundary}\r\n{fields}{hash_name}: {algorithm.uri}\r\n\r\n{digest}")
    separator = "\r\n"
    body = out[0] + ("" if layout == "central-server" else separator) + separator.join(out[1:])
    return f"{body}\r\n--{boundary}--\r\n".encode()
