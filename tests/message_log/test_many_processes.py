"""Several processes on one log: each appends, one at a time stamps and archives, and any may be killed at any moment."""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import text

from sild.errors import Unavailable
from sild.message_log import Archiver, Timestamper, TimestampingRules, verify_archive
from sild.signatures import read_asice, write_asice
from sild.xroad.evidence import verify_container
from support.stamped_log import StampedLog

PROGRAM = """
import asyncio, itertools, sys
from datetime import timedelta
from pathlib import Path
from cryptography import x509
from sild.errors import PlatformError
from sild.http1 import fetch
from sild.message_log import Archiver, MessageLog, MessageRecord, Timestamper
from sild.xroad.identifiers import ClientId

url, tsa, directory, name = sys.argv[1:]
directory = Path(directory)
certificates = x509.load_pem_x509_certificates((directory / "tsa.pem").read_bytes())
client = ClientId("DEV", "COM", "1234", "TestClient")
part, signature = (directory / "part").read_bytes(), (directory / "signature").read_bytes()

async def exchange(log, lane):
    for number in itertools.count():
        query_id = f"{name}-{lane}-{number}"
        record_id = await log.append(MessageRecord(query_id, part, signature, client, False))
        print(record_id, query_id, flush=True)
        await asyncio.sleep(0.005)

async def background(work):
    while True:
        await work()
        await asyncio.sleep(0.03)

async def main():
    log = MessageLog(url)
    stamper = Timestamper(log, urls=lambda: [tsa], tsa_certificates=lambda: certificates,
                          interval=lambda: timedelta(minutes=1), fetch=fetch)
    archiver = Archiver(log, directory / "archive")
    await asyncio.gather(*(exchange(log, lane) for lane in "ab"), background(stamper.tick), background(archiver.archive))

asyncio.run(main())
"""


class Processes:
    """Processes of one server, and what they said they had logged."""

    def __init__(self, url: str, tsa_url: str, directory: Path) -> None:
        self._arguments = (url, tsa_url, str(directory))
        self.said: list[str] = []
        self.running: list[asyncio.subprocess.Process] = []
        self.complaints = b""
        self._started = 0
        self._readers: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self._started += 1
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PROGRAM, *self._arguments, f"process{self._started}"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PYTHONPATH": ":".join(entry for entry in sys.path if entry)},
        )
        assert process.stdout is not None
        self.said.append((await process.stdout.readline()).decode())
        self.running.append(process)
        self._readers.append(asyncio.create_task(self._read(process)))

    async def kill(self, number: int = 0) -> None:
        process = self.running.pop(number)
        process.kill()
        await process.wait()

    async def end(self) -> None:
        while self.running:
            await self.kill()
        await asyncio.gather(*self._readers)

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None and process.stderr is not None
        while line := await process.stdout.readline():
            if line.endswith(b"\n"):
                self.said.append(line.decode())
        self.complaints += await process.stderr.read()


def prepare(world: StampedLog, directory: Path) -> None:
    record = world.record("shared")
    (directory / "part").write_bytes(record.message)
    (directory / "signature").write_bytes(record.signature)
    pem = [
        certificate.public_bytes(Encoding.PEM) for certificate in world.globalconf.tsa_certificates(world.now)
    ]
    (directory / "tsa.pem").write_bytes(b"".join(pem))
    (directory / "archive").mkdir()


async def test_killed_in_turn(world: StampedLog, log_url: str, tmp_path: Path) -> None:
    prepare(world, tmp_path)
    processes = Processes(log_url, world.trust.tsa_url, tmp_path)
    kills = 2
    await asyncio.gather(*(processes.start() for _ in range(3)))
    for _ in range(kills):
        await asyncio.sleep(random.uniform(0.1, 0.4))
        await processes.kill(random.randrange(3))
        await processes.start()
    await processes.end()
    assert b"Traceback" not in processes.complaints, processes.complaints[-2000:]

    archiver = Archiver(world.log, tmp_path / "archive", clock=world.clock)
    for _ in range(50):  # until the server has noticed that the last session has ended
        await world.timestamper.tick()
        await archiver.archive()
        if not world.log.store.is_timestamp_pending() and not world.log.store.archivable(1, "none"):
            break
        await asyncio.sleep(0.1)

    logged = [(int(record_id), query_id) for record_id, query_id in map(str.split, processes.said)]
    assert len({record_id for record_id, _ in logged}) == len(logged) > 20
    for record_id, query_id in random.sample(logged, 20):
        record = await world.stamped(record_id)
        assert record.query_id == query_id
    await each_is_archived_once(world, tmp_path / "archive", [query_id for _, query_id in logged])
    with world.log.store.transaction() as connection:
        tokens = text("SELECT count(*) FROM timestamp_record")
        unused = text(
            "SELECT count(*) FROM timestamp_record WHERE id NOT IN (SELECT timestamp_record_id FROM record_timestamp)"
        )
        assert connection.execute(tokens).scalar_one() > 1
        # nobody stamped what another was stamping: only one who was killed may have left a token behind
        assert connection.execute(unused).scalar_one() <= kills + 3


