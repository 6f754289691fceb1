"""listMethods, allowedMethods and getWsdl over SOAP (PR-META; WIRE 14; COMPAT I2, I3)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from lxml import etree
from soap_world import (
    CONSUMER,
    CONSUMER_SUBSYSTEM,
    PRODUCER,
    PRODUCER_SUBSYSTEM,
    SoapWorld,
    envelope,
    fault_of_answer,
    records,
)
from test_wsdl import binding, port, wsdl
from world import World

from sild.http1 import Fetched, Request, Responder
from sild.xroad.faults import Fault
from sild.xroad.identifiers import ClientId, ServiceId
from sild.xroad.soap import ensure_consistent, parse_soap

pytestmark = pytest.mark.asyncio(loop_scope="module")

WSDL = wsdl(binding("A", "getState"), ports=port("A", "http://10.0.0.1/hidden"))
XROAD = "{http://x-road.eu/xsd/xroad.xsd}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_soap(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SoapWorld]:
    async with World(tmp_path_factory.mktemp("soap"), instance="EE", member_class="BUSINESS") as world:
        made = SoapWorld(world)
        await made.start()
        made.wsdl = WSDL, 200  # type: ignore[attr-defined]

        async def publishes(request: Request, responder: Responder) -> None:
            document, status = made.wsdl  # type: ignore[attr-defined]
            await responder.send(status, [(b"Content-Type", b"text/xml")], document)

        url = await world.serve(publishes)
        conf = made.provider.server.serverconf
        described = conf.add_soap_service(PRODUCER_SUBSYSTEM, "described", "v1", f"{url}/x?wsdl", made.url)
        conf.grant(described, CONSUMER)
        conf.add_rest_service(PRODUCER_SUBSYSTEM, "restful", made.url)
        conf.add_soap_service(PRODUCER_SUBSYSTEM, "nowhere", None, "http://127.0.0.1:1/", made.url)
        yield made


@pytest.fixture
def soap(module_soap: SoapWorld) -> SoapWorld:
    module_soap.service.begin()
    module_soap.wsdl = WSDL, 200  # type: ignore[attr-defined]
    return module_soap


async def ask(
    soap: SoapWorld,
    code: str,
    body: str = "",
    *,
    provider: ClientId = PRODUCER_SUBSYSTEM,
    client: ClientId = CONSUMER,
) -> Fetched:
    request = envelope(client=client, service=ServiceId(provider, code), body=body)
    if code == "getWsdl":
        request = request.replace(b'<p:getWsdl xmlns:p="urn:producer">', b"<xroad:getWsdl>").replace(
            b"</p:getWsdl>", b"</xroad:getWsdl>"
        )
    answer = await soap.post(request)
    first = answer.body
    if (answer.header(b"content-type") or b"").startswith(b"multipart"):
        first = answer.body.split(b"\r\n\r\n")[1].rpartition(b"\r\n--")[0]
    told, asked = parse_soap(first), parse_soap(request)
    if not isinstance(told, Fault):
        assert not isinstance(asked, Fault)
        ensure_consistent(asked, told)
        assert first.startswith(b"<?xml")
        assert b"<SOAP-ENV:Envelope " in first
        assert first.endswith(b"</SOAP-ENV:Envelope>")
    return answer


def listed(answer: Fetched, shared: Path) -> list[str]:
    """Service codes in the answer, after validating it."""
    body = etree.fromstring(answer.body).find("{http://schemas.xmlsoap.org/soap/envelope/}Body")
    assert body is not None
    (element,) = body
    schema = etree.XMLSchema(etree.parse(shared / "schema" / "message" / "service-metainfo.xsd"))
    schema.assertValid(etree.fromstring(etree.tostring(element)))
    return [
        str(text)
        for text in element.xpath("//*[local-name()='service']/*[local-name()='serviceCode']/text()")
    ][1:]


async def test_list_methods(soap: SoapWorld, shared: Path) -> None:
    """Everything that is SOAP, whoever asks; no right is needed."""
    before = len(records(soap.provider))
    stranger = CONSUMER_SUBSYSTEM
    answer = await ask(soap, "listMethods", client=stranger)
    assert answer.header(b"content-type") == b"text/xml; charset=UTF-8"
    codes = listed(answer, shared)
    assert codes == [
        "getState",
        "test",
        "testQuery",
        "generateMtom",
        "invalidServiceAddress",
        "described",
        "nowhere",
    ]
    assert len(records(soap.provider)) == before + 2, "logged as any exchange"


async def test_allowed_methods(soap: SoapWorld, shared: Path) -> None:
    answer = await ask(soap, "allowedMethods")
    assert listed(answer, shared) == [
        "getState",
        "test",
        "testQuery",
        "generateMtom",
        "invalidServiceAddress",
        "described",
    ]
    assert "described" not in listed(await ask(soap, "allowedMethods", client=CONSUMER_SUBSYSTEM), shared)


async def test_methods_of_a_client_without_services(soap: SoapWorld, shared: Path) -> None:
    bare = ClientId("EE", "BUSINESS", "producer")
    assert "described" not in listed(await ask(soap, "listMethods", provider=bare), shared)


def parameters(code: str, version: str | None = None) -> str:
    more = "" if version is None else f"<xroad:serviceVersion>{version}</xroad:serviceVersion>"
    return f"<xroad:serviceCode>{code}</xroad:serviceCode>{more}"


async def test_get_wsdl(soap: SoapWorld) -> None:
    """The exact bytes around the parts: existing programs take the answer apart with regular expressions (COMPAT I3)."""
    answer = await ask(soap, "getWsdl", parameters("described", "v1"))
    content_type = (answer.header(b"content-type") or b"").decode()
    found = re.fullmatch(
        r'multipart/related; type="text/xml"; charset=UTF-8; boundary=(xroad[A-Za-z]+)', content_type
    )
    assert found is not None
    boundary = found[1].encode()
    shape = (
        rb"--"
        + boundary
        + rb"\r\ncontent-type:text/xml; charset=UTF-8\r\n\r\n(<\?xml.*</SOAP-ENV:Envelope>)\r\n"
        rb"--" + boundary + rb"\r\ncontent-type:text/xml\r\ncontent-transfer-encoding: binary\r\n"
        rb"content-id: <wsdl=[0-9a-f-]{36}@x-road\.eu>\r\n\r\n(<\?xml.*)\r\n--" + boundary + rb"--\r\n"
    )
    parts = re.fullmatch(shape, answer.body, re.DOTALL)
    assert parts is not None, answer.body.decode()
    message, description = parts.groups()
    assert (
        b"<xroad:getWsdlResponse><xroad:serviceCode>described</xroad:serviceCode><xroad:serviceVersion>v1<"
        in message
    )
    assert description == WSDL.replace(b"http://10.0.0.1/hidden", b"http://example.org/xroad-endpoint")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "invalid_request"),
        (parameters(" "), "invalid_request"),
        ("<serviceCode xmlns=''>described</serviceCode>", "invalid_request"),
        (parameters("described"), "unknown_service"),
        (parameters("described", "v2"), "unknown_service"),
        (parameters("restful"), "service_type"),
        (parameters("nowhere"), "network_error"),
    ],
)
async def test_get_wsdl_refused(soap: SoapWorld, body: str, code: str) -> None:
    fault = fault_of_answer(await ask(soap, "getWsdl", body))
    assert fault.code == f"server.serverproxy.{code}"


@pytest.mark.parametrize(
    ("document", "status", "code"),
    [
        (b"", 404, "internal_error"),
        (b"no XML", 200, "invalid_xml"),
        (b'<?xml version="1.0"?><!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>', 200, "invalid_xml"),
    ],
)
async def test_wsdl_that_cannot_be_shown(soap: SoapWorld, document: bytes, status: int, code: str) -> None:
    soap.wsdl = document, status  # type: ignore[attr-defined]
    fault = fault_of_answer(await ask(soap, "getWsdl", parameters("described", "v1")))
    assert fault.code == f"server.serverproxy.{code}"


async def test_metaservice_of_an_unknown_provider(soap: SoapWorld) -> None:
    fault = fault_of_answer(await ask(soap, "listMethods", provider=ClientId("EE", "BUSINESS", "nobody")))
    assert fault.code == "server.clientproxy.unknown_member"
    assert PRODUCER.member_code not in fault.message
