"""Writing one archive file: containers as they come out of the log, linked, under a hidden name, safely on disk (WIRE 17)."""

from __future__ import annotations

import hashlib
import io
import os
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, BinaryIO, cast

from sild.errors import Unavailable
from sild.message_log.containers import container_name, container_of
from sild.message_log.linking import LINKING_INFO, LinkingInfo
from sild.message_log.openpgp import ArchiveEncryption
from sild.message_log.records import LoggedMessage
from sild.message_log.store import ArchiveDigest, Store
from sild.signatures import write_asice
from sild.xroad.identifiers import ClientId

__all__ = ["ArchiveDraft", "ArchiveWriter", "hidden_name", "on_disk"]

IN_MEMORY = 1024 * 1024  # of a container; more goes to an unnamed temporary file
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f\\<>/:|*?"]')


@dataclass(frozen=True, slots=True)
class ArchiveDraft:
    """A complete archive that nobody has decided on yet. records: how many of those asked for are in it."""

    name: str
    last_digest: str
    records: int


@dataclass(frozen=True, slots=True)
class ArchiveWriter:
    """max_file_size: no container is added to an archive beyond it (bytes).  encryption: None leaves archives readable."""

    store: Store
    directory: Path
    max_file_size: int
    encryption: ArchiveEncryption | None = None

    def write(
        self, group: str, member: ClientId | None, previous: ArchiveDigest | None, ids: Iterable[int]
    ) -> ArchiveDraft:
        """An archive of as many of `ids` as fit, from the first on. member: whose the group is; None: everybody's.

        Raises Unavailable (`io_error`, `database_error`); then nothing is left of it.
        """
        linking = LinkingInfo(previous.digest, previous.file_name) if previous else LinkingInfo("", "")
        with on_disk():
            descriptor, path = tempfile.mkstemp(dir=self.directory, prefix=".mlog-", suffix=".part")
            os.close(descriptor)
            draft = Path(path)
            try:
                with self._open(draft, member) as (file, let_go):
                    first, last, records = self._fill(file, let_go, linking, ids)
                _sync(draft)
                name = _archive_name(group, first, last, linking.last_digest)
                if self.encryption is not None:
                    name += ".gpg"
                draft.replace(self.directory / hidden_name(name))
            except BaseException:
                draft.unlink(missing_ok=True)
                raise
        return ArchiveDraft(name, linking.last_digest, records)

    @contextmanager
    def _open(self, path: Path, member: ClientId | None) -> Iterator[tuple[IO[bytes], Callable[[], None]]]:
        """The archive, and what is to be called after each entry."""
        if self.encryption is None:
            with path.open("wb") as file:
                yield file, file.flush
            return
        recipients = self.encryption.recipients(member)
        with self.encryption.encrypting(path, recipients) as pipe, _Window(pipe) as window:
            yield cast(IO[bytes], window), window.let_go

    def _fill(
        self, file: IO[bytes], let_go: Callable[[], None], linking: LinkingInfo, ids: Iterable[int]
    ) -> tuple[datetime, datetime, int]:
        """Times of the oldest and the newest record, number of records."""
        times: list[datetime] = []
        size = 0
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for record_id in ids:
                record = self.store.get(record_id)
                if record is None:
                    raise Unavailable(f"record {record_id} has gone from the log", code="database_error")
                size += self._add(archive, linking, record)
                let_go()
                times.append(record.time)
                if size > self.max_file_size:
                    break
            archive.writestr(_entry(LINKING_INFO, max(times)), linking.render())
        return min(times), max(times), len(times)

    def _add(self, archive: zipfile.ZipFile, linking: LinkingInfo, record: LoggedMessage) -> int:
        name = container_name(record)
        digest = hashlib.sha512()
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as container:
            write_asice(container_of(self.store, record), cast(BinaryIO, container), at=record.time)
            size = container.tell()
            container.seek(0)
            with archive.open(_entry(name, record.time), "w", force_zip64=size > 2**31) as out:
                while piece := container.read(IN_MEMORY):
                    digest.update(piece)
                    out.write(piece)
        linking.add(name, digest.digest())
        return size


class _Window(io.RawIOBase):
    """A pipe in whose last part one may still go back: `zipfile` writes an entry's size in front of it afterwards.

    Without going back it would write the size behind, which Java's reader does not accept for stored entries.
    """

    def __init__(self, sink: IO[bytes]) -> None:
        self._sink = sink
        self._start = 0
        self._held = tempfile.SpooledTemporaryFile(2 * IN_MEMORY)  # noqa: SIM115 - closed by `close`

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override] # typeshed's ReadableBuffer is a private name
        return self._held.write(data)

    def tell(self) -> int:
        return self._start + self._held.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._held.seek(offset - self._start if whence == io.SEEK_SET else offset, whence)
        return self.tell()

    def let_go(self) -> None:
        """What has been written will not be changed any more."""
        self._start += self._held.seek(0, io.SEEK_END)
        self._held.seek(0)
        while piece := self._held.read(IN_MEMORY):
            self._sink.write(piece)
        self._held.seek(0)
        self._held.truncate()

    def __exit__(self, kind: object, *rest: object) -> None:
        try:
            if kind is None:
                self.let_go()
        finally:
            self.close()

    def close(self) -> None:
        self._held.close()
        super().close()


def hidden_name(name: str) -> str:
    return f".{name}.part"


@contextmanager
def on_disk() -> Iterator[None]:
    """What the operating system refuses is Unavailable (`io_error`)."""
    try:
        yield
    except OSError as error:
        raise Unavailable(f"archiving: {error.strerror or error}", code="io_error") from error


def _archive_name(group: str, first: datetime, last: datetime, digest: str) -> str:
    prefix = f"{_UNSAFE.sub('_', group)[:200]}-" if group else ""
    return f"mlog-{prefix}{first:%Y%m%d%H%M%S}-{last:%Y%m%d%H%M%S}-{digest[:16]}.zip"


def _entry(name: str, at: datetime) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, (at.year, at.month, at.day, at.hour, at.minute, at.second))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
