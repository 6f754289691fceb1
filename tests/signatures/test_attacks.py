"""Signatures that must not be believed. Each test takes a good one and changes one thing; the code is what a peer sees.

Where the change is inside what is signed, the attacker signs again with a key of his own: he may be a member like any other.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from sild.errors import PeerError, PlatformError, TrustError
from sild.pki import (
    CertificateProfile,
    DigestAlgorithm,
    SignatureAlgorithm,
    algorithm_for,
    der,
    ecdsa_raw_from_der,
    sign_bytes,
)
from sild.signatures import (
    Signature,
    SignatureLimits,
    SignedPart,
    parse_signature,
    verify_signature,
)
from support.pki import name
from support.signed_messages import MESSAGE, credential, digest, sign

DS = "{http://www.w3.org/2000/09/xmldsig#}"
XADES = "{http://uri.etsi.org/01903/v1.3.2#}"
PARTS: dict[str, bytes | SignedPart] = {"/message.xml": MESSAGE}


@pytest.fixture(scope="module")
def good() -> bytes:
    return sign()


def refusal(xml: bytes, *, on_line: bool = True, parts: dict[str, bytes | SignedPart] = PARTS) -> str | None:
    try:
        verify_signature(parse_signature(xml, strict_schema=on_line), parts=parts)
    except PlatformError as error:
        return error.code
    return None


def both(xml: bytes) -> set[str | None]:
    """The codes on line and in a container."""
    return {refusal(xml), refusal(xml, on_line=False)}


def signed_again(xml: bytes) -> bytes:
    """The attacker puts digest and signature value of what now stands there right, with his own key."""
    root = etree.fromstring(xml)
    signer = credential("ec-p256")[1]
    properties = root.find(f".//{XADES}SignedProperties")
    info = root.find(f".//{DS}SignedInfo")
    reference = root.find(f".//{DS}Reference[@Type]/{DS}DigestValue")
    value = root.find(f".//{DS}SignatureValue")
    assert None not in (properties, info, reference, value)
    reference.text = base64.b64encode(digest(etree.tostring(properties, method="c14n"))).decode()
    signature = sign_bytes(signer.key, algorithm_for(signer.key), etree.tostring(info, method="c14n"))
    value.text = base64.b64encode(ecdsa_raw_from_der(signature, signer.key)).decode()
    return etree.tostring(root)


def replaced(xml: bytes, old: bytes, new: bytes) -> bytes:
    assert old in xml
    return xml.replace(old, new, 1)


def test_the_good_one(good: bytes) -> None:
    assert both(good) == {None}
    assert both(signed_again(good)) == {None}


# What is covered.


def test_another_message(good: bytes) -> None:
    assert refusal(good, parts={"/message.xml": MESSAGE + b"\n"}) == "invalid_signature_value"


def test_a_part_that_was_not_signed(good: bytes) -> None:
    assert refusal(good, parts={**PARTS, "/attachment1": b"smuggled"}) == "malformed_signature"


def test_a_part_that_is_missing(good: bytes) -> None:
    assert refusal(good, parts={}) == "invalid_signature_value"


def test_signature_over_another_part_only() -> None:
    """The references omit /message.xml: the reference's on-line verifier would not notice."""
    assert refusal(sign(uri="/something-else.xml")) == "malformed_signature"


def test_digest_of_another_algorithm(good: bytes) -> None:
    part = SignedPart("/message.xml", DigestAlgorithm.SHA256.digest(MESSAGE), DigestAlgorithm.SHA256)
    assert refusal(good, parts={"/message.xml": part}) == "invalid_signature_value"


# Signature wrapping.


def wrapped(good: bytes) -> bytes:
    """The signed SignedProperties move out of the way, forged ones with another Id take their place."""
    root = etree.fromstring(good)
    holder = root.find(f".//{XADES}QualifyingProperties")
    genuine = holder.find(f"{XADES}SignedProperties")
    forged = etree.fromstring(etree.tostring(genuine))
    forged.set("Id", "forged")
    forged.find(f".//{XADES}SigningTime").text = "2001-01-01T00:00:00Z"
    holder.replace(genuine, forged)
    elsewhere = etree.SubElement(root[0], f"{DS}Object")
    elsewhere.append(genuine)
    return etree.tostring(root)


