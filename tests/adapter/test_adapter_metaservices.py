"""What is on offer: through two real security servers, and answers in the forms other servers give."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import CLIENT, ECHO, REGISTER, Pair

from sild.adapter import (
    AsyncXRoadClient,
    CallerError,
    ClientId,
    Endpoint,
    ListedClient,
    ListedService,
    OpenAPIDescription,
    PeerError,
    ServiceId,
    XRoadFault,
)
from sild.adapter.metaservices import list_clients_target, read_client_list, read_rest_services
from sild.http1 import Request, Responder

OPENAPI = b"""openapi: 3.0.3
info: {title: Pets, version: '1'}
servers: [{url: 'http://inside.test/v1'}]
paths:
  /pets/{id}:
    get: {responses: {'200': {description: A pet}}}
  /pets:
    post: {responses: {'201': {description: A pet}}}
"""


@pytest.mark.asyncio(loop_scope="module")
async def test_clients(pair: Pair, xroad: AsyncXRoadClient) -> None:
    listed = {found.id: found for found in await xroad.list_clients()}
    assert listed[CLIENT] == ListedClient(CLIENT, "Member 1", "Client")
    assert listed[CLIENT.member].subsystem_name is None
    assert await xroad.list_clients("DEV") == tuple(listed.values())


@pytest.mark.asyncio(loop_scope="module")
async def test_services_and_descriptions(pair: Pair, xroad: AsyncXRoadClient) -> None:
    async def description(_request: Request, responder: Responder) -> None:
        await responder.send(200, [(b"Content-Type", b"application/yaml")], OPENAPI)

    url = await pair.world.serve(description)
    conf = pair.provider.server.serverconf
    pets = conf.add_openapi_service(REGISTER, "pets", f"{url}/openapi.yaml", OPENAPI, url=url)
    conf.grant(pets, CLIENT, method="GET", path="/pets/*")
    listed = {found.id: found for found in await xroad.list_methods(REGISTER)}
    assert listed[ECHO] == ListedService(ECHO, "REST")
    assert listed[pets].service_type == "OPENAPI"
    assert set(listed[pets].endpoints) == {Endpoint("GET", "/pets/*"), Endpoint("POST", "/pets")}
    allowed = {found.id: found for found in await xroad.list_methods(REGISTER, allowed_only=True)}
    assert Endpoint("GET", "/pets/*") in allowed[pets].endpoints
    assert Endpoint("POST", "/pets") not in allowed[pets].endpoints
    document = (await xroad.get_openapi(pets)).parse()
    assert document["info"]["title"] == "Pets"
    assert "inside.test" not in json.dumps(document)


@pytest.mark.asyncio(loop_scope="module")
async def test_no_description(pair: Pair, xroad: AsyncXRoadClient) -> None:
    with pytest.raises(XRoadFault):
        await xroad.get_openapi(ECHO)
    with pytest.raises(CallerError):
        await xroad.list_methods(ClientId("DEV", "COM", "2"))


# --- forms


def member(**fields: object) -> dict[str, object]:
    return {
        "id": {"object_type": "SUBSYSTEM", "xroad_instance": "AA", "member_class": "ENT", "member_code": "1"}
        | fields
    }


def test_client_lists_in_json() -> None:
    entries = [
        member() | {"name": "One"},
        member(subsystem_code="s") | {"name": "One", "subsystem_name": "Sub"},
    ]
    assert read_client_list(json.dumps({"member": entries}).encode()) == (
        ListedClient(ClientId("AA", "ENT", "1"), "One"),
        ListedClient(ClientId("AA", "ENT", "1", "s"), "One", "Sub"),
    )
    assert read_client_list(b"{}") == ()


def test_client_lists_in_xml() -> None:
    data = b"""<?xml version="1.0"?><c:clientList xmlns:i="http://x-road.eu/xsd/identifiers" xmlns:c="http://x-road.eu/xsd/xroad.xsd">
      <c:member><c:id i:objectType="SUBSYSTEM"><i:xRoadInstance>AA</i:xRoadInstance><i:memberClass>ENT</i:memberClass>
        <i:memberCode>1</i:memberCode><i:subsystemCode>s</i:subsystemCode></c:id><c:name>One</c:name>
        <c:subsystemName>Sub</c:subsystemName></c:member></c:clientList>"""
    assert read_client_list(data) == (ListedClient(ClientId("AA", "ENT", "1", "s"), "One", "Sub"),)
    for wrong in (
        b"<a",
        data.replace(b"<i:memberCode>1</i:memberCode>", b""),
        data.replace(b"c:id", b"c:no"),
    ):
        with pytest.raises(PeerError):
            read_client_list(wrong)


def test_service_lists() -> None:
    entry = {
        "object_type": "SERVICE",
        "xroad_instance": "AA",
        "member_class": "ENT",
        "member_code": "1",
        "subsystem_code": "s",
        "service_code": "pets",
        "service_type": "REST",
        "endpoint_list": [{"method": "*", "path": "/**"}],
    }
    service = ServiceId(ClientId("AA", "ENT", "1", "s"), "pets")
    expected = ListedService(service, "REST", (Endpoint("*", "/**"),))
    assert read_rest_services(json.dumps({"service": [entry]}).encode()) == (expected,)
    assert read_rest_services(json.dumps({"service": []}).encode()) == ()
    for name in ("xroad_instance", "member_class", "service_code"):
        with pytest.raises(PeerError):
            read_rest_services(json.dumps({"service": [entry | {name: None}]}).encode())


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["member", "service", "id", "endpoint_list", "member_code", "name"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(values)
def test_any_json_is_read_or_refused(value: object) -> None:
    for read in (read_client_list, read_rest_services):
        try:
            read(json.dumps(value).encode())
        except PeerError as error:
            assert error.code == "invalid_body"


def test_descriptions() -> None:
    assert OpenAPIDescription("text/yaml", OPENAPI).parse()["openapi"] == "3.0.3"
    assert OpenAPIDescription("application/json", b'{"openapi": "3.1.0"}').parse() == {"openapi": "3.1.0"}
    for wrong in (b"[]", b"- a", b"a: [", b"!!python/object/apply:os.system [x]"):
        with pytest.raises(PeerError):
            OpenAPIDescription("", wrong).parse()


def test_other_instances() -> None:
    assert list_clients_target(None) == b"/listClients"
    assert list_clients_target("A/B õ") == b"/listClients?xRoadInstance=A%2FB%20%C3%B5"
