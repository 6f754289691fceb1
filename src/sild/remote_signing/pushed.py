"""What a client asks to have signed (CSC API v2 8.2.2, 8.2.3, 11.13), as values; and whether the hash is of what will be shown.

The standard's `hashes` say nothing to a person. A client must push the document, too (`documents`, ours), and the hash must be the one that
XAdES baseline gives for it, at the time it says, for this very certificate: then what is shown is what is signed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sild.clock import parse_xml_datetime
from sild.openid import OpenIDError
from sild.pki import Certificate
from sild.remote_signing.shown import shown
from sild.signatures import DocumentPart, prepare_baseline

__all__ = [
    "ECDSA_SHA256",
    "SHA256",
    "PushedSignature",
    "SignHash",
    "parse_pushed",
    "parse_sign_hash",
    "verify_shown",
]

_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]{0,9})){2,15}", re.ASCII)
SHA256 = "2.16.840.1.101.3.4.2.1"
ECDSA_SHA256 = "1.2.840.10045.4.3.2"


@dataclass(frozen=True, slots=True)
class PushedSignature:
    """hash: SHA-256 of the SignedInfo.  document: text that is shown, or JSON, UTF-8 when it is signed.  commitment: OID, what the signature is for.  signing_time: in the signature."""

    credential_id: str
    hash: bytes
    name: str
    media_type: str
    document: str
    signing_time: datetime
    commitment: str | None
    code_challenge: str
    state: str | None
    language: str


@dataclass(frozen=True, slots=True)
class SignHash:
    credential_id: str
    hashes: tuple[bytes, ...]


def parse_pushed(form: Mapping[str, str]) -> PushedSignature:
    """Of oauth2/pushed_authorize, all but the redirect_uri. Raises OpenIDError (`invalid_request`, `invalid_scope`)."""
    if form.get("response_type") != "code" or form.get("scope") != "credential":
        raise OpenIDError("response_type must be code, scope must be credential", code="invalid_scope")
    challenge = form.get("code_challenge", "")
    if form.get("code_challenge_method") != "S256" or len(challenge) != 43:
        raise OpenIDError("PKCE is needed: code_challenge with code_challenge_method S256")
    if form.get("numSignatures", "1") != "1" or "," in form.get("hashes", ""):
        raise OpenIDError("one signature at a time: each document is shown by itself")
    if form.get("hashAlgorithmOID", SHA256) != SHA256:
        raise OpenIDError("hashAlgorithmOID must be SHA-256")
    document = _document(form.get("documents", ""))
    return PushedSignature(
        credential_id=form.get("credentialID", ""),
        hash=_base64(form.get("hashes", ""), url_safe=True),
        name=document.name,
        media_type=document.media_type,
        document=document.text,
        signing_time=document.signing_time,
        commitment=document.commitment,
        code_challenge=challenge,
        state=form.get("state"),
        language=form.get("lang", "")[:20],
    )


def verify_shown(pushed: PushedSignature, certificate: Certificate) -> None:
    """That the hash is of the document. Raises OpenIDError (`invalid_request`)."""
    digest = hashlib.sha256(pushed.document.encode()).digest()
    try:
        part = DocumentPart(pushed.name, pushed.media_type, digest)
    except ValueError as error:
        raise OpenIDError("a document's name is one plain word") from error
    prepared = prepare_baseline(
        certificate, part, signing_time=pushed.signing_time, commitment=pushed.commitment
    )
    if prepared.digest != pushed.hash:
        raise OpenIDError("the hash is not of the document that is shown")


def parse_sign_hash(body: object) -> SignHash:
    """Of signatures/signHash, without SAD: the authorisation is the access token. Raises OpenIDError (`invalid_request`)."""
    said: dict[str, Any] = body if isinstance(body, dict) else {}
    hashes = said.get("hashes")
    if not isinstance(hashes, list) or not 0 < len(hashes) <= 10:
        raise OpenIDError("hashes must be a list", code="invalid_request")
    if said.get("signAlgo") != ECDSA_SHA256 or said.get("hashAlgorithmOID", SHA256) != SHA256:
        raise OpenIDError("signAlgo must be ECDSA with SHA-256", code="invalid_request")
    if said.get("operationMode", "S") != "S":
        raise OpenIDError("operationMode must be S", code="invalid_request")
    credential = said.get("credentialID")
    return SignHash(str(credential), tuple(_base64(str(one)) for one in hashes))


@dataclass(frozen=True, slots=True)
class _Document:
    name: str
    media_type: str
    text: str
    signing_time: datetime
    commitment: str | None


def _document(text: str) -> _Document:
    try:
        (said,) = json.loads(text)
        name, media_type, content = said["name"], said["mediaType"], said["content"]
        signing_time = parse_xml_datetime(said["signingTime"])
        commitment = said.get("commitmentType")
        if not all(isinstance(one, str) for one in (name, media_type, content)):
            raise TypeError
        if commitment is not None and not _OID.fullmatch(commitment):
            raise ValueError
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise OpenIDError("documents: one, with name, mediaType, content (base64) and signingTime") from error
    try:
        document = _base64(content).decode()
    except UnicodeDecodeError as error:
        raise OpenIDError("the document is not UTF-8") from error
    try:
        shown(media_type, document)
    except ValueError as error:
        raise OpenIDError(f"the document cannot be shown: {error}") from error
    return _Document(name, media_type, document, signing_time, commitment)


def _base64(text: str, *, url_safe: bool = False) -> bytes:
    try:
        if url_safe:
            return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise OpenIDError("a hash or a document is not base64", code="invalid_request") from error
