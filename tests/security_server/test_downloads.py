"""Evidence taken out by an information system: /asic and /verificationconf, and what an outsider makes of it (WIRE 8.4)."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from world import CLIENT, REGISTER, Pair, World

from sild.configuration_client import load_globalconf, read_published
from sild.configuration_client.generations import Generations
from sild.http1 import Fetched, fetch
from sild.security_server import ConnectionType
from sild.signatures import read_asice
from sild.xroad.evidence import verify_container
from sild.xroad.identifiers import ClientId


def target(client: ClientId = CLIENT, query_id: str = "q1", *flags: str) -> str:
    query = {
        "queryId": query_id,
        "xRoadInstance": client.instance_identifier,
        "memberClass": client.member_class,
        "memberCode": client.member_code,
        "subsystemCode": client.subsystem_code or "",
    }
    return "/asic?" + "".join(f"{flag}&" for flag in flags) + urlencode(query)


async def get(pair: Pair, path: str) -> Fetched:
    return await fetch(pair.consumer.url + path, max_bytes=10_000_000)


async def exchanged(pair: Pair) -> None:
    answer = await pair.call("POST", "/people", body=b"question", headers=[(b"X-Road-Id", b"q1")])
    assert answer.status == 200


async def test_containers_verify_with_the_downloaded_configuration(pair: Pair, tmp_path: Path) -> None:
    """Everything an outsider needs: the containers and the verification configuration, both from the client port."""
    for _ in range(2):
        await exchanged(pair)
    await pair.consumer.server.timestamper.tick()
    packed = await get(pair, "/verificationconf")
    assert packed.header(b"content-type") == b"application/zip"
    with zipfile.ZipFile(io.BytesIO(packed.body)) as archive:
        names = archive.namelist()
        assert "verificationconf/instance-identifier" in names
        assert "verificationconf/DEV/shared-params.xml" in names
        assert "verificationconf/DEV/shared-params.xml.metadata" in names
        archive.extractall(tmp_path)
    globalconf = load_globalconf(tmp_path / "verificationconf")
    answer = await get(pair, target())
    assert answer.status == 200, answer.body
    assert answer.header(b"content-type") == b"application/zip"
    assert answer.header(b"content-disposition") == b'attachment; filename="q1.zip"'
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        kinds = []
        for name in archive.namelist():
            assert name.startswith("q1-")
            assert name.endswith(".asice")
            kinds.append(name.split("-")[1])
            report = verify_container(read_asice(io.BytesIO(archive.read(name))), globalconf)
            assert not report.remarks
    assert sorted(kinds) == ["request", "request", "response", "response"]


async def test_a_configuration_published_while_it_is_packed(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two publications during one download: the generation that was being read is gone, and a whole one is sent."""
    directory = pair.consumer.server.configuration.directory
    published = read_published(directory)
    iterdir, waiting = Path.iterdir, [published, published]

    def publishing(path: Path) -> Iterator[Path]:
        while waiting and path == directory.resolve():
            later = waiting.pop()
            with monkeypatch.context() as context:
                context.setattr(Path, "iterdir", iterdir)
                for _ in range(2):
                    Generations(directory).publish(later)
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", publishing)
    packed = await get(pair, "/verificationconf")
    assert not waiting
    assert packed.status == 200, packed.body
    with zipfile.ZipFile(io.BytesIO(packed.body)) as archive:
        names = {f"verificationconf/DEV/shared-params.xml{end}" for end in ("", ".metadata")}
        assert set(archive.namelist()) == {"verificationconf/instance-identifier", *names}
        assert archive.read("verificationconf/DEV/shared-params.xml") == (
            published.instances["DEV"]["shared-params.xml"].content
        )


async def test_one_container(pair: Pair) -> None:
    await exchanged(pair)
    await pair.consumer.server.timestamper.tick()
    answer = await get(pair, target(CLIENT, "q1", "unique", "responseOnly"))
    assert answer.header(b"content-type") == b"application/vnd.etsi.asic-e+zip"
    container = read_asice(io.BytesIO(answer.body))
    assert container.message.startswith(b"200\r\n")
    assert len(container.attachments) == 1


