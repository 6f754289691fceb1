"""SOAP messages that are refused: by the client's server, by the provider's, and an answer by the client's (WIRE 3, 4, 5).

What X-Road's own cases already show (`test_soap_cases.py`) is not repeated. Nothing refused reaches the service or its log.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Awaitable, Callable
from hashlib import sha512

import pytest
from forger import CONTENT_TYPE, HEADERS, FalseProvider, Forger, Part, Sealer, fault_in, render
from soap_world import (
    CONSUMER,
    CONSUMER_SUBSYSTEM,
    GET_STATE,
    MULTIPART,
    PRODUCER,
    TEXT_XML,
    SoapWorld,
    client_header,
    envelope,
    fault_of_answer,
    multipart,
    records,
)

from sild.http1 import Header, Request, Responder
from sild.security_server import ClientStatus, ConnectionType
from sild.xroad.identifiers import ClientId, ServiceId
from sild.xroad.soap import SHA512

in_module = pytest.mark.asyncio(loop_scope="module")
pytestmark = in_module


@pytest.fixture
def soap(module_soap: SoapWorld) -> SoapWorld:
    module_soap.service.begin()
    module_soap.service.answer = (envelope(response=True), TEXT_XML)
    return module_soap


@pytest.fixture
def forger(soap: SoapWorld) -> Forger:
    return Forger(soap.world, soap.consumer, soap.provider, "consumer")


# --- by the client's server: bad input has the origin `client`

GOOD = envelope()


def without(old: bytes, new: bytes = b"") -> bytes:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (without(b"<xroad:id>q1</xroad:id>"), "missing_header_field"),
        (without(b"<xroad:protocolVersion>4.0</xroad:protocolVersion>"), "missing_header_field"),
        (without(client_header(CONSUMER).encode()), "missing_header_field"),
        (
            without(b"xroad:service id", b"xroad:other id").replace(b"/xroad:service", b"/xroad:other"),
            "missing_header_field",
        ),
        (
            without(b"http://x-road.eu/xsd/xroad.xsd", b"http://x-road.ee/xsd/x-road.xsd"),
            "missing_header_field",
        ),
        (without(b">4.0<", b">3.1<"), "invalid_protocol_version"),
        (
            without(b"</SOAP-ENV:Header>", b"<xroad:id>q2</xroad:id></SOAP-ENV:Header>"),
            "duplicate_header_field",
        ),
        (
            without(b"</SOAP-ENV:Header>", client_header(CONSUMER).encode() + b"</SOAP-ENV:Header>"),
            "duplicate_header_field",
        ),
        (
            without(b"<id:memberCode>", b"<id:memberCode>x</id:memberCode><id:memberCode>"),
            "duplicate_header_field",
        ),
        (without(b' id:objectType="MEMBER"'), "invalid_xml"),
        (without(b'"MEMBER"', b'"SERVICE"'), "invalid_xml"),
        (without(b'"SERVICE"', b'"MEMBER"'), "invalid_xml"),
        (without(b"<id:memberCode>consumer</id:memberCode>"), "invalid_xml"),
        (without(b"<id:serviceCode>getState</id:serviceCode>"), "invalid_xml"),
        (
            without(b"<p:getState ", b"<p:other ").replace(b"</p:getState>", b"</p:other>"),
            "inconsistent_headers",
        ),
        (without(b"</p:getState>", b"</p:getState><p:getState xmlns:p='urn:p'/>"), "invalid_body"),
        (without(b"<SOAP-ENV:Header>", b"<x>").replace(b"</SOAP-ENV:Header>", b"</x>"), "missing_header"),
        (without(b"<SOAP-ENV:Body>", b"<x>").replace(b"</SOAP-ENV:Body>", b"</x>"), "missing_body"),
        (
            without(b"http://schemas.xmlsoap.org/soap/envelope/", b"http://www.w3.org/2003/05/soap-envelope"),
            "invalid_soap",
        ),
        (without(b"</SOAP-ENV:Envelope>"), "invalid_soap"),
        (GOOD[:200], "invalid_soap"),
        (b"\x00" * 100, "invalid_soap"),
        (b"<x/>", "invalid_soap"),
        (without(b"?>", b'?><!DOCTYPE x [<!ENTITY a "b">]>'), "invalid_soap"),
        (without(b"?>", b'?><!DOCTYPE x SYSTEM "file:///etc/passwd">'), "invalid_soap"),
        (
            without(b"?>", b'?><!DOCTYPE l [<!ENTITY a "aa"><!ENTITY b "&a;&a;"><!ENTITY c "&b;&b;">]>'),
            "invalid_soap",
        ),
        (without("õ".encode(), b"&undeclared;"), "invalid_soap"),
        (without("õ".encode(), b"\xff"), "invalid_soap"),
        (without("õ".encode(), b"<a>" * 2000 + b"</a>" * 2000), "invalid_soap"),
        (without(b"UTF-8", b"UTF-7"), "invalid_soap"),
        (without(b"UTF-8", b"hex"), "invalid_soap"),
        (without(b'version="1.0"', b'version="1.1"'), "invalid_soap"),
        (without(b"<p:getState ", b"<q:getState "), "invalid_soap"),
        (without(b"<id:xRoadInstance>", b"<id:xRoadInstance id:a='1' id:a='2'>"), "invalid_soap"),
    ],
)
async def test_messages_that_are_no_request(soap: SoapWorld, data: bytes, code: str) -> None:
    fault = fault_of_answer(await soap.post(data))
    assert fault.code == f"client.{code}", fault.message
    assert soap.service.seen == []


@pytest.mark.parametrize(
    ("content_type", "code"),
    [
        (None, "invalid_request"),
        ("application/json", "invalid_content_type"),
        ("text/plain", "invalid_content_type"),
        ("application/soap+xml", "invalid_content_type"),
        ("multipart/mixed; boundary=b", "invalid_content_type"),
        ("multipart/related", "invalid_content_type"),
        ("multipart/related; boundary=" + "b" * 300, "invalid_content_type"),
        (";", "invalid_content_type"),
    ],
)
async def test_content_types(soap: SoapWorld, content_type: str | None, code: str) -> None:
    assert fault_of_answer(await soap.post(GOOD, content_type)).code == f"client.{code}"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])
async def test_methods(soap: SoapWorld, method: str) -> None:
    answer = await soap.post(b"" if method in ("GET", "HEAD") else GOOD, method=method)
    if method != "HEAD":
        assert fault_of_answer(answer).code == "client.invalid_http_method"


@pytest.mark.parametrize(
    "action", [b"x", b'"', b"'urn:x'", b'"urn:x', b'"a b"', b'"%zz"', b'"<urn>"', b'"urn:\\x"']
)
async def test_soap_actions(soap: SoapWorld, action: bytes) -> None:
    answer = await soap.post(GOOD, headers=[(b"SOAPAction", action)])
    assert fault_of_answer(answer).code == "client.invalid_soap_action"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "missing_soap"),
        (b"no parts at all", "missing_soap"),
        (b"--MIME_boundary--\r\n", "missing_soap"),
        (multipart(("Content-Type: text/plain", GOOD)), "invalid_content_type"),
        (multipart(("Content-ID: <x>", GOOD)), "invalid_content_type"),
        (multipart(("Content-Type: text/xml", b"")), "invalid_soap"),
        (multipart(("Content-Type: text/xml", GOOD), ("Content-ID: <x>", b"")), "invalid_content_type"),
        (
            multipart(("Content-Type: text/xml\r\nContent-Type: text/xml", GOOD)),
            "mime_parsing_failed",
        ),
        (multipart(("Content-Type: text/xml\r\nX: " + "x" * 20_000, GOOD)), "mime_parsing_failed"),
        (
            multipart(("Content-Type: text/xml", GOOD), *[("Content-Type: a/b", b"")] * 1001),
            "invalid_message",
        ),
    ],
)
async def test_multiparts(soap: SoapWorld, body: bytes, code: str) -> None:
    answer = await soap.post(body or b"\r\n", MULTIPART)
    assert fault_of_answer(answer).code == f"client.{code}"
    assert soap.service.seen == []


async def test_parties_of_a_request(soap: SoapWorld) -> None:
    conf = soap.consumer.server.serverconf
    saved = ClientId("EE", "BUSINESS", "consumer", "saved")
    conf.add_client(saved, status=ClientStatus.SAVED, connection_type=ConnectionType.HTTP)
    locked = ClientId("EE", "BUSINESS", "consumer", "locked")
    conf.add_client(locked, status=ClientStatus.REGISTERED, connection_type=ConnectionType.HTTPS)
    stranger = ClientId("EE", "BUSINESS", "stranger")
    for client, code in (
        (saved, "unknown_member"),
        (stranger, "unknown_member"),
        (locked, "ssl_authentication_failed"),
    ):
        fault = fault_of_answer(await soap.post(envelope(client=client)))
        assert fault.code == f"server.clientproxy.{code}"


async def test_a_request_bad_twice_is_refused_for_its_form(soap: SoapWorld) -> None:
    """The input is looked at before anybody is asked who they are (WIRE 5)."""
    data = envelope(client=ClientId("EE", "BUSINESS", "stranger")).replace(b">4.0<", b">3<")
    assert fault_of_answer(await soap.post(data)).code == "client.invalid_protocol_version"


async def test_a_bad_attachment_comes_after_a_bad_client(soap: SoapWorld) -> None:
    """The SOAP part decides first, however much of the rest came with it."""
    stranger = envelope(client=ClientId("EE", "BUSINESS", "stranger"))
    body = multipart(("Content-Type: text/xml", stranger), ("Content-ID: <x>", b""))
    assert fault_of_answer(await soap.post(body, MULTIPART)).code == "server.clientproxy.unknown_member"


async def test_soap_to_a_rest_service(soap: SoapWorld) -> None:
    service = soap.provider.server.serverconf.add_rest_service(PRODUCER, "restful", soap.url)
    soap.provider.server.serverconf.grant(service, CONSUMER)
    fault = fault_of_answer(await soap.post(envelope(service=service)))
    assert fault.code == "server.serverproxy.service_type"
    assert fault.message == "Service is a REST service and cannot be called using SOAP interface"


async def test_rest_to_a_soap_service(soap: SoapWorld) -> None:
    """Through a subsystem, as REST demands one (the member's own services cannot be named)."""
    answer = await soap.world.call(
        soap.consumer,
        "GET",
        ServiceId(ClientId("EE", "BUSINESS", "producer", "subsys2"), "getState"),
        client=CONSUMER_SUBSYSTEM,
    )
    assert answer.header(b"x-road-error") == b"server.serverproxy.service_type"


# --- by the provider's server: messages of a client's server that does wrong

SOAP_HEADERS: list[Header] = [header for header in HEADERS if header[0] != b"x-road-message-type"]
SOAP_PART = "text/xml; charset=UTF-8"


def message(forger: Forger, data: bytes = GOOD) -> list[Part]:
    return [forger.tls_ocsp(), (SOAP_PART, data), *forger.sealer.seal(data)]


async def refusal(forger: Forger, parts: list[Part], headers: list[Header] = SOAP_HEADERS) -> str:
    response = await forger.post(render(parts), headers)
    return fault_in(await response.read(1024 * 1024)).code


async def answered(forger: Forger, parts: list[Part]) -> bytes:
    response = await forger.post(render(parts), SOAP_HEADERS)
    return await response.read(1024 * 1024)


async def test_honest_forger(forger: Forger) -> None:
    assert b"getStateResponse" in await answered(forger, message(forger))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (without(b">4.0<", b">3.1<"), "service_failed.invalid_protocol_version"),
        (without(b"<xroad:id>q1</xroad:id>"), "service_failed.missing_header_field"),
        (b"<x/>", "service_failed.invalid_soap"),
        (envelope(service=ServiceId(PRODUCER, "getNothing")), "unknown_service"),
        (
            envelope(service=ServiceId(ClientId("EE", "BUSINESS", "other"), "x")),
            "service_failed.unknown_member",
        ),
        (
            envelope(header=client_header(PRODUCER, "securityServer", serverCode="ss9")),
            "service_failed.invalid_security_server",
        ),
        (envelope(client=PRODUCER), "service_failed.ssl_authentication_failed"),
    ],
)
async def test_forged_messages(forger: Forger, soap: SoapWorld, data: bytes, code: str) -> None:
    before = records(soap.provider)
    assert await refusal(forger, message(forger, data)) == f"server.serverproxy.{code}"
    assert soap.service.seen == []
    assert records(soap.provider) == before


