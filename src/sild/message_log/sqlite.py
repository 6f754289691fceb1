"""Appending to SQLite, driver level: one statement for many rows, WAL, synchronous=FULL, no checkpoint on this connection.

A statement with many rows is one call into SQLite: the interpreter lock is given up and taken back once, not once per row.
The checkpoint is a thread of its own, because inside the writer it was the whole p99 (35 ms).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

from sqlalchemy import Engine, event

from sild.errors import Unavailable
from sild.message_log.entries import ID_BLOCK, RECORD_COLUMNS, BrokenRow, Entry, Value
from sild.message_log.rows import Rows
from sild.telemetry import get_logger

__all__ = ["SQLiteAppender", "SQLiteCheckpointer", "leave_checkpoints_to_their_thread"]

BUSY_MILLISECONDS = 5_000
ROWS_PER_STATEMENT = 32  # a power of two; the statements for 1, 2, 4 .. rows stay prepared
PIECES_BYTES = 256 * 1024
CHECKPOINT_SECONDS = 1.0
RESTART_PAGES = 16_384  # 64 MiB of WAL

log = get_logger("message_log")


def _connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=64)
    connection.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")
    connection.execute("PRAGMA journal_mode=WAL").close()
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA wal_autocheckpoint=0").close()
    return connection


def leave_checkpoints_to_their_thread(engine: Engine) -> None:
    """No transaction through `engine` shall end with a checkpoint."""

    def switch_off(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA wal_autocheckpoint=0").close()

    event.listen(engine, "connect", switch_off)
    engine.dispose()  # connections made before do not know yet


class SQLiteAppender:
    """Implements `Appender`."""

    def __init__(self, path: str, rows: Rows) -> None:
        self._path = path
        self._rows = rows
        self._connection: sqlite3.Connection | None = None

    def take_ids(self, count: int) -> range:
        block = max(count, ID_BLOCK)
        try:
            row = self._open().execute(_TAKE_IDS, (block,)).fetchone()
        except sqlite3.Error as error:
            raise self._translate(error) from error
        return range(int(row[0]) - block, int(row[0]))

    def append(self, entries: Sequence[Entry]) -> None:
        rows = self._rows
        try:
            connection = self._open()
            records = rows.records(entries)
            connection.execute("BEGIN IMMEDIATE")
            try:
                _insert(connection, _BLOCK, rows.blocks())
                _insert(connection, _RECORD, records)
                _insert(connection, _PENDING, ((entry.record_id, entry.signature_hash) for entry in entries))
                if any(entry.attachments for entry in entries):
                    _insert_pieces(connection, rows.pieces(entries))
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            rows.committed()
        except sqlite3.Error as error:
            raise self._translate(error) from error

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = _connect(self._path)
        return self._connection

    def _translate(self, error: sqlite3.Error) -> Exception:
        """A row SQLite will never take is BrokenRow; anything else is the database's state, and the connection is made anew."""
        if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError | sqlite3.DataError):
            return BrokenRow(str(error))
        try:
            self.close()
        except sqlite3.Error:
            self._connection = None
        return Unavailable("the message log cannot be written", code="database_error", reason=str(error))


class _Insert:
    """`INSERT INTO table VALUES (..), (..)` for 1, 2, 4 .. ROWS_PER_STATEMENT rows."""

    def __init__(self, table: str, columns: Sequence[str]) -> None:
        one = "(" + ",".join("?" * len(columns)) + ")"
        head = f"INSERT INTO {table} ({','.join(columns)}) VALUES "  # noqa: S608 - names of our own
        self.by_rows: dict[int, str] = {}
        rows = 1
        while rows <= ROWS_PER_STATEMENT:
            self.by_rows[rows] = head + ",".join([one] * rows)
            rows *= 2


_RECORD = _Insert("message_record", ("id", *RECORD_COLUMNS))
_BLOCK = _Insert("signature_block", ("id", "time", "data"))
_PENDING = _Insert("pending_timestamp", ("record_id", "signature_hash"))
_ATTACHMENT = _Insert("message_attachment", ("record_id", "attachment_no", "piece_no", "data"))
_TAKE_IDS = "UPDATE id_block SET next_id = next_id + ? WHERE name = 'record' RETURNING next_id"


def _insert_pieces(connection: sqlite3.Connection, pieces: Iterable[tuple[int, int, int, bytes]]) -> None:
    """Small ones many at once; of large ones no more in memory than `PIECES_BYTES` and one."""
    held: list[tuple[int, int, int, bytes]] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece[3])
        if size >= PIECES_BYTES:
            _insert(connection, _ATTACHMENT, held)
            held.clear()
            size = 0
    _insert(connection, _ATTACHMENT, held)


def _insert(connection: sqlite3.Connection, insert: _Insert, rows: Iterable[tuple[Value, ...]]) -> None:
    waiting = list(rows)
    start = 0
    while start < len(waiting):
        count = min(ROWS_PER_STATEMENT, 1 << (len(waiting) - start).bit_length() - 1)
        parameters = list(chain.from_iterable(waiting[start : start + count]))
        connection.execute(insert.by_rows[count], parameters)
        start += count


class SQLiteCheckpointer:
    """Copies the WAL into the database file from a thread of its own, so that no append waits for it.

    PASSIVE never blocks a writer. When it has copied everything, the next append begins at the file's start again. Under
    a flood it never catches up, and the WAL would grow for ever: when it is long, a second PASSIVE and a RESTART follow,
    which holds the writer only for the few pages that are left.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._wal = Path(path + "-wal")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="message-log-checkpoint", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        seen = 0
        while not self._stop.wait(CHECKPOINT_SECONDS):
            try:
                changed = self._wal.stat().st_mtime_ns
                if changed == seen:
                    continue
                connection = connection or _connect(self._path)
                _, pages, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                if pages > RESTART_PAGES:
                    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                    connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
                seen = changed
            except FileNotFoundError:
                continue  # nothing written yet
            except (sqlite3.Error, OSError) as error:
                log.warning("message_log.checkpoint_failed", reason=str(error))
                connection = None
        if connection is not None:
            connection.close()
