"""A document with a person's signature in one file: ASiC-E with XAdES (ETSI EN 319 162-1 annex A), as signing software writes it.

    mimetype    <the document>    META-INF/manifest.xml    META-INF/signatures0.xml

One document and one signature, at level B-LT. `verify_signed_document` is the one rule by which a person's signature is believed;
what it leaves to its caller is whom it should be of, and over which document. Containers of messages are another thing (asice.py).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from xml.sax.saxutils import quoteattr
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from lxml import etree

from sild.errors import PeerError, PlatformError, TrustError
from sild.pki import Certificate, SignatureAlgorithm, verify_personal_certificate, verify_stamp
from sild.signatures.asice import ASICE_TYPE
from sild.signatures.baseline import DocumentPart, stamped_bytes
from sild.signatures.reading import parse_signature
from sild.signatures.verification import verify_signature
from sild.signatures.xml import parse_xml
from sild.signatures.zip_layout import DAMAGED, damage_refused, is_zip, open_zip

__all__ = [
    "SignedDocument",
    "VerifiedDocument",
    "read_signed_document",
    "verify_beside",
    "verify_signed_document",
    "write_signed_document",
]

MANIFEST_NAMESPACE: Final = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
_MIMETYPE, _MANIFEST, _SIGNATURE = "mimetype", "META-INF/manifest.xml", "META-INF/signatures0.xml"
MOST_BYTES = 4 * 1024 * 1024
"""Of the container, and of what is in it when unpacked."""


@dataclass(frozen=True, slots=True)
class SignedDocument:
    """Nothing of it is verified. signature: signatures0.xml."""

    name: str
    media_type: str
    document: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class VerifiedDocument:
    """person: code with country out of the certificate, `EE38001085718`.  signed_at: by then, says the time-stamp."""

    name: str
    document: bytes
    person: str
    certificate: Certificate
    signed_at: datetime


def write_signed_document(signed: SignedDocument, *, at: datetime) -> bytes:
    """The container; the same values give the same bytes."""
    manifest = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<manifest:manifest xmlns:manifest="{MANIFEST_NAMESPACE}" manifest:version="1.2">'
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{ASICE_TYPE}"/>'
        f"<manifest:file-entry manifest:full-path={quoteattr(signed.name)} manifest:media-type={quoteattr(signed.media_type)}/>"
        "</manifest:manifest>\n"
    )
    entries = (
        (_MIMETYPE, ASICE_TYPE.encode()),
        (signed.name, signed.document),
        (_MANIFEST, manifest.encode()),
        (_SIGNATURE, signed.signature),
    )
    whole, when = io.BytesIO(), at.astimezone(UTC)
    with ZipFile(whole, "w") as archive:
        for name, content in entries:
            entry = ZipInfo(name, (when.year, when.month, when.day, when.hour, when.minute, when.second))
            entry.compress_type = ZIP_STORED if name == _MIMETYPE else ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return whole.getvalue()


def read_signed_document(container: bytes) -> SignedDocument:
    """Raises PeerError: `io_error` (no ZIP file, damaged, ambiguous, too large), `malformed_container` (not of this form)."""
    if len(container) > MOST_BYTES:
        raise PeerError("the container is too large", code=DAMAGED)
    file = io.BytesIO(container)
    if not is_zip(file):
        raise PeerError("not a ZIP file", code=DAMAGED)
    archive, entries = open_zip(file, max_entries=8)
    left, found = MOST_BYTES, {}
    for entry in entries:
        with damage_refused(), archive.open(entry) as source:
            found[entry.filename] = source.read(left + 1)
        left -= len(found[entry.filename])
        if left < 0:
            raise PeerError("the container is too large when unpacked", code=DAMAGED)
    documents = [name for name in found if name not in (_MIMETYPE, _MANIFEST, _SIGNATURE)]
    if len(documents) != 1 or len(found) != 4 or found[_MIMETYPE] != ASICE_TYPE.encode():
        raise _malformed("one document with one signature")
    (name,) = documents
    try:
        DocumentPart(name, "text/plain", bytes(32))
    except ValueError as error:
        raise _malformed("a document with a plain name") from error
    return SignedDocument(name, _media_type(found[_MANIFEST], name), found[name], found[_SIGNATURE])


def verify_signed_document(container: bytes, *, named: Sequence[Certificate]) -> VerifiedDocument:
    """Who signed what, and when at the latest. named: authorities of people's certificates and of time-stamps that count.

    (1) the container is of one form  (2) the signature covers the document and nothing else  (3) and is the certificate's, ECDSA
    with SHA-256  (4) its time-stamp is over it, of an authority that was named  (5) the certificate is a natural person's for
    signatures, leads to an authority that was named, and was good then. Raises PeerError, TrustError.
    """
    return verify_beside(read_signed_document(container), named=named)  # (1)


def verify_beside(signed: SignedDocument, *, named: Sequence[Certificate]) -> VerifiedDocument:
    """The same of a document and its signature that came in no container: (2) to (5). Raises PeerError, TrustError."""
    signature = parse_signature(signed.signature)
    if signature.algorithm is not SignatureAlgorithm.ECDSA_SHA256:
        raise TrustError("signed otherwise than with ECDSA and SHA-256", code="invalid_signature_value")
    verify_signature(signature, parts={signed.name: signed.document})  # (2), (3)
    if signature.timestamp is None:
        raise TrustError("there is no time-stamp", code="untrusted_stamp")
    at = verify_stamp(signature.timestamp, stamped_bytes(signed.signature), named)  # (4)
    certificate = signature.signing_certificate
    person = verify_personal_certificate(
        certificate, named=named, ocsp_responses=signature.ocsp_responses, at=at
    )  # (5)
    return VerifiedDocument(signed.name, signed.document, person, certificate, at)


def _media_type(manifest: bytes, name: str) -> str:
    """As the manifest, which must list exactly what is there, says."""
    try:
        root = parse_xml(manifest, max_bytes=10_000)
    except PlatformError as error:
        raise _malformed("a manifest that can be read") from error
    prefix = f"{{{MANIFEST_NAMESPACE}}}"
    listed = {
        one.get(f"{prefix}full-path"): one.get(f"{prefix}media-type")
        for one in root
        if isinstance(one, etree._Element) and one.tag == f"{prefix}file-entry"
    }
    if root.tag != f"{prefix}manifest" or len(root) != 2 or listed.keys() != {"/", name}:
        raise _malformed("a manifest of what is there")
    return listed[name] or ""


def _malformed(wanted: str) -> PeerError:
    return PeerError(f"the container is not {wanted}", code="malformed_container")
