"""Records to keep, questions to ask, and a clock to set."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from lxml import etree

from sild.op_monitor import MonitoringAnswer, OperationalDataRecord, OperationalMonitor
from sild.xroad.faults import Fault
from sild.xroad.identifiers import ClientId
from sild.xroad.soap import SoapMessage, parse_soap

OM = "http://x-road.eu/xsd/op-monitoring.xsd"
IDENTIFIERS = "http://x-road.eu/xsd/identifiers"
OWNER = ClientId("EE", "GOV", "owner")
CONSUMER = ClientId("EE", "COM", "1234", "Sub")
PRODUCER = ClientId("EE", "GOV", "5678", "Register")
STRANGER = ClientId("EE", "COM", "9999")
BEGIN = datetime(2030, 1, 1, tzinfo=UTC)
BEGIN_SECONDS = int(BEGIN.timestamp())


class SetClock:
    """The time is what a test says."""

    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> datetime:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def record(
    name: str = "m-1",
    *,
    client: ClientId | None = CONSUMER,
    provider: ClientId | None = PRODUCER,
    role: str = "Producer",
    **fields: Any,
) -> OperationalDataRecord:
    """An exchange between two parties; its message id is `name`."""
    parties: dict[str, Any] = {}
    for kind, party in (("client", client), ("service", provider)):
        if party is not None:
            parties |= {
                f"{kind}_xroad_instance": party.instance_identifier,
                f"{kind}_member_class": party.member_class,
                f"{kind}_member_code": party.member_code,
                f"{kind}_subsystem_code": party.subsystem_code,
            }
    values = {
        "security_server_type": role,
        "request_in_ts": 1_000,
        "response_out_ts": 1_050,
        "succeeded": True,
        "message_id": name,
        "service_code": "getPerson",
        "request_size": 300,
        "response_size": 1_200,
    }
    return OperationalDataRecord(**(values | parties | fields))


@dataclass(frozen=True)
class Page:
    """What a collector sees."""

    count: int
    records: list[dict[str, Any]]
    next_records_from: int | None
    text: str

    @property
    def names(self) -> list[str]:
        return [record["messageId"] for record in self.records]


def soap(code: str, body: str, *, client: ClientId = OWNER, with_server: bool = True) -> bytes:
    """A request as a collector writes it."""
    server = (
        '<xroad:securityServer id:objectType="SERVER"><id:xRoadInstance>EE</id:xRoadInstance>'
        "<id:memberClass>GOV</id:memberClass><id:memberCode>owner</id:memberCode>"
        "<id:serverCode>ss1</id:serverCode></xroad:securityServer>"
    )
    kind = "MEMBER" if client.subsystem_code is None else "SUBSYSTEM"
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/" xmlns:id="{IDENTIFIERS}"
  xmlns:xroad="http://x-road.eu/xsd/xroad.xsd" xmlns:om="{OM}"><SOAP-ENV:Header>
<xroad:client id:objectType="{kind}">{identifier(client)}</xroad:client>
<xroad:service id:objectType="SERVICE">{identifier(OWNER)}<id:serviceCode>{code}</id:serviceCode></xroad:service>
{server if with_server else ""}<xroad:id>q-1</xroad:id><xroad:protocolVersion>4.0</xroad:protocolVersion>
</SOAP-ENV:Header><SOAP-ENV:Body>{body}</SOAP-ENV:Body></SOAP-ENV:Envelope>""".encode()


def identifier(client: ClientId) -> str:
    names = ("xRoadInstance", "memberClass", "memberCode", "subsystemCode")
    return "".join(f"<id:{n}>{v}</id:{n}>" for n, v in zip(names, client.parts, strict=False))


def message(data: bytes) -> SoapMessage:
    parsed = parse_soap(data)
    assert not isinstance(parsed, Fault)
    return parsed


def data_request(
    first: object,
    last: object,
    *,
    fields: Iterable[str] = (),
    provider: ClientId | None = None,
    client: ClientId = OWNER,
) -> bytes:
    wanted = "".join(f"<om:outputField>{name}</om:outputField>" for name in fields)
    of = (
        "" if provider is None else f'<om:client id:objectType="SUBSYSTEM">{identifier(provider)}</om:client>'
    )
    return soap(
        "getSecurityServerOperationalData",
        "<om:getSecurityServerOperationalData>"
        f"<om:searchCriteria><om:recordsFrom>{first}</om:recordsFrom><om:recordsTo>{last}</om:recordsTo>{of}"
        f"</om:searchCriteria>{f'<om:outputSpec>{wanted}</om:outputSpec>' if wanted else ''}"
        "</om:getSecurityServerOperationalData>",
        client=client,
    )


def health_request(provider: ClientId | None = None) -> bytes:
    of = (
        "" if provider is None else f'<om:client id:objectType="SUBSYSTEM">{identifier(provider)}</om:client>'
    )
    criteria = f"<om:filterCriteria>{of}</om:filterCriteria>" if of else ""
    return soap(
        "getSecurityServerHealthData",
        f"<om:getSecurityServerHealthData>{criteria}</om:getSecurityServerHealthData>",
    )


def page(answer: MonitoringAnswer) -> Page:
    """Reads an answer's body by regular-expression-like means and its attachment."""
    root = etree.fromstring(answer.body)
    following = root.findtext(f"{{{OM}}}nextRecordsFrom")
    assert answer.attachment is not None
    text = gzip.decompress(answer.attachment).decode()
    read = json.loads(text)
    assert list(read) == ["records"]
    count = int(root.findtext(f"{{{OM}}}recordsCount") or "")
    assert count == len(read["records"])
    assert root.findtext(f"{{{OM}}}records") == "cid:operational-monitoring-data.json.gz"
    return Page(count, read["records"], int(following) if following else None, text)


async def ask(
    monitor: OperationalMonitor, first: object, last: object, *, sees_all: bool = True, **more: Any
) -> Page:
    request = message(data_request(first, last, **more))
    return page(await monitor.answer(request, client_sees_all=sees_all))


@cache
def schema(shared: Path) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(shared / "schema" / "op-monitoring" / "op-monitoring.xsd"))
