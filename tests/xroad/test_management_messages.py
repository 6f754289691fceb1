"""Management requests written and read: every kind, the reference's bytes, hostile XML and MIME (WIRE 16)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from sild.errors import CallerError, PeerError
from sild.security_server.wsdl import parse_wsdl
from sild.xroad import ClientId, SecurityServerId
from sild.xroad.management import (
    MAX_REQUEST_BYTES,
    SERVICE_CODES,
    AddressChange,
    AuthCertDeletion,
    AuthCertRegistration,
    ClientDeletion,
    ClientDisabling,
    ClientEnabling,
    ClientRegistration,
    ClientRenaming,
    MaintenanceModeDisabling,
    MaintenanceModeEnabling,
    ManagementRequest,
    OwnerChange,
    Signing,
    management_body,
    management_services_wsdl,
    parse_management_body,
    parse_management_request,
    parse_management_response,
    render_management_request,
    render_management_response,
    service_code_of,
    signing_of,
)
from sild.xroad.soap import XROAD

OWNER = ClientId("DEV", "GOV", "1")
SERVER = SecurityServerId(OWNER, "SS1")
CLIENT = ClientId("DEV", "COM", "2", "Sub")
PROVIDER = ClientId("DEV", "GOV", "0", "Management")
BOUNDARY = "xroadBOUNDARY"
ATTACHMENTS = {
    "signatures": [("SHA512withRSA", b"auth"), ("SHA512withRSA", b"owner")],
    "certificates": [b"auth certificate", b"owner certificate"],
    "ocsp": b"ocsp",
}


@pytest.fixture(scope="module")
def request_schema(shared: Path) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(shared / "schema" / "message" / "request.xsd"))


def attachments_of(request: ManagementRequest) -> dict[str, object]:
    match signing_of(request):
        case Signing.AUTH_AND_OWNER:
            return ATTACHMENTS
        case Signing.NONE:
            return {}
    return {"signatures": [("SHA512withRSA", b"s")], "certificates": [b"c"], "ocsp": b"o"}


def rendered(request: ManagementRequest, **more: str) -> bytes:
    return render_management_request(request, sender=OWNER, provider=PROVIDER, query_id="q-1", **more)


def signed(request: ManagementRequest = ClientRegistration(SERVER, CLIENT)) -> tuple[str, bytes]:
    return management_body(
        rendered(request),
        signatures=[("SHA512withRSA", b"\0\r\n--sig")],
        certificates=[b"certificate\n"],
        ocsp=b"\r\nocsp",
        boundary=BOUNDARY,
    )


text = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cn"), include_characters="\r\n\t <&>\"'"),
    max_size=20,
)
code = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cn")), min_size=1, max_size=20)
members = st.builds(ClientId, code, code, code)
clients = st.builds(ClientId, code, code, code, st.none() | code)
servers = st.builds(SecurityServerId, members, code)
requests = st.one_of(
    st.builds(AuthCertRegistration, servers, text, st.binary(max_size=50), st.booleans()),
    st.builds(AuthCertDeletion, servers, st.binary(max_size=50)),
    st.builds(ClientRegistration, servers, clients, st.none() | text),
    st.builds(ClientRenaming, servers, clients, text),
    *(
        st.builds(kind, servers, clients)
        for kind in (ClientDeletion, ClientDisabling, ClientEnabling, OwnerChange)
    ),
    st.builds(AddressChange, servers, text),
    st.builds(MaintenanceModeEnabling, servers, st.none() | text),
    st.builds(MaintenanceModeDisabling, servers),
)


@given(requests, members, clients, code)
def test_what_is_written_is_read(
    request: ManagementRequest, sender: ClientId, provider: ClientId, query_id: str
) -> None:
    soap = render_management_request(request, sender=sender, provider=provider, query_id=query_id)
    message, found = parse_management_request(soap)
    assert found == request
    assert (message.client, message.service.client_id, message.query_id) == (sender, provider, query_id)
    assert message.service.service_code == message.service_name == service_code_of(request)
    answer = render_management_response(message, request, 42)
    read, number = parse_management_response(answer.data)
    assert number == 42
    assert (read.client, read.service, read.query_id) == (sender, message.service, query_id)


@given(st.binary(max_size=60), st.binary(max_size=60), st.binary(min_size=1, max_size=60))
def test_attachments_of_any_bytes_come_back(signature: bytes, certificate: bytes, ocsp: bytes) -> None:
    soap = rendered(ClientEnabling(SERVER, CLIENT))
    content_type, body = management_body(
        soap,
        signatures=[("SHA256withECDSA", signature)],
        certificates=[certificate],
        ocsp=ocsp,
        boundary=BOUNDARY,
    )
    if not (signature and certificate):
        with pytest.raises(PeerError, match="is missing"):
            parse_management_body(content_type, body)
        return
    read = parse_management_body(content_type, body)
    assert read.signatures == (("SHA256withECDSA", signature),)
    assert (read.certificates, read.ocsp_response) == ((certificate,), ocsp)
    assert read.message.data == soap


def test_the_bytes_of_a_registration_are_those_of_the_reference() -> None:
    request = AuthCertRegistration(SERVER, "ss1.example.org", b"auth certificate")
    soap = rendered(request)
    assert soap == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b'<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"'
        b' xmlns:xroad="http://x-road.eu/xsd/xroad.xsd" xmlns:id="http://x-road.eu/xsd/identifiers">'
        b'<SOAP-ENV:Header><xroad:client id:objectType="MEMBER"><id:xRoadInstance>DEV</id:xRoadInstance>'
        b"<id:memberClass>GOV</id:memberClass><id:memberCode>1</id:memberCode></xroad:client>"
        b'<xroad:service id:objectType="SERVICE"><id:xRoadInstance>DEV</id:xRoadInstance>'
        b"<id:memberClass>GOV</id:memberClass><id:memberCode>0</id:memberCode>"
        b"<id:subsystemCode>Management</id:subsystemCode><id:serviceCode>authCertReg</id:serviceCode>"
        b"</xroad:service><xroad:id>q-1</xroad:id><xroad:protocolVersion>4.0</xroad:protocolVersion>"
        b'</SOAP-ENV:Header><SOAP-ENV:Body><xroad:authCertReg><xroad:server id:objectType="SERVER">'
        b"<id:xRoadInstance>DEV</id:xRoadInstance><id:memberClass>GOV</id:memberClass>"
        b"<id:memberCode>1</id:memberCode><id:serverCode>SS1</id:serverCode></xroad:server>"
        b"<xroad:address>ss1.example.org</xroad:address><xroad:authCert>YXV0aCBjZXJ0aWZpY2F0ZQ==</xroad:authCert>"
        b"<xroad:dryRun>false</xroad:dryRun></xroad:authCertReg></SOAP-ENV:Body></SOAP-ENV:Envelope>"
    )
    content_type, body = management_body(soap, **ATTACHMENTS, boundary=BOUNDARY)
    assert content_type == (
        'multipart/related; type="application/octet-stream"; charset=UTF-8; boundary=xroadBOUNDARY'
    )
    binary = b"\r\n--xroadBOUNDARY\r\ncontent-type:application/octet-stream\r\n"
    algorithm = b"signature-algorithm-id: SHA512withRSA\r\n"
    assert body == (
        b"--xroadBOUNDARY\r\ncontent-type:text/xml; charset=UTF-8\r\n\r\n" + soap
        + binary + algorithm + b"\r\nauth"
        + binary + algorithm + b"\r\nowner"
        + binary + b"\r\nauth certificate"
        + binary + b"\r\nowner certificate"
        + binary + b"\r\nocsp\r\n--xroadBOUNDARY--\r\n"
    )  # fmt: skip
    assert parse_management_body(content_type, body).request == request


def test_a_deletion_is_the_message_alone() -> None:
    request = ClientDeletion(SERVER, CLIENT)
    content_type, body = management_body(rendered(request))
    assert content_type == "text/xml; charset=UTF-8"
    assert parse_management_body(content_type, body).request == request


def test_the_header_of_a_signature_is_read_in_any_case_and_once() -> None:
    content_type, body = signed()
    upper = body.replace(b"signature-algorithm-id", b"Signature-Algorithm-Id")
    assert parse_management_body(content_type, upper).signatures[0][0] == "SHA512withRSA"
    twice = body.replace(
        b"signature-algorithm-id: ", b"signature-algorithm-id: x\r\nsignature-algorithm-id: "
    )
    assert refusal(content_type, twice) == "mime_parsing_failed"


def test_a_connection_test_is_told_what_the_reference_tells() -> None:
    """X-Road 7.8 sends the SOAP message alone, without address and certificate, and waits for this refusal."""
    soap = rendered(AuthCertRegistration(SERVER, "", b"", dry_run=True))
    assert b"xroad:address" not in soap
    content_type, body = management_body(soap, boundary=BOUNDARY)
    with pytest.raises(PeerError, match="Auth signature algorithm id is missing") as error:
        parse_management_body(content_type, body)
    assert error.value.code == "invalid_request"


def refusal(content_type: str, body: bytes) -> str:
    with pytest.raises(PeerError) as error:
        parse_management_body(content_type, body)
    return error.value.code


def without_part(body: bytes, number: int) -> bytes:
    parts = body.split(b"--" + BOUNDARY.encode())
    return (b"--" + BOUNDARY.encode()).join(part for place, part in enumerate(parts) if place != number + 1)


SOAP = rendered(ClientRegistration(SERVER, CLIENT, "name"))


@pytest.mark.parametrize(
    ("name", "soap", "code"),
    [
        ("not XML", b"<", "invalid_soap"),
        ("a DTD", SOAP.replace(b"<SOAP-ENV:Envelope", b"<!DOCTYPE x><SOAP-ENV:Envelope"), "invalid_soap"),
        (
            "an entity bomb",
            SOAP.replace(
                b"<SOAP-ENV:Envelope",
                b'<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><SOAP-ENV:Envelope',
            ).replace(b">name<", b">&b;<"),
            "invalid_soap",
        ),
        ("an unknown service", SOAP.replace(b"clientReg", b"clientRex"), "invalid_request"),
        ("another service", SOAP.replace(b"<xroad:clientReg>", b"<xroad:clientRegX>", 1).replace(
            b"</xroad:clientReg>", b"</xroad:clientRegX>"), "invalid_soap"),
        ("an answer", SOAP.replace(b"<xroad:clientReg>", b"<xroad:clientRegResponse>").replace(
            b"</xroad:clientReg>", b"</xroad:clientRegResponse>"), "invalid_soap"),
        ("a body of another namespace", SOAP.replace(
            b"<xroad:clientReg>", b'<xroad:clientReg xmlns:xroad="urn:other">'), "invalid_soap"),
        ("no server", re.sub(rb"<xroad:server .*</xroad:server>", b"", SOAP), "invalid_request"),
        ("two servers", re.sub(rb"(<xroad:server .*</xroad:server>)", rb"\1\1", SOAP), "invalid_request"),
        ("two names", SOAP.replace(b"<xroad:subsystemName>", b"<xroad:subsystemName/><xroad:subsystemName>"), "invalid_request"),
        ("no client", re.sub(rb"<xroad:client id:objectType=.SUB.*?</xroad:client>", b"", SOAP), "invalid_request"),
        ("a server of type MEMBER", SOAP.replace(b'"SERVER"', b'"MEMBER"'), "invalid_xml"),
        ("no server code", SOAP.replace(b"<id:serverCode>SS1</id:serverCode>", b""), "invalid_xml"),
        ("two server codes", SOAP.replace(b"<id:serverCode>", b"<id:serverCode>A</id:serverCode><id:serverCode>"), "invalid_request"),
        ("a client without its subsystem", SOAP.replace(b"<id:subsystemCode>Sub</id:subsystemCode>", b""), "invalid_xml"),
        ("too long", SOAP.replace(b"name<", b"n" * MAX_REQUEST_BYTES + b"<"), "invalid_request"),
        ("a fault", b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><e:Fault/></e:Body></e:Envelope>',
         "invalid_request"),
        ("deep", SOAP.replace(b">name<", b">" + b"<a>" * 600 + b"</a>" * 600 + b"<"), "invalid_soap"),
    ],
)  # fmt: skip
def test_hostile_soap(name: str, soap: bytes, code: str) -> None:
    assert soap != SOAP
    with pytest.raises(PeerError) as error:
        parse_management_request(soap)
    assert error.value.code == code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda body: body + b"epilogue", "mime_parsing_failed"),
        (lambda body: b"preamble\r\n" + body, "mime_parsing_failed"),
        (lambda body: body[:-6], "io_error"),
        (lambda body: b"", "invalid_request"),
        (lambda body: without_part(body, 1), "invalid_request"),
        (lambda body: without_part(body, 3), "invalid_request"),
        (
            lambda body: body.replace(b"--xroadBOUNDARY\r\n", b"--xroadBOUNDARY\r\na: b\r\n\r\n\r\n--xroadBOUNDARY\r\n", 1),
            "invalid_content_type",
        ),
        (lambda body: body.replace(b"signature-algorithm-id", b"algorithm"), "invalid_request"),
        (lambda body: body.replace(b"content-type:text/xml", b"content-type:text/html"), "invalid_content_type"),
        (lambda body: body.replace(b"content-type:application/octet-stream\r\n\r\n", b"\r\n", 1), "invalid_content_type"),
        (lambda body: body.replace(b"signature-algorithm-id:", b"content-transfer-encoding: base64\r\na:"), "mime_parsing_failed"),
        (lambda body: body.replace(b"signature-algorithm-id:", b"x" * 5000 + b":"), "mime_parsing_failed"),
        (
            lambda body: body.replace(b"--xroadBOUNDARY--", b"--xroadBOUNDARY\r\ncontent-type:a/b\r\n\r\nmore\r\n--xroadBOUNDARY--"),
            "invalid_request",
        ),
        (lambda body: body + b"\r\n" * MAX_REQUEST_BYTES, "invalid_request"),
    ],
)  # fmt: skip
def test_hostile_mime(change: object, code: str) -> None:
    content_type, body = signed()
    assert callable(change)
    assert refusal(content_type, change(body)) == code


def test_more_attachments_than_a_kind_has() -> None:
    content_type, body = management_body(
        rendered(ClientDeletion(SERVER, CLIENT)), certificates=[b"certificate"], boundary=BOUNDARY
    )
    assert refusal(content_type, body) == "invalid_request"


@pytest.mark.parametrize(
    "content_type", ["", "text/html", "multipart/mixed; boundary=a", "multipart/related"]
)
def test_other_content_types(content_type: str) -> None:
    assert refusal(content_type, SOAP) == "invalid_content_type"


@settings(max_examples=300)
@given(requests, st.data())
def test_a_changed_body_is_refused_as_the_peers_fault_or_read(
    request: ManagementRequest, data: st.DataObject
) -> None:
    """Cut, doubled, changed: PeerError and nothing else."""
    content_type, body = management_body(rendered(request), **attachments_of(request), boundary=BOUNDARY)
    assert parse_management_body(content_type, body).request == request
    start = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(start, len(body)))
    middle = data.draw(st.sampled_from([b"", body[start:end] * 2, b"\0", b"<", b"\r\n"]))
    changed = body[:start] + middle + body[end:]
    try:
        read = parse_management_body(content_type, changed)
    except PeerError:
        return
    assert service_code_of(read.request) in SERVICE_CODES


def test_what_cannot_be_written_is_the_callers_fault() -> None:
    for request in (
        ClientRenaming(SERVER, CLIENT, "\x00"),
        AddressChange(SecurityServerId(OWNER, "a\x01"), "a"),
        ClientDeletion(SERVER, ClientId("DEV", "GOV", "\ud800")),
    ):
        with pytest.raises(CallerError):
            rendered(request)
    with pytest.raises(CallerError, match="boundary"):
        management_body(SOAP, ocsp=b"a")
    with pytest.raises(CallerError, match="boundary"):
        management_body(SOAP, ocsp=b"--a", boundary="a")


@pytest.mark.parametrize("number", ["", "-1", "x", "1" * 19, "\u0661"])
def test_an_answer_without_a_number(number: str) -> None:
    message, request = parse_management_request(SOAP)
    answer = render_management_response(message, request, 7).data
    with pytest.raises(PeerError) as error:
        parse_management_response(answer.replace(b">7<", f">{number}<".encode()))
    assert error.value.code == "invalid_request"


def test_an_answer_of_another_service() -> None:
    message, request = parse_management_request(SOAP)
    answer = render_management_response(message, request, 7).data
    with pytest.raises(PeerError) as error:
        parse_management_response(answer.replace(b"clientRegResponse", b"clientRegResponseX"))
    assert error.value.code == "invalid_soap"


@given(requests)
@settings(max_examples=60)
def test_the_standard_s_schema_accepts_what_is_written(
    request_schema: etree.XMLSchema, request: ManagementRequest
) -> None:
    """X-Road's own request.xsd, read by libxml2: requests and answers."""
    message, _ = parse_management_request(rendered(request))
    for data in (message.data, render_management_response(message, request, 7).data):
        body = etree.fromstring(data).find("{http://schemas.xmlsoap.org/soap/envelope/}Body")
        assert body is not None
        element = body[0]
        element.tag = (
            f"{{{XROAD}}}{service_code_of(request)}"  # the schema has no answers: they are of the same type
        )
        request_schema.assertValid(element)


