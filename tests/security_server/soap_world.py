"""The parties of X-Road's own SOAP cases: member `consumer` and its server, member `producer`, its server and its service.

The service is a real HTTP server that answers with what a test puts into `answer`; it remembers the requests it got.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from world import Handler, Site, World

from sild.http1 import Fetched, Header, Request, Responder, fetch
from sild.security_server import ClientStatus, ConnectionType
from sild.xroad.faults import Fault, parse_soap_fault
from sild.xroad.identifiers import ClientId, ServiceId

TEXT_XML = "text/xml; charset=UTF-8"
SHARED = Path(__file__).resolve().parents[3] / "shared" / "xroad" / "soap"
_ID = re.compile(rb"(<(?:\w+:)?id(?: [^>]*)?>)\s*[^<]*?\s*(</)")
SERVICES = ("getState", "test", "testQuery", "generateMtom", "invalidServiceAddress")


def query(name: str) -> bytes:
    if not SHARED.is_dir():
        pytest.skip(f"X-Road's SOAP messages are not on this machine (looked in {SHARED})")
    return (SHARED / "queries" / name).read_bytes()


def with_id(data: bytes, query_id: str) -> bytes:
    """The message with another query id, as the reference's harness sends it."""
    return _ID.sub(rb"\g<1>" + query_id.encode() + rb"\g<2>", data, count=1)


@dataclass
class SeenRequest:
    target: bytes
    headers: list[Header]
    body: bytes

    def header(self, name: bytes) -> bytes | None:
        return next((value for header, value in self.headers if header.lower() == name), None)


@dataclass
class SoapService:
    """answer: body and content type it gives.  handler: does something else instead."""

    answer: tuple[bytes, str] = (b"", TEXT_XML)
    handler: Handler | None = None
    seen: list[SeenRequest] = field(default_factory=list)

    async def __call__(self, request: Request, responder: Responder) -> None:
        if self.handler is not None:
            await self.handler(request, responder)
            return
        body = await request.read(64 * 1024 * 1024)
        self.seen.append(SeenRequest(request.target, list(request.headers), body))
        data, content_type = self.answer
        await responder.send(200, [(b"Content-Type", content_type.encode())], data)

    def begin(self) -> None:
        self.answer, self.handler = (b"", TEXT_XML), None
        self.seen.clear()


CONSUMER = ClientId("EE", "BUSINESS", "consumer")
PRODUCER = ClientId("EE", "BUSINESS", "producer")
CONSUMER_SUBSYSTEM = ClientId("EE", "BUSINESS", "consumer", "subsys1")
PRODUCER_SUBSYSTEM = ClientId("EE", "BUSINESS", "producer", "subsys2")
GET_STATE = ServiceId(PRODUCER, "getState")


class SoapWorld:
    """World(..., instance="EE", member_class="BUSINESS") with the parties in it."""

    consumer: Site
    provider: Site

    def __init__(self, world: World) -> None:
        self.world = world
        self.service = SoapService()

    async def start(self, *, provider_starts: bool = True, **settings: Any) -> None:
        world = self.world
        self.url = await world.serve(self.service)
        self.consumer = await world.add_server("ss1", "consumer", [CONSUMER_SUBSYSTEM], **settings)
        self.provider = await world.add_server(
            "ss2", "producer", [PRODUCER_SUBSYSTEM], start=provider_starts, **settings
        )
        for site, owner in ((self.consumer, CONSUMER), (self.provider, PRODUCER)):
            its = site.server.serverconf
            if owner not in its.snapshot.clients:  # it is one once the configuration shows the server
                its.add_client(owner, status=ClientStatus.REGISTERED)
            its.set_connection_type(owner, ConnectionType.HTTP)
        conf = self.provider.server.serverconf
        for provider in (PRODUCER, PRODUCER_SUBSYSTEM):
            for code in SERVICES:
                service = conf.add_soap_service(provider, code, None, f"http://wsdl/{provider}", self.url)
                for client in (CONSUMER, CONSUMER_SUBSYSTEM):
                    conf.grant(service, client)

    async def post(
        self,
        data: bytes,
        content_type: str | None = TEXT_XML,
        *,
        headers: list[Header] | None = None,
        method: str = "POST",
        path: str = "/",
        timeout: float = 20.0,
    ) -> Fetched:
        """What an information system does."""
        given = list(headers or ())
        if content_type is not None:
            given.append((b"Content-Type", content_type.encode()))
        return await fetch(
            f"{self.consumer.url}{path}",
            method=method,
            body=data or None,
            headers=given,
            timeout=timeout,
            max_bytes=64 * 1024 * 1024,
        )

    async def ask(self, request: str, answer: str, **given: str) -> Fetched:
        """Send one of the reference's queries, answered with one of its answers, under a fresh id."""
        query_id = str(uuid4())
        self.service.answer = (
            with_id(query(answer), query_id),
            given.get("answer_content_type", TEXT_XML),
        )
        return await self.post(with_id(query(request), query_id), given.get("content_type", TEXT_XML))


