"""Two nodes of one server behind a balancer, PostgreSQL in common: nothing is lost or doubled when one dies, leaves or changes."""

from __future__ import annotations

import asyncio
import base64
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cluster import Balancer, Load, balancer, ensure_none_lost_or_doubled, logged, query_ids_at, rows
from world import CLIENT, ECHO, REGISTER, Echo, Site, Spawned, World, prepare_directory, subsystem

from sild.http1 import fetch
from sild.pki import der
from sild.security_server import ClientStatus, ConnectionType, SecurityServer, SecurityServerSettings
from sild.signer import KeyUsage
from support.postgres import PostgreSQL, postgresql  # noqa: F401 - a fixture

OTHER = subsystem("1", "Other")


@dataclass
class Cluster:
    """One site as two nodes, the other in this process. database: of the nodes, for all they keep."""

    world: World
    site: Site
    balancer: Balancer
    database: str
    nodes: dict[str, Spawned]
    url: str  # for the client's information systems
    echo: Echo

    def settings(self, name: str) -> SecurityServerSettings:
        given = self.site.server.settings
        free = dict.fromkeys(
            (
                "client_http_port",
                "client_https_port",
                "server_proxy_port",
                "ocsp_responder_port",
                "health_check_port",
            ),
            0,
        )
        directory = self.world.directory / f"{self.site.name}-{name}"
        return given.model_copy(update={"directory": directory, "leave_delay": 0.6, **free})

    async def start(self, name: str) -> None:
        settings = self.settings(name)
        prepare_directory(settings.directory)
        self.nodes[name] = spawned = await self.world.launch(settings, grace=10.0)
        self.balancer.add(spawned, "client_http", "server_proxy", "ocsp_responder")

    async def ready(self) -> None:
        await self.balancer.until_healthy(3 * len(self.nodes))


@pytest.fixture
def databases(postgresql: PostgreSQL) -> Iterator[list[str]]:  # noqa: F811
    with ExitStack() as stack:
        yield [stack.enter_context(postgresql.schema()) for _ in range(2)]


@pytest.fixture(params=["consumer", "provider"])
async def cluster(
    request: pytest.FixtureRequest, tmp_path: Path, databases: list[str]
) -> AsyncIterator[Cluster]:
    """Started one after the other at once: on an empty database, which both want to set up."""
    async with World(tmp_path) as world, balancer() as made:
        echo = Echo()
        service = await world.serve(echo)
        common: dict[str, Any] = {"message_log_url": databases[1]}
        shared: dict[str, Any] = dict.fromkeys(
            ("database_url", "message_log_url", "signer_url"), databases[0]
        )
        is_consumer = request.param == "consumer"
        consumer = await world.add_server(
            "ss1", "1", [CLIENT, OTHER], start=not is_consumer, **shared if is_consumer else common
        )
        provider = await world.add_server(
            "ss2", "2", [REGISTER], start=is_consumer, **common if is_consumer else shared
        )
        provider.server.serverconf.add_rest_service(REGISTER, "echo", service)
        provider.server.serverconf.grant(ECHO, CLIENT)
        consumer.server.serverconf.remove_client(OTHER)
        site = consumer if is_consumer else provider
        url = "" if is_consumer else consumer.url
        cluster = Cluster(world, site, made, databases[0], {}, url, echo)
        route = world.routes[f"{site.name}.test"]
        for name, port in (("server_proxy", route.port), ("ocsp_responder", route.ocsp_port)):
            await made.listen(name, port)
        if is_consumer:
            cluster.url = f"http://127.0.0.1:{await made.listen('client_http')}"
        await asyncio.gather(cluster.start("a"), cluster.start("b"))
        await cluster.ready()
        await site.server.stop(grace=0.5)
        world.sites.pop(site.name)
        yield cluster


async def test_nothing_is_lost_or_doubled(cluster: Cluster, databases: list[str]) -> None:
    load = Load(cluster.url)
    async with load.running():
        await load.more(100)
        if cluster.site.name == "ss1":
            await another_certificate_and_client(cluster)
        leaving = cluster.nodes.pop("a")
        assert await leaving.end() == 0
        await load.more(100)
        assert load.failed == {}, load.reasons
        cluster.balancer.remove(leaving)
        await cluster.start("a")
        await cluster.ready()
        await load.more(100)
        assert load.failed == {}, load.reasons
        assert_answers_what_it_took(load, cluster.echo)
        killed = cluster.nodes.pop("b")
        killed.process.kill()
        assert await killed.process.wait() == -signal.SIGKILL
        await load.more(100)
    assert sum(load.failed.values()) <= 3 * load.clients, load.reasons
    ensure_none_lost_or_doubled(load, cluster.echo, logged(databases[0]), logged(databases[1]))
    await stamped_once(cluster)


