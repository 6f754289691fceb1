"""Several processes behind the same ports: one dies, all are replaced, all end, their supervisor dies; no message is lost."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from cluster import Load, ensure_none_lost_or_doubled, health, logged, rows
from world import CLIENT, ECHO, Pair, Spawned, World, make_pair, toml_of

from sild.errors import PlatformError
from sild.http1 import Request, Responder, fetch
from sild.security_server import ServerConf
from support.postgres import PostgreSQL, postgresql  # noqa: F401 - a fixture


@pytest.fixture
def database(postgresql: PostgreSQL) -> Iterator[str]:  # noqa: F811
    with postgresql.schema() as url:
        yield url


@dataclass
class Workers:
    """The consumer's server as a supervisor and two workers."""

    pair: Pair
    spawned: Spawned
    config: Path

    def numbered(self) -> dict[int, psutil.Process]:
        """The workers that serve now, by their place."""
        places: dict[int, psutil.Process] = {}
        for event in self.events("supervisor.worker_serving"):
            if psutil.pid_exists(event["process"]):
                places[event["worker"]] = psutil.Process(event["process"])
        return places

    def events(self, name: str) -> list[dict]:  # type: ignore[type-arg]
        lines = self.spawned.log.read_text().splitlines()
        return [event for event in map(json.loads, lines) if event["event"] == name]

    async def until(self, name: str, count: int) -> None:
        async with asyncio.timeout(40):
            while len(self.events(name)) < count:
                await asyncio.sleep(0.05)

    async def answering(self, path: str = "/") -> int:
        return await health(*self.spawned.addresses["health_check"], path)


def seconds(process: psutil.Process) -> float:
    """Of processor time so far."""
    return float(sum(process.cpu_times()[:2]))


@pytest.fixture
async def workers(tmp_path: Path, database: str) -> AsyncIterator[Workers]:
    async with World(tmp_path) as world:
        pair = await make_pair(
            world, consumer={"message_log_url": database, "health_check_port": 0, "metrics_port": 0}
        )
        settings = pair.consumer.server.settings
        await pair.consumer.server.stop(grace=0.5)
        world.sites.pop("ss1")
        spawned = await world.launch(settings, workers=2, grace=5.0)
        yield Workers(pair, spawned, settings.directory / "settings.toml")


async def test_one_dies_all_are_replaced_none_outlives_the_supervisor(
    workers: Workers, database: str
) -> None:
    load = Load(workers.spawned.url, clients=8)
    async with load.running():
        before = workers.numbered()
        assert set(before) == {0, 1}
        used = {number: -seconds(process) for number, process in before.items()}
        await load.more(400)
        used = {number: used[number] + seconds(process) for number, process in before.items()}
        assert min(used.values()) > 0.15 * sum(used.values()), used
        workers.spawned.process.send_signal(signal.SIGHUP)
        await workers.until("supervisor.reloaded", 1)
        await load.more(100)
        assert load.failed == {}, load.reasons
        after = workers.numbered()
        assert {each.pid for each in before.values()}.isdisjoint(each.pid for each in after.values())

        after[1].kill()
        await load.more(100)
        await workers.until("supervisor.worker_serving", 5)
        assert await workers.answering() == 200
        assert sum(load.failed.values()) <= 3 * load.clients, load.reasons
        in_failed = +load.failed

        wrong = workers.config.read_text()
        workers.config.write_text("unheard_of = 1\n" + wrong)
        workers.spawned.process.send_signal(signal.SIGHUP)
        await workers.until("supervisor.not_reloaded", 1)
        workers.config.write_text(wrong)
        await load.more(50)
        assert load.failed == in_failed, "settings that are wrong change nothing"
        metrics = workers.spawned.addresses["metrics"]
        counted = await fetch(f"http://{metrics[0]}:{metrics[1]}/metrics")
        assert counted.status == 200
    ensure_none_lost_or_doubled(
        load, workers.pair.echo, logged(database), Counter(workers.pair.records(workers.pair.provider))
    )
    workers.spawned.process.kill()
    assert await workers.spawned.process.wait() == -signal.SIGKILL
    _, alive = await asyncio.to_thread(psutil.wait_procs, list(workers.numbered().values()), timeout=20)
    assert alive == []
    assert await workers.answering() == 0
    links = rows(database, "SELECT record_id FROM record_timestamp")
    pending = rows(database, "SELECT record_id FROM pending_timestamp")
    assert sorted(links + pending) == sorted(rows(database, "SELECT id FROM message_record"))
    assert links, "one of them has stamped"


async def test_a_port_that_is_taken_or_settings_that_do_not_work_end_the_start(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        pair = await make_pair(world)
        settings = pair.consumer.server.settings
        taken = pair.provider.server.addresses["client_http"][1]
        for changed in ({"client_http_port": taken}, {"database_url": "sqlite:////proc/none.db"}):
            config = tmp_path / "wrong.toml"

            config.write_text(toml_of(settings.model_copy(update=changed)))
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "sild",
                "security-server",
                "--config",
                str(config),
                "--workers",
                "2",
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            out, _ = await asyncio.wait_for(process.communicate(), 20)
            assert (process.returncode, out) == (2, b"")


@pytest.mark.parametrize("workers", [0, 1])
async def test_the_message_in_hand_is_finished_but_for_a_second_signal(tmp_path: Path, workers: int) -> None:
    async with World(tmp_path) as world:
        pair = await make_pair(world)
        asked, may_answer = asyncio.Event(), asyncio.Event()

        async def slow(_request: Request, responder: Responder) -> None:
            asked.set()
            await may_answer.wait()
            await responder.send(200, [], b"at last")

        pair.echo.answer = slow
        settings = pair.consumer.server.settings
        await pair.consumer.server.stop(grace=0.5)
        world.sites.pop("ss1")
        spawned = await world.launch(settings, workers=workers, grace=30.0)
        header = (b"X-Road-Client", CLIENT.encode().encode())
        asking = asyncio.create_task(fetch(f"{spawned.url}/r1/{ECHO.encode()}", headers=[header]))
        await asyncio.wait_for(asked.wait(), 20)
        spawned.process.terminate()
        await asyncio.sleep(0.5)
        assert spawned.process.returncode is None and not asking.done()
        with pytest.raises(PlatformError):
            await fetch(f"{spawned.url}/listClients")
        if workers:
            may_answer.set()
            assert (await asking).body == b"at last"
            assert await asyncio.wait_for(spawned.process.wait(), 10) == 0
        else:
            spawned.process.terminate()
            await asyncio.wait_for(spawned.process.wait(), 5)
            with pytest.raises(PlatformError):
                await asking
            may_answer.set()


async def test_one_process_looks_for_changes_when_told(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        pair = await make_pair(world, consumer={"server_configuration_interval": 3600.0})
        settings = pair.consumer.server.settings
        spawned = await world.spawn(pair.consumer)
        conf = ServerConf(settings.serverconf_url, settings.server_id)
        conf.remove_client(CLIENT)
        conf.close()
        header = (b"X-Road-Client", CLIENT.encode().encode())
        assert (await fetch(f"{spawned.url}/r1/{ECHO.encode()}", headers=[header])).status == 200
        spawned.process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(5):
            while (await fetch(f"{spawned.url}/r1/{ECHO.encode()}", headers=[header])).status == 200:
                await asyncio.sleep(0.05)
