"""The cases X-Road's own proxy test-suite checks (shared/xroad/rest/rest-cases.json), through two servers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from world import Echo, World

from sild.http1 import Fetched, Request, Responder, fetch
from sild.security_server import PeerRoute, ServiceType
from sild.xroad.identifiers import ClientId, SecurityServerId

SHARED = Path(__file__).resolve().parents[3] / "shared" / "xroad" / "rest" / "rest-cases.json"
CASES: list[dict[str, Any]] = json.loads(SHARED.read_bytes())["cases"] if SHARED.exists() else []

SUBSYSTEMS = ["sub", "subsystem", "sub/system"]


class RestWorld:
    """Instance EE, class BUSINESS: client `consumer`, provider `producer` with the services the cases name."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.echo = Echo()

    async def start(self) -> None:
        world = self.world
        url = await world.serve(self.echo)
        consumers = [ClientId("EE", "BUSINESS", "consumer", name) for name in SUBSYSTEMS]
        producers = [ClientId("EE", "BUSINESS", "producer", name) for name in ("sub", "s/ub")]
        # X-Road runs these cases without a message log; one of them is larger than a log takes by default.
        log = {"truncated_body_allowed": True}
        self.consumer = await world.add_server("ss1", "consumer", consumers, **log)
        self.provider = await world.add_server("ss2", "producer", producers, **log)
        conf = self.provider.server.serverconf
        for producer, code in [
            (producers[0], "echo"),
            (producers[0], "service"),
            (producers[0], "test"),
            (producers[1], "öäå"),
        ]:
            service = conf.add_rest_service(producer, code, url)
            for consumer in consumers:
                if code == "service":
                    for method in ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"):
                        conf.grant(service, consumer, method=method, path="**")
                else:
                    conf.grant(service, consumer)
        wsdl = conf.add_soap_service(producers[0], "wsdl", None, "http://127.0.0.1:1/?wsdl", url)
        assert conf.snapshot.services[wsdl].service_type is ServiceType.WSDL

    async def send(self, case: dict[str, Any], query_id: str) -> Fetched:
        headers = [
            (name.encode(), (query_id if value == "<uuid>" else value).encode())
            for name, value in case["headers"].items()
        ]
        return await fetch(
            self.consumer.url + case["path"],
            method=case["method"],
            headers=headers,
            body=case.get("body", "").encode() or None,
            max_bytes=32 * 1024 * 1024,
        )


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_rest(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RestWorld]:
    directory = tmp_path_factory.mktemp("rest")
    async with World(directory, instance="EE", member_class="BUSINESS") as world:
        made = RestWorld(world)
        await made.start()
        yield made


@pytest.fixture
def rest(module_rest: RestWorld) -> RestWorld:
    module_rest.echo.requests.clear()
    module_rest.echo.answer = None
    return module_rest


def prepare(case: dict[str, Any], rest: RestWorld) -> None:
    condition = case.get("condition", "")
    if "bytes=" in case["path"]:
        size = int(case["path"].partition("bytes=")[2])

        async def large(request: Request, responder: Responder) -> None:
            await responder.send(200, [(b"Content-Type", b"application/octet-stream")], b"\x5a" * size)

        rest.echo.answer = large
    if "302" in condition:

        async def moves(request: Request, responder: Responder) -> None:
            await responder.send(302, [(b"Location", b"/r1/EE/BUSINESS/producer/sub/notexists")])

        rest.echo.answer = moves


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
async def test_case(rest: RestWorld, case: dict[str, Any]) -> None:
    prepare(case, rest)
    if "provider addresses" in case.get("condition", ""):
        await use_unusable_addresses(rest)
    query_id = str(uuid4())
    answer = await rest.send(case, query_id)
    expected = case["expect"]
    if "note" in expected:
        again = await rest.send(case, query_id)
        hashes = [one.header(b"x-road-request-hash") for one in (answer, again)]
        assert all(hashes)
        assert hashes[0] != hashes[1]
    if "status" in expected:
        assert answer.status == expected["status"], answer.body[:300]
    for name in expected.get("has_header", ()):
        assert answer.header(name.lower().encode())
    for name, value in expected.get("headers", {}).items():
        wanted = query_id if value == "<the same uuid>" else value
        assert (answer.header(name.lower().encode()) or b"").decode() == wanted
    for name, count in expected.get("header_count", {}).items():
        assert sum(header.lower() == name.lower().encode() for header, _ in answer.headers) == count
    if "json" in expected:
        assert json.loads(answer.body) == expected["json"]
    if "body_length" in expected:
        assert len(answer.body) == expected["body_length"]
    if "service_sees" in expected:
        _, target, headers, _ = rest.echo.requests[-1]
        seen = {name.decode().lower(): value.decode() for name, value in headers}
        seen["path"] = target.decode()
        for name, value in expected["service_sees"].items():
            assert seen[name.lower()] == (query_id if value == "<the same uuid>" else value)


async def use_unusable_addresses(rest: RestWorld) -> None:
    """The provider's subsystem stands at five servers, of which one address works."""
    world = rest.world
    (real,) = (server for server in world.central.servers if server.id.server_code == "ss2")
    addresses = ["server.invalid.", "127.0.0,78", "server\u200b.\ufefftest", "::1"]
    for number, address in enumerate(addresses):
        world.central.servers.append(
            replace(
                real,
                id=SecurityServerId(real.id.owner, f"bad{number}"),
                address=address,
                auth_cert_hashes=(),
            )
        )
    settings = rest.consumer.server.settings
    assert real.address is not None
    settings.peer_routes["::1"] = PeerRoute(host="::1", port=1, ocsp_port=1)
    await world.publish()
    assert len(world.central.servers) == 6
    rest.consumer.forget_connections()
