"""listClients, listMethods, allowedMethods, getOpenAPI (PR-META, PR-MREST; WIRE 14)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from faults import error_of
from lxml import etree
from world import CLIENT, ECHO, REGISTER, Pair

from sild.http1 import Request, Responder, fetch
from sild.xroad.identifiers import ServiceId

DESCRIPTION = b"""
openapi: 3.0.3
info: {title: People, version: "1"}
servers: [{url: "http://10.0.0.1/people/v1"}, {url: "{scheme}://10.0.0.1/"}]
paths:
  /people/{code}: {get: {}, delete: {}}
"""


def meta(name: str) -> ServiceId:
    return ServiceId(REGISTER, name)


@pytest.fixture
async def with_people(pair: Pair) -> Pair:
    async def describe(request: Request, responder: Responder) -> None:
        await responder.send(200, [(b"Content-Type", b"application/x-yaml")], DESCRIPTION)

    url = await pair.world.serve(describe)
    conf = pair.provider.server.serverconf
    service = conf.add_openapi_service(REGISTER, "people", f"{url}/openapi.yaml", DESCRIPTION)
    conf.grant(service, CLIENT, method="GET", path="/people/*")
    conf.add_rest_service(REGISTER, "closed", url)
    return pair


async def test_list_clients(pair: Pair, shared: Path) -> None:
    url = pair.consumer.url + "/listClients"
    xml = await fetch(url)
    assert xml.header(b"content-type") == b"text/xml; charset=UTF-8"
    root = etree.fromstring(xml.body)
    schema = etree.XMLSchema(etree.parse(shared / "schema" / "message" / "service-metainfo.xsd"))
    schema.assertValid(root)
    texts = root.xpath("//*[local-name()='subsystemCode']/text()")
    assert texts == ["Client", "Register"]
    answer = await fetch(url, headers=[(b"Accept", b"text/plain, application/json;q=0.1")])
    assert answer.header(b"content-type") == b"application/json; charset=utf-8"
    members = json.loads(answer.body)["member"]
    assert members[0] == {
        "id": {"object_type": "MEMBER", "xroad_instance": "DEV", "member_class": "COM", "member_code": "1"},
        "name": "Member 1",
    }
    assert members[1]["id"]["subsystem_code"] == "Client"
    assert members[1]["subsystem_name"] == "Client"
    unknown = await fetch(url + "?xRoadInstance=NO")
    assert b"<faultcode>server.clientproxy.internal_error</faultcode>" in unknown.body


async def test_list_and_allowed_methods(with_people: Pair) -> None:
    listed = json.loads((await with_people.call(service=meta("listMethods"))).body)["service"]
    assert [service["service_code"] for service in listed] == ["echo", "people", "closed"]
    people = listed[1]
    assert people["service_type"] == "OPENAPI"
    assert people["endpoint_list"] == [
        {"method": "GET", "path": "/people/*"},
        {"method": "DELETE", "path": "/people/*"},
    ]
    allowed = json.loads((await with_people.call(service=meta("allowedMethods"))).body)["service"]
    assert [service["service_code"] for service in allowed] == ["echo", "people"]
    assert allowed[1]["endpoint_list"] == [{"method": "GET", "path": "/people/*"}]
    assert len(with_people.records(with_people.provider)) == 4, "signed and logged like any message"
    answer = await with_people.call("POST", service=meta("listMethods"), body=b"")
    assert error_of(answer) == (500, "server.serverproxy.unknown_service")


async def test_get_openapi(with_people: Pair) -> None:
    answer = await with_people.call("GET", "?serviceCode=people", service=meta("getOpenAPI"))
    assert answer.status == 200, answer.body
    assert answer.header(b"content-type") == b"application/x-yaml"
    servers = yaml.safe_load(answer.body)["servers"]
    assert [server["url"] for server in servers] == ["/people/v1", "{scheme}://10.0.0.1/"], (
        "hosts are not told"
    )


@pytest.mark.parametrize(
    ("query", "code", "text"),
    [
        ("", "invalid_request", b"Missing serviceCode"),
        ("?serviceCode=nothing", "internal_error", b"Service not found"),
        ("?serviceCode=echo", "internal_error", b"Invalid service type: REST"),
    ],
)
async def test_get_openapi_refused(pair: Pair, query: str, code: str, text: bytes) -> None:
    answer = await pair.call("GET", query, service=meta("getOpenAPI"))
    assert error_of(answer) == (500, f"server.serverproxy.{code}")
    assert text in answer.body
    assert ECHO.service_code == "echo"


async def test_description_cannot_be_read(with_people: Pair) -> None:
    conf = with_people.provider.server.serverconf
    conf.add_openapi_service(REGISTER, "gone", "http://127.0.0.1:9/openapi.json", DESCRIPTION)
    answer = await with_people.call("GET", "?serviceCode=gone", service=meta("getOpenAPI"))
    status, code = error_of(answer)
    assert (status, code) == (500, "server.serverproxy.internal_error")
    assert json.loads(answer.body)["message"].startswith("Failed reading service description from")
