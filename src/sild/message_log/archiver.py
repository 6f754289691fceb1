"""Moving time-stamped records into archive files, and cleaning the log of what is archived and old (WIRE 17).

The decision that records are archived is one database transaction: the group's last digest and the records' leaving the list
of those to archive. Before it the file stands complete under a hidden name; after it the file gets its own. So whatever moment
the process dies in, each record is in exactly one archive, and the digests of a group's archives form one chain.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import IO, BinaryIO, Literal, cast

from sild.clock import Clock, system_clock
from sild.errors import PlatformError, Unavailable
from sild.message_log.containers import container_name, container_of
from sild.message_log.linking import LINKING_INFO, LinkingInfo
from sild.message_log.log import MessageLog
from sild.message_log.records import LoggedMessage
from sild.message_log.store import ArchiveDigest
from sild.signatures import write_asice
from sild.telemetry import get_logger
from sild.xroad.identifiers import ClientId

__all__ = ["Archiver", "ArchivingRules"]

Grouping = Literal["none", "member", "subsystem"]
COPY_BYTES = 1024 * 1024
CLEAN_RECORDS = 50  # a slice holds the writer for a few milliseconds
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f\\<>/:|*?"]')

log = get_logger("message_log")


@dataclass(frozen=True, slots=True)
class ArchivingRules:
    """max_file_size: a new archive is begun when the containers of one exceed it (bytes).
    batch: records looked at in one go, so that a run's memory is bounded.  keep: archived records stay in the log so long."""

    grouping: Grouping = "none"
    max_file_size: int = 32 * 1024 * 1024
    batch: int = 10_000
    archive_interval: timedelta = timedelta(hours=6)
    clean_interval: timedelta = timedelta(hours=12)
    keep: timedelta = timedelta(days=30)


