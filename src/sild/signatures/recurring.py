"""Signatures that recur: from message to message a member's signatures differ in a few values only.

Reading a signature the long way (XML parser, schema, canonicaliser) costs several times what verifying an ECDSA value costs.
But between two messages of one member nothing changes save: names of algorithms, the signed part's name, two digests, the
signature value, the signing time and a MIME type. So once a signature has been read the long way, the rest of its text is
remembered with what was found in it; the next one with the same rest is put together from that and its own values.

Why this accepts nothing that the long way refuses: the text around the values equals, byte for byte, that of a document
that passed; a value is taken only if it is of a form that means itself in XML (base64, a time, a known name), so it can
neither begin nor end an element; and each is checked as its schema type is. Anything else goes the long way. SignedInfo's
canonical form is written out for the two layouts there are: this room's, and the reference's with its line feeds.
"""

from __future__ import annotations

import re
from binascii import a2b_base64, b2a_base64
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Final

from sild.clock import parse_xml_datetime
from sild.errors import PeerError
from sild.pki import Certificate, DigestAlgorithm, SignatureAlgorithm
from sild.signatures.hash_chains import SignedPart
from sild.signatures.names import C14N, MESSAGE, SIG_HASH_CHAIN_RESULT, SIGNED_PROPERTIES_TYPE
from sild.signatures.signature import Signature
from sild.signatures.template import HEAD, NAMESPACES

MAX_REMEMBERED: Final = 512
MAX_BYTES: Final = 32 * 1024

_VALUE_START: Final = b'<ds:SignatureValue Id="signature-value">'
_VALUE_END: Final = b"</ds:SignatureValue>"
_TIME_START: Final = b"<xades:SigningTime>"
_TIME_END: Final = b"</xades:SigningTime>"
_MIME_START: Final = b"<xades:MimeType>"
_MIME_END: Final = b"</xades:MimeType>"
_VALUE_NAMES: Final = (b"SignatureValue", b"SigningTime", b"MimeType")
"""In a start tag and an end tag each, whatever prefix or white space is there."""

_MIMES: Final = frozenset({b"text/xml", b"application/hash-chain-result"})
_TIME: Final = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z")

# SignedInfo with `{}` for each value and `|` where the reference puts a line feed.
_SIGNED_INFO: Final = (
    f'<ds:SignedInfo>|<ds:CanonicalizationMethod Algorithm="{C14N}"></ds:CanonicalizationMethod>|'
    '<ds:SignatureMethod Algorithm="{}"></ds:SignatureMethod>|'
    '<ds:Reference Id="signature-reference-0" URI="{}">|<ds:DigestMethod Algorithm="{}"></ds:DigestMethod>|'
    "<ds:DigestValue>{}</ds:DigestValue>|</ds:Reference>|"
    f'<ds:Reference Id="signature-reference-1" Type="{SIGNED_PROPERTIES_TYPE}" URI="#signed-properties">|'
    '<ds:DigestMethod Algorithm="{}"></ds:DigestMethod>|<ds:DigestValue>{}</ds:DigestValue>|</ds:Reference>|'
    "</ds:SignedInfo>"
)
_EMPTY_ELEMENT: Final = re.compile(r"></ds:(?:Canonicalization|Signature|Digest)Method>")
_NAME: Final = r'([^"<>&\s]+)'
_PART: Final = f"({re.escape(MESSAGE)}|{re.escape(SIG_HASH_CHAIN_RESULT)})"
_BASE64: Final = r"([A-Za-z0-9+/=]+(?:&#13;\n[A-Za-z0-9+/=]+)*)"


class _Layout:
    """One way to write the beginning of a signature, up to the signature value."""

    def __init__(self, gap: str, *, short: bool) -> None:
        canonical = _SIGNED_INFO.replace("|", gap)
        written = _EMPTY_ELEMENT.sub("/>", canonical) if short else canonical
        pieces = [re.escape(piece) for piece in (f"{HEAD}{gap}{written}{gap}").split("{}")]
        values = (_NAME, _PART, _NAME, _BASE64, _NAME, _BASE64, "")
        pattern = "".join(piece + value for piece, value in zip(pieces, values, strict=True))
        self.match = re.compile((pattern + re.escape(_VALUE_START.decode())).encode()).match
        start = f"<ds:SignedInfo {NAMESPACES}>"
        self.canonical = canonical.replace("<ds:SignedInfo>", start).replace("{}", "%b").encode()


_LAYOUTS: Final = (_Layout("", short=False), _Layout("\n", short=True))


@dataclass(frozen=True, slots=True)
class _Values:
    """What changes from one signature to the next, as written, and `rest`: all other text after SignedInfo."""

    layout: _Layout
    info: tuple[bytes, ...]
    signature_value: bytes
    signing_time: bytes
    mime_type: bytes
    rest: tuple[bytes, bytes, bytes]


