"""The database of operational monitoring: all SQL but that of writing rows (`writing.py`). Blocking: in threads of the monitor's own."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    RowMapping,
    and_,
    delete,
    make_url,
    or_,
    select,
)
from sqlalchemy.exc import (
    SQLAlchemyError,
)

from sild.clock import Clock
from sild.database import open_database
from sild.errors import Unavailable
from sild.op_monitor.health import MEASURES, Measure, ServicePeriod, sum_by_service
from sild.op_monitor.records import Value
from sild.op_monitor.schema import operational_data, service_last, service_period
from sild.op_monitor.writing import (
    BrokenRow,
    Inserting,
    Records,
    add_sums,
    insert_all,
    insert_singly,
    unavailable,
)
from sild.xroad.identifiers import ClientId

__all__ = ["RecordQuery", "Store"]

MIGRATIONS = Path(__file__).parent / "migrations"
ROWS_PER_FETCH = 500
ROWS_PER_CLEANING = 5_000
MOST_SERVICES = 10_000
MOST_SECONDS = 20
STEPS_BETWEEN_LOOKS = 1_000_000  # of SQLite's machine: some milliseconds
CONNECT_SECONDS = 5


@dataclass(frozen=True, slots=True)
class RecordQuery:
    """Records monitored from `first` to `last` second, both included. party: who took part, as client or provider.

    service_provider: whose service it was.  columns: which, in order; the monitor's second comes in front of them.
    """

    first: int
    last: int
    party: ClientId | None
    service_provider: ClientId | None
    columns: tuple[str, ...]


class Store:
    """Opened when first needed, so that a database that is away holds nobody up. Raises Unavailable (`database_error`).

    slowest_write: seconds after which a batch is not committed and must come again: a collector may have passed its second.
    """

    def __init__(self, url: str, *, clock: Clock, slowest_write: float) -> None:
        self._url = url
        self._clock = clock
        self._slowest_write = slowest_write
        self._opening = threading.Lock()
        self._engine: Engine | None = None

    def close(self) -> None:
        if self._engine is not None:
            self._engine.dispose()

    def _open(self) -> Engine:
        with self._opening:
            if self._engine is None:
                self._engine = open_database(_patient(self._url), MIGRATIONS, durable=False)
            return self._engine

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self._open().begin() as connection, _limited(connection):
                yield connection
        except SQLAlchemyError as error:
            raise unavailable(error) from error

    def second(self) -> int:
        return int(self._clock().timestamp())

    # writing

    def write(self, records: Records, internal_ip: str) -> None:
        """All of them with one second, that of the writing; those no database would take are left out."""
        try:
            self._write(records, internal_ip, insert_all)
        except BrokenRow:
            self._write(records, internal_ip, insert_singly)

    def _write(self, records: Records, internal_ip: str, insert_records: Inserting) -> None:
        try:
            with self._open().begin() as connection, _limited(connection):
                at = self.second()
                kept = insert_records(connection, records, at, internal_ip)
                add_sums(connection, sum_by_service(kept), at)
                if self.second() - at > self._slowest_write:
                    raise Unavailable("the monitoring database is too slow", code="database_error")
        except SQLAlchemyError as error:
            raise unavailable(error) from error

    # reading

    def records(self, query: RecordQuery) -> Generator[tuple[Value, ...], None, None]:
        """Oldest first, streamed: the second, then the columns asked for."""
        c = operational_data.c
        statement = (
            select(c.monitoring_data_ts, *(c[name] for name in query.columns))
            .where(c.monitoring_data_ts.between(query.first, query.last))
            .order_by(c.monitoring_data_ts, c.id)
        )
        if query.party is not None:
            statement = statement.where(or_(_is(query.party, "client"), _is(query.party, "service")))
        if query.service_provider is not None:
            statement = statement.where(_is(query.service_provider, "service"))
        with self._transaction() as connection:
            streaming = connection.execution_options(stream_results=True, max_row_buffer=ROWS_PER_FETCH)
            with streaming.execute(statement) as result:
                for row in result:
                    yield tuple(row)

    def health(self, period_seconds: int) -> dict[str, ServicePeriod]:
        """By service key: sums over the last `period_seconds`, and what is known of older times."""
        since = self.second() - period_seconds
        last, period = service_last, service_period
        found: dict[str, ServicePeriod] = {}
        with self._transaction() as connection:
            newest = select(last).order_by(last.c.ts.desc(), last.c.service).limit(MOST_SERVICES)
            for row in connection.execute(newest):
                found[row.service] = ServicePeriod(
                    service_type=row.service_type,
                    last_successful=row.last_successful_ts,
                    last_unsuccessful=row.last_unsuccessful_ts,
                )
            for values in connection.execute(select(period).where(period.c.ts > since)).mappings():
                known = found.get(values["service"])
                if known is not None:
                    measures = {name: _measure(values, name) for name in MEASURES}
                    known.merge(ServicePeriod(values["successful"], values["unsuccessful"], measures))
        return found

    # cleaning

    def clean(self, before: int, period_before: int) -> int:
        """Remove a slice of records older than `before` (seconds); of sums, all older than `period_before`. How many records."""
        c = operational_data.c
        oldest = select(c.id).where(c.monitoring_data_ts < before).order_by(c.monitoring_data_ts, c.id)
        old = oldest.limit(ROWS_PER_CLEANING)
        with self._transaction() as connection:
            removed = connection.execute(delete(operational_data).where(c.id.in_(old))).rowcount
            connection.execute(delete(service_period).where(service_period.c.ts < period_before))
            connection.execute(delete(service_last).where(service_last.c.ts < before))
        return removed


def _patient(url: str) -> str:
    """With a bound on connecting, and on a server that vanished: a stopping process waits for these threads."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "postgresql":
        return url
    bounds = {"connect_timeout": str(CONNECT_SECONDS), "tcp_user_timeout": str(CONNECT_SECONDS * 1_000)}
    return parsed.set(query={**bounds, **parsed.query}).render_as_string(hide_password=False)


@contextmanager
def _limited(connection: Connection) -> Iterator[None]:
    """No statement takes longer than `MOST_SECONDS`: who asks for much must not keep the others from asking."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {MOST_SECONDS * 1_000}")
        yield
        return
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    until = time.monotonic() + MOST_SECONDS
    driver.set_progress_handler(lambda: time.monotonic() > until, STEPS_BETWEEN_LOOKS)
    try:
        yield
    finally:
        driver.set_progress_handler(None, 0)


def _is(client: ClientId, role: str) -> ColumnElement[bool]:
    c = operational_data.c
    return and_(
        c[f"{role}_xroad_instance"] == client.instance_identifier,
        c[f"{role}_member_class"] == client.member_class,
        c[f"{role}_member_code"] == client.member_code,
        c[f"{role}_subsystem_code"].is_(None)
        if client.subsystem_code is None
        else c[f"{role}_subsystem_code"] == client.subsystem_code,
    )


def _measure(values: RowMapping, name: str) -> Measure:
    return Measure(*(values[f"{name}_{part}"] for part in ("count", "min", "max", "mean", "m2")))