class Archiver:
    """directory: where finished archives appear; it must exist. One archiver per log."""

    def __init__(
        self,
        message_log: MessageLog,
        directory: Path,
        *,
        rules: ArchivingRules | None = None,
        clock: Clock = system_clock,
    ) -> None:
        self._log = message_log
        self._directory = directory
        self._clock = clock
        self.rules = rules or ArchivingRules()

    async def run(self) -> None:
        """Archive and clean on schedule until cancelled. By the event loop's clock: the other may be set back by years."""
        passed = asyncio.get_running_loop().time
        archive_at = clean_at = passed()
        while True:
            now = passed()
            try:
                if now >= archive_at:
                    archive_at = now + self.rules.archive_interval.total_seconds()
                    await self.archive()
                if now >= clean_at:
                    clean_at = now + self.rules.clean_interval.total_seconds()
                    await self.clean()
            except PlatformError as error:
                log.refusal("archiver.failed", error)
            except Exception as error:  # noqa: BLE001 - the next run may do better; the records wait for it
                log.bug("archiver.failed", error)
            await asyncio.sleep(min(archive_at, clean_at) - passed())

    async def archive(self) -> list[Path]:
        """Archive every time-stamped record that is not yet; the new files.

        Raises Unavailable: `io_error` (the directory, the disk), `database_error`. What was finished before stays.
        """
        await self._recover()
        created: list[Path] = []
        while True:
            ids = await asyncio.to_thread(self._log.store.archivable, self.rules.batch, self.rules.grouping)
            if not ids:
                return created
            for group, members in groupby(ids, key=lambda item: self._group(item[1])):
                created += await self._archive_group(group, [record_id for record_id, _ in members])
            log.info("archiver.archived", records=len(ids), files=len(created))
            if len(ids) < self.rules.batch:
                return created

    async def clean(self) -> int:
        """Remove records that are archived and older than `keep`; how many. Raises Unavailable (`database_error`)."""
        before = self._clock() - self.rules.keep
        removed, last = 0, (-1, -1)
        while True:
            done = await self._log.write(partial(self._log.store.clean, before, last, CLEAN_RECORDS))
            removed, last = removed + done.removed, done.last
            if done.is_last:
                break
        if removed:
            log.info("archiver.cleaned", records=removed)
        return removed

    def _group(self, client_id: ClientId) -> str:
        """The name of the linking chain a client's records go into."""
        if self.rules.grouping == "none":
            return ""
        return "/".join((client_id if self.rules.grouping == "subsystem" else client_id.member).parts)

    async def _archive_group(self, group: str, ids: Sequence[int]) -> list[Path]:
        created: list[Path] = []
        remaining = list(ids)
        while remaining:
            previous = await asyncio.to_thread(self._log.store.archive_digest, group)
            draft = await asyncio.to_thread(self._write, group, previous, remaining)
            digest = ArchiveDigest(group, draft.last_digest, draft.name)
            taken = remaining[: draft.records]
            await self._log.write(partial(self._log.store.set_archived, digest, taken))
            created.append(await asyncio.to_thread(self._publish, draft.name))
            remaining = remaining[draft.records :]
        return created

    async def _recover(self) -> None:
        """Finish what an earlier process decided but did not publish; forget what it did not decide."""
        digests = await asyncio.to_thread(self._log.store.archive_digests)
        decided = {_hidden(digest.file_name): digest.file_name for digest in digests}

        def recover() -> None:
            with _disk():
                for path in self._directory.glob(".mlog-*.part"):
                    if path.name in decided:
                        self._publish(decided[path.name])
                    else:
                        path.unlink()

        await asyncio.to_thread(recover)

    def _write(self, group: str, previous: ArchiveDigest | None, ids: Iterable[int]) -> _Draft:
        """Write one archive of as many of `ids` as fit, from the first on, under a hidden name, safely on disk."""
        linking = LinkingInfo(previous.digest, previous.file_name) if previous else LinkingInfo("", "")
        with (
            _disk(),
            tempfile.NamedTemporaryFile(
                dir=self._directory, prefix=".mlog-", suffix=".part", delete=False
            ) as file,
        ):
            try:
                first, last, records = self._fill(file, linking, ids)
                file.flush()
                os.fsync(file.fileno())
                name = _archive_name(group, first, last, linking.last_digest)
                Path(file.name).replace(self._directory / _hidden(name))
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
        return _Draft(name, linking.last_digest, records)

    def _fill(
        self, file: IO[bytes], linking: LinkingInfo, ids: Iterable[int]
    ) -> tuple[datetime, datetime, int]:
        """Times of the oldest and the newest record, number of records."""
        times: list[datetime] = []
        size = 0
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for record_id in ids:
                record = self._log.store.get(record_id)
                if record is None:
                    raise Unavailable(f"record {record_id} has gone from the log", code="database_error")
                size += self._add(archive, linking, record)
                times.append(record.time)
                if size > self.rules.max_file_size:
                    break
            archive.writestr(_entry(LINKING_INFO, max(times)), linking.render())
        return min(times), max(times), len(times)

    def _add(self, archive: zipfile.ZipFile, linking: LinkingInfo, record: LoggedMessage) -> int:
        name = container_name(record)
        digest = hashlib.sha512()
        with tempfile.SpooledTemporaryFile(COPY_BYTES, dir=str(self._directory)) as container:
            write_asice(container_of(self._log.store, record), cast(BinaryIO, container), at=record.time)
            size = container.tell()
            container.seek(0)
            with archive.open(_entry(name, record.time), "w", force_zip64=size > 2**31) as out:
                while piece := container.read(COPY_BYTES):
                    digest.update(piece)
                    out.write(piece)
        linking.add(name, digest.digest())
        return size

    def _publish(self, name: str) -> Path:
        path = self._directory / name
        with _disk():
            (self._directory / _hidden(name)).replace(path)
            directory = os.open(self._directory, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        log.info("archiver.created", file=name)
        return path


@dataclass(frozen=True, slots=True)
class _Draft:
    name: str
    last_digest: str
    records: int


def _archive_name(group: str, first: datetime, last: datetime, digest: str) -> str:
    prefix = f"{_UNSAFE.sub('_', group)[:200]}-" if group else ""
    return f"mlog-{prefix}{first:%Y%m%d%H%M%S}-{last:%Y%m%d%H%M%S}-{digest[:16]}.zip"


def _hidden(name: str) -> str:
    return f".{name}.part"


def _entry(name: str, at: datetime) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, (at.year, at.month, at.day, at.hour, at.minute, at.second))


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(f"archiving: {error.strerror or error}", code="io_error") from error