async def test_a_fault_instead_of_a_request(forger: Forger) -> None:
    fault = (
        b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>'
        b"<faultcode>x</faultcode></s:Fault></s:Body></s:Envelope>"
    )
    assert await refusal(forger, [forger.tls_ocsp(), (SOAP_PART, fault)]) == "server.serverproxy.missing_soap"


async def test_signature_of_another_message(forger: Forger) -> None:
    parts = [forger.tls_ocsp(), (SOAP_PART, GOOD), *forger.sealer.seal(GOOD + b"\n")]
    code = await refusal(forger, parts)
    assert code.startswith("server.serverproxy.signature_verification.")


async def test_signature_by_another_member(forger: Forger, soap: SoapWorld) -> None:
    other = Sealer.of(soap.world, soap.provider, "producer")
    code = await refusal(forger, [forger.tls_ocsp(), (SOAP_PART, GOOD), *other.seal(GOOD)])
    assert code == "server.serverproxy.signature_verification.incorrect_certificate"


NESTED = "multipart/mixed; charset=UTF-8; boundary=xattforger"


def nested(*attachments: bytes) -> bytes:
    parts = b"".join(b"\r\n--xattforger\r\ncontent-type: a/b\r\n\r\n" + data for data in attachments)
    return parts + b"\r\n--xattforger--\r\n"


