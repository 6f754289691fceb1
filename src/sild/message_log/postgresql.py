"""Appending to PostgreSQL, driver level: COPY in binary form, one transaction a batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import psycopg
from psycopg import errors

from sild.errors import Unavailable
from sild.message_log.entries import ID_BLOCK, RECORD_COLUMNS, BrokenRow, Entry, Value
from sild.message_log.rows import Rows

__all__ = ["PostgreSQLAppender"]

CONNECT_SECONDS = 5
LOCK_MILLISECONDS = 5_000
STATEMENT_MILLISECONDS = 30_000


class PostgreSQLAppender:
    """Implements `Appender`. conninfo: libpq connection string."""

    def __init__(self, conninfo: str, rows: Rows) -> None:
        self._conninfo = conninfo
        self._rows = rows
        self._connection: psycopg.Connection[tuple[int, ...]] | None = None

    def take_ids(self, count: int) -> range:
        block = max(count, ID_BLOCK)
        try:
            row = self._open().execute(_TAKE_IDS, (block,)).fetchone()
        except psycopg.Error as error:
            raise self._translate(error) from error
        if row is None:
            raise Unavailable(
                "the message log has no identifiers: its schema is damaged", code="database_error"
            )
        return range(int(row[0]) - block, int(row[0]))

    def append(self, entries: Sequence[Entry]) -> None:
        rows = self._rows
        try:
            with self._open().transaction() as transaction:
                cursor = transaction.connection.cursor()
                records = rows.records(entries)
                if blocks := rows.blocks():
                    _copy(cursor, _BLOCK, ["int8", "int8", "bytea"], blocks)
                _copy(cursor, _RECORD, _RECORD_TYPES, records)
                _copy(cursor, _PENDING, ["int8", "bytea"], ((e.record_id, e.signature_hash) for e in entries))
                if any(entry.attachments for entry in entries):
                    _copy(cursor, _ATTACHMENT, ["int8", "int4", "int4", "bytea"], rows.pieces(entries))
            rows.committed()
        except psycopg.Error as error:
            raise self._translate(error) from error

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> psycopg.Connection[tuple[int, ...]]:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                self._conninfo,
                autocommit=True,
                prepare_threshold=1,
                connect_timeout=CONNECT_SECONDS,
                tcp_user_timeout=CONNECT_SECONDS
                * 1000,  # a server that vanished fails the exchange, not the process
            )
            self._connection.execute(_SESSION)
        return self._connection

    def _translate(self, error: psycopg.Error) -> Exception:
        """A row PostgreSQL will never take is BrokenRow; anything else is the database's state, and the connection is made anew."""
        if isinstance(error, errors.DataError | errors.IntegrityError | errors.ProgramLimitExceeded):
            return BrokenRow(_reason(error))
        self.close()
        return Unavailable("the message log cannot be written", code="database_error", reason=_reason(error))


# durable before `append` returns, whatever the server's default is; and no exchange waits for ever
_SESSION = (
    f"SET synchronous_commit = on; SET lock_timeout = {LOCK_MILLISECONDS};"
    f" SET statement_timeout = {STATEMENT_MILLISECONDS}"
)
_RECORD = f"COPY message_record (id,{','.join(RECORD_COLUMNS)}) FROM STDIN (FORMAT BINARY)"
_RECORD_TYPES = [
    *("int8", "int8", "int8", "text", "text", "bool", "text", "text", "text", "text"),
    *("bytea", "bytea", "bytea", "bytea", "text", "bytea", "int8", "bytea"),
]
_BLOCK = "COPY signature_block (id,time,data) FROM STDIN (FORMAT BINARY)"
_PENDING = "COPY pending_timestamp (record_id,signature_hash) FROM STDIN (FORMAT BINARY)"
_ATTACHMENT = "COPY message_attachment (record_id,attachment_no,piece_no,data) FROM STDIN (FORMAT BINARY)"
_TAKE_IDS = "UPDATE id_block SET next_id = next_id + %s WHERE name = 'record' RETURNING next_id"


def _reason(error: psycopg.Error) -> str:
    """Without DETAIL and CONTEXT, which quote the row."""
    return error.diag.message_primary or str(error)


def _copy(
    cursor: psycopg.Cursor[tuple[int, ...]],
    statement: str,
    types: Sequence[str],
    rows: Iterable[tuple[Value, ...]],
) -> None:
    with cursor.copy(statement) as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)
