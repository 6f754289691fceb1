"""Answers and requests as the adapter of information systems reads them."""

from __future__ import annotations

import json

from fuzz.target import Target, content_type_first
from fuzz.targets.exchange import ATTACHED, FAULT, MTOM, SOAP
from sild.adapter.caller import read_caller
from sild.adapter.evidence import EvidenceHandle, read_evidence
from sild.adapter.metaservices import read_client_list, read_rest_services, read_soap_services
from sild.adapter.rest import read_fault
from sild.adapter.soap import read_answer
from sild.adapter.soap_service import read_soap_request
from sild.xroad.faults import Fault
from sild.xroad.identifiers import ClientId, ServiceId
from sild.xroad.soap import parse_soap

IDS = "http://x-road.eu/xsd/identifiers"
PROVIDER = ClientId("DEV", "COM", "2")
HANDLE = EvidenceHandle(
    client=ClientId("DEV", "COM", "1", "Client"),
    service=ServiceId(PROVIDER, "get", "v1"),
    query_id="q1",
    request_id=None,
    request_hash=b"\x01" * 64,
    answer_digest=None,
)
HEADERS = b"X-Road-Client: DEV/COM/1/Client\r\nX-Road-Id: q\r\nX-Road-Request-Id: r\r\nX-Road-UserId: EE1\r\nX-Road-Represented-Party: COM/1\r\nX-Road-Issue: i"
MEMBER = {"id": {"member_class": "COM", "member_code": "1", "subsystem_code": "S", "object_type": "SUBSYSTEM", "xroad_instance": "DEV"}, "name": "n"}  # fmt: skip
SERVICE = MEMBER["id"] | {
    "service_code": "s",
    "service_type": "OPENAPI",
    "endpoint_list": [{"method": "GET", "path": "/a"}],
}  # type: ignore[operator]
CLIENTS_XML = (
    f'<x:clientList xmlns:x="http://x-road.eu/xsd/xroad.xsd" xmlns:i="{IDS}"><x:member><x:id i:objectType="MEMBER">'
    "<i:xRoadInstance>DEV</i:xRoadInstance><i:memberClass>COM</i:memberClass><i:memberCode>1</i:memberCode></x:id>"
    "<x:name>n</x:name></x:member></x:clientList>"
).encode()
SERVICES_XML = (
    f'<x:listMethodsResponse xmlns:x="http://x-road.eu/xsd/xroad.xsd" xmlns:i="{IDS}"><x:service i:objectType="SERVICE">'
    "<i:xRoadInstance>DEV</i:xRoadInstance><i:memberClass>COM</i:memberClass><i:memberCode>1</i:memberCode>"
    "<i:serviceCode>s</i:serviceCode><i:serviceVersion>v1</i:serviceVersion></x:service></x:listMethodsResponse>"
).encode()


def _caller(data: bytes) -> None:
    pairs = [line.partition(b":") for line in data.split(b"\r\n")]
    read_caller([(name, value.strip()) for name, _, value in pairs])


def _answer(data: bytes) -> None:
    asked = parse_soap(SOAP)
    assert not isinstance(asked, Fault)
    read_answer(data, asked)


def _evidence(data: bytes) -> None:
    read_evidence(data, HANDLE, max_bytes=1024 * 1024)


def _archive() -> list[bytes]:
    import io
    from zipfile import ZipFile

    from sild.signatures import AsicContainer, write_asice
    from support.pki import NOW
    from support.signed_messages import sign

    out = io.BytesIO()
    with ZipFile(out, "w") as archive:
        for name, message in (
            ("q1-request-1.asice", SOAP),
            ("q1-response-2.asice", SOAP.replace(b"p:get", b"p:getResponse")),
        ):
            inner = io.BytesIO()
            write_asice(AsicContainer(message=message, signature=sign(message)), inner, at=NOW)
            archive.writestr(name, inner.getvalue())
    return [out.getvalue()]


def _dumped(document: object) -> bytes:
    return json.dumps(document).encode()


TARGETS = (
    Target("caller_headers", "lines", _caller, lambda: [HEADERS]),
    Target("service_request", "mime", lambda data: read_soap_request(*content_type_first(data)), lambda: [ATTACHED, MTOM, b"text/xml\n" + SOAP]),
    Target("client_answer", "xml", _answer, lambda: [SOAP.replace(b"p:get", b"p:getResponse"), FAULT]),
    Target("client_fault", "json", lambda data: read_fault(b"x", 500, data, query_id="q"), lambda: [_dumped({"type": "a", "message": "b", "detail": "c"}), b"<error><type>a</type></error>"]),
    Target("client_list", "json", read_client_list, lambda: [_dumped({"member": [MEMBER]}), CLIENTS_XML]),
    Target("rest_services", "json", read_rest_services, lambda: [_dumped({"service": [SERVICE]})]),
    Target("soap_services", "xml", read_soap_services, lambda: [SERVICES_XML]),
    Target("client_evidence", "zip", _evidence, _archive),
)  # fmt: skip