async def test_honest_attachment(forger: Forger, soap: SoapWorld) -> None:
    parts = [
        forger.tls_ocsp(),
        (SOAP_PART, GOOD),
        (NESTED, nested(b"one")),
        *forger.sealer.seal(GOOD, b"one"),
    ]
    headers = [*SOAP_HEADERS[:-2], (b"x-original-content-type", MULTIPART.encode()), SOAP_HEADERS[-1]]
    response = await forger.post(render(parts), headers)
    assert b"getStateResponse" in await response.read(65536)
    assert soap.service.seen[0].body.endswith(b"content-type:a/b\r\n\r\none\r\n--MIME_boundary--\r\n")


@pytest.mark.parametrize("attachments", [[b"two"], [b"one", b"one"], []], ids=["changed", "one more", "none"])
async def test_attachments_that_are_not_the_signed_ones(
    forger: Forger, soap: SoapWorld, attachments: list[bytes]
) -> None:
    middle = [(NESTED, nested(*attachments))] if attachments else []
    parts = [forger.tls_ocsp(), (SOAP_PART, GOOD), *middle, *forger.sealer.seal(GOOD, b"one")]
    code = await refusal(forger, parts)
    assert code.startswith("server.serverproxy.signature_verification.")
    assert soap.service.seen == []


