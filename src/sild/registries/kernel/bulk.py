"""Filling a register with very many facts: straight through the database's driver, which is some three times as fast."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

__all__ = ["write_many"]

COLUMNS = ("entity", "name", "key", "value", "valid_from", "valid_to", "known_from", "source", "basis")


def write_many(connection: Connection, known_from: datetime, rows: Iterable[Mapping[str, Any]]) -> None:
    """Within the connection's transaction. rows: see `Facts.record_many`."""
    columns = ", ".join(COLUMNS)
    cursor = connection.connection.cursor()
    try:
        if connection.dialect.name == "sqlite":
            places = ", ".join("?" * len(COLUMNS))
            cursor.executemany(
                f"INSERT INTO facts ({columns}) VALUES ({places})",  # noqa: S608  (our own columns)
                _of_sqlite(known_from, rows),  # type: ignore[arg-type]  # sqlite3 takes them one by one
            )
            return
        with cursor.copy(f"COPY facts ({columns}) FROM STDIN") as copy:
            for row in _values(known_from, rows):
                copy.write_row(row)
    finally:
        cursor.close()


def _values(known_from: Any, rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        yield (
            row["entity"],
            row["name"],
            row.get("key", ""),
            json.dumps(row["value"]),
            row["valid_from"],
            row.get("valid_to"),
            known_from,
            row["source"],
            row["basis"],
        )


def _of_sqlite(known_from: datetime, rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Any, ...]]:
    """Days and times as SQLAlchemy writes them there."""
    moment = known_from.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    for entity, name, key, value, begin, end, known, source, basis in _values(moment, rows):
        yield (
            entity,
            name,
            key,
            value,
            begin.isoformat(),
            end.isoformat() if end else None,
            known,
            source,
            basis,
        )
