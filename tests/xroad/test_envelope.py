"""SOAP envelopes read as a stream, and the answer written anew: limits, properties, memory (WIRE 3; docs/adr/0007)."""

from __future__ import annotations

import resource
from base64 import b64encode
from hashlib import sha512
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree

from sild.errors import PeerError
from sild.xroad.envelope import MAX_DEPTH, MAX_NAMES, utf8_document
from sild.xroad.faults import Fault, parse_soap_fault
from sild.xroad.soap import (
    RequestHash,
    SoapMessage,
    answer_with_request_hash,
    body_parameters,
    ensure_consistent,
    parse_soap,
)
from sild.xroad.soap_writing import build_answer, loggable_message

QUERIES = Path(__file__).resolve().parents[3] / "shared" / "xroad" / "soap" / "queries"
MESSAGE = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:x="http://x-road.eu/xsd/xroad.xsd"'
    b' xmlns:i="http://x-road.eu/xsd/identifiers"><s:Header>\n  <x:client i:objectType="MEMBER"><i:xRoadInstance>EE'
    b"</i:xRoadInstance><i:memberClass>GOV</i:memberClass><i:memberCode>a&amp;b</i:memberCode></x:client>\n  "
    b'<x:service i:objectType="SERVICE"><i:xRoadInstance>EE</i:xRoadInstance><i:memberClass>GOV</i:memberClass>'
    b"<i:memberCode>1</i:memberCode><i:serviceCode>get</i:serviceCode></x:service>\n  <x:id>q&lt;1</x:id>\n  "
    b"<x:userId>\xc3\xb5</x:userId>\n  <x:protocolVersion>4.0</x:protocolVersion>\n</s:Header><s:Body><getResponse>"
    b"<x:serviceCode> a </x:serviceCode><x:serviceCode>b</x:serviceCode><serviceVersion>v</serviceVersion>"
    b"</getResponse></s:Body></s:Envelope>"
)
DIGEST = sha512(b"request").digest()


def message(data: bytes) -> SoapMessage:
    read = parse_soap(data)
    assert not isinstance(read, Fault)
    return read


def answered(data: bytes, charset: str | None = None) -> SoapMessage:
    answer = answer_with_request_hash(data, DIGEST, charset)
    assert not isinstance(answer, Fault)
    return answer


# --- the answer written anew


def test_request_hash_joins_the_header() -> None:
    value = b64encode(DIGEST)
    inserted = b'</x:id>\n  <x:requestHash algorithmId="http://www.w3.org/2001/04/xmlenc#sha512">' + value
    assert answered(MESSAGE).data == MESSAGE.replace(b"</x:id>", inserted + b"</x:requestHash>")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b"<x:id>q&lt;1</x:id>", b"<x:id/>", b"<x:id/>\n  <x:requestHash algorithmId="),
        (b"<x:id>", b"<x:id a='1' algorithmId = \"x\" b='/>'>", b"<x:requestHash a='1' b='/>' algorithmId="),
        (
            b"<x:id>q&lt;1</x:id>",
            b'<id xmlns="http://x-road.eu/xsd/xroad.xsd">1</id>',
            b'<requestHash xmlns="http://x-road.eu/xsd/xroad.xsd" algorithmId=',
        ),
        (
            b"<x:id>",
            b"<x:requestHash>old</x:requestHash><x:id>",
            b"q&lt;1</x:id>\n  <x:requestHash algorithmId=",
        ),
        (b"<x:id>", b"<x:requestHash/>\n<x:id>", b"</x:service>\n<x:id>"),
        (
            b"<x:userId>",
            b"<x:requestHash algorithmId='y'>o</x:requestHash><x:userId>",
            b"</x:requestHash><x:userId>",
        ),
        (
            b"?>\n",
            b"?>\n<!-- before -->",
            b'<?xml version="1.0" encoding="UTF-8"?>\n<!-- before --><s:Envelope',
        ),
        (
            b'<?xml version="1.0" encoding="UTF-8"?>\n',
            b"",
            b'<?xml version="1.0" encoding="UTF-8"?>\n<s:Envelope',
        ),
        (b' encoding="UTF-8"', b" standalone='yes'", b'<?xml version="1.0" encoding="UTF-8"?>\n<s:Envelope'),
        (b"\n  ", b"", b"</x:id><x:requestHash"),
    ],
    ids=range(10),
)
def test_answers_of_every_make(old: bytes, new: bytes, expected: bytes) -> None:
    count = -1 if old == b"\n  " else 1
    answer = answered(MESSAGE.replace(old, new, count))
    assert expected in answer.data
    assert answer.data.count(b"requestHash") == 2
    again = message(answer.data)
    assert again == answer
    assert again.request_hash == RequestHash(
        "http://www.w3.org/2001/04/xmlenc#sha512", b64encode(DIGEST).decode()
    )


def test_every_answer_of_the_reference() -> None:
    if not QUERIES.exists():
        pytest.skip("shared/xroad is not beside this checkout")
    written = 0
    for path in sorted(QUERIES.glob("*.answer")):
        try:
            answer = answer_with_request_hash(path.read_bytes(), DIGEST, None)
        except PeerError:
            continue
        if isinstance(answer, Fault):
            continue
        assert message(answer.data) == answer, path.name
        without = etree.fromstring(answer.data)
        for element in without.iter("{http://x-road.eu/xsd/xroad.xsd}requestHash"):
            parent = element.getparent()
            assert parent is not None
            parent.remove(element)
        assert body_of(without) == body_of(etree.fromstring(path.read_bytes())), path.name
        written += 1
    assert written > 10