async def test_attachments_without_an_original_content_type(forger: Forger, soap: SoapWorld) -> None:
    """The peer lost it: the service gets a well-formed message all the same."""
    parts = [
        forger.tls_ocsp(),
        (SOAP_PART, GOOD),
        (NESTED, nested(b"one")),
        *forger.sealer.seal(GOOD, b"one"),
    ]
    assert b"getStateResponse" in await answered(forger, parts)
    content_type = soap.service.seen[0].header(b"content-type") or b""
    assert content_type.startswith(b'multipart/related; type="text/xml"; charset=UTF-8; boundary=xroad')


@pytest.mark.parametrize("end", [b"\r\n", b"--", b" \t\n", b""])
async def test_attachment_that_holds_the_boundary(forger: Forger, soap: SoapWorld, end: bytes) -> None:
    """Signed as one attachment, it would be two to the service (WIRE 18)."""
    hidden = b"one\r\n--MIME_boundary" + end
    parts = [
        forger.tls_ocsp(),
        (SOAP_PART, GOOD),
        (NESTED, nested(hidden)),
        *forger.sealer.seal(GOOD, hidden),
    ]
    headers = [*SOAP_HEADERS[:-2], (b"x-original-content-type", MULTIPART.encode()), SOAP_HEADERS[-1]]
    assert await refusal(forger, parts, headers) == "server.serverproxy.service_failed.invalid_message"
    assert soap.service.seen == []


