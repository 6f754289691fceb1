"""Files of people in cases: kept in parts in the cases' own database, so that every process has them and a backup is whole.

A file belongs to one field of one screen, in one case, of one person. Until the field is sent with an action it is a draft's: the next
one takes its place, and it expires. Then it stays, and the action has its name, size and digest. Its id is made from all that, so the
same file sent again is the same file.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from typing import IO, Any

from sqlalchemy import Connection, Row, and_, delete, func, insert, or_, select, update

from sild.cases.actor import AUTOMATIC, Actor
from sild.cases.media import JPEG, PDF, PNG, NotTaken, pieces_of
from sild.cases.refusals import Refused
from sild.cases.store import Store, add_row, derived_id
from sild.cases.tables import cases, file_parts, files
from sild.cases.views import CaseFile
from sild.catalogue import Defect, Screen

__all__ = ["MOST_BYTES", "CaseFiles"]

MOST_BYTES = 50_000_000
"""No file is larger, whatever a portal lets through."""
PART = 256 * 1024
MOST_UNSENT = 20
"""Files of drafts that one person may have, in all their cases."""
UNSENT_KEPT = timedelta(days=14)
ENDINGS = {PDF: ".pdf", JPEG: ".jpg", PNG: ".png"}
MAX_NAME = 100


class CaseFiles:
    """Blocks."""

    def __init__(self, store: Store, waiting_bytes: int) -> None:
        """waiting_bytes: of files of drafts that one person may have, in all their cases."""
        self._store = store
        self._waiting_bytes = waiting_bytes

    def add(
        self,
        case: str,
        screen: str,
        field: str,
        actor: Actor,
        content: IO[bytes],
        name: str,
        at: datetime,
    ) -> CaseFile:
        """content: a real file, read from its beginning. Instead of an unsent one of the field.

        Raises Refused with the defect: `file_type`, `file_too_large`, `too_many_files`, `too_many_bytes`.
        """
        size = os.fstat(content.fileno()).st_size
        if size > MOST_BYTES:
            raise _defect(field, "file_too_large")
        if size == 0:
            raise _defect(field, "file_type")
        with closing(mmap.mmap(content.fileno(), 0, access=mmap.ACCESS_READ)) as whole:
            try:
                media_type, pieces = pieces_of(whole)
            except NotTaken as error:
                raise _defect(field, "file_type") from error
            digest = hashlib.sha256()
            kept = 0
            for part in _parts(whole, pieces):
                digest.update(part)
                kept += len(part)
            person = actor.acting_for
            file_id = derived_id("file", case, screen, field, person, digest.hexdigest())
            row = {
                "id": file_id,
                "case": case,
                "screen": screen,
                "field": field,
                "person": person,
                "uploaded_by": actor.person,
                "name": plain_name(name, media_type),
                "media_type": media_type,
                "size": kept,
                "sha256": digest.hexdigest(),
                "at": at,
            }

            def write(connection: Connection) -> CaseFile:
                _alone(connection, person)
                mine = _unsent(case, screen, field, person)
                _drop(connection, and_(mine, files.c.id != file_id))
                others = and_(files.c.person == person, files.c.seq.is_(None), files.c.id != file_id)
                unsent = select(func.count(), func.coalesce(func.sum(files.c.size), 0)).where(others)
                count, waiting = connection.execute(unsent).one()
                if count >= MOST_UNSENT:
                    raise _defect(field, "too_many_files")
                if waiting + kept > self._waiting_bytes:
                    raise _defect(field, "too_many_bytes")
                if add_row(connection, files, row):
                    for position, part in enumerate(_parts(whole, pieces)):
                        values = {"file": file_id, "position": position, "content": part}
                        connection.execute(insert(file_parts).values(values))
                return _file(connection.execute(select(files).where(files.c.id == file_id)).one())

            return self._store.write(write)

    def given(
        self, case: str, screen: Screen, person: str, answers: Mapping[str, Sequence[str]]
    ) -> Mapping[str, Mapping[str, CaseFile]]:
        """Of each file field of the screen: the person's own files that the answers name, by id. Others' are not there."""
        found: dict[str, dict[str, CaseFile]] = {
            field.name: {} for field in screen.fields() if field.kind == "file"
        }
        wanted = [value for name in found for value in answers.get(name, ())][:100]
        if not found or not wanted:
            return found
        mine = and_(files.c.case == case, files.c.screen == screen.id, files.c.person == person)
        with self._store.reading() as connection:
            for row in connection.execute(select(files).where(mine, files.c.id.in_(wanted))):
                if row.field in found:
                    found[row.field][row.id] = _file(row)
        return found

    def sent(
        self,
        connection: Connection,
        case: str,
        screen: Screen,
        person: str,
        answers: Mapping[str, Sequence[str]],
        seq: int,
    ) -> None:
        """In the action's transaction: what was named stays from now on, the screen's other drafts go.

        Raises Refused (`defects`) for a file that went meanwhile.
        """
        asked = [field for field in screen.fields() if field.kind == "file"]
        if not asked:
            return
        names = [
            field.name
            for field in asked
            if field.only_if is None or field.only_if.value in answers.get(field.only_if.field, ())
        ]
        mine = and_(files.c.case == case, files.c.screen == screen.id, files.c.person == person)
        for name in names:
            for value in dict.fromkeys(filter(None, answers.get(name, ()))):
                one = and_(mine, files.c.field == name, files.c.id == value)
                if connection.scalar(select(files.c.id).where(one)) is None:
                    raise _defect(name, "file_gone")
                connection.execute(update(files).where(one, files.c.seq.is_(None)).values(seq=seq))
        _drop(connection, and_(mine, files.c.seq.is_(None)))

    def receive(
        self, case: str, screen: str, person: str, content: bytes, name: str, seq: int, at: datetime
    ) -> CaseFile:
        """A document that another body gave for the person, with the action `seq` that asked for it: theirs and the office's. PDF."""
        digest = hashlib.sha256(content).hexdigest()
        file_id = derived_id("file", case, screen, "received", person, digest, str(seq))
        row = {
            "id": file_id,
            "case": case,
            "screen": screen,
            "field": "received",
            "person": person,
            "uploaded_by": AUTOMATIC,
            "name": plain_name(name, PDF),
            "media_type": PDF,
            "size": len(content),
            "sha256": digest,
            "at": at,
            "seq": seq,
        }

        def write(connection: Connection) -> CaseFile:
            if add_row(connection, files, row):
                for position, begin in enumerate(range(0, len(content), PART)):
                    part = {"file": file_id, "position": position, "content": content[begin : begin + PART]}
                    connection.execute(insert(file_parts).values(part))
            return _file(connection.execute(select(files).where(files.c.id == file_id)).one())

        return self._store.write(write)

    def of_ids(self, case: str, ids: Sequence[str]) -> Mapping[str, CaseFile]:
        with self._store.reading() as connection:
            rows = connection.execute(select(files).where(files.c.case == case, files.c.id.in_(ids)))
            return {row.id: _file(row) for row in rows}

    def find(self, case: str, file_id: str, person: str, *, is_office: bool) -> CaseFile:
        """The person's own, or to the office one that was sent. Raises Refused (`not_found`)."""
        theirs = files.c.seq.is_not(None) if is_office else files.c.person == person
        query = select(files).where(files.c.id == file_id, files.c.case == case, theirs)
        with self._store.reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise Refused("there is no such file", code="not_found")
        return _file(row)

    def part(self, file_id: str, position: int) -> bytes | None:
        """None after the last one."""
        query = select(file_parts.c.content).where(
            file_parts.c.file == file_id, file_parts.c.position == position
        )
        with self._store.reading() as connection:
            return connection.scalar(query)

    def remove(self, case: str, screen: str, field: str, person: str) -> None:
        """What was not sent."""
        unsent = _unsent(case, screen, field, person)
        self._store.write(lambda connection: _drop(connection, unsent))

    def expire(self, at: datetime) -> int:
        """Drop what was not sent in time, or lies in a closed case; how many."""
        closed = select(cases.c.id).where(cases.c.closed_at.is_not(None))
        old = or_(files.c.at < at - UNSENT_KEPT, files.c.case.in_(closed))
        return self._store.write(lambda connection: _drop(connection, and_(files.c.seq.is_(None), old)))


