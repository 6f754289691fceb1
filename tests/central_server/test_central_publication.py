"""The public directory: whole generations or nothing, old files for a while, crashes, a second publisher."""

from __future__ import annotations

import asyncio
import os
import sys
import time
import traceback
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from central_world import PIN, SetClock
from sqlalchemy import insert

from sild.central_server import CentralServer, tables
from sild.central_server.publication import KEEP, PublicDirectory
from sild.errors import Unavailable
from sild.xroad.globalconf import parse_shared_parameters, parse_signed_directory, verify_signed_directory


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir() if path.name.isdigit()}


def ensure_whole(server: CentralServer) -> None:
    """Every version and source in force verifies, and every file it lists is there and right."""
    for version in range(2, 7):
        for source in ("INTERNAL", "EXTERNAL"):
            data = (server.public_directory / f"V{version}" / f"{source.lower()}conf").read_bytes()
            certificates = [key.certificate for key in server.token().keys if key.source_type == source]
            directory = verify_signed_directory(
                parse_signed_directory(data), certificates, at=server._clock()
            )
            for file in directory.files:
                content = server.public_directory / file.content_location.removeprefix("/")
                file.ensure_content(content.read_bytes())


def test_an_unchanged_configuration_is_signed_again_where_it_lies(
    central_server: CentralServer, clock: SetClock
) -> None:
    first = central_server.publish()
    clock.advance(60)
    second = central_server.publish()
    assert second.expire_at == first.expire_at + timedelta(seconds=60)
    assert names(central_server.public_directory / "V6") == {first.name}
    ensure_whole(central_server)


def test_a_version_that_does_not_tell_a_change_keeps_its_files(
    central_server: CentralServer, clock: SetClock
) -> None:
    first = central_server.publish()
    clock.advance(60)
    central_server.update_certification_service(1, default_csr_format="DER")  # version 6 only
    second = central_server.publish()
    assert names(central_server.public_directory / "V5") == {first.name}
    assert names(central_server.public_directory / "V6") == {first.name, second.name}
    ensure_whole(central_server)


def test_files_stay_for_those_who_read_the_directory_before(
    central_server: CentralServer, clock: SetClock
) -> None:
    first = central_server.publish()
    clock.advance(3000)
    central_server.publish()
    central_server.add_member_class("NGO", "Others")
    clock.advance(10)
    second = central_server.publish()
    clock.advance(KEEP.total_seconds() - 11)
    central_server.publish()
    assert names(central_server.public_directory / "V6") == {first.name, second.name}
    clock.advance(12)
    central_server.publish()
    assert names(central_server.public_directory / "V6") == {second.name}


def test_generations_do_not_heap_up(central_server: CentralServer, clock: SetClock) -> None:
    for _ in range(30):
        clock.advance(60)
        central_server.publish()
    assert len(names(central_server.public_directory / "generations")) == 11
    ensure_whole(central_server)


def test_two_generations_in_one_moment_and_a_clock_set_back(
    central_server: CentralServer, clock: SetClock
) -> None:
    published = []
    for number in range(3):
        central_server.add_member("COM", f"n{number}", "Name")
        published.append(central_server.publish().name)
        clock.advance(-5)
    assert published == sorted(set(published))
    ensure_whole(central_server)


def test_a_second_publisher_waits_its_turn(central_server: CentralServer) -> None:
    with PublicDirectory(central_server.public_directory).publisher():
        with pytest.raises(Unavailable, match="another process"):
            central_server.publish()
    central_server.publish()


