"""Writing records and their sums, many rows at a call. Blocking."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain

from sqlalchemy import Connection, insert, select, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, ProgrammingError

from sild.errors import Unavailable
from sild.op_monitor.health import ServicePeriod
from sild.op_monitor.records import COLUMNS, MOST_CHARACTERS, OperationalDataRecord, Value, storable
from sild.op_monitor.schema import operational_data, service_last, service_period
from sild.telemetry import get_logger

__all__ = ["BrokenRow", "Inserting", "Records", "add_sums", "insert_all", "insert_singly", "unavailable"]

log = get_logger("op_monitor")

ROWS_PER_STATEMENT = (
    128  # a power of two: one call into SQLite for many rows, the interpreter lock given up once
)
Records = Sequence[OperationalDataRecord]
Inserting = Callable[[Connection, Records, int, str], Records]
_IP = COLUMNS.index("security_server_internal_ip")


class BrokenRow(Exception):
    """A value the database will never take; anything else that goes wrong is the database's state."""


_ROW_FAULTS: dict[str, tuple[type[DBAPIError], ...]] = {
    "sqlite": (DataError, IntegrityError, InterfaceError, ProgrammingError),
    "postgresql": (DataError, IntegrityError),
}


@contextmanager
def _finding_broken_rows(connection: Connection) -> Iterator[None]:
    try:
        yield
    except (OverflowError, TypeError, ValueError) as error:  # the driver's, which has no word of its own
        raise BrokenRow from error
    except DBAPIError as error:
        if isinstance(error, _ROW_FAULTS[connection.dialect.name]) and not error.connection_invalidated:
            raise BrokenRow from error
        raise


def insert_all(connection: Connection, records: Records, at: int, internal_ip: str) -> Records:
    with _finding_broken_rows(connection):
        _insert_rows(connection, [(at, *_row(record, internal_ip)) for record in records])
    return records


def insert_singly(connection: Connection, records: Records, at: int, internal_ip: str) -> Records:
    """Texts made fit, and what is still no row left out. The records that are in."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # else the driver begins it after the first savepoint
    kept = []
    for record in records:
        row = [
            storable(name, value) if isinstance(value, str) else value
            for name, value in zip(COLUMNS, _row(record, internal_ip), strict=True)
        ]
        try:
            with connection.begin_nested(), _finding_broken_rows(connection):
                _insert_rows(connection, [(at, *row)])
        except BrokenRow:
            continue
        kept.append(OperationalDataRecord._make(row))
    log.warning("records.refused", refused=len(records) - len(kept), of=len(records))
    return kept


_NAMES = ("monitoring_data_ts", *COLUMNS)
_INSERT = f"INSERT INTO operational_data ({','.join(_NAMES)}) VALUES "  # noqa: S608 - our own columns
_PLACES = f"({','.join('?' * len(_NAMES))})"


def _insert_rows(connection: Connection, rows: Sequence[tuple[Value, ...]]) -> None:
    if connection.dialect.name == "postgresql":
        _copy(connection, rows)
        return
    start = 0
    while start < len(rows):
        size = min(ROWS_PER_STATEMENT, 1 << ((len(rows) - start).bit_length() - 1))
        statement = _INSERT + ",".join([_PLACES] * size)
        values = tuple(chain.from_iterable(rows[start : start + size]))
        connection.exec_driver_sql(statement, values)
        start += size


_TYPES = {"BIGINT": "int8", "INTEGER": "int4", "BOOLEAN": "bool", "TEXT": "text"}
_COPY = f"COPY operational_data ({','.join(_NAMES)}) FROM STDIN (FORMAT BINARY)"
_COPY_TYPES = [_TYPES[str(operational_data.c[name].type)] for name in _NAMES]


def _copy(connection: Connection, rows: Sequence[tuple[Value, ...]]) -> None:
    import psycopg  # the driver is an optional dependency

    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    try:
        with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
            copy.set_types(_COPY_TYPES)
            for row in rows:
                copy.write_row(row)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        raise BrokenRow from error
    except psycopg.Error as error:
        raise unavailable(error) from error


def add_sums(connection: Connection, sums: dict[str, ServicePeriod], at: int) -> None:
    """Of services that exist by these records or by earlier ones; the others are counted in the log alone."""
    unsure = [key for key, period in sums.items() if not period.exists]
    known: set[str] = set()
    if unsure:
        rows = select(service_last.c.service).where(service_last.c.service.in_(unsure))
        known = set(connection.scalars(rows))
    if left_out := len(unsure) - len(known):
        log.info("records.unknown_services", services=left_out)
    # in one order everywhere: two processes never wait for each other
    ordered = [(key, period) for key, period in sorted(sums.items()) if period.exists or key in known]
    if not ordered:
        return
    connection.execute(insert(service_period), [_sum_row(key, period, at) for key, period in ordered])
    connection.execute(_REMEMBER_LAST, [_last_row(key, period, at) for key, period in ordered])


def _sum_row(key: str, period: ServicePeriod, at: int) -> dict[str, Value | float]:
    row: dict[str, Value | float] = {
        "ts": at,
        "service": key,
        "successful": period.successful,
        "unsuccessful": period.unsuccessful,
    }
    for name, measure in period.measures.items():
        row |= {
            f"{name}_count": measure.count,
            f"{name}_min": measure.min,
            f"{name}_max": measure.max,
            f"{name}_mean": measure.mean,
            f"{name}_m2": measure.m2,
        }
    return row


def _last_row(key: str, period: ServicePeriod, at: int) -> dict[str, Value]:
    return {
        "service": key,
        "ts": at,
        "service_type": period.service_type,
        "successful": period.last_successful,
        "unsuccessful": period.last_unsuccessful,
    }


_REMEMBER_LAST = text(
    "INSERT INTO service_last (service, ts, service_type, last_successful_ts, last_unsuccessful_ts)"
    " VALUES (:service, :ts, :service_type, :successful, :unsuccessful)"
    " ON CONFLICT (service) DO UPDATE SET ts = excluded.ts, service_type = excluded.service_type,"
    " last_successful_ts = coalesce(excluded.last_successful_ts, service_last.last_successful_ts),"
    " last_unsuccessful_ts = coalesce(excluded.last_unsuccessful_ts, service_last.last_unsuccessful_ts)"
)


def _row(record: OperationalDataRecord, internal_ip: str) -> list[Value]:
    """As the columns take it: texts no longer than the schema says."""
    row: list[Value] = [
        storable(COLUMNS[place], value) if value.__class__ is str and len(value) > MOST_CHARACTERS else value
        for place, value in enumerate(record)
    ]
    if row[_IP] is None:
        row[_IP] = internal_ip
    return row


def unavailable(error: Exception) -> Unavailable:
    reason = str(error.orig if isinstance(error, DBAPIError) else error)  # without SQL and its parameters
    return Unavailable(
        "the monitoring database fails", code="database_error", reason=reason.partition("\n")[0]
    )