def test_signed_properties_elsewhere(good: bytes) -> None:
    assert both(wrapped(good)) == {"malformed_signature"}


def test_signed_properties_elsewhere_with_the_same_id(good: bytes) -> None:
    assert both(wrapped(good).replace(b'Id="forged"', b'Id="signed-properties"')) == {"malformed_signature"}


def test_signed_properties_not_covered(good: bytes) -> None:
    """Reference-1 points to the message again, as if that were enough."""
    xml = re.sub(rb'<ds:Reference Id="signature-reference-1".*?</ds:Reference>', b"", good)
    assert both(signed_info_only(xml)) == {"malformed_signature"}


def test_type_without_the_properties(good: bytes) -> None:
    xml = replaced(good, b'URI="#signed-properties"', b'URI="#signature-value"')
    assert both(xml) == {"malformed_signature"}


def test_properties_without_the_type(good: bytes) -> None:
    xml = replaced(good, b' Type="http://uri.etsi.org/01903#SignedProperties"', b"")
    assert both(signed_info_only(xml)) == {"malformed_signature"}


def signed_info_only(xml: bytes) -> bytes:
    root = etree.fromstring(xml)
    signer = credential("ec-p256")[1]
    info = etree.tostring(root.find(f".//{DS}SignedInfo"), method="c14n")
    signature = sign_bytes(signer.key, algorithm_for(signer.key), info)
    root.find(f".//{DS}SignatureValue").text = base64.b64encode(
        ecdsa_raw_from_der(signature, signer.key)
    ).decode()
    return etree.tostring(root)


def test_two_signatures(good: bytes) -> None:
    inner = good[good.index(b"<ds:Signature ") : good.index(b"</asic:")]
    assert both(replaced(good, b"</asic:", inner + b"</asic:")) == {"malformed_signature"}
    other = inner.replace(b'Id="', b'Id="x')
    assert both(replaced(good, b"</asic:", other + b"</asic:")) == {"malformed_signature"}


def test_signature_inside_something(good: bytes) -> None:
    xml = good.replace(b"<ds:Signature ", b"<ds:Object><ds:Signature ").replace(
        b"</ds:Signature>", b"</ds:Signature></ds:Object>"
    )
    assert both(xml) == {"malformed_signature"}


def test_root_that_is_the_signature_is_for_containers_only(good: bytes) -> None:
    root = etree.fromstring(good)[0]
    assert refusal(etree.tostring(root)) == "malformed_signature"


def test_second_qualifying_properties(good: bytes) -> None:
    block = re.search(rb"<xades:QualifyingProperties.*</xades:QualifyingProperties>", good)
    assert block is not None
    again = block[0].replace(b'Id="', b'Id="x')
    assert both(replaced(good, b"</ds:Object>", again + b"</ds:Object>")) == {"malformed_signature"}


def test_properties_of_another_signature(good: bytes) -> None:
    assert both(replaced(good, b'Target="#signature"', b'Target="#other"')) == {"malformed_signature"}


def test_duplicate_ids(good: bytes) -> None:
    assert both(replaced(good, b'Id="signature-value"', b'Id="signature"')) == {"malformed_signature"}
    assert both(replaced(good, b'Id="ocsp-response-1"', b'Id="signed-properties"')) == {"malformed_signature"}


# References.


def reference(uri: str, extra: str = "") -> bytes:
    return (
        f'<ds:Reference URI="{uri}">{extra}<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha512"/>'
        f"<ds:DigestValue>{base64.b64encode(digest(MESSAGE)).decode()}</ds:DigestValue></ds:Reference>"
    ).encode()


def with_reference(good: bytes, *references: bytes) -> bytes:
    return signed_info_only(replaced(good, b"</ds:SignedInfo>", b"".join(references) + b"</ds:SignedInfo>"))


