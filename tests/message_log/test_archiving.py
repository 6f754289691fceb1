"""Archives hold every stamped record once, linked to the archive before; old records leave the log only after that."""

from __future__ import annotations

import asyncio
import io
import json
import os
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest

from sild.errors import PeerError, TrustError, Unavailable
from sild.message_log import Archiver, ArchivingRules, verify_archive
from sild.signatures import read_asice
from sild.xroad.evidence import verify_container
from sild.xroad.identifiers import ClientId
from support.stamped_log import StampedLog


def archiver(world: StampedLog, directory: Path, **rules: object) -> Archiver:
    return Archiver(world.log, directory, rules=ArchivingRules(**rules), clock=world.clock)  # type: ignore[arg-type]


def containers(path: Path) -> list[str]:
    with path.open("rb") as file:
        return list(verify_archive(file).containers)


async def test_what_is_stamped_is_archived_once(world: StampedLog, tmp_path: Path) -> None:
    ids = await world.append("DEV-a b~ä", "DEV-2", body=b"a body")
    await world.timestamper.stamp_pending(10)
    await world.append("not stamped yet")

    (path,) = await archiver(world, tmp_path).archive()

    assert containers(path) == ["DEV-a+b%7E%C3%A4-request-1.asice", "DEV-2-request-2.asice"]
    stamp = f"{world.now:%Y%m%d%H%M%S}"
    with path.open("rb") as file:
        report = verify_archive(file, previous_digest="")
    assert path.name == f"mlog-{stamp}-{stamp}-{report.last_digest[:16]}.zip"
    with zipfile.ZipFile(path) as archive:
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
        for name in report.containers:
            judged = verify_container(read_asice(io.BytesIO(archive.read(name))), world.globalconf)
            assert all(reference.verified for reference in judged.references)
    assert await archiver(world, tmp_path).archive() == []
    assert len(ids) == 2
    assert [p.name for p in tmp_path.glob("mlog*")] == [path.name]
    assert list(tmp_path.glob(".*")) == []


async def test_each_archive_follows_the_one_before(world: StampedLog, tmp_path: Path) -> None:
    last, name = "", ""
    for number in range(3):
        await world.append(f"{number}-a", f"{number}-b")
        await world.timestamper.stamp_pending(10)
        (path,) = await archiver(world, tmp_path).archive()
        with path.open("rb") as file:
            report = verify_archive(file, previous_digest=last)
        assert (report.previous_digest, report.previous_file) == (last, name)
        last, name = report.last_digest, path.name


async def test_a_new_file_when_one_is_full(world: StampedLog, tmp_path: Path) -> None:
    await world.append(*"1234567", body=os.urandom(10_000))
    await world.timestamper.stamp_pending(10)
    created = await archiver(world, tmp_path, max_file_size=40_000).archive()
    assert [len(containers(path)) for path in created] == [3, 3, 1]
    digest = ""
    for path in created:
        with path.open("rb") as file:
            digest = verify_archive(file, previous_digest=digest).last_digest


@pytest.mark.parametrize(
    ("grouping", "groups"),
    [
        ("none", {"mlog-2": 4}),
        ("member", {"mlog-DEV_COM_1234-": 3, "mlog-DEV_COM_5678-": 1}),
        (
            "subsystem",
            {
                "mlog-DEV_COM_1234_TestClient-": 2,
                "mlog-DEV_COM_1234_Other-": 1,
                "mlog-DEV_COM_5678_TestClient-": 1,
            },
        ),
    ],
)
async def test_grouping(world: StampedLog, tmp_path: Path, grouping: str, groups: dict[str, int]) -> None:
    """Each group has a linking chain of its own."""
    for _ in range(2):
        await world.append("1", "2")
        await world.append("3", client_id=ClientId("DEV", "COM", "5678", "TestClient"))
        await world.append("4", client_id=ClientId("DEV", "COM", "1234", "Other"))
        await world.timestamper.stamp_pending(10)
        created = await archiver(world, tmp_path, grouping=grouping).archive()
        assert len(created) == len(groups)
        for prefix, count in groups.items():
            (path,) = [path for path in created if path.name.startswith(prefix)]
            assert len(containers(path)) == count
    for prefix in groups:
        digests = {}
        for path in tmp_path.glob(f"{prefix}*"):
            with path.open("rb") as file:
                report = verify_archive(file)
            digests[report.previous_digest] = report.last_digest
        assert digests[digests[""]]