def plain_name(name: str, media_type: str) -> str:
    """Without a path, without signs that mislead, with the ending of what it is."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    kept = "".join(sign for sign in last if unicodedata.category(sign)[0] not in "CZ" or sign == " ")
    stem = re.sub(r'[<>:"|?*;]', "", kept).strip(" .")
    stem = re.sub(r"\.(pdf|jpe?g|png)$", "", stem, flags=re.IGNORECASE).strip(" .")[:MAX_NAME]
    return (stem or "file") + ENDINGS[media_type]


def _parts(whole: mmap.mmap, pieces: Sequence[bytes | slice]) -> Iterator[bytes]:
    """What is kept, in parts of one size."""
    waiting = bytearray()
    for piece in pieces:
        begin, end = (0, len(piece)) if isinstance(piece, bytes) else (piece.start, piece.stop)
        for at in range(begin, end, PART):
            part = slice(at, min(end, at + PART))
            waiting += piece[part] if isinstance(piece, bytes) else whole[part]
            while len(waiting) >= PART:
                yield bytes(waiting[:PART])
                del waiting[:PART]
    if waiting:
        yield bytes(waiting)


def _alone(connection: Connection, person: str) -> None:
    """Of one person's files that come at once each counts the others. SQLite has one writer at a time anyhow."""
    if connection.dialect.name != "sqlite":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"files/{person}", 0))))


def _unsent(case: str, screen: str, field: str, person: str) -> Any:  # an SQL condition
    mine = and_(files.c.case == case, files.c.screen == screen, files.c.field == field)
    return and_(mine, files.c.person == person, files.c.seq.is_(None))


def _drop(connection: Connection, condition: Any) -> int:  # an SQL condition
    ids = list(connection.scalars(select(files.c.id).where(condition)))
    if ids:
        connection.execute(delete(file_parts).where(file_parts.c.file.in_(ids)))
        connection.execute(delete(files).where(files.c.id.in_(ids)))
    return len(ids)


def _defect(field: str, reason: str) -> Refused:
    return Refused("the file is not taken", code="defects", defects=[Defect(field, reason)])


def _file(row: Row[Any]) -> CaseFile:
    return CaseFile(row.id, row.name, row.media_type, row.size, row.sha256, row.at, row.seq is not None)
