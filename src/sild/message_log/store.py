"""Reading the message log, and the writes that are not appends. Every method is one short transaction; call from a thread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Select, delete, func, insert, select, tuple_, update
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from sild.errors import Unavailable
from sild.message_log.encryption import BodyEncryption
from sild.message_log.entries import ID_BLOCK
from sild.message_log.records import LoggedMessage, TimestampRecord, query_hash
from sild.message_log.schema import (
    archive_digest,
    archive_file,
    cluster_state,
    mention_block,
    mention_key,
    message_attachment,
    message_record,
    pending_archive,
    pending_timestamp,
    record_timestamp,
    signature_block,
    timestamp_record,
)
from sild.message_log.signature_blocks import BLOCK_MILLISECONDS, join_signature
from sild.xroad.identifiers import ClientId

__all__ = ["ArchiveDigest", "Cleaned", "Search", "Store", "from_milliseconds", "milliseconds"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
IDS_PER_STATEMENT = 1_000


def milliseconds(at: datetime) -> int:
    return (at - EPOCH) // _MILLISECOND


def from_milliseconds(value: int) -> datetime:
    return EPOCH + timedelta(milliseconds=value)


@dataclass(frozen=True, slots=True)
class ArchiveDigest:
    """The end of a group's linking chain: last digest (hex) and the archive it stands in."""

    group: str
    digest: str
    file_name: str


@dataclass(frozen=True, slots=True)
class Cleaned:
    """removed: how many.  last: (time, id) of the slice looked at.  is_last: nothing old follows."""

    removed: int
    last: tuple[int, int]
    is_last: bool


@dataclass(frozen=True, slots=True)
class Search:
    """since: from then on.  until: before then.  party: whose records; a member's are those of all its subsystems too."""

    since: datetime | None = None
    until: datetime | None = None
    party: ClientId | None = None
    is_response: bool | None = None


