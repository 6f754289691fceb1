"""Opening sealed values, and shredding them: by a person's right, by a court, or because their retention has ended.

A shred is a leaf of the log like a decision: what was destroyed, when and on which ground can be proved; the value cannot be
brought back. Copies of the database (backups) keep keys until they are gone, too.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import date
from uuid import UUID

from sqlalchemy import Connection, Engine, delete, insert, select, text

from sild.decisions import tables
from sild.decisions.canonical import canonical_json, instant_text
from sild.decisions.entries import add_entry
from sild.decisions.record import DecisionRecord
from sild.decisions.store import DecisionStore
from sild.decisions.values import Opened, SealedRow, open_value
from sild.errors import CallerError
from sild.telemetry import get_logger

__all__ = ["expired_values", "open_values", "shred"]

log = get_logger("decisions")

TRIES = 50
PAUSE_SECONDS = 0.1


def open_values(store: DecisionStore, connection: Connection, decision: UUID | str) -> dict[str, Opened]:
    """By reference: the sealed values of a decision that still exist. Raises TrustError (`sealed_value_altered`)."""
    value, key = tables.values.c, tables.value_keys.c
    query = (
        select(value.ref, value.nonce, value.content, key.content.label("wrapped"))
        .join_from(tables.values, tables.value_keys)
        .where(value.record == str(decision))
        .order_by(value.ref)
    )
    committed = commitments(store.find(connection, decision).record)
    return {
        row.ref: open_value(
            SealedRow(row.ref, committed[row.ref], bytes(row.nonce), bytes(row.content), bytes(row.wrapped)),
            record=str(decision),
            keys=store.keys,
        )
        for row in connection.execute(query)
    }


def commitments(record: DecisionRecord) -> dict[str, str]:
    """Reference and commitment of every sealed value of a record."""
    found: dict[str, str] = {}

    def walk(part: object) -> None:
        if isinstance(part, dict):
            if set(part) == {"sealed", "sha256"}:
                found[part["sealed"]] = part["sha256"]
            for one in part.values():
                walk(one)
        elif isinstance(part, list):
            for one in part:
                walk(one)

    walk(record.to_json())
    if record.trace is not None:
        found[record.trace.blob] = record.trace.root
    return found


def expired_values(connection: Connection, on: date) -> list[str]:
    """References of values whose decisions need not be retained any more on that day."""
    query = (
        select(tables.value_keys.c.ref)
        .join(tables.values, tables.values.c.ref == tables.value_keys.c.ref)
        .join(tables.records, tables.records.c.id == tables.values.c.record)
        .where(tables.records.c.retain_until < on)
        .order_by(tables.value_keys.c.ref)
    )
    return list(connection.scalars(query))


def shred(store: DecisionStore, refs: Iterable[str], *, ground: str) -> int:
    """Destroy key and salt of these values; how many still had one. In a transaction of its own, then out of the files, too.

    Raises CallerError (`unknown_value`) and destroys nothing if there is no such value.
    """
    wanted, at, destroyed = sorted(set(refs)), store.clock(), 0
    with store.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA secure_delete=ON")
        for ref in wanted:
            record = connection.scalar(select(tables.values.c.record).where(tables.values.c.ref == ref))
            if record is None:
                raise CallerError(f"no sealed value {ref[:40]}", code="unknown_value")
            if connection.execute(delete(tables.value_keys).where(tables.value_keys.c.ref == ref)).rowcount:
                connection.execute(insert(tables.shreds).values(ref=ref, shredded_at=at, ground=ground))
                entry = {
                    "kind": "shred",
                    "decision": record,
                    "value": ref,
                    "ground": ground,
                    "at": instant_text(at),
                }
                add_entry(connection, "shred", record, canonical_json(entry))
                destroyed += 1
    if destroyed:
        _out_of_the_files(store.engine)
    return destroyed


def _out_of_the_files(engine: Engine) -> None:
    """Rows that were deleted stay in a database's files for a while; not these. Readers of SQLite are waited for."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if connection.dialect.name != "sqlite":
            connection.execute(text("VACUUM decision_value_keys"))
            return
        for _ in range(TRIES):
            (is_busy, *_) = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
            if not is_busy:
                return
            time.sleep(PAUSE_SECONDS)
    log.warning("decisions.shredded_keys_still_in_wal")  # until the next checkpoint that nobody reads against