@pytest.mark.parametrize("uri", ["", "#signature", "#xpointer(/)", "#signature-value"])
def test_references_into_the_document(good: bytes, uri: str) -> None:
    assert both(with_reference(good, reference(uri))) == {"malformed_signature"}


def test_the_same_part_twice(good: bytes) -> None:
    assert both(with_reference(good, reference("/message.xml"))) == {"malformed_signature"}


@pytest.mark.parametrize(
    "uri", ["file:///etc/passwd", "http://127.0.0.1:1/", "../message.xml", "/Message.xml"]
)
def test_references_out_of_the_message_are_not_followed(good: bytes, uri: str) -> None:
    assert both(with_reference(good, reference(uri))) == {"invalid_signature_value"}


def test_more_than_a_handful_of_references(good: bytes) -> None:
    many = [reference(f"/attachment{n}") for n in range(100)]
    assert both(with_reference(good, *many)) == {"malformed_signature"}
    with pytest.raises(PeerError):
        parse_signature(good, limits=SignatureLimits(max_references=1))


@pytest.mark.parametrize(
    "algorithm",
    [
        "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
        "http://www.w3.org/TR/1999/REC-xslt-19991116",
        "http://www.w3.org/TR/1999/REC-xpath-19991116",
        "http://www.w3.org/2000/09/xmldsig#base64",
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
    ],
)
def test_transforms_of_a_part(good: bytes, algorithm: str) -> None:
    transform = f'<ds:Transforms><ds:Transform Algorithm="{algorithm}"/></ds:Transforms>'
    assert both(with_reference(good, reference("/attachment1", transform))) == {"malformed_signature"}


@pytest.mark.parametrize(
    "transforms",
    [
        '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xslt-19991116"/>',
        '<ds:Transform Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments"/>',
        '<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>'
        '<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>',
        '<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"><ds:XPath>1</ds:XPath></ds:Transform>',
    ],
)
def test_transforms_of_the_signed_properties(good: bytes, transforms: str) -> None:
    place = b'URI="#signed-properties">'
    xml = replaced(good, place, place + f"<ds:Transforms>{transforms}</ds:Transforms>".encode())
    assert both(xml) == {"malformed_signature"}


# Algorithms and keys.


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"2001/04/xmldsig-more#ecdsa-sha512", b"2000/09/xmldsig#rsa-sha1"),
        (b"2001/04/xmldsig-more#ecdsa-sha512", b"2001/04/xmldsig-more#hmac-sha512"),
        (b"2001/04/xmldsig-more#ecdsa-sha512", b"2001/04/xmldsig-more#ecdsa-sha1"),
        (b"2001/04/xmlenc#sha512", b"2000/09/xmldsig#sha1"),
        (b"TR/2001/REC-xml-c14n-20010315", b"TR/2001/REC-xml-c14n-20010315#WithComments"),
        (b"TR/2001/REC-xml-c14n-20010315", b"2006/12/xml-c14n11"),
    ],
)
def test_refused_algorithms(good: bytes, old: bytes, new: bytes) -> None:
    assert both(replaced(good, old, new)) == {"malformed_signature"}


def test_algorithm_that_does_not_fit_the_key(good: bytes) -> None:
    assert both(replaced(good, b"#ecdsa-sha512", b"#rsa-sha512")) == {"invalid_signature_value"}
    assert both(replaced(good, b"#ecdsa-sha512", b"#ecdsa-sha256")) == {"invalid_signature_value"}


def with_value(good: bytes, value: bytes) -> bytes:
    return re.sub(
        rb'(<ds:SignatureValue Id="signature-value">)[^<]*', rb"\g<1>" + base64.b64encode(value), good
    )


def test_signature_values(good: bytes) -> None:
    value = parse_signature(good).signature_value
    assert both(with_value(good, value)) == {None}
    zeros = bytes(64)
    for bad in (b"", value[:-1], b"\0" + value, value[32:] + value[:32], zeros, b"\xff" * 64, value * 2):
        assert both(with_value(good, bad)) == {"invalid_signature_value"}