def body_of(root: etree._Element) -> bytes:
    body = root.find("{http://schemas.xmlsoap.org/soap/envelope/}Body")
    assert body is not None
    return etree.tostring(body, method="c14n")


@given(
    st.text(
        st.characters(codec="utf-8", exclude_characters="<&>\r", exclude_categories=["Cc", "Cs"]), max_size=30
    )
)
def test_any_text_survives(text: str) -> None:
    data = MESSAGE.replace("õ".encode(), text.encode())
    assert message(data).user_id == text
    assert answered(data).user_id == text
    assert message(answered(data).data) == answered(data)


@given(st.sampled_from(["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "iso-8859-1", "cp1257"]))
def test_any_encoding_survives(encoding: str) -> None:
    declared = "UTF-8" if encoding.startswith("utf") else encoding
    data = MESSAGE.decode().replace("UTF-8", declared).encode(encoding)
    assert message(data).user_id == "õ"
    assert answered(data).data == answered(MESSAGE).data


# --- hostile documents


@settings(max_examples=500)
@example(5, 5, b"\x0b")  # no white space of XML (XML 1.0, 2.3)
@given(st.integers(0, len(MESSAGE)), st.integers(0, len(MESSAGE)), st.binary(max_size=6))
def test_a_mangled_message_is_read_or_refused(start: int, end: int, new: bytes) -> None:
    """Whatever is accepted is XML, and what is signed for it reads the same."""
    mangled = MESSAGE[:start] + new + MESSAGE[end:]
    try:
        read = parse_soap(mangled)
    except PeerError:
        return
    etree.fromstring(mangled)
    if not isinstance(read, Fault):
        answer = answered(mangled)
        assert answer.service_name == read.service_name
        assert message(answer.data) == answer


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    for read in (parse_soap, parse_soap_fault):
        with pytest.raises(PeerError):
            read(data)


@pytest.mark.parametrize(
    "inner",
    [
        b"<a>" * MAX_DEPTH + b"</a>" * MAX_DEPTH,
        b"".join(b"<a%d/>" % n for n in range(MAX_NAMES + 1)),
        b"<a " + b" ".join(b"a%d=''" % n for n in range(MAX_NAMES + 1)) + b"/>",
        b"<p:a/>",
        b"<a b='1' b='2'/>",
        b"&a;",
        b"&#0;",
        b"\x00",
        b"]]>",
    ],
    ids=range(9),
)
def test_hostile_bodies(inner: bytes) -> None:
    with pytest.raises(PeerError) as refused:
        parse_soap(MESSAGE.replace(b"<getResponse>", b"<getResponse>" + inner))
    assert refused.value.code == "invalid_soap"


def test_names_leave_nothing_behind() -> None:
    """libxml2 would keep every name it has ever seen: 40 documents of other names each, no growth (docs/adr/0007)."""

    def read(number: int) -> None:
        names = b"".join(b"<n%d_%d/>" % (number, n) for n in range(20_000))
        message(MESSAGE.replace(b"<getResponse>", b"<getResponse>" + names))
        parse_soap_fault(MESSAGE.replace(b"<getResponse>", b"<getResponse>" + names))

    for number in range(5):
        read(number)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(5, 45):
        read(number)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 * 1024, "KiB"


@pytest.mark.parametrize(
    "declaration",
    [
        b'<?xml version="1.1"?>',
        b'<?xml encoding="UTF-8"?>',
        b'<?xml version="1.0" encoding="UTF-7"?>',
        b'<?xml version="1.0" encoding="unicode_escape"?>',
        b'<?xml version="1.0" encoding="utf-8" standalone="maybe"?>',
        b'\n<?xml version="1.0"?>',
        b'<?xml version="1.0"?><?xml version="1.0"?>',
        b'<?xml version="1.0" encoding="ISO-8859-1"?><?xml version="1.0"?>',
        b"<?xml " + b" " * 100_000,
    ],
    ids=range(9),
)
def test_declarations_that_are_refused(declaration: bytes) -> None:
    document = utf8_document(MESSAGE)
    with pytest.raises(PeerError) as refused:
        parse_soap(declaration + document)
    assert refused.value.code == "invalid_soap"


# --- what a server writes itself


def test_an_answer_of_our_own() -> None:
    request = message(MESSAGE.replace(b"getResponse>", b"get>"))
    answer = build_answer(request, "<xroad:getResponse/>")
    assert message(answer.data) == answer
    ensure_consistent(request, answer)
    assert answer.data.startswith(
        b'<?xml version="1.0" encoding="UTF-8"?>\n<SOAP-ENV:Envelope xmlns:SOAP-ENV='
    )


def test_what_is_logged_without_the_body() -> None:
    answer = answered(MESSAGE)
    logged = message(loggable_message(answer))
    assert (logged.client, logged.service, logged.query_id) == (
        answer.client,
        answer.service,
        answer.query_id,
    )
    assert (logged.user_id, logged.request_hash, logged.is_response) == ("õ", answer.request_hash, True)
    assert b" a " not in logged.data
    request = message(MESSAGE.replace(b"getResponse>", b"get>"))
    assert not message(loggable_message(request)).is_response


def test_parameters_of_the_body() -> None:
    assert body_parameters(message(MESSAGE), "http://x-road.eu/xsd/xroad.xsd") == {"serviceCode": "a"}
    assert body_parameters(message(MESSAGE), "") == {"serviceVersion": "v"}
