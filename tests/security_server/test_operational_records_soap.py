"""Records of SOAP exchanges: sizes and attachments as PR-OPMON counts them, faults of the service, what is answered here."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from recorded import SETTINGS, Recorded, last, recorded
from soap_world import (
    CONSUMER,
    GET_STATE,
    MULTIPART,
    PRODUCER,
    PRODUCER_SUBSYSTEM,
    TEXT_XML,
    SoapWorld,
    envelope,
    fault_of_answer,
    multipart,
)
from world import World

from sild.xroad.identifiers import ServiceId

pytestmark = pytest.mark.asyncio(loop_scope="module")

HEADERS = (
    "<xroad:userId>EE38001085718</xroad:userId><xroad:issue>case 7</xroad:issue>"
    '<repr:representedParty xmlns:repr="http://x-road.eu/xsd/representation.xsd">'
    "<repr:partyClass>COM</repr:partyClass><repr:partyCode>77</repr:partyCode></repr:representedParty>"
)
FAULT = (
    b'<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body><S:Fault><faultcode>S:Client</faultcode>'
    b"<faultstring>no such person</faultstring></S:Fault></S:Body></S:Envelope>"
)
TIMES = ("request_in_ts", "request_out_ts", "response_in_ts", "response_out_ts")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_soap(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SoapWorld]:
    async with World(tmp_path_factory.mktemp("soap"), instance="EE", member_class="BUSINESS") as world:
        made = SoapWorld(world)
        await made.start(**SETTINGS)
        yield made


@pytest.fixture
def soap(module_soap: SoapWorld) -> SoapWorld:
    module_soap.service.begin()
    return module_soap


async def both(soap: SoapWorld) -> tuple[Recorded, Recorded]:
    client, producer = await last(soap.consumer), await last(soap.provider)
    assert client["x_request_id"] == producer["x_request_id"]
    return client, producer


async def test_a_good_exchange(soap: SoapWorld) -> None:
    request = envelope(header=HEADERS)
    soap.service.answer = envelope(header=HEADERS, response=True), TEXT_XML
    answer = await soap.post(request)
    assert answer.status == 200
    for record in await both(soap):
        times = [record.pop(name) for name in TIMES]
        assert times == sorted(times)
        for name in ("security_server_internal_ip", "x_request_id", "security_server_type"):
            assert record.pop(name)
        assert record == {
            "succeeded": 1,
            "client_xroad_instance": "EE",
            "client_member_class": "BUSINESS",
            "client_member_code": "consumer",
            "service_xroad_instance": "EE",
            "service_member_class": "BUSINESS",
            "service_member_code": "producer",
            "service_code": "getState",
            "represented_party_class": "COM",
            "represented_party_code": "77",
            "message_id": "q1",
            "message_user_id": "EE38001085718",
            "message_issue": "case 7",
            "message_protocol_version": "4.0",
            "client_security_server_address": "ss1.test",
            "service_security_server_address": "ss2.test",
            "request_size": len(request),
            "response_size": len(answer.body),
            "request_attachment_count": 0,
            "response_attachment_count": 0,
            "service_type": "WSDL",
            "xroad_version": "7.8.0",
        }


async def test_attachments(soap: SoapWorld) -> None:
    message, response = envelope(), envelope(response=True)
    head = "Content-Type: text/xml; charset=UTF-8"
    two = multipart(
        (head, message),
        ("Content-Type: image/png", b"a" * 700),
        ("Content-Type: text/plain\r\nContent-ID: <b>", b"b" * 300),
    )
    one = multipart((head, response), ("Content-Type: image/png", b"c" * 50))
    soap.service.answer = one, MULTIPART
    answer = await soap.post(two, MULTIPART)
    assert (answer.header(b"content-type") or b"").startswith(b"multipart/related"), answer.body
    told = answer.body.split(b"\r\n\r\n")[1].rpartition(b"\r\n--")[0]
    for record in await both(soap):
        assert record["succeeded"]
        assert record["request_size"] == len(message)
        assert record["request_attachment_count"] == 2
        assert record["request_mime_size"] == len(message) + 1000
        assert record["response_size"] == len(told)
        assert record["response_attachment_count"] == 1
        assert record["response_mime_size"] == len(told) + 50


async def test_the_service_answers_with_a_fault(soap: SoapWorld) -> None:
    soap.service.answer = FAULT, TEXT_XML
    assert fault_of_answer(await soap.post(envelope())).code == "S:Client"
    for record in await both(soap):
        assert not record["succeeded"]
        assert record["fault_code"] == "S:Client"
        assert record["fault_string"] == "no such person"
        assert "response_size" not in record
        assert "response_in_ts" in record


@pytest.mark.parametrize(
    ("answer", "content_type", "code"),
    [
        (b"<broken", TEXT_XML, "server.serverproxy.service_failed.invalid_soap"),
        (b"", TEXT_XML, "server.serverproxy.service_failed.invalid_soap"),
        (b"x", "text/plain", "server.serverproxy.service_failed.invalid_content_type"),
    ],
)
async def test_the_service_answers_with_nonsense(
    soap: SoapWorld, answer: bytes, content_type: str, code: str
) -> None:
    soap.service.answer = answer, content_type
    told = fault_of_answer(await soap.post(envelope())).code
    assert told.startswith("server.serverproxy.service_failed.")
    for record in await both(soap):
        assert record["fault_code"] == told
        assert "response_in_ts" in record


@pytest.mark.parametrize(
    ("service", "header", "code"),
    [
        (ServiceId(PRODUCER, "missing"), "", "server.serverproxy.unknown_service"),
        (ServiceId(PRODUCER, "test", "v9"), "", "server.serverproxy.unknown_service"),
    ],
)
async def test_the_provider_refuses(soap: SoapWorld, service: ServiceId, header: str, code: str) -> None:
    assert fault_of_answer(await soap.post(envelope(service=service, header=header))).code == code
    for record in await both(soap):
        assert record["fault_code"] == code
        assert record["service_code"] == service.service_code
        assert record.get("service_version") == service.service_version
        assert record["request_attachment_count"] == 0


@pytest.mark.parametrize("data", [b"<broken", envelope().replace(b"xroad:id>", b"xroad:di>")])
async def test_what_cannot_be_read_has_no_parties(soap: SoapWorld, data: bytes) -> None:
    number = len(await recorded(soap.provider))
    code = fault_of_answer(await soap.post(data)).code
    assert code.startswith("client.")
    record = await last(soap.consumer)
    assert record["fault_code"] == code
    assert "client_member_code" not in record
    assert "service_type" not in record
    assert len(await recorded(soap.provider)) == number


@pytest.mark.parametrize("service_code", ["listMethods", "allowedMethods"])
async def test_no_service_is_asked_when_the_server_answers_itself(soap: SoapWorld, service_code: str) -> None:
    answer = await soap.post(envelope(service=ServiceId(PRODUCER_SUBSYSTEM, service_code), client=CONSUMER))
    _, producer = await both(soap)
    assert producer["request_out_ts"] == producer["request_in_ts"]
    assert producer["response_in_ts"] == producer["response_out_ts"]
    assert producer["succeeded"]
    assert producer["response_size"] == len(answer.body)
    assert (producer["service_type"], producer["service_code"]) == ("WSDL", service_code)


async def test_a_member_and_a_service_of_it_have_no_subsystem(soap: SoapWorld) -> None:
    soap.service.answer = envelope(response=True), TEXT_XML
    assert GET_STATE.client_id.subsystem_code is None
    await soap.post(envelope())
    for record in await both(soap):
        assert "client_subsystem_code" not in record
        assert "service_subsystem_code" not in record