async def each_is_archived_once(world: StampedLog, directory: Path, query_ids: list[str]) -> None:
    """And the archives, whoever wrote them, are one chain."""
    archives = {}
    for path in directory.glob("mlog-*.zip"):
        with path.open("rb") as file:
            archives[path.name] = verify_archive(file)
    followers = {report.previous_file: report for report in archives.values()}
    assert len(followers) == len(archives) > 1
    chain, name, digest = [], "", ""
    names = {report.last_digest: name for name, report in archives.items()}
    while report := followers.get(name):
        assert report.previous_digest == digest
        chain.append(report)
        name, digest = names[report.last_digest], report.last_digest
    assert len(chain) == len(archives)
    found = Counter(container.split("-request-")[0] for report in chain for container in report.containers)
    assert set(query_ids) <= found.keys()
    assert set(found.values()) == {1}
    assert list(directory.glob(".mlog*")) == []


async def test_one_of_two_time_stampers_works_and_the_other_takes_over(world: StampedLog) -> None:
    rival = world.new_timestamper()
    await world.append("1", "2")
    running = asyncio.create_task(world.timestamper.run())
    async with asyncio.timeout(20):
        while world.log.store.is_timestamp_pending():
            await asyncio.sleep(0.02)
    await world.append("3")
    assert await rival.tick() == timedelta(minutes=1)
    assert world.log.store.is_timestamp_pending()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await rival.tick() == timedelta(minutes=5)
    assert not world.log.store.is_timestamp_pending()


async def test_all_processes_stop_when_time_stamping_fails_for_one(world: StampedLog) -> None:
    """The one that stamps knows; the others are told, and told again when it goes on."""
    other = Timestamper(
        world.log,
        urls=lambda: world.urls,
        tsa_certificates=list,
        interval=lambda: timedelta(minutes=5),
        fetch=world.timestamper._fetch,
        clock=world.clock,
        rules=TimestampingRules(),
    )
    world.log.stamping = world.timestamper
    await world.append("1")
    world.trust.tsa_up = False
    keeping = world.timestamper._lock.try_hold()
    assert keeping is not None
    await world.timestamper.tick()
    await other.tick()
    assert other.failed_since is not None
    with pytest.raises(Unavailable) as caught:
        other.ensure_timestamping_ok(world.now + timedelta(hours=5))
    assert caught.value.code == "timestamping_failed"
    world.trust.tsa_up = True
    await world.timestamper.tick()
    await other.tick()
    other.ensure_timestamping_ok(world.now + timedelta(hours=5))


async def test_a_time_stamp_of_many_processes_verifies(
    world: StampedLog, log_url: str, tmp_path: Path
) -> None:
    """Records of several processes under one token: each container stands on its own."""
    prepare(world, tmp_path)
    world.trust.tsa_up = False
    processes = Processes(log_url, world.trust.tsa_url, tmp_path)
    await asyncio.gather(*(processes.start() for _ in range(2)))
    await asyncio.sleep(0.2)
    await processes.end()
    world.trust.tsa_up = True
    for _ in range(50):
        await world.timestamper.tick()
        if not world.log.store.is_timestamp_pending():
            break
        await asyncio.sleep(0.1)
    logged = [line.split() for line in processes.said]
    tokens = set()
    for record_id, _ in logged[:3] + logged[-3:]:
        record = await world.stamped(int(record_id))
        path = tmp_path / "container"
        with path.open("wb+") as file:
            write_asice(await world.log.as_asice(record), file, at=record.time)
            file.seek(0)
            verify_container(read_asice(file), world.globalconf)
        assert record.timestamp is not None
        tokens.add(record.timestamp.id)
    assert len(tokens) <= 2  # one tried alone after the failure, then everything
    assert len({query_id.split("-")[0] for _, query_id in logged}) == 2