def identifier(tag: str, kind: str, parts: dict[str, str | None]) -> str:
    inner = "".join(f"<id:{name}>{value}</id:{name}>" for name, value in parts.items() if value is not None)
    return f'<xroad:{tag} id:objectType="{kind}">{inner}</xroad:{tag}>'


def client_header(client: ClientId, tag: str = "client", **more: str | None) -> str:
    names = ("xRoadInstance", "memberClass", "memberCode", "subsystemCode")
    parts: dict[str, str | None] = dict(zip(names, client.parts, strict=False))
    kind = "SERVICE" if "serviceCode" in more else "SERVER" if "serverCode" in more else ""
    kind = kind or ("MEMBER" if client.subsystem_code is None else "SUBSYSTEM")
    return identifier(tag, kind, parts | more)


def envelope(
    *,
    client: ClientId = CONSUMER,
    service: ServiceId = GET_STATE,
    query_id: str = "q1",
    header: str = "",
    body: str = "<get xmlns='urn:x'>õ</get>",
    response: bool = False,
    declaration: str = '<?xml version="1.0" encoding="UTF-8"?>',
    encoding: str = "utf-8",
) -> bytes:
    """A SOAP message. header: more of its fields.  body: children of the element named after the service."""
    name = service.service_code + ("Response" if response else "")
    fields = client_header(client) + client_header(
        service.client_id,
        "service",
        serviceCode=service.service_code,
        serviceVersion=service.service_version,
    )
    text = (
        f'{declaration}<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns:xroad="http://x-road.eu/xsd/xroad.xsd" xmlns:id="http://x-road.eu/xsd/identifiers">'
        f"<SOAP-ENV:Header>{fields}<xroad:id>{query_id}</xroad:id>"
        f"<xroad:protocolVersion>4.0</xroad:protocolVersion>{header}</SOAP-ENV:Header>"
        f'<SOAP-ENV:Body><p:{name} xmlns:p="urn:producer">{body}</p:{name}></SOAP-ENV:Body></SOAP-ENV:Envelope>'
    )
    return text.encode(encoding)


def multipart(*parts: tuple[str, bytes], boundary: str = "MIME_boundary") -> bytes:
    """parts: header lines joined by CRLF, and content."""
    pieces = [f"--{boundary}\r\n{head}\r\n\r\n".encode("latin-1") + data + b"\r\n" for head, data in parts]
    return b"".join(pieces) + f"--{boundary}--\r\n".encode()


MULTIPART = "multipart/related; boundary=MIME_boundary"


def records(site: Site) -> list[tuple[str, bool, bytes]]:
    """(query id, is response, message) of every logged message, in order."""
    store = site.server.message_log.store
    with store.engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "select query_id, is_response, message from message_record order by id"
        ).all()
    return [(row[0], bool(row[1]), bytes(row[2])) for row in rows]


def fault_of_answer(answer: Fetched) -> Fault:
    """The fault a SOAP client is told, after checking that it comes as X-Road's do (WIRE 5.2)."""
    assert answer.status == 200
    assert answer.header(b"content-type") == b"text/xml;charset=utf-8"
    assert answer.header(b"soapaction") == b""
    fault = parse_soap_fault(answer.body)
    assert fault is not None, answer.body[:500]
    return fault