async def test_cleaning_takes_what_is_archived_and_old(world: StampedLog, tmp_path: Path) -> None:
    keeper = archiver(world, tmp_path, keep=timedelta(days=30))
    archived = await world.append("1", "2", body=b"body")
    await world.timestamper.stamp_pending(10)
    await keeper.archive()
    only_stamped = await world.append("3")
    await world.timestamper.stamp_pending(10)
    waiting = await world.append("4")
    assert await keeper.clean() == 0

    world.now += timedelta(days=30, seconds=1)
    young = await world.append("5")
    assert await keeper.clean() == 2

    assert [await world.log.get(record_id) for record_id in archived] == [None, None]
    assert world.log.store.attachment_sizes(archived[0]) == {}
    for record_id in (*only_stamped, *waiting, *young):
        assert await world.log.get(record_id) is not None
    await world.stamped(only_stamped[0])
    assert await keeper.clean() == 0


async def test_the_disk_fails_and_nothing_is_lost(world: StampedLog, tmp_path: Path) -> None:
    await world.append("1", "2")
    await world.timestamper.stamp_pending(10)
    with pytest.raises(Unavailable) as caught:
        await archiver(world, tmp_path / "missing").archive()
    assert caught.value.code_path == "io_error"
    (path,) = await archiver(world, tmp_path).archive()
    assert len(containers(path)) == 2


@pytest.mark.parametrize("moment", ["before the decision", "after the decision"])
async def test_dying_in_the_middle(
    world: StampedLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """What is decided is published by the next process; what is not is done anew. Each record is archived once."""

    await world.append("1", "2")
    await world.timestamper.stamp_pending(10)
    with monkeypatch.context() as patch:
        if moment == "before the decision":
            patch.setattr(
                world.log.store, "set_archived", lambda *_: (_ for _ in ()).throw(RuntimeError("died"))
            )
        else:
            patch.setattr(Archiver, "_publish", lambda *_: (_ for _ in ()).throw(RuntimeError("died")))
        with pytest.raises(RuntimeError, match="died"):
            await archiver(world, tmp_path).archive()
    assert list(tmp_path.glob("mlog*")) == [] and len(list(tmp_path.glob(".mlog*"))) == 1

    await world.append("3")
    await world.timestamper.stamp_pending(10)
    await archiver(world, tmp_path).archive()

    assert list(tmp_path.glob(".mlog*")) == []
    found = sorted(name for path in tmp_path.glob("mlog*") for name in containers(path))
    assert [name[0] for name in found] == ["1", "2", "3"]


def test_the_reference_archive(shared: Path) -> None:
    directory = shared / "messagelog-archive"
    for case in json.loads((directory / "expected.json").read_text())["cases"]:
        with (directory / case["file"]).open("rb") as file:
            report = verify_archive(file, previous_digest="" if case["first"] else None)
        assert report.last_digest == case["last_digest"]
        with (directory / case["file"]).open("rb") as file, pytest.raises(TrustError):
            verify_archive(file, previous_digest="0" * 128)


async def test_a_changed_archive_is_refused(world: StampedLog, tmp_path: Path) -> None:
    await world.append("1", "2", "3")
    await world.timestamper.stamp_pending(10)
    (path,) = await archiver(world, tmp_path).archive()
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    first, second = [name for name in entries if name != "linkinginfo"][:2]

    for change in ("change", "remove", "add", "swap", "no linkinginfo"):
        changed_entries = dict(entries)
        if change == "change":
            changed_entries[first] += b"\0"
        elif change == "remove":
            del changed_entries[first]
        elif change == "add":
            changed_entries["extra.asice"] = entries[first]
        elif change == "swap":
            changed_entries[first], changed_entries[second] = entries[second], entries[first]
        else:
            del changed_entries["linkinginfo"]
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for name, data in changed_entries.items():
                archive.writestr(name, data)
        with pytest.raises((TrustError, PeerError)):
            verify_archive(file)
    with pytest.raises(PeerError):
        verify_archive(io.BytesIO(b"no archive"))


async def test_a_clock_set_back_by_years_does_not_end_archiving(world: StampedLog, tmp_path: Path) -> None:
    interval = timedelta(milliseconds=30)
    running = asyncio.create_task(
        archiver(world, tmp_path, archive_interval=interval, clean_interval=interval).run()
    )
    async with asyncio.timeout(20):
        for count in (1, 2):
            await world.append(f"DEV-{count}")
            await world.timestamper.stamp_pending(10)
            while len(list(tmp_path.glob("mlog-*.zip"))) < count:
                await asyncio.sleep(0.01)
            world.now -= timedelta(days=700)
    running.cancel()
