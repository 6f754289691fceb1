"""Moving time-stamped records into archive files, shipping these, and cleaning the log of what is archived and old (WIRE 17).

The decision that records are archived is one database transaction: the group's last digest, the file's name, and the records'
leaving the list of those to archive. Before it the file stands complete under a hidden name; after it the file gets its own.
So whatever moment the process dies in, each record is in exactly one archive, and the digests of a group's archives form one
chain. One process of all that share the log does it; the decision is made through its hold (`sild.cluster`), so that one that
has lost it, and does not know yet, decides nothing.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Literal

from sild.clock import Clock, system_clock
from sild.cluster import ClusterLock, Hold
from sild.errors import PlatformError
from sild.message_log.archive_writing import ArchiveDraft, ArchiveWriter, hidden_name, on_disk
from sild.message_log.log import MessageLog
from sild.message_log.openpgp import ArchiveEncryption
from sild.message_log.store import ArchiveDigest
from sild.message_log.transfer import ArchiveTransfer
from sild.telemetry import get_logger
from sild.xroad.identifiers import ClientId

__all__ = ["Archiver", "ArchivingRules"]

Grouping = Literal["none", "member", "subsystem"]
CLEAN_RECORDS = 50  # a slice holds the writer for a few milliseconds

log = get_logger("message_log")


@dataclass(frozen=True, slots=True)
class ArchivingRules:
    """max_file_size: a new archive is begun when the containers of one exceed it (bytes).
    batch: records looked at in one go, so that a run's memory is bounded.  keep: archived records stay in the log so long.
    encryption: None leaves archives readable.  transfer: ships them; None: nobody does.
    transfer_retry: after which a failed transfer is tried again."""

    grouping: Grouping = "none"
    max_file_size: int = 32 * 1024 * 1024
    batch: int = 10_000
    archive_interval: timedelta = timedelta(hours=6)
    clean_interval: timedelta = timedelta(hours=12)
    keep: timedelta = timedelta(days=30)
    encryption: ArchiveEncryption | None = None
    transfer: ArchiveTransfer | None = None
    transfer_retry: timedelta = timedelta(minutes=5)


class Archiver:
    """directory: where finished archives appear; it must exist. Any number of processes may have one on the same log."""

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
        self._lock = ClusterLock(message_log.store.engine, "message_log_archiving")
        self._keeps_lock = False
        self.rules = rules or ArchivingRules()
        self._writer = ArchiveWriter(
            message_log.store, directory, self.rules.max_file_size, self.rules.encryption
        )

    async def run(self) -> None:
        """Archive and clean on schedule until cancelled. By the event loop's clock: the other may be set back by years."""
        passed = asyncio.get_running_loop().time
        archive_at = clean_at = passed()
        transfer_at: float | None = None
        self._keeps_lock = True
        try:
            while True:
                now = passed()
                if now >= archive_at:
                    archive_at = now + self.rules.archive_interval.total_seconds()
                    await self._attempt(self.archive())
                    transfer_at = now
                if transfer_at is not None and now >= transfer_at:
                    is_done = await self._attempt(self.transfer())
                    transfer_at = None if is_done else now + self.rules.transfer_retry.total_seconds()
                if now >= clean_at:
                    clean_at = now + self.rules.clean_interval.total_seconds()
                    await self._attempt(self.clean())
                await asyncio.sleep(min(archive_at, clean_at, transfer_at or archive_at) - passed())
        finally:
            self._keeps_lock = False
            await asyncio.to_thread(self._lock.release)

    async def _attempt(self, work: Coroutine[object, object, object]) -> bool:
        try:
            await work
        except PlatformError as error:
            log.refusal("archiver.failed", error)
        except Exception as error:  # noqa: BLE001 - the next run may do better; the records wait for it
            log.bug("archiver.failed", error)
        else:
            return True
        return False

    async def archive(self) -> list[Path]:
        """Archive every time-stamped record that is not yet; the new files. None while another process is at it.

        Raises Unavailable: `io_error` (the directory, the disk, gpg), `database_error`. What was finished before stays, and
        the rest waits for the next run.
        """
        created: list[Path] = []
        async with self._turn() as hold:
            if hold is None:
                return created
            await self._recover()
            while True:
                ids = await asyncio.to_thread(
                    self._log.store.archivable, self.rules.batch, self.rules.grouping
                )
                if not ids:
                    return created
                for group, members in groupby(ids, key=lambda item: self._group(item[1])):
                    created += await self._archive_group(hold, group, list(members))
                log.info("archiver.archived", records=len(ids), files=len(created))
                if len(ids) < self.rules.batch:
                    return created

    async def transfer(self) -> list[str]:
        """Ship the archives in the directory that have not been; their names. None while another process is at it.

        Raises Unavailable (`io_error`: the command failed; `database_error`). They stay, and are tried again.
        """
        transfer = self.rules.transfer
        if transfer is None:
            return []
        async with self._turn() as hold:
            if hold is None:
                return []
            waiting = await asyncio.to_thread(self._log.store.untransferred_archives)
            names = [name for name in waiting if (self._directory / name).exists()]
            if names:
                await transfer.run(self._directory, names)
                await self._log.write(partial(self._log.store.set_transferred, names))
                log.info("archiver.transferred", files=len(names))
            return names

    async def clean(self) -> int:
        """Remove records that are archived and older than `keep`; how many. Raises Unavailable (`database_error`)."""
        before = self._clock() - self.rules.keep
        removed, last = 0, (-1, -1)
        async with self._turn() as hold:
            while hold is not None:
                done = await self._log.write(partial(self._log.store.clean, before, last, CLEAN_RECORDS))
                removed, last = removed + done.removed, done.last
                if done.is_last:
                    break
        if removed:
            log.info("archiver.cleaned", records=removed)
        return removed

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[Hold | None]:
        """The cluster's lock, or None while another process has it. `run` keeps it for good, a single call gives it back."""
        hold = await self._lock.hold()
        try:
            yield hold
        finally:
            if hold is not None and not self._keeps_lock:
                await asyncio.to_thread(self._lock.release)

    def _group(self, client_id: ClientId) -> str:
        """The name of the linking chain a client's records go into."""
        if self.rules.grouping == "none":
            return ""
        return "/".join((client_id if self.rules.grouping == "subsystem" else client_id.member).parts)

    async def _archive_group(
        self, hold: Hold, group: str, records: Sequence[tuple[int, ClientId]]
    ) -> list[Path]:
        created: list[Path] = []
        member = records[0][1].member if group else None
        remaining = [record_id for record_id, _ in records]
        while remaining:
            previous = await asyncio.to_thread(self._log.store.archive_digest, group)
            draft = await asyncio.to_thread(self._writer.write, group, member, previous, remaining)
            await self._decide(hold, group, draft, remaining[: draft.records])
            created.append(await asyncio.to_thread(self._publish, draft.name))
            remaining = remaining[draft.records :]
        return created

    async def _decide(self, hold: Hold, group: str, draft: ArchiveDraft, ids: Sequence[int]) -> None:
        digest = ArchiveDigest(group, draft.last_digest, draft.name)

        def decide() -> None:
            with hold.transaction() as connection:
                self._log.store.set_archived(connection, digest, ids, self._clock())

        await self._log.write(decide)

    async def _recover(self) -> None:
        """Finish what an earlier process decided but did not publish; forget what it did not decide."""

        def recover() -> None:
            with on_disk():
                for path in self._directory.glob(".mlog-*.part"):
                    name = path.name.removeprefix(".").removesuffix(".part")
                    if self._log.store.is_archive(name):
                        self._publish(name)
                    else:
                        path.unlink()

        await asyncio.to_thread(recover)

    def _publish(self, name: str) -> Path:
        path = self._directory / name
        with on_disk():
            (self._directory / hidden_name(name)).replace(path)
            directory = os.open(self._directory, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        log.info("archiver.created", file=name)
        return path
