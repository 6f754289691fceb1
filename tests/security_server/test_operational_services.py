"""getSecurityServerOperationalData and getSecurityServerHealthData over two servers (PR-OPMON; COMPAT I2, I3): the bytes
collectors cut, and who is told what."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from lxml import etree
from monitoring_questions import (
    OM,
    PREFIXES,
    body_of,
    health,
    make_traffic,
    operational,
    parts_of,
    question,
    since,
)
from recorded import SETTINGS, recorded
from soap_world import (
    CONSUMER,
    CONSUMER_SUBSYSTEM,
    PRODUCER,
    PRODUCER_SUBSYSTEM,
    TEXT_XML,
    SoapWorld,
    fault_of_answer,
)
from world import World

from sild.http1 import Fetched, fetch

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def soap(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SoapWorld]:
    """One exchange of each of two clients; the consumer's subsystem is the instance's monitoring client."""
    async with World(tmp_path_factory.mktemp("soap"), instance="EE", member_class="BUSINESS") as world:
        world.central.monitoring_client = CONSUMER_SUBSYSTEM
        made = SoapWorld(world)
        await made.start(**SETTINGS)
        await make_traffic(made, 2)
        await make_traffic(made, 1, CONSUMER_SUBSYSTEM)
        await recorded(made.provider)
        await recorded(made.consumer)
        await asyncio.sleep(1.1)  # a record is given out in the second after it was stored
        yield made


async def test_the_bytes_collectors_cut(soap: SoapWorld, shared: Path) -> None:
    answer = await soap.post(operational(since(), client=CONSUMER_SUBSYSTEM))
    content_type = (answer.header(b"content-type") or b"").decode()
    found = re.fullmatch(
        r'multipart/related; ?type="text/xml"; ?charset=UTF-8; ?boundary=(xroad[A-Za-z]+)', content_type
    )
    assert found is not None, content_type
    boundary = found.group(1).encode()
    assert answer.body.startswith(b"--" + boundary + b"\r\ncontent-type:text/xml")
    assert (
        b"\r\n--" + boundary + b"\r\ncontent-type:application/gzip\r\ncontent-transfer-encoding: binary\r\n"
        b"content-id: <operational-monitoring-data.json.gz>\r\n\r\n\x1f\x8b" in answer.body
    )
    message, told = parts_of(answer)
    assert message.startswith(b"<?xml")
    assert b"<SOAP-ENV:Envelope" in message
    assert b"</SOAP-ENV:Envelope>" in message
    number = re.search(rb"<om:recordsCount>([0-9]+)</om:recordsCount>", message)
    assert number is not None
    assert int(number.group(1)) == len(told) >= 3
    assert re.search(rb"<om:nextRecordsFrom>[0-9]{10}</om:nextRecordsFrom>", message)
    assert b"cid:operational-monitoring-data.json.gz" in message
    element = body_of(message)
    assert element.tag == f"{{{OM}}}getSecurityServerOperationalDataResponse"
    schema = etree.XMLSchema(etree.parse(shared / "schema" / "op-monitoring" / "op-monitoring.xsd"))
    schema.assertValid(element)


async def test_the_monitoring_client_sees_everybody(soap: SoapWorld) -> None:
    _, told = parts_of(await soap.post(operational(since(), client=CONSUMER_SUBSYSTEM)))
    assert {record["clientMemberCode"] for record in told} == {"consumer"}
    assert {record.get("clientSubsystemCode") for record in told} == {None, "subsys1"}
    assert all(record["securityServerInternalIp"] for record in told)
    assert all(record["securityServerType"] == "Producer" for record in told)
    assert all(record["clientSecurityServerAddress"] == "ss1.test" for record in told)


async def test_others_see_their_own_and_no_addresses_within(soap: SoapWorld) -> None:
    _, told = parts_of(await soap.post(operational(since(), client=CONSUMER)))
    assert told
    assert {record.get("clientSubsystemCode") for record in told} == {None}
    assert not any("securityServerInternalIp" in record for record in told)


async def test_the_owner_sees_everybody(soap: SoapWorld) -> None:
    soap_of_owner = await _post_at_provider(soap, operational(since(), client=PRODUCER))
    _, told = parts_of(soap_of_owner)
    assert {record.get("clientSubsystemCode") for record in told} >= {None, "subsys1"}
    assert all("securityServerInternalIp" in record for record in told)


async def test_an_owner_who_names_no_server_is_as_others(soap: SoapWorld) -> None:
    _, told = parts_of(await _post_at_provider(soap, operational(since(), client=PRODUCER, server=None)))
    assert not any("securityServerInternalIp" in record for record in told)


async def test_a_stranger_sees_nothing(soap: SoapWorld) -> None:
    """A member of the instance nobody has exchanged a message with."""
    _, told = parts_of(await _post_at_provider(soap, operational(since(), client=PRODUCER_SUBSYSTEM)))
    assert told == []


async def test_only_the_owner_provides_it(soap: SoapWorld) -> None:
    answer = await soap.post(operational(since(), client=CONSUMER, provider=PRODUCER_SUBSYSTEM))
    assert fault_of_answer(answer).code == "server.serverproxy.unknown_service"


async def test_another_server_is_meant(soap: SoapWorld) -> None:
    answer = await soap.post(operational(since(), client=CONSUMER, server="ss9"))
    assert fault_of_answer(answer).code == "server.clientproxy.invalid_security_server"


@pytest.mark.parametrize(
    "criteria",
    ["", since(-1), since(9, 1), since(3_999_999_999), since().replace(">0<", ">x<")],
)
async def test_what_cannot_be_asked(soap: SoapWorld, criteria: str) -> None:
    fault = fault_of_answer(await soap.post(operational(criteria, client=CONSUMER)))
    assert fault.code.endswith(".invalid_request")
    assert fault.code.startswith("server.serverproxy.")


async def test_fields_chosen(soap: SoapWorld) -> None:
    fields = "<p:outputSpec><p:outputField>messageId</p:outputField></p:outputSpec>"
    _, told = parts_of(await soap.post(operational(since() + fields, client=CONSUMER)))
    assert all(set(record) == {"messageId"} for record in told)
    hidden = fields.replace("messageId", "securityServerInternalIp")
    _, told = parts_of(await soap.post(operational(since() + hidden, client=CONSUMER)))
    assert all(record == {} for record in told), "asking for it by name does not help"


async def test_health_data(soap: SoapWorld, shared: Path) -> None:
    answer = await soap.post(health(client=CONSUMER))
    assert (answer.header(b"content-type") or b"").lower().startswith(b"text/xml")
    element = body_of(answer.body)
    assert element.tag == f"{{{OM}}}getSecurityServerHealthDataResponse"
    schema = etree.XMLSchema(etree.parse(shared / "schema" / "op-monitoring" / "op-monitoring.xsd"))
    schema.assertValid(element)
    assert b"<om:monitoringStartupTimestamp>" in answer.body
    codes = element.xpath("//*[local-name()='serviceCode']/text()")
    assert "getState" in codes
    assert element.xpath("//om:successfulRequestCount/text()", namespaces=PREFIXES)


async def test_the_question_is_an_exchange_itself(soap: SoapWorld) -> None:
    await soap.post(health(client=CONSUMER))
    for site in (soap.consumer, soap.provider):
        record = (await recorded(site))[-1]
        assert record["service_code"] == "getSecurityServerHealthData"
        assert record["succeeded"]
        assert record["request_out_ts"] <= record["response_in_ts"]


async def test_a_disabled_monitor_is_no_service(tmp_path: Path) -> None:
    async with World(tmp_path, instance="EE", member_class="BUSINESS") as world:
        made = SoapWorld(world)
        await made.start(op_monitoring="off")
        answer = await made.post(health(client=CONSUMER))
        assert fault_of_answer(answer).code == "server.serverproxy.unknown_service"
        answer = await made.post(question("getSecurityServerMetrics", namespace="x", client=CONSUMER))
        assert fault_of_answer(answer).code == "server.serverproxy.access_denied", "that needs no monitor"


async def _post_at_provider(soap: SoapWorld, data: bytes) -> Fetched:
    """As an information system of the provider's, through the provider's own server."""
    headers = [(b"Content-Type", TEXT_XML.encode())]
    return await fetch(f"{soap.provider.url}/", method="POST", body=data, headers=headers)