async def test_malformed_soap_action_of_a_peer(forger: Forger) -> None:
    headers = [*SOAP_HEADERS, (b"x-original-soapaction", b"bare")]
    assert await refusal(forger, message(forger), headers) == "server.serverproxy.invalid_soap_action"


async def test_unknown_digest(forger: Forger) -> None:
    headers = [header for header in SOAP_HEADERS if header[0] != b"x-hash-algorithm"]
    assert await refusal(forger, message(forger), headers) == "server.serverproxy.internal_error"


async def test_rest_body_beside_a_soap_message(forger: Forger) -> None:
    parts = [*message(forger)[:2], ("application/x-road-rest-body", b"x"), *forger.sealer.seal(GOOD, b"x")]
    assert await refusal(forger, parts) == "server.serverproxy.service_failed.invalid_content_type"


async def test_two_soap_messages(forger: Forger) -> None:
    parts = [*message(forger)[:2], (SOAP_PART, GOOD), *forger.sealer.seal(GOOD)]
    assert await refusal(forger, parts) == "server.serverproxy.service_failed.invalid_content_type"


# --- the service answers wrongly


@pytest.mark.parametrize(
    ("answer", "content_type", "code"),
    [
        (envelope(response=True).replace(b">4.0<", b">3<"), TEXT_XML, "invalid_protocol_version"),
        (envelope(response=True, declaration='<?xml version="1.0" encoding="x"?>'), TEXT_XML, "invalid_soap"),
        (b"<html/>", "text/html", "invalid_content_type"),
        (multipart(("Content-Type: text/html", b"x")), MULTIPART, "invalid_content_type"),
        (multipart(("Content-Type: text/xml\r\nX: " + "x" * 20_000, GOOD)), MULTIPART, "mime_parsing_failed"),
        (b"", "multipart/related; boundary=b", "invalid_message"),
    ],
)
async def test_wrong_answers(soap: SoapWorld, answer: bytes, content_type: str, code: str) -> None:
    soap.service.answer = (answer, content_type)
    before = len(records(soap.provider))
    fault = fault_of_answer(await soap.post(GOOD))
    assert fault.code == f"server.serverproxy.service_failed.{code}"
    assert len(records(soap.provider)) == before + 1, "the request alone"


@pytest.mark.parametrize("status", [201, 204, 302, 404, 502])
async def test_other_statuses(soap: SoapWorld, status: int) -> None:
    async def answers(request: Request, responder: Responder) -> None:
        await request.read(65536)
        await responder.send(status, [(b"Content-Type", b"text/xml")], b"" if status == 204 else GOOD)

    soap.service.handler = answers
    fault = fault_of_answer(await soap.post(GOOD))
    assert fault.code == "server.serverproxy.service_failed.http_error"


async def test_service_that_breaks_off_in_an_attachment(soap: SoapWorld) -> None:
    """The answer has begun its way to the client's server: the fault comes in the signature's place (WIRE 4.3)."""

    async def breaks(request: Request, responder: Responder) -> None:
        await request.read(65536)
        await responder.start(200, [(b"Content-Type", MULTIPART.encode())], length=10_000_000)
        head = multipart(
            ("Content-Type: text/xml", envelope(response=True)), ("Content-Type: a/b", b"x" * 500_000)
        )
        await responder.write(head[:-20])
        raise ConnectionError("gone")

    soap.service.handler = breaks
    before = len(records(soap.consumer))
    fault = fault_of_answer(await soap.post(GOOD))
    assert fault.code.startswith("server.serverproxy.service_failed.")
    assert len(records(soap.consumer)) == before + 1, "the request alone"