async def test_not_time_stamped_yet(pair: Pair) -> None:
    await exchanged(pair)
    answer = await get(pair, target())
    assert (answer.status, answer.body) == (500, b"Message signature has not been timestamped yet!")
    forced = await get(pair, target(CLIENT, "q1", "force", "requestOnly"))
    assert forced.status == 200
    assert forced.header(b"content-disposition") == b'attachment; filename="q1-request.zip"'


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        (target(CLIENT, "unknown"), 404, b"No signed documents found"),
        (target(REGISTER, "q1"), 401, b"not found"),
        (target(CLIENT, "q1", "requestOnly", "responseOnly"), 400, b"cannot be used at the same time"),
        (target(CLIENT, "q1", "unique"), 400, b"not applicable without"),
        ("/asic", 400, b'"xRoadInstance"  must be specified'),
        ("/asic?xRoadInstance=DEV&memberClass=COM&memberCode=1", 400, b'"queryId"  must be specified'),
        ("/asic?" + "x=1&" * 5000, 400, b'"xRoadInstance"  must be specified'),
        ("/asic?xRoadInstance=&memberClass=&memberCode=&queryId=", 401, b"not found"),
        (target(CLIENT, "q1\0"), 404, b"No signed documents found"),
        (target(CLIENT, "../q1"), 404, b"No signed documents found"),
    ],
)
async def test_refused(pair: Pair, path: str, status: int, text: bytes) -> None:
    await exchanged(pair)
    answer = await get(pair, path)
    assert answer.status == status, answer.body
    assert text in answer.body
    assert answer.header(b"content-type") == b"text/plain;charset=utf-8"


async def test_another_clients_records_stay_hidden(pair: Pair) -> None:
    """A query id is not a secret: the record is found only with its client, who must authenticate (WIRE 18)."""
    await exchanged(pair)
    other = ClientId("DEV", "COM", "1", "Other")
    pair.consumer.server.serverconf.add_client(other, connection_type=ConnectionType.HTTP)
    assert (await get(pair, target(other))).status == 404
    pair.consumer.server.serverconf.set_connection_type(CLIENT, ConnectionType.HTTPS)
    assert (await get(pair, target())).status == 401


async def test_of_some_exchanges_of_an_id_alone(pair: Pair) -> None:
    """Whoever sends under an id again and again does not stand in the way of the exchange that is looked for."""
    for _ in range(4):
        await exchanged(pair)
    log = pair.consumer.server.message_log
    wanted = (await log.find("q1", CLIENT))[0].x_request_id
    answer = await get(pair, target(CLIENT, "q1", "force", f"requestId={wanted}"))
    assert answer.status == 200, answer.body
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        messages = [read_asice(io.BytesIO(archive.read(name))).message for name in archive.namelist()]
    assert len(messages) == 2 and all(str(wanted).encode() in one for one in messages)
    stamped = [one.timestamp is not None for one in await log.find("q1", CLIENT)]
    assert sum(stamped) == 2, "the others are not even stamped"
    assert (await get(pair, target(CLIENT, "q1", "force", "requestId=none"))).status == 404


async def test_names_made_of_a_hostile_query_id(pair: Pair) -> None:
    """The id is the client's own word: no path, no quote and no line break of it reaches a name."""
    query_id = '../"x\\y;\u00e4'
    answer = await pair.call(headers=[(b"X-Road-Id", query_id.encode())])
    assert answer.status == 200
    await pair.consumer.server.timestamper.tick()
    for flags in ((), ("unique", "requestOnly")):
        answer = await get(pair, target(CLIENT, query_id, *flags))
        assert answer.status == 200, answer.body
        name = (answer.header(b"content-disposition") or b"").partition(b'filename="')[2]
        assert name.endswith(b'"')
        assert not set(name[:-1]) & set(b'"/\\;\r\n')
        if not flags:
            with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
                assert all("/" not in entry and "\\" not in entry for entry in archive.namelist())


async def test_no_configuration_to_download(world: World) -> None:
    site = await world.add_server("ss1", "1", [CLIENT], start=False)
    world.central.directory = b"broken"
    await site.server.start()
    answer = await fetch(site.url + "/verificationconf")
    assert (answer.status, answer.body) == (500, b"There is no global configuration yet")
    assert (await fetch(site.url + "/listClients?" + "x=1&" * 5000)).status == 200, (
        "a fault, as X-Road gives it"
    )
