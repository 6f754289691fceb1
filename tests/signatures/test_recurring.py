"""The short way of reading gives what the long way gives, and takes nothing the long way refuses."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sild.errors import PeerError
from sild.signatures import Signature, SignatureLimits, parse_signature, recurring
from support.signed_messages import SIGNED_SAMPLES, Recorded, sign


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    recurring.forget()
    yield
    recurring.forget()


def long_way(xml: bytes) -> Signature | None:
    recurring.forget()
    try:
        return parse_signature(xml, strict_schema=True)
    except PeerError:
        return None
    finally:
        recurring.forget()


def short_way(known: bytes, xml: bytes) -> Signature | None:
    """Read `known` the long way, then see what is recalled of `xml`."""
    recurring.forget()
    parse_signature(known, strict_schema=True)
    return recurring.recall(xml)


@pytest.mark.parametrize("name", [name for name in SIGNED_SAMPLES if name.startswith("wire/")])
def test_the_references_signatures(name: str, sample: Callable[[str], Recorded]) -> None:
    xml = sample(name).signature
    assert recurring.recall(xml) is None
    assert short_way(xml, xml) == long_way(xml) is not None


def test_another_message_of_the_same_member(sample: Callable[[str], Recorded]) -> None:
    """05 is SOAP without attachments, 06 has a hash chain; the OCSP response inside is the same."""
    one, other = (sample(f"wire/{name}").signature for name in ("05.req", "06.req"))
    assert short_way(one, other) == long_way(other) is not None


def test_signatures_made_here() -> None:
    one, other = sign(b"one"), sign(b"other", uri="/sig-hashchainresult.xml")
    tail = one[one.index(b"</xades:MimeType>") :]
    other = other[: other.index(b"</xades:MimeType>")] + tail  # the OCSP response of the fixture is made anew
    assert short_way(one, other) == long_way(other) is not None


def test_another_certificate_is_not_recalled() -> None:
    assert short_way(sign(), sign(kind="rsa-2048")) is None


def test_what_only_a_container_may_have_is_not_remembered() -> None:
    xml = sign().replace(
        b"<xades:SigningCertificate>", b"<xades:City></xades:City><xades:SigningCertificate>"
    )
    parse_signature(xml)
    assert recurring.recall(xml) is None


def _decoy(xml: bytes, name: bytes) -> bytes:
    """The signed element spelt `<xades:Name >`, and one of the usual spelling where no signature covers it."""
    start, end = b"<xades:%b>" % name, b"</xades:%b>" % name
    unsigned = xml[xml.index(start) : xml.index(end)] + end
    place = (
        b"<ds:KeyInfo>" if name == b"SigningTime" else b"</xades:QualifyingProperties>"
    )  # the schema lets anything follow
    return xml.replace(start, b"<xades:%b >" % name).replace(place, place + unsigned)


@pytest.mark.parametrize("name", [b"SigningTime", b"MimeType"])
def test_a_decoy_beside_the_signed_value_is_not_remembered(name: bytes) -> None:
    """Else its owner could have a signature accepted that covers the decoy: good here, invalid as evidence."""
    xml = _decoy(sign(), name)
    assert long_way(xml) is not None
    assert short_way(xml, xml) is None


@pytest.mark.parametrize("name", [b"SigningTime", b"MimeType"])
def test_a_value_that_no_signature_covers_is_not_remembered(name: bytes) -> None:
    xml = _decoy(sign(), name)
    signed = re.compile(rb"<xades:%b >[^<]*</xades:%b>" % (name, name))
    xml = signed.sub(b"", xml)
    assert long_way(xml) is not None
    assert short_way(xml, xml) is None


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recurring, "MAX_REMEMBERED", 3)
    for number in range(5):
        parse_signature(
            sign().replace(b"ocsp-response-1", f"ocsp-response-{number}".encode()), strict_schema=True
        )
    assert len(recurring._memory) == 3


def test_limits_hold_the_short_way_too() -> None:
    xml = sign()
    parse_signature(xml, strict_schema=True)
    for limits in (SignatureLimits(max_bytes=1000), SignatureLimits(max_references=1)):
        with pytest.raises(PeerError):
            parse_signature(xml, strict_schema=True, limits=limits)


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        (rb'(<ds:SignatureValue Id="signature-value">)[^<]*', b"AB=="),  # bits that no byte has
        (rb'(<ds:SignatureValue Id="signature-value">)[^<]*', b"AA==\x0c"),
        (rb'(<ds:SignatureValue Id="signature-value">)[^<]*', b"AA==<ds:X/>"),
        (rb'(<ds:SignatureValue Id="signature-value">)[^<]*', b"AA==&#0;"),
        (rb"(<xades:SigningTime>)[^<]*", b"2026-02-30T00:00:00Z"),
        (rb"(<xades:SigningTime>)[^<]*", b"0000-01-01T00:00:00Z"),
        (rb"(<xades:SigningTime>)[^<]*", b"yesterday"),
        (rb"(<xades:MimeType>)[^<]*", b"&bad;"),
        (rb"(URI=\")/message.xml", b"/message.xml&bad;"),
        (rb"(<ds:DigestMethod Algorithm=\")[^\"]*", b"http://www.w3.org/2000/09/xmldsig#sha1"),
        (rb"(<ds:SignatureMethod Algorithm=\")[^\"]*", b"http://www.w3.org/2000/09/xmldsig#rsa-sha1"),
    ],
)
def test_values_the_long_way_refuses(pattern: bytes, value: bytes) -> None:
    good = sign()
    bad = re.sub(pattern, rb"\g<1>" + value, good, count=1)
    assert bad != good
    assert long_way(bad) is None
    assert short_way(good, bad) is None


GOOD = {kind: sign(kind=kind) for kind in ("ec-p256", "rsa-2048")}


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_changed_text(data: st.DataObject) -> None:
    """Bytes changed, dropped or put in anywhere: what is recalled at all equals what the long way reads."""
    good = GOOD[data.draw(st.sampled_from(sorted(GOOD)))]
    start = data.draw(st.integers(0, len(good)) | st.integers(0, 1900))
    end = start + data.draw(st.integers(0, 3))
    new = data.draw(
        st.binary(max_size=3) | st.sampled_from([b"\n", b"&#13;\n", b"<!---->", b"A", b"=", b" ", b"\r"])
    )
    changed = good[:start] + new + good[end:]
    recalled = short_way(good, changed)
    if recalled is not None:
        assert recalled == long_way(changed)
