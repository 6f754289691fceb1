"""kill -9 while a SOAP message with attachments passes: nothing acted on before it is logged, nothing twice, all of it evidence.

As `test_killed.py` for REST, and after each restart the logs are read as whoever disputes an exchange would: every record as a
container, verified with its attachments against the configuration.
"""

from __future__ import annotations

import asyncio
import io
import random
import re
import signal
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from soap_world import MULTIPART, TEXT_XML, SeenRequest, SoapWorld, envelope, multipart
from test_killed import CLIENT_POINTS, PROVIDER_POINTS, logged
from world import Spawned, World

from sild.errors import PlatformError
from sild.http1 import Fetched, Request, Responder, fetch
from sild.signatures import read_asice
from sild.xroad.evidence import verify_container
from sild.xroad.faults import parse_soap_fault
from sild.xroad.globalconf import GlobalConf

ATTACHMENTS = (b"\x00\x01first\r\n" * 20, b"second" * 40_000)
_ID = re.compile(rb"<xroad:id>([^<]+)</xroad:id>")
_TYPES = (MULTIPART.encode(), TEXT_XML.encode())


def question(query_id: str, attachments: tuple[bytes, ...] = ATTACHMENTS) -> bytes:
    parts = (("Content-Type: application/octet-stream", data) for data in attachments)
    return multipart(("Content-Type: text/xml", envelope(query_id=query_id)), *parts)


@pytest.fixture
async def soap(tmp_path: Path) -> AsyncIterator[SoapWorld]:
    async with World(tmp_path, instance="EE", member_class="BUSINESS") as world:
        made = SoapWorld(world)
        await made.start()

        async def answer(request: Request, responder: Responder) -> None:
            """As many attachments as came, each the other way round."""
            body = await request.read(64 * 1024 * 1024)
            made.service.seen.append(SeenRequest(request.target, list(request.headers), body))
            found = _ID.search(body)
            assert found is not None
            message = envelope(query_id=found[1].decode(), response=True)
            if not (request.header(b"content-type") or b"").startswith(b"multipart/related"):
                await responder.send(200, [(b"Content-Type", _TYPES[1])], message)
                return
            back = (("Content-Type: a/b", data[::-1]) for data in ATTACHMENTS)
            data = multipart(("Content-Type: text/xml", message), *back)
            await responder.send(200, [(b"Content-Type", _TYPES[0])], data)

        made.service.handler = answer
        yield made


def called(soap: SoapWorld) -> list[str]:
    """The query ids the service has seen."""
    found = [_ID.search(request.body) for request in soap.service.seen]
    return [match[1].decode() for match in found if match]


async def ask(url: str, query_id: str, *, plain: bool = False) -> Fetched:
    data = envelope(query_id=query_id) if plain else question(query_id)
    headers = [(b"Content-Type", _TYPES[plain])]
    return await fetch(url, method="POST", body=data, headers=headers, timeout=20, max_bytes=1024 * 1024)


def is_answer(answer: Fetched) -> bool:
    return answer.status == 200 and b"<SOAP-ENV:Fault>" not in answer.body


async def evidence(url: str, member: str, query_id: str, globalconf: GlobalConf) -> list[int]:
    """How many attachments each container of that message has: the request's, the answer's. Time-stamped now, and verified."""
    owner = f"xRoadInstance=EE&memberClass=BUSINESS&memberCode={member}"
    answer = await fetch(
        f"{url}/asic?queryId={query_id}&{owner}&force", timeout=20, max_bytes=16 * 1024 * 1024
    )
    assert answer.status == 200, answer.body
    counts = []
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        for name in sorted(archive.namelist()):
            container = read_asice(io.BytesIO(archive.read(name)))
            verify_container(container, globalconf)
            counts.append(len(container.attachments))
    return counts


def configuration(soap: SoapWorld) -> GlobalConf:
    current = soap.consumer.server.configuration.current or soap.provider.server.configuration.current
    assert current is not None
    return current


async def died(spawned: Spawned) -> bool:
    return await asyncio.wait_for(spawned.process.wait(), 10) == -signal.SIGKILL