class Store:
    """Raises Unavailable (`database_error`) everywhere."""

    def __init__(self, engine: Engine, encryption: BodyEncryption | None = None) -> None:
        self.engine = engine
        self._encryption = encryption

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        try:
            with self.engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            reason = str(
                error.orig if isinstance(error, DBAPIError) else error
            )  # without SQL and its parameters
            raise Unavailable(
                "the message log's database fails", code="database_error", reason=reason
            ) from error

    def get(self, record_id: int) -> LoggedMessage | None:
        with self.transaction() as connection:
            row = connection.execute(_RECORDS.where(message_record.c.id == record_id)).one_or_none()
        return None if row is None else self._logged(row)

    def get_all(self, ids: Sequence[int]) -> list[LoggedMessage]:
        """Those that are there, in the order of their numbers. ids: some hundreds at most."""
        query = _RECORDS.where(message_record.c.id.in_(ids)).order_by(message_record.c.id)
        with self.transaction() as connection:
            return [self._logged(row) for row in connection.execute(query)]

    def find(
        self, query_id: str, client_id: ClientId | None, is_response: bool | None
    ) -> tuple[LoggedMessage, ...]:
        """Oldest first. The query id is the peer's word: only together with the client does it name a message (WIRE 18)."""
        c = message_record.c
        query = _RECORDS.where(c.query_hash == query_hash(query_id), c.query_id == query_id)
        if client_id is not None:
            query = query.where(
                c.instance_identifier == client_id.instance_identifier,
                c.member_class == client_id.member_class,
                c.member_code == client_id.member_code,
                c.subsystem_code.is_(None)
                if client_id.subsystem_code is None
                else c.subsystem_code == client_id.subsystem_code,
            )
        if is_response is not None:
            query = query.where(c.is_response == is_response)
        with self.transaction() as connection:
            return tuple(self._logged(row) for row in connection.execute(query.order_by(c.id)))

    def search(self, wanted: Search, after: tuple[int, int], limit: int) -> list[LoggedMessage]:
        """The first `limit` records behind `after` (time in ms, id), in that order."""
        c = message_record.c
        query = _RECORDS.where(tuple_(c.time, c.id) > tuple_(*after))
        if wanted.since is not None:
            query = query.where(c.time >= milliseconds(wanted.since))
        if wanted.until is not None:
            query = query.where(c.time < milliseconds(wanted.until))
        party = wanted.party
        if party is not None:
            query = query.where(
                c.member_code == party.member_code,
                c.member_class == party.member_class,
                c.instance_identifier == party.instance_identifier,
            )
            if party.subsystem_code is not None:
                query = query.where(c.subsystem_code == party.subsystem_code)
        if wanted.is_response is not None:
            query = query.where(c.is_response == wanted.is_response)
        with self.transaction() as connection:
            rows = connection.execute(query.order_by(c.time, c.id).limit(limit)).all()
        return [self._logged(row) for row in rows]

    def _logged(self, row: Sequence[Any]) -> LoggedMessage:
        """Raises Unavailable (`database_error`) too for a damaged signature and a key that is not in the keystore."""
        record_id, time, query_id, x_request_id, is_response = row[:5]
        client_id, (message, signature, result, chain) = ClientId(*row[5:9]), row[9:13]
        key_id, cipher_message, block, digest = row[18:]
        if key_id is not None:
            message = self._keys(key_id).message(key_id, record_id, bytes(cipher_message))
        return LoggedMessage(
            id=record_id,
            time=from_milliseconds(time),
            query_id=query_id,
            x_request_id=x_request_id,
            is_response=bool(is_response),
            client_id=client_id,
            message=bytes(message),
            signature=bytes(signature)
            if digest is None
            else join_signature(bytes(signature), _bytes(block), bytes(digest)),
            hash_chain_result=_bytes(result),
            hash_chain=_bytes(chain),
            timestamp=_timestamp(row[13:17]),
            timestamp_hash_chain=_bytes(row[17]),
        )

    def attachment_sizes(self, record_id: int) -> dict[int, int]:
        """Number (from 1) to length in bytes, in order."""
        c = message_attachment.c
        query = (
            select(c.attachment_no, func.sum(func.length(c.data)))
            .where(c.record_id == record_id)
            .group_by(c.attachment_no)
            .order_by(c.attachment_no)
        )
        with self.transaction() as connection:
            return {int(number): int(size) for number, size in connection.execute(query)}

    def attachment_piece(self, record_id: int, attachment_no: int, piece_no: int) -> bytes | None:
        c, r = message_attachment.c, message_record.c
        query = (
            select(c.data, r.key_id)
            .join_from(message_attachment, message_record, r.id == c.record_id)
            .where(c.record_id == record_id, c.attachment_no == attachment_no, c.piece_no == piece_no)
        )
        with self.transaction() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        data, key_id = bytes(row[0]), row[1]
        if key_id is None:
            return data
        return self._keys(key_id).piece(key_id, record_id, attachment_no, piece_no, data)

    def _keys(self, key_id: str) -> BodyEncryption:
        if self._encryption is None:
            raise Unavailable(
                f"there is no keystore for records under the key {key_id}", code="database_error"
            )
        return self._encryption

    def kept_since(self) -> datetime | None:
        """Only what is archived is ever removed: before the first archive all of it is here."""
        with self.transaction() as connection:
            last_archive = connection.scalar(select(func.max(archive_file.c.time)))
            oldest = connection.scalar(select(func.min(message_record.c.time)))
        if last_archive is None:
            return None
        return from_milliseconds(last_archive if oldest is None else oldest)

    # time-stamping

    def pending_timestamps(self, limit: int) -> list[tuple[int, bytes]]:
        """(record id, SHA-512 of signatures.xml), oldest first."""
        query = select(pending_timestamp).order_by(pending_timestamp.c.record_id).limit(limit)
        with self.transaction() as connection:
            return [(row[0], bytes(row[1])) for row in connection.execute(query)]

    def is_timestamp_pending(self) -> bool:
        with self.transaction() as connection:
            return connection.execute(select(pending_timestamp.c.record_id).limit(1)).first() is not None

    def unstamped(self) -> tuple[int, datetime | None]:
        """How many records wait for a time-stamp, and since when the oldest does."""
        oldest = select(func.min(pending_timestamp.c.record_id)).scalar_subquery()
        with self.transaction() as connection:
            count = connection.scalar(select(func.count()).select_from(pending_timestamp)) or 0
            since = connection.scalar(select(message_record.c.time).where(message_record.c.id == oldest))
        return count, None if since is None else from_milliseconds(since)

    def add_timestamp(self, record: TimestampRecord) -> None:
        row = {
            "id": record.id,
            "time": milliseconds(record.time),
            "token": record.token,
            "hash_chain_result": record.hash_chain_result,
        }
        with self.transaction() as connection:
            connection.execute(insert(timestamp_record), row)

    def link_timestamp(self, timestamp_id: int, links: Sequence[tuple[int, bytes | None]]) -> None:
        """Mark records as covered: (record id, its ts-hashchain). Those covered meanwhile by another time-stamp keep that one."""
        ids = [record_id for record_id, _ in links]
        with self.transaction() as connection:
            c = pending_timestamp.c
            taken = set(
                connection.scalars(
                    delete(pending_timestamp).where(c.record_id.in_(ids)).returning(c.record_id)
                )
            )
            rows = [
                {"record_id": record_id, "timestamp_record_id": timestamp_id, "hash_chain": chain}
                for record_id, chain in links
                if record_id in taken
            ]
            if rows:
                connection.execute(insert(record_timestamp), rows)
                connection.execute(insert(pending_archive), [{"record_id": row["record_id"]} for row in rows])

    # archiving

    def archivable(self, limit: int, grouping: str) -> list[tuple[int, ClientId]]:
        """Time-stamped records not yet archived, those of a group together, oldest first: (id, whose it is)."""
        c = message_record.c
        client = (c.instance_identifier, c.member_class, c.member_code, c.subsystem_code)
        groups = {"none": (), "member": client[:3], "subsystem": client}[grouping]
        query = (
            select(c.id, *client)
            .join_from(pending_archive, message_record, pending_archive.c.record_id == c.id)
            .order_by(*groups, c.id)
            .limit(limit)
        )
        with self.transaction() as connection:
            return [(row[0], ClientId(*row[1:])) for row in connection.execute(query)]

    def archive_digest(self, group: str) -> ArchiveDigest | None:
        return next((digest for digest in self.archive_digests() if digest.group == group), None)

    def archive_digests(self) -> list[ArchiveDigest]:
        with self.transaction() as connection:
            return [ArchiveDigest(*row) for row in connection.execute(select(archive_digest))]

    def set_archived(
        self, connection: Connection, digest: ArchiveDigest, ids: Sequence[int], at: datetime
    ) -> None:
        """The records are in the archive `digest` names, which is the last one of its group: decided here, all or nothing."""
        connection.execute(delete(archive_digest).where(archive_digest.c.group_name == digest.group))
        row = {"group_name": digest.group, "digest": digest.digest, "file_name": digest.file_name}
        connection.execute(insert(archive_digest), row)
        file = {"name": digest.file_name, "group_name": digest.group, "time": milliseconds(at)}
        connection.execute(insert(archive_file), {**file, "is_transferred": False})
        for start in range(0, len(ids), IDS_PER_STATEMENT):
            some = ids[start : start + IDS_PER_STATEMENT]
            connection.execute(delete(pending_archive).where(pending_archive.c.record_id.in_(some)))

    def is_archive(self, file_name: str) -> bool:
        """Whether the archive has been decided on."""
        c = archive_file.c
        known = select(c.name).where(c.name == file_name)
        last = select(archive_digest.c.file_name).where(
            archive_digest.c.file_name == file_name
        )  # before revision 0002
        with self.transaction() as connection:
            return connection.execute(known.union(last)).first() is not None

    def untransferred_archives(self) -> list[str]:
        """File names, oldest first."""
        c = archive_file.c
        query = select(c.name).where(c.is_transferred.is_(False)).order_by(c.time, c.name)
        with self.transaction() as connection:
            return list(connection.scalars(query))

    def set_transferred(self, names: Sequence[str]) -> None:
        with self.transaction() as connection:
            for start in range(0, len(names), IDS_PER_STATEMENT):
                some = names[start : start + IDS_PER_STATEMENT]
                connection.execute(
                    update(archive_file).where(archive_file.c.name.in_(some)).values(is_transferred=True)
                )

    # what processes tell each other

    def state(self, name: str) -> datetime | None:
        query = select(cluster_state.c.time).where(cluster_state.c.name == name)
        with self.transaction() as connection:
            time = connection.execute(query).scalar_one_or_none()
        return None if time is None else from_milliseconds(time)

    def set_state(self, name: str, at: datetime | None) -> None:
        with self.transaction() as connection:
            connection.execute(delete(cluster_state).where(cluster_state.c.name == name))
            if at is not None:
                connection.execute(insert(cluster_state), {"name": name, "time": milliseconds(at)})

    # cleaning

    def clean(self, before: datetime, after: tuple[int, int], limit: int) -> Cleaned:
        """Look at the `limit` records that follow `after` (time in ms, id) and remove those that are archived.

        In the order of time, and only up to `before`: cleaning never reads the log to its end.
        """
        c = message_record.c
        query = (
            select(c.time, c.id)
            .where(tuple_(c.time, c.id) > tuple_(*after), c.time < milliseconds(before))
            .order_by(c.time, c.id)
            .limit(limit)
        )
        with self.transaction() as connection:
            rows = connection.execute(query).all()
            old = [record_id for _, record_id in rows]
            for pending in (pending_timestamp, pending_archive):
                waiting = set(connection.scalars(select(pending).where(pending.c.record_id.in_(old))))
                old = [record_id for record_id in old if record_id not in waiting]
            if old:
                removed = set(old)
                _note_unread(connection, [(row.time, row.id) for row in rows if row.id in removed])
                _remove(connection, old)
            is_last = len(rows) < limit
            if is_last:
                _remove_blocks(connection, before)
        return Cleaned(len(old), (rows[-1][0], rows[-1][1]) if rows else after, is_last)


