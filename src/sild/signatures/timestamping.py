"""The single time-stamp: a token put into one signature, where a batch would get a file beside it (WIRE 9).

X-Road stamps the decoded SignatureValue, not the canonical element that XAdES 7.3 prescribes.
"""

from __future__ import annotations

import base64
import re

from sild.errors import PeerError
from sild.signatures.reading import parse_signature
from sild.signatures.signature import MALFORMED

# The start tag, wherever it is: `<` cannot stand in an attribute value, and comments are refused before.
_UNSIGNED = re.compile(
    rb"<(?P<prefix>[\w.-]+:)?UnsignedSignatureProperties"
    rb"(?P<attributes>(?:\s+[\w.:-]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*)\s*(?P<empty>/?)>"
)


def signature_value_bytes(xml: bytes) -> bytes:
    """What a single time-stamp covers: the decoded ds:SignatureValue. Raises PeerError."""
    return parse_signature(xml).signature_value


def add_timestamp(xml: bytes, token: bytes) -> bytes:
    """Put `token` (DER TimeStampToken) into `xml` as the first unsigned property; every other byte stays as it was.

    Raises PeerError: `invalid_xml`, `malformed_signature` (no unsigned properties).
    """
    places = list(_UNSIGNED.finditer(xml))
    if len(places) != 1:
        raise PeerError("a signature has one list of unsigned properties", code=MALFORMED)
    place = places[0]
    prefix = place["prefix"] or b""
    stamp = b"".join(
        (
            b"<%bSignatureTimeStamp><%bEncapsulatedTimeStamp>" % (prefix, prefix),
            base64.b64encode(token),
            b"</%bEncapsulatedTimeStamp></%bSignatureTimeStamp>" % (prefix, prefix),
        )
    )
    start = b"<%bUnsignedSignatureProperties%b>" % (prefix, place["attributes"])
    end = b"</%bUnsignedSignatureProperties>" % prefix if place["empty"] else b""
    stamped = b"".join((xml[: place.start()], start, stamp, end, xml[place.end() :]))
    if parse_signature(stamped).timestamp != token:
        raise PeerError("the time-stamp has no place in this signature", code=MALFORMED)
    return stamped