@pytest.mark.parametrize("point", CLIENT_POINTS)
async def test_clients_server(soap: SoapWorld, point: str) -> None:
    globalconf = configuration(soap)
    spawned = await soap.world.spawn(soap.consumer, crash_at=point)
    with pytest.raises(PlatformError):
        await ask(spawned.url, "q")
    assert await died(spawned)
    await asyncio.sleep(0.2)
    in_client, in_provider, calls = CLIENT_POINTS[point]
    directory = soap.world.directory
    assert logged(directory / "ss1") == in_client
    if in_provider is not None:
        assert logged(directory / "ss2") == in_provider
        assert len(called(soap)) == calls
    again = await soap.world.spawn(soap.consumer, crash_at=None)
    assert is_answer(await ask(again.url, "again"))
    assert logged(directory / "ss1") == [*in_client, ("again", False), ("again", True)]
    assert called(soap).count("again") == 1
    for query_id, records in (("q", in_client), ("again", [1, 1])):
        if records:
            assert await evidence(again.url, "consumer", query_id, globalconf) == [2] * len(records)


@pytest.mark.parametrize("point", PROVIDER_POINTS)
async def test_providers_server(soap: SoapWorld, point: str) -> None:
    globalconf = configuration(soap)
    spawned = await soap.world.spawn(soap.provider, crash_at=point)
    answer = await ask(soap.consumer.url, "q")
    assert await died(spawned)
    fault = parse_soap_fault(answer.body)
    assert fault is not None
    assert fault.code.startswith("server.clientproxy.")
    in_client, in_provider, calls = PROVIDER_POINTS[point]
    directory = soap.world.directory
    assert logged(directory / "ss1") == in_client
    assert logged(directory / "ss2") == in_provider
    assert called(soap) == ["q"] * calls
    again = await soap.world.spawn(soap.provider, crash_at=None)
    assert is_answer(await ask(soap.consumer.url, "again"))
    assert logged(directory / "ss2") == [*in_provider, ("again", False), ("again", True)]
    assert called(soap) == ["q"] * calls + ["again"], "the restart calls nobody again"
    for query_id, records in (("q", in_provider), ("again", [1, 1])):
        if records:
            assert await evidence(again.url, "producer", query_id, globalconf) == [2] * len(records)


@pytest.mark.parametrize("whose", ["consumer", "provider"])
async def test_under_load_at_any_moment(soap: SoapWorld, whose: str) -> None:
    """Eight clients with and without attachments, a kill at a random moment, a restart: what was answered is in both logs
    once and verifies, and the service was called for nothing that the provider's log does not hold."""
    globalconf = configuration(soap)
    site = soap.consumer if whose == "consumer" else soap.provider
    spawned = await soap.world.spawn(site)
    url = spawned.url if whose == "consumer" else soap.consumer.url
    answered: set[str] = set()

    async def client(number: int) -> None:
        for turn in range(1000):
            query_id = f"{number}-{turn}"
            try:
                answer = await ask(url, query_id, plain=random.random() < 0.5)
            except PlatformError:
                return
            if not is_answer(answer):
                return
            answered.add(query_id)

    clients = [asyncio.create_task(client(number)) for number in range(8)]
    await asyncio.sleep(random.uniform(0.3, 1.0))
    while not answered:
        await asyncio.sleep(0.05)
    spawned.process.kill()
    await asyncio.gather(*clients)
    await spawned.process.wait()
    again = await soap.world.spawn(site)
    found = {}
    for name in ("ss1", "ss2"):
        rows = found[name] = logged(soap.world.directory / name)
        assert len(rows) == len(set(rows)), "nothing is logged twice"
        assert {(query_id, is_response) for query_id in answered for is_response in (False, True)} <= set(
            rows
        )
    seen = called(soap)
    assert len(seen) == len(set(seen)), "nothing is done twice"
    assert {(query_id, False) for query_id in seen} <= set(found["ss2"]), (
        "nothing is done before it is logged"
    )
    assert {query_id for query_id, is_response in found["ss2"] if is_response} <= set(seen)
    name, member = ("ss1", "consumer") if whose == "consumer" else ("ss2", "producer")
    last = list(dict.fromkeys(query_id for query_id, _ in found[name]))[-8:]
    for query_id in last:
        assert await evidence(again.url, member, query_id, globalconf)
    assert is_answer(await ask(again.url if whose == "consumer" else soap.consumer.url, "after"))
    assert logged(soap.world.directory / name)[-2:] == [("after", False), ("after", True)]
