"""Archives are shipped by a command: without a shell, again after a failure, and nothing is removed or forgotten by us."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from sild.errors import Unavailable
from sild.message_log import Archiver, ArchiveTransfer, ArchivingRules
from support.stamped_log import StampedLog


def archiver(world: StampedLog, directory: Path, transfer: ArchiveTransfer, **rules: object) -> Archiver:
    directory.mkdir(exist_ok=True)
    return Archiver(
        world.log,
        directory,
        rules=ArchivingRules(transfer=transfer, **rules),  # type: ignore[arg-type]
        clock=world.clock,
    )


def names_in(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


async def new_archive(world: StampedLog, archiver: Archiver, query_id: str) -> str:
    await world.append(query_id)
    await world.timestamper.stamp_pending(10)
    (path,) = await archiver.archive()
    return path.name


async def test_each_archive_is_shipped_once(world: StampedLog, tmp_path: Path) -> None:
    sent = tmp_path / "sent here; $(touch oops)"
    sent.mkdir()
    ours = archiver(world, tmp_path / "archive", ArchiveTransfer(("cp", "{files}", str(sent))))
    names = [await new_archive(world, ours, "1"), await new_archive(world, ours, "2")]
    assert sorted(await ours.transfer()) == sorted(names)
    assert sorted(names_in(sent)) == sorted(names)
    assert await ours.transfer() == []
    names.append(await new_archive(world, ours, "3"))
    assert await ours.transfer() == names[2:]
    assert len(names_in(tmp_path / "archive")) == 3  # removing them is the command's business
    assert not (tmp_path / "oops").exists()


async def test_a_script_that_knows_the_directory_and_removes(world: StampedLog, tmp_path: Path) -> None:
    """X-Road's transporter: it looks for the files itself."""
    script = 'import pathlib, sys; [p.unlink() for p in pathlib.Path(sys.argv[1]).glob("mlog-*")]'
    directory = tmp_path / "archive"
    ours = archiver(world, directory, ArchiveTransfer(("python3", "-c", script, "{directory}")))
    name = await new_archive(world, ours, "1")
    assert await ours.transfer() == [name]
    assert names_in(directory) == []
    assert await ours.transfer() == []


async def test_what_a_script_started_ends_with_it(tmp_path: Path) -> None:
    """Else each transfer given up would leave a program behind that goes on sending, beside the next one."""
    note = tmp_path / "process"
    script = f"sleep 60 & echo $! > {note}; wait"
    with pytest.raises(Unavailable, match="longer than"):
        await ArchiveTransfer(("sh", "-c", script), seconds=0.5).run(tmp_path, ["mlog"])
    async with asyncio.timeout(5):
        while is_running(int(note.read_text())):
            await asyncio.sleep(0.01)


def is_running(process: int) -> bool:
    """A zombie waits only to be counted."""
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("sh", "-c", "echo the disk is full >&2; exit 3"), "status 3: the disk is full"),
        (("/no/such/program",), "No such file"),
        (("sleep", "60"), "longer than"),
        (("sh", "-c", "kill -9 $$"), "status -9"),
    ],
)
async def test_a_failure_is_told_and_tried_again(
    world: StampedLog, tmp_path: Path, command: tuple[str, ...], said: str
) -> None:
    failing = archiver(world, tmp_path / "archive", ArchiveTransfer(command, seconds=0.5))
    name = await new_archive(world, failing, "1")
    with pytest.raises(Unavailable, match=said) as caught:
        await failing.transfer()
    assert caught.value.code == "io_error"
    assert names_in(tmp_path / "archive") == [name]
    good = archiver(world, tmp_path / "archive", ArchiveTransfer(("true", "{files}")))
    assert await good.transfer() == [name]


async def test_the_schedule_retries_by_itself(
    world: StampedLog, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    script = tmp_path / "ship"
    script.write_text(f'#!/bin/sh\n[ -e {tmp_path}/up ] || exit 9\ncp "$@" {tmp_path}/up\n')
    script.chmod(0o700)
    transfer = ArchiveTransfer((str(script), "{files}"))
    ours = archiver(world, tmp_path / "archive", transfer, transfer_retry=timedelta(milliseconds=50))
    await world.append("1")
    await world.timestamper.stamp_pending(10)
    with caplog.at_level(logging.WARNING):
        running = asyncio.create_task(ours.run())
        async with asyncio.timeout(20):
            while "archiver.failed" not in caplog.text:
                await asyncio.sleep(0.01)
            (tmp_path / "up").mkdir()
            while await asyncio.to_thread(world.log.store.untransferred_archives):
                await asyncio.sleep(0.01)
    assert len(names_in(tmp_path / "up")) == 1
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_stopping_the_server_ends_the_command(world: StampedLog, tmp_path: Path) -> None:
    ours = archiver(
        world, tmp_path / "archive", ArchiveTransfer(("sh", "-c", f"echo $$ > {tmp_path}/pid; exec sleep 60"))
    )
    await new_archive(world, ours, "1")
    running = asyncio.create_task(ours.transfer())
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
        await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the command goes on")
