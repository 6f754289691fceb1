"""A token goes into a signature; nothing else in it changes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sild.errors import PeerError
from sild.signatures import add_timestamp, parse_signature, signature_value_bytes, verify_signature
from support.second_opinion import confirm_signature
from support.signed_messages import MESSAGE, Recorded, sign

TOKEN = b"0\x82\x01\x00 any token" * 20


def test_token_is_the_first_unsigned_property() -> None:
    xml = sign()
    stamped = add_timestamp(xml, TOKEN)
    place = stamped.index(b"<xades:SignatureTimeStamp>")
    assert stamped[:place].endswith(b"<xades:UnsignedSignatureProperties>")
    end = stamped.index(b"</xades:SignatureTimeStamp>") + len(b"</xades:SignatureTimeStamp>")
    assert stamped[:place] + stamped[end:] == xml


def test_signature_stays_good() -> None:
    stamped = add_timestamp(sign(), TOKEN)
    signature = parse_signature(stamped, strict_schema=True)
    assert signature.timestamp == TOKEN
    verify_signature(signature, parts={"/message.xml": MESSAGE})
    confirm_signature(stamped, {"/message.xml": MESSAGE})


def test_signatures_of_the_reference(sample: Callable[[str], Recorded]) -> None:
    recorded = sample("wire/05.req")
    stamped = add_timestamp(recorded.signature, TOKEN)
    assert parse_signature(stamped, strict_schema=True).timestamp == TOKEN
    confirm_signature(stamped, recorded.parts)
    assert signature_value_bytes(stamped) == signature_value_bytes(recorded.signature)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (b"<x:UnsignedSignatureProperties>", b"</x:UnsignedSignatureProperties>"),
        (b'<x:UnsignedSignatureProperties Id="a>b">', b"</x:UnsignedSignatureProperties>"),
        (b"<UnsignedSignatureProperties Id = 'a' >", b"</UnsignedSignatureProperties>"),
        (b"<x:UnsignedSignatureProperties />", b""),
    ],
)
def test_other_ways_to_write_the_place(start: bytes, end: bytes) -> None:
    xml = sign()
    head, _, rest = xml.partition(b"<xades:UnsignedSignatureProperties>")
    inside, _, tail = rest.partition(b"</xades:UnsignedSignatureProperties>")
    namespace = b'<xades:UnsignedProperties xmlns:x="http://uri.etsi.org/01903/v1.3.2#" '
    head = head.replace(
        b"<xades:UnsignedProperties", namespace + b'xmlns="http://uri.etsi.org/01903/v1.3.2#"'
    )
    stamped = add_timestamp(head + start + (inside if end else b"") + end + tail, TOKEN)
    assert parse_signature(stamped).timestamp == TOKEN


def test_no_place_for_a_token() -> None:
    xml = sign()
    start, end = xml.index(b"<xades:UnsignedProperties>"), xml.index(b"</xades:QualifyingProperties>")
    for bad in (
        xml[:start] + xml[end:],
        xml.replace(b"UnsignedSignatureProperties", b"UnsignedDataObjectProperties"),
    ):
        with pytest.raises(PeerError) as refusal:
            add_timestamp(bad, TOKEN)
        assert refusal.value.code == "malformed_signature"


def test_place_that_is_only_written_in_a_comment() -> None:
    xml = sign().replace(b"<xades:UnsignedProperties>", b"<!--<xades:UnsignedSignatureProperties>-->")
    with pytest.raises(PeerError):
        add_timestamp(xml, TOKEN)