@dataclass(frozen=True, slots=True)
class _Remembered:
    """What was found in the text that does not change. `properties`: canonical SignedProperties around time and MIME type."""

    certificate: Certificate
    ocsp_responses: tuple[bytes, ...]
    certificates: tuple[Certificate, ...]
    timestamp: bytes | None
    properties: tuple[bytes, bytes, bytes]


_memory: dict[tuple[bytes, bytes, bytes], _Remembered] = {}
_changing = Lock()


def recall(xml: bytes) -> Signature | None:
    """The signature, if everything in `xml` but its own values has been read before."""
    values = _split(xml)
    known = None if values is None else _memory.get(values.rest)
    return None if values is None or known is None else _put_together(values, known)


def _put_together(values: _Values, known: _Remembered) -> Signature | None:
    """None for a value that is not what it must be: the long way finds the words for it."""
    method, uri, digest_method, digest, properties_method, properties_digest = values.info
    before, middle, after = known.properties
    try:
        return Signature(
            signing_certificate=known.certificate,
            algorithm=SignatureAlgorithm.from_uri(method.decode()),
            references=(_reference(uri, digest_method, digest),),
            signed_info=values.layout.canonical % tuple(v.replace(b"&#13;", b"&#xD;") for v in values.info),
            signature_value=_base64(values.signature_value),
            signed_properties=b"".join((before, values.signing_time, middle, values.mime_type, after)),
            signed_properties_reference=_reference(
                b"#signed-properties", properties_method, properties_digest
            ),
            signing_time=_time(values.signing_time),
            ocsp_responses=known.ocsp_responses,
            certificates=known.certificates,
            timestamp=known.timestamp,
        )
    except (ValueError, PeerError):
        return None


def remember(xml: bytes, signature: Signature) -> None:
    """Keep what does not change in `xml`, which has been read the long way, schema included, as `signature`.

    Only where each value stands in an element of a name that occurs once, however it is spelt, and where putting the
    document together again gives the same signature. Else a second SigningTime outside the SignedProperties (ds:KeyInfo is
    open to anything) could be taken for the signed one: accepted here, invalid to everybody else who reads the evidence.
    """
    values = _split(xml)
    if values is None or any(xml.count(name) != 2 for name in _VALUE_NAMES):
        return
    before, time_start, rest = signature.signed_properties.partition(_TIME_START)
    _, time_end, rest = rest.partition(_TIME_END)
    middle, mime_start, rest = rest.partition(_MIME_START)
    _, mime_end, after = rest.partition(_MIME_END)
    remembered = _Remembered(
        certificate=signature.signing_certificate,
        ocsp_responses=signature.ocsp_responses,
        certificates=signature.certificates,
        timestamp=signature.timestamp,
        properties=(before + time_start, time_end + middle + mime_start, mime_end + after),
    )
    if _put_together(values, remembered) != signature:
        return
    with _changing:
        while len(_memory) >= MAX_REMEMBERED:
            del _memory[next(iter(_memory))]
        _memory[values.rest] = remembered


def forget() -> None:
    """Drop everything remembered: for measurements and tests."""
    with _changing:
        _memory.clear()


def _split(xml: bytes) -> _Values | None:
    """Take the text apart; None unless it has one of the two layouts."""
    if len(xml) > MAX_BYTES:
        return None
    for layout in _LAYOUTS:
        match = layout.match(xml)
        if match is not None:
            break
    else:
        return None
    value_end = xml.find(_VALUE_END, match.end())
    time_start = xml.find(_TIME_START, value_end) + len(_TIME_START)
    time_end = xml.find(_TIME_END, time_start)
    mime_start = xml.find(_MIME_START, time_end) + len(_MIME_START)
    mime_end = xml.find(_MIME_END, mime_start)
    if not match.end() <= value_end < time_start <= time_end < mime_start <= mime_end:
        return None
    time, mime = xml[time_start:time_end], xml[mime_start:mime_end]
    if not _TIME.fullmatch(time) or mime not in _MIMES:
        return None
    rest = (xml[value_end:time_start], xml[time_end:mime_start], xml[mime_end:])
    return _Values(layout, match.groups(), xml[match.end() : value_end], time, mime, rest)


def _reference(uri: bytes, method: bytes, digest: bytes) -> SignedPart:
    return SignedPart(uri.decode(), _base64(digest), DigestAlgorithm.from_uri(method.decode()))


def _base64(text: bytes) -> bytes:
    """xs:base64Binary, with Java's `&#13;` before each line feed. Raises ValueError, for unused bits that are set too."""
    plain = text if b"\n" not in text else text.replace(b"&#13;", b"").translate(None, b" \t\r\n")
    data = a2b_base64(plain, strict_mode=True)
    if b2a_base64(data, newline=False) != plain:
        raise ValueError("not canonical base64")
    return data


def _time(text: bytes) -> datetime:
    return parse_xml_datetime(text.decode())