def test_a_full_disk_leaves_the_former_generation(
    central_server: CentralServer, monkeypatch: pytest.MonkeyPatch, clock: SetClock
) -> None:
    first = central_server.publish()
    central_server.add_member_class("NGO", "Others")
    write_bytes = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if path.name == "private-params.xml" and "V4" in path.parts:
            raise OSError(28, "No space left on device")
        return write_bytes(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(Unavailable, match="No space left"):
        central_server.publish()
    ensure_whole(central_server)
    assert PublicDirectory(central_server.public_directory).current == first.name
    monkeypatch.undo()
    central_server.publish()
    ensure_whole(central_server)


def publish_until(directory: Path, steps: int) -> int:
    """Publish a change in a child process that dies before its `steps`-th step on disk; the child's exit status."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    remaining = steps

    def count(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal remaining
        if event in ("open", "os.mkdir", "os.rename", "os.symlink") and "/public/" in str(arguments[:2]):
            remaining -= 1
            if remaining == 0:
                os._exit(9)

    try:
        server = CentralServer.open(directory, pin=PIN)
        server.publish()
        server.add_member_class("NGO", "Others")
        sys.addaudithook(count)
        server.publish()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def test_a_crash_at_any_step_leaves_a_whole_generation(central_server: CentralServer, tmp_path: Path) -> None:
    """The process dies before one of the file operations of a publication, and is started again."""
    central_server.close()
    crashes = 0
    for step in (1, 2, 3, 5, 8, 12, 18, 25, 30, 33, 36, 39, 42, 45, 48, 200):
        status = publish_until(tmp_path / "cs", step)
        assert status in (0, 9)
        crashes += status == 9
        server = CentralServer.open(tmp_path / "cs", pin=PIN)
        ensure_whole(server)
        server.publish()
        ensure_whole(server)
        server.delete_member_class("NGO")
        server.close()
    assert crashes > 8


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


def in_force(server: CentralServer) -> int:
    return 0 if server.last_generation is None else server.last_generation.revision


async def test_changes_are_published_at_once(central_server: CentralServer) -> None:
    running = asyncio.create_task(central_server.run(interval=3600))
    await until(lambda: in_force(central_server) == central_server.revision)
    await asyncio.to_thread(central_server.add_member_class, "NGO", "Others")
    await until(lambda: in_force(central_server) == central_server.revision)
    running.cancel()
    await asyncio.wait([running])
    central_server.add_member_class("PRV", "People")  # nobody listens any more


async def test_a_failed_publication_is_tried_again(central_server: CentralServer) -> None:
    central_server.log_out()
    running = asyncio.create_task(central_server.run(interval=0.02))
    await asyncio.sleep(0.1)
    assert central_server.last_generation is None
    central_server.log_in(PIN)
    await until(lambda: central_server.last_generation is not None)
    running.cancel()
    await asyncio.wait([running])


def settle_ten_thousand(server: CentralServer) -> None:
    """Members with two subsystems each, a server for every twenty, straight into the tables."""
    at = server._clock()
    stamps = {"created_at": at, "updated_at": at}
    with server._engine.begin() as connection:
        connection.execute(
            insert(tables.members),
            [
                {"id": n, "member_class_id": 1, "member_code": f"c{n}", "name": f"Company {n} OÜ", **stamps}
                for n in range(1000, 11000)
            ],
        )
        connection.execute(
            insert(tables.subsystems),
            [
                {"id": n, "member_id": n // 2, "subsystem_code": f"sub{n % 2}", "name": "Sub", **stamps}
                for n in range(2000, 22000)
            ],
        )
        connection.execute(
            insert(tables.security_servers),
            [
                {
                    "id": n,
                    "owner_id": n,
                    "server_code": "SS",
                    "address": f"ss{n}.example.org",
                    "in_maintenance_mode": False,
                    **stamps,
                }
                for n in range(1000, 11000, 20)
            ],
        )
        connection.execute(
            insert(tables.server_clients),
            [
                {"security_server_id": n // 40 * 20, "subsystem_id": n, "enabled": True, "created_at": at}
                for n in range(2000, 22000)
            ],
        )


def test_ten_thousand_members(central_server: CentralServer) -> None:
    """About 0.8 s for all five versions, and 0.06 s to sign them again; the bounds are for busy machines."""
    settle_ten_thousand(central_server)
    started = time.process_time()
    generation = central_server.publish()
    generated = time.process_time()
    central_server.publish()
    assert generated - started < 8
    assert time.process_time() - generated < (generated - started) / 3
    path = central_server.public_directory / "V6" / generation.name / "shared-params.xml"
    parameters = parse_shared_parameters(path.read_bytes(), version=6)
    assert len(parameters.members) == 10_002
    assert sum(len(server.clients) for server in parameters.security_servers) == 20_002