async def test_service_without_an_address(soap: SoapWorld) -> None:
    service = soap.provider.server.serverconf.add_soap_service(
        PRODUCER, "unreachable", None, "http://wsdl/u", "http://127.0.0.1:1/"
    )
    soap.provider.server.serverconf.grant(service, CONSUMER)
    fault = fault_of_answer(await soap.post(envelope(service=service)))
    assert fault.code == "server.serverproxy.service_failed.network_error"


# --- by the client's server: answers of a provider's server that does wrong


Answer = Callable[[FalseProvider, Request, Responder], Awaitable[None]]


def response(request: bytes = GOOD, **changed: ClientId | ServiceId | str) -> bytes:
    """What an honest provider's server would sign."""
    value = b64encode(sha512(request).digest()).decode()
    stated = f'<xroad:requestHash algorithmId="{SHA512}">{value}</xroad:requestHash>'
    return envelope(response=True, header=stated, **changed)  # type: ignore[arg-type]


def sends(*parts: Part, sealed: bytes | None = None, body: bytes | None = None) -> Answer:
    async def answer(false: FalseProvider, request: Request, responder: Responder) -> None:
        await request.read(1024 * 1024)
        tail = [] if sealed is None else false.sealer.seal(sealed, body)
        headers: list[Header] = [(b"content-type", CONTENT_TYPE.encode()), (b"x-hash-algorithm", b"SHA-512")]
        await responder.send(200, headers, render([*parts, *tail]))

    return answer


OTHER = ServiceId(PRODUCER, "getStateToo")
TAMPERED = response().replace("õ".encode(), b"o")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (
            sends((SOAP_PART, response(query_id="q2")), sealed=response(query_id="q2")),
            "service_failed.inconsistent_response",
        ),
        (
            sends(
                (SOAP_PART, response(client=CONSUMER_SUBSYSTEM)), sealed=response(client=CONSUMER_SUBSYSTEM)
            ),
            "service_failed.inconsistent_response",
        ),
        (
            sends((SOAP_PART, response(service=OTHER)), sealed=response(service=OTHER)),
            "service_failed.inconsistent_response",
        ),
        (
            sends((SOAP_PART, envelope(response=True)), sealed=envelope(response=True)),
            "inconsistent_response",
        ),
        (sends((SOAP_PART, response(b"other")), sealed=response(b"other")), "inconsistent_response"),
        (sends((SOAP_PART, TAMPERED), sealed=response()), "signature_verification."),
        (sends((SOAP_PART, response())), "missing_signature"),
        (sends(("application/hash-chain-result", b"x")), "service_failed.invalid_content_type"),
        (sends((SOAP_PART, b"<x/>"), sealed=b"<x/>"), "service_failed.invalid_soap"),
        (
            sends((SOAP_PART, response()), (NESTED, nested(b"two")), sealed=response(), body=b"one"),
            "signature_verification.",
        ),
        (
            sends((SOAP_PART, response()), (NESTED, b"no parts"), sealed=response()),
            "service_failed.mime_parsing_failed",
        ),
    ],
)
async def test_false_answers(
    module_false_soap: tuple[SoapWorld, FalseProvider], answer: Answer, code: str
) -> None:
    soap, false = module_false_soap
    false.begin()
    false.answer = answer
    before = len(records(soap.consumer))
    told = fault_of_answer(await soap.post(GOOD)).code
    assert told.startswith("server.clientproxy." + code)
    assert len(records(soap.consumer)) == before + 1, "the request alone"


async def test_honest_answer_of_a_forger(module_false_soap: tuple[SoapWorld, FalseProvider]) -> None:
    soap, false = module_false_soap
    false.begin()
    false.answer = sends((SOAP_PART, response()), sealed=response())
    answer = await soap.post(GOOD)
    assert answer.body == response()
    assert GET_STATE.service_code.encode() in answer.body
