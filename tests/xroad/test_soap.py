"""SOAP messages as far as reading goes: the reference's own cases, header fields, requestHash (WIRE 3)."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sild.errors import PeerError
from sild.xroad.faults import Fault
from sild.xroad.identifiers import ClientId, SecurityServerId, ServiceId
from sild.xroad.mime import MultipartScanner, PartHeaders, parse_content_type
from sild.xroad.rest import RepresentedParty
from sild.xroad.soap import SoapMessage, ensure_consistent, parse_soap, soap_request_hash

MEMBER = ClientId("EE", "BUSINESS", "consumer")


def soap(shared: Path, name: str) -> SoapMessage:
    parsed = parse_soap((shared / "soap/queries" / name).read_bytes())
    assert isinstance(parsed, SoapMessage)
    return parsed


# --- the reference's cases

PARSING_CODES = re.compile(
    r"(client|server\.serverproxy\.service_failed)\.(invalid_soap|missing_header|missing_header_field|duplicate_header_field"
    r"|invalid_xml|invalid_protocol_version|missing_body|invalid_body|inconsistent_headers)"
)


class FirstPart:
    """The first part of a multipart body."""

    def __init__(self) -> None:
        self.parts = 0
        self.data = b""

    def part_begin(self, headers: PartHeaders) -> None:
        self.parts += 1

    def part_data(self, data: bytes) -> None:
        if self.parts == 1:
            self.data += data

    def part_end(self) -> None: ...

    def multipart_end(self) -> None: ...


def soap_bytes(data: bytes, content_type: str) -> bytes:
    kind = parse_content_type(content_type)
    if not kind.media_type.startswith("multipart/"):
        return data
    sink = FirstPart()
    scanner = MultipartScanner(kind.parameters["boundary"], sink)
    scanner.feed(data)
    return sink.data


def outcome(data: bytes) -> str:
    try:
        parsed = parse_soap(data)
    except PeerError as error:
        return error.code
    return "fault" if isinstance(parsed, Fault) else "message"


def documents(case: dict[str, str], shared: Path) -> Iterator[tuple[str, str]]:
    for role in ("request", "service_answer"):
        name, content_type = case[role], case[f"{role}_content_type"]
        if name and re.match("text/xml|multipart/related", content_type, re.IGNORECASE):
            data = (shared / "soap/queries" / name).read_bytes()
            yield role, outcome(soap_bytes(data, content_type))


def test_cases_of_the_reference(shared: Path) -> None:
    refused = 0
    for case in json.loads((shared / "soap/soap-cases.json").read_text())["cases"]:
        expected = case["expect"]
        if expected == "normal":
            assert {result for _, result in documents(case, shared)} <= {"message"}, case["name"]
        elif isinstance(expected, dict) and (code := PARSING_CODES.fullmatch(expected["fault"])):
            role = "request" if code.group(1) == "client" else "service_answer"
            found = dict(documents(case, shared))
            assert found.get(role, code.group(2)) == code.group(2), case["name"]
            refused += role in found
    assert refused > 15


def test_request_hash_pairs(shared: Path) -> None:
    directory = shared / "soap/pairs"
    for pair in json.loads((directory / "expected.json").read_text())["pairs"]:
        request = parse_soap((directory / pair["request"]).read_bytes())
        response = parse_soap((directory / pair["response"]).read_bytes())
        assert isinstance(request, SoapMessage)
        assert isinstance(response, SoapMessage)
        assert soap_request_hash(request.data) == b64decode(pair["requestHash"])
        assert response.request_hash is not None
        assert response.request_hash.value == pair["requestHash"]
        assert response.is_response
        ensure_consistent(request, response)
        with pytest.raises(PeerError) as caught:
            ensure_consistent(response, response)
        assert caught.value.code == "inconsistent_response"


# --- fields


def test_fields(shared: Path) -> None:
    parsed = soap(shared, "simple-representedparty.query")
    assert parsed.client == MEMBER
    assert parsed.service == ServiceId(ClientId("EE", "BUSINESS", "producer"), "testQuery")
    assert (parsed.query_id, parsed.user_id, parsed.issue) == ("1234567890", "EE37702211234", "issue-1")
    assert parsed.represented_party == RepresentedParty("COM", "MEMBER3")
    assert (parsed.protocol_version, parsed.service_name, parsed.is_response) == ("4.0", "testQuery", False)
    assert parsed.signer == MEMBER


def test_a_response_is_the_providers(shared: Path) -> None:
    parsed = soap(shared, "simple.answer")
    assert parsed.is_response
    assert parsed.signer == parsed.service.client_id


def test_rpc_and_byte_order_mark(shared: Path) -> None:
    assert soap(shared, "simple-rpc.query").is_rpc_encoded
    data = b"\xef\xbb\xbf" + (shared / "soap/queries/getstate.query").read_bytes()
    parsed = parse_soap(data)
    assert isinstance(parsed, SoapMessage)
    assert parsed.data == data


HEADER = """<x:client i:objectType="SUBSYSTEM"><i:xRoadInstance>EE</i:xRoadInstance><i:memberClass>GOV</i:memberClass>
<i:memberCode>a&amp;b</i:memberCode><i:subsystemCode><![CDATA[<s>]]></i:subsystemCode></x:client>
<x:service i:objectType="SERVICE"><i:xRoadInstance>EE</i:xRoadInstance><i:memberClass>GOV</i:memberClass>
<i:memberCode>1</i:memberCode><i:serviceCode>get</i:serviceCode><i:serviceVersion>v1</i:serviceVersion></x:service>
<x:securityServer i:objectType="SERVER"><i:xRoadInstance>EE</i:xRoadInstance><i:memberClass>GOV</i:memberClass>
<i:memberCode>1</i:memberCode><i:serverCode>SS</i:serverCode></x:securityServer>
<x:id>1<!-- no -->2</x:id><x:protocolVersion>4.x</x:protocolVersion>"""
BODY = "<s:Body><get/></s:Body>"


def envelope(header: str = HEADER, body: str = BODY) -> bytes:
    return (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:x="http://x-road.eu/xsd/xroad.xsd"'
        f' xmlns:i="http://x-road.eu/xsd/identifiers"><s:Header>{header}</s:Header>{body}</s:Envelope>'
    ).encode()


def test_text_entities_and_comments() -> None:
    parsed = parse_soap(envelope())
    assert isinstance(parsed, SoapMessage)
    assert parsed.client == ClientId("EE", "GOV", "a&b", "<s>")
    assert parsed.service.service_version == "v1"
    assert parsed.security_server == SecurityServerId(ClientId("EE", "GOV", "1"), "SS")
    assert parsed.query_id == "12"


@pytest.mark.parametrize(
    ("header", "body", "code"),
    [
        (HEADER.replace("SUBSYSTEM", "SERVICE"), BODY, "invalid_xml"),
        (HEADER.replace('"SERVICE"', '"service"'), BODY, "invalid_xml"),
        (HEADER.replace('"SERVER"', '"MEMBER"'), BODY, "invalid_xml"),
        (HEADER.replace("<i:memberCode>1</i:memberCode>", "", 1), BODY, "invalid_xml"),
        (HEADER.replace("<i:serviceCode>get</i:serviceCode>", "<i:serviceCode/>"), BODY, "invalid_xml"),
        (HEADER + "<x:id>1</x:id>", BODY, "duplicate_header_field"),
        (
            HEADER.replace("<i:serviceCode>", "<i:memberCode>2</i:memberCode><i:serviceCode>"),
            BODY,
            "duplicate_header_field",
        ),
        (HEADER.replace(">4.x<", ">5.0<"), BODY, "invalid_protocol_version"),
        (HEADER.replace("x:id>", "y>"), BODY, "missing_header_field"),
        (HEADER, "", "missing_body"),
        (HEADER, "<s:Body/>", "invalid_body"),
        (HEADER, "<s:Body><get/><get/></s:Body>", "invalid_body"),
        (HEADER, BODY + BODY, "invalid_body"),
        (HEADER, "<s:Body><other/></s:Body>", "inconsistent_headers"),
    ],
)
def test_what_is_refused(header: str, body: str, code: str) -> None:
    assert outcome(envelope(header, body)) == code


def test_the_first_fault_in_the_document_is_told() -> None:
    """As a reader that streams would: what is wrong with an element before what is missing in the end."""
    without_id = HEADER.replace("x:id>", "y>")
    assert outcome(envelope(without_id, "<s:Body><get/><get/></s:Body>")) == "invalid_body"
    assert outcome(envelope(without_id, "<s:Body/>")) == "missing_header_field"


@pytest.mark.parametrize(
    "bomb",
    [
        b'<!DOCTYPE s [<!ENTITY a "a"><!ENTITY b "&a;&a;">]>',
        b'<!DOCTYPE s SYSTEM "file:///etc/passwd">',
        b"<!DOCTYPE s>",
    ],
)
def test_document_types_are_refused(bomb: bytes) -> None:
    assert outcome(bomb + envelope()) == "invalid_soap"


def test_deep_nesting_is_refused() -> None:
    assert outcome(envelope(body="<s:Body>" + "<a>" * 5000 + "</a>" * 5000 + "</s:Body>")) == "invalid_soap"


@given(st.binary(max_size=60))
def test_any_bytes_are_refused_or_read(data: bytes) -> None:
    assert outcome(data).islower()


@given(st.integers(0, len(envelope())), st.integers(0, len(envelope())), st.binary(max_size=3))
def test_a_mangled_message_is_refused_or_read(start: int, end: int, new: bytes) -> None:
    whole = envelope()
    assert outcome(whole[:start] + new + whole[end:]).islower()