def _note_unread(connection: Connection, records: Sequence[tuple[int, int]]) -> None:
    """records: (time, id) of those about to be removed. If the index of mentions has not read all of them, it is whole from after them on."""
    key, block = mention_key.c, mention_block.c
    if connection.scalar(select(key.since)) is None:
        return  # nobody keeps one
    firsts = {record_id: (record_id - 1) // ID_BLOCK * ID_BLOCK + 1 for _, record_id in records}
    query = select(block.first_id, block.last_id).where(block.first_id.in_(set(firsts.values())))
    read = {row.first_id: row.last_id for row in connection.execute(query)}
    missed = [time for time, record_id in records if record_id > read.get(firsts[record_id], 0)]
    if missed:
        after = max(missed) + 1
        connection.execute(update(mention_key).where(key.since < after).values(since=after))


def _remove(connection: Connection, ids: Sequence[int]) -> None:
    """The records, their attachments, and time-stamps that no other record has."""
    links, stamps = record_timestamp.c, timestamp_record.c
    removed = delete(record_timestamp).where(links.record_id.in_(ids)).returning(links.timestamp_record_id)
    stamp_ids = sorted(set(connection.scalars(removed)))
    connection.execute(delete(message_attachment).where(message_attachment.c.record_id.in_(ids)))
    connection.execute(delete(message_record).where(message_record.c.id.in_(ids)))
    is_used = select(record_timestamp).where(links.timestamp_record_id == stamps.id).exists()
    connection.execute(delete(timestamp_record).where(stamps.id.in_(stamp_ids), ~is_used))


def _remove_blocks(connection: Connection, before: datetime) -> None:
    """Blocks that only records older than the oldest there is may have needed."""
    oldest = connection.execute(select(func.min(message_record.c.time))).scalar_one_or_none()
    needed_since = milliseconds(before) if oldest is None else min(oldest, milliseconds(before))
    connection.execute(
        delete(signature_block).where(signature_block.c.time + BLOCK_MILLISECONDS < needed_since)
    )


def _records() -> Select[Any]:  # the row is unpacked in _logged, nowhere else
    r, s, t, b = message_record.c, record_timestamp.c, timestamp_record.c, signature_block.c
    columns = (r.id, r.time, r.query_id, r.x_request_id, r.is_response, r.instance_identifier, r.member_class)
    more = (r.member_code, r.subsystem_code, r.message, r.signature, r.hash_chain_result, r.hash_chain)
    stamp = (t.id, t.time, t.token, t.hash_chain_result, s.hash_chain)
    stored = (r.key_id, r.cipher_message, b.data, r.signature_digest)
    source = (
        message_record.outerjoin(record_timestamp, s.record_id == r.id)
        .outerjoin(timestamp_record, t.id == s.timestamp_record_id)
        .outerjoin(signature_block, b.id == r.signature_block)
    )
    return select(*columns, *more, *stamp, *stored).select_from(source)


_RECORDS = _records()


def _timestamp(row: Sequence[Any]) -> TimestampRecord | None:
    stamp_id, time, token, result = row
    if stamp_id is None:
        return None
    return TimestampRecord(stamp_id, from_milliseconds(time), bytes(token), _bytes(result))


def _bytes(value: bytes | None) -> bytes | None:
    return None if value is None else bytes(value)