def test_the_wsdl_describes_every_kind_that_comes_through_the_exchange(
    tmp_path: Path,
) -> None:
    wsdl = management_services_wsdl("https://cs:4002/managementservice/manage/")
    operations = parse_wsdl(wsdl)
    assert {operation.code for operation in operations} == set(SERVICE_CODES) - {"authCertReg"}
    assert {operation.url for operation in operations} == {"https://cs:4002/managementservice/manage/"}
    identifiers, messages = etree.fromstring(wsdl).iter("{http://www.w3.org/2001/XMLSchema}schema")
    (tmp_path / "identifiers.xsd").write_bytes(etree.tostring(identifiers))
    found = messages.find("{http://www.w3.org/2001/XMLSchema}import")
    assert found is not None
    found.set("schemaLocation", "identifiers.xsd")
    (tmp_path / "messages.xsd").write_bytes(etree.tostring(messages))
    described = etree.XMLSchema(etree.parse(tmp_path / "messages.xsd"))
    for request in (
        AuthCertDeletion(SERVER, b"certificate"),
        ClientRegistration(SERVER, CLIENT, "name"),
        ClientRegistration(SERVER, OWNER),
        ClientRenaming(SERVER, CLIENT, "name"),
        *(kind(SERVER, CLIENT) for kind in (ClientDeletion, ClientDisabling, ClientEnabling, OwnerChange)),
        AddressChange(SERVER, "a"),
        MaintenanceModeEnabling(SERVER),
        MaintenanceModeEnabling(SERVER, "m"),
        MaintenanceModeDisabling(SERVER),
    ):
        message, _ = parse_management_request(rendered(request))
        for data in (message.data, render_management_response(message, request, 7).data):
            body = etree.fromstring(data).find("{http://schemas.xmlsoap.org/soap/envelope/}Body")
            assert body is not None
            described.assertValid(body[0])