def test_ecdsa_in_der_is_not_xml_dsig(good: bytes) -> None:
    signer = credential("ec-p256")[1]
    value = sign_bytes(signer.key, SignatureAlgorithm.ECDSA_SHA512, parse_signature(good).signed_info)
    assert both(with_value(good, value)) == {"invalid_signature_value"}


def test_another_certificate_in_key_info(good: bytes) -> None:
    """The key is the same, the name another's: only the signed properties tell the two apart."""
    pki, signer = credential("ec-p256")
    other = pki.issue(CertificateProfile.SIGN, name(C="FI", O="Other", CN="4321"), key=signer.key)
    old, new = (base64.b64encode(der(each.certificate)) for each in (signer, other))
    assert both(replaced(good, old, new)) == {"malformed_signature"}


def test_no_certificate(good: bytes) -> None:
    for pattern in (rb"<ds:X509Certificate>.*</ds:X509Certificate>", rb"<ds:KeyInfo>.*</ds:KeyInfo>"):
        assert both(re.sub(pattern, b"", good)) == {"malformed_signature"}
    assert both(re.sub(rb"(<ds:X509Certificate>).{40}", rb"\1", good)) == {"malformed_signature"}


def test_properties_that_do_not_name_the_certificate(good: bytes) -> None:
    xml = re.sub(rb"<xades:SigningCertificate>.*</xades:SigningCertificate>", b"", good)
    assert both(signed_again(xml)) == {"malformed_signature"}


# XML.


@pytest.mark.parametrize(
    "change",
    [
        lambda xml: replaced(xml, b"?>", b'?><!DOCTYPE x [<!ENTITY a "b">]>'),
        lambda xml: replaced(xml, b"?>", b'?><!DOCTYPE x SYSTEM "file:///etc/passwd">'),
        lambda xml: replaced(xml, b"<ds:DigestValue>", b"<ds:DigestValue><!-- -->"),
        lambda xml: replaced(xml, b"<ds:DigestValue>", b"<ds:DigestValue><?p ?>"),
        lambda xml: re.sub(rb"(<ds:DigestValue>)([^<]*)", rb"\1<![CDATA[\2]]>", xml, count=1),
        lambda xml: replaced(xml, b"<ds:DigestValue>", b"<ds:DigestValue>&a;"),
        lambda xml: xml[:-5],
        lambda xml: xml + xml,
        lambda xml: b"",
        lambda xml: b"\0" + xml,
        lambda xml: xml.decode().encode("utf-16"),
        lambda xml: replaced(xml, b"UTF-8", b"UTF-16").decode().encode("utf-16"),
        lambda xml: replaced(xml, b"</asic:", bytes(2_000_000) + b"</asic:"),
        lambda xml: b"<a>" * 10_000 + b"</a>" * 10_000,
    ],
)
def test_not_the_xml_it_should_be(good: bytes, change: Callable[[bytes], bytes]) -> None:
    assert refusal(change(good), on_line=False) == "invalid_xml"
    assert refusal(change(good)) in ("invalid_xml", "malformed_signature")


def test_elements_inside_values(good: bytes) -> None:
    for element in (b"DigestValue", b"SignatureValue", b"X509Certificate"):
        xml = re.sub(b"(<ds:" + element + b"[^>]*>)", rb"\1<ds:X509Data></ds:X509Data>", good, count=1)
        assert both(xml) == {"malformed_signature"}


def test_on_line_the_schema_holds(good: bytes) -> None:
    """The signed properties have an element X-Road's schema does not know there; only a container may."""
    xml = signed_again(
        replaced(good, b"<xades:SigningCertificate>", b"<xades:City></xades:City><xades:SigningCertificate>")
    )
    assert refusal(xml) == "malformed_signature"
    assert refusal(xml, on_line=False) is None