def assert_answers_what_it_took(load: Load, echo: Echo) -> None:
    """A node that leaves closes a kept connection between two messages alone: what was sent just then was not acted on."""
    served = query_ids_at(echo)
    assert {query_id: served[query_id] for query_id in load.again} == dict.fromkeys(load.again, 1)


async def another_certificate_and_client(cluster: Cluster) -> None:
    """Administered at a third place, by the database alone, while both nodes work: each takes it up within seconds."""
    settings = cluster.settings("office")
    prepare_directory(settings.directory)
    office = SecurityServer(settings)
    await office.token.login("1234")
    for node in cluster.nodes.values():
        assert await refusal(node) == "server.clientproxy.unknown_member"
    office.serverconf.add_client(OTHER, status=ClientStatus.REGISTERED, connection_type=ConnectionType.HTTP)
    (old,) = office.signer.keyring.certificates(usage=KeyUsage.SIGNING)
    new = await cluster.world.certify(office, KeyUsage.SIGNING, cluster.world.member("1"))
    await office.signer.keyring.set_active(old.sha1, is_active=False)
    await office.stop(0)
    begun = asyncio.get_running_loop().time()
    for name, node in cluster.nodes.items():
        async with asyncio.timeout(30):
            for turn in range(1000):
                query_id = f"office-{name}-{turn}"
                if await signed_by(cluster.database, node, query_id, der(new)):
                    break
                await asyncio.sleep(0.1)
            while await refusal(node) == "server.clientproxy.unknown_member":
                await asyncio.sleep(0.1)
    assert asyncio.get_running_loop().time() - begun < 20


async def refusal(node: Spawned) -> str:
    """What a client that is not allowed to use the service is told."""
    answer = await fetch(
        f"{node.url}/r1/{ECHO.encode()}", headers=[(b"X-Road-Client", OTHER.encode().encode())]
    )
    return (answer.header(b"x-road-error") or b"").decode()


async def signed_by(database: str, node: Spawned, query_id: str, certificate: bytes) -> bool:
    headers = [(b"X-Road-Client", CLIENT.encode().encode()), (b"X-Road-Id", query_id.encode())]
    answer = await fetch(f"{node.url}/r1/{ECHO.encode()}", headers=headers)
    assert answer.status == 200
    query = f"SELECT signature FROM message_record WHERE query_id = '{query_id}' AND NOT is_response"
    ((signature,),) = await asyncio.to_thread(rows, database, query)
    text = signature if isinstance(signature, str) else bytes(signature).decode()
    return base64.b64encode(certificate).decode() in "".join(text.split())


async def stamped_once(cluster: Cluster) -> None:
    """A new process takes over what the dead one was to stamp; no record gets two time-stamps, no time-stamp is for nothing."""
    if not await asyncio.to_thread(rows, cluster.database, "SELECT 1 FROM record_timestamp LIMIT 1"):
        await cluster.start("c")
    async with asyncio.timeout(30):
        while not await asyncio.to_thread(rows, cluster.database, "SELECT 1 FROM record_timestamp LIMIT 1"):
            await asyncio.sleep(0.1)
    # in one statement: stamping goes on meanwhile, and takes records from the one to the other
    both = "SELECT record_id FROM record_timestamp UNION ALL SELECT record_id FROM pending_timestamp"
    stamped_or_pending = await asyncio.to_thread(rows, cluster.database, both)
    records = await asyncio.to_thread(rows, cluster.database, "SELECT id FROM message_record")
    idle = (
        "SELECT id FROM timestamp_record WHERE id NOT IN (SELECT timestamp_record_id FROM record_timestamp)"
    )
    assert sorted(record for (record,) in stamped_or_pending) == sorted(record for (record,) in records)
    assert list(await asyncio.to_thread(rows, cluster.database, idle)) == []