def test_names_nobody_uses_are_not_shown_to_the_parser(good: bytes) -> None:
    """libxml2 never forgets a name: new ones with each message would fill the memory."""
    for new in (
        b"<xades:UnsignedProperties strange='1'>",
        b"<xades:UnsignedProperties xmlns:ds2='urn:strange'>",
    ):
        assert refusal(replaced(good, b"<xades:UnsignedProperties>", new)) == "malformed_signature"
    assert (
        refusal(good.replace(b"asic:", b"aaaaaaaaaa:").replace(b":asic", b":aaaaaaaaaa"))
        == "malformed_signature"
    )


def test_white_space_before_the_signature_on_line(good: bytes) -> None:
    """The reference validates the first child *node* of the root."""
    xml = replaced(good, b"<ds:Signature ", b"\n<ds:Signature ")
    assert refusal(xml) == "malformed_signature"
    assert refusal(xml, on_line=False) is None


@pytest.mark.timeout(10)
@pytest.mark.parametrize("piece", [b"xmlns:", b"xmlns ", b" a", b"<a", b"'a", b"> ", b"xmlns='"])
def test_looking_at_names_takes_time_in_proportion(good: bytes, piece: bytes) -> None:
    text = b"<ds:KeyInfo>" + piece * (900_000 // len(piece))
    assert refusal(replaced(good, b"<ds:KeyInfo>", text)) in (None, "malformed_signature", "invalid_xml")


def test_signed_info_without_its_methods(good: bytes) -> None:
    xml = re.sub(rb"<ds:SignedInfo>.*</ds:SignedInfo>", b"<ds:SignedInfo></ds:SignedInfo>", good)
    assert both(xml) == {"malformed_signature"}


@pytest.mark.parametrize("time", [b"0001-01-01T00:00:00+14:00", b"9999-12-31T23:59:59-14:00"])
def test_signing_time_that_utc_does_not_have(good: bytes, time: bytes) -> None:
    """Valid by the schema all the same."""
    xml = signed_again(re.sub(rb"(<xades:SigningTime>)[^<]*", rb"\g<1>" + time, good))
    assert both(xml) == {"malformed_signature"}


# Properties.


def meaning(signature: Signature) -> tuple[object, ...]:
    """What the signature's arithmetic vouches for."""
    return (
        signature.signing_certificate,
        signature.algorithm,
        signature.references,
        signature.signed_info,
        signature.signature_value,
        signature.signed_properties,
        signature.signing_time,
    )


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_any_changed_byte(good: bytes, data: st.DataObject) -> None:
    changed = bytearray(good)
    changed[data.draw(st.integers(0, len(good) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        signature = parse_signature(bytes(changed), strict_schema=True)
        verify_signature(signature, parts=PARTS)
    except (PeerError, TrustError):
        return
    assert meaning(signature) == meaning(parse_signature(good))


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_cut_doubled_and_foreign_input(good: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(start, len(good)))
    piece = good[start:end]
    for xml in (good[:start] + good[end:], good[:end] + piece + good[end:], piece):
        if xml == good:
            continue
        for strict in (True, False):
            try:
                parse_signature(xml, strict_schema=strict)
            except PeerError:
                pass


@given(st.binary(max_size=200))
def test_noise(noise: bytes) -> None:
    with pytest.raises(PeerError):
        parse_signature(noise)


@pytest.mark.parametrize(
    "new",
    [
        b'<ds:KeyInfo xmlns:abcdefgh="http://www.w3.org/2000/09/xmldsig#">',  # a known namespace, a new prefix
        b"<ds:KeyInfo>"
        + b" \t" * 10,  # a run of blanks before a tag is a name to libxml2, too: there are 3**59
    ],
)
def test_prefixes_and_white_space_never_seen_before(good: bytes, new: bytes) -> None:
    with pytest.raises(PeerError, match="that no signature has"):
        parse_signature(good.replace(b"<ds:KeyInfo>", new), strict_schema=True)


@pytest.mark.parametrize("space", [b"\n" + b" " * 40, b"\r\n" + b"\t" * 20, b" \t \n\t"])
def test_indentation_is_not_an_attack(good: bytes, space: bytes) -> None:
    parse_signature(good.replace(b"<ds:KeyInfo>", b"<ds:KeyInfo>" + space), strict_schema=True)
