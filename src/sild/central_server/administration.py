"""What every part of the central server's administration stands on: transactions, the revision, the audit row.

A change is one method call. It begins by raising `instance.revision` (which makes writers wait for one another), and its
audit row is written in the same transaction. Calls made inside `transaction()` become one transaction, all or nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import InterfaceError, OperationalError

from sild.central_server.records import AuditRow
from sild.central_server.tables import audit_rows, instance
from sild.clock import Clock
from sild.errors import CallerError, Unavailable

__all__ = ["Administration", "Change", "Plain"]

Plain = str | int | bool | None | list[str]


@dataclass(slots=True)
class Change:
    """A running transaction: its connection, moment, author, the revision it makes, and what its end brings about."""

    connection: Connection
    at: datetime
    actor: str
    revision: int
    after_commit: list[Callable[[], None]] = field(default_factory=list)
    after_rollback: list[Callable[[], None]] = field(default_factory=list)

    def audit(self, event: str, detail: dict[str, Plain]) -> None:
        self.connection.execute(
            insert(audit_rows).values(
                at=self.at, revision=self.revision, actor=self.actor, event=event, detail=detail
            )
        )


class _Running(threading.local):
    """The transaction running in this thread."""

    change: Change | None = None


class Administration:
    """The base of `CentralServer`'s parts."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._running = _Running()
        self._listeners: list[Callable[[], None]] = []
        self._instance_identifier: str | None = None

    @property
    def instance_identifier(self) -> str:
        if self._instance_identifier is None:
            with self._read() as connection:
                found: str | None = connection.scalar(select(instance.c.instance_identifier))
            if found is None:
                raise CallerError(
                    "the central server is not initialised: start it once", code="instance_identifier_not_set"
                )
            self._instance_identifier = found
        return self._instance_identifier

    @property
    def revision(self) -> int:
        """Rises with every change."""
        with self._read() as connection:
            return int(connection.scalar(select(instance.c.revision)) or 0)

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` after every committed change, in the thread that made it."""
        self._listeners.append(listener)

    @contextmanager
    def transaction(self, actor: str = "local") -> Iterator[None]:
        """Make the changes called inside one transaction; `actor` (who asks) stands in their audit rows."""
        if self._running.change is not None:
            yield
            return
        change: Change | None = None
        try:
            with _database_errors(), self._engine.begin() as connection:
                change = Change(connection, self._clock(), actor[:255], _next_revision(connection))
                self._running.change = change
                try:
                    yield
                finally:
                    self._running.change = None
        except BaseException:
            for action in change.after_rollback if change else ():
                action()
            raise
        for action in (*change.after_commit, *self._listeners):
            action()

    @contextmanager
    def _change(self, event: str, **detail: Plain) -> Iterator[Change]:
        """One change inside the running transaction, or in one of its own; undone alone when it is refused."""
        with self.transaction():
            change = self._running.change
            assert change is not None
            with change.connection.begin_nested():
                change.audit(event, detail)
                yield change

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        """A connection for reading: the running transaction's, or one of its own."""
        change = self._running.change
        if change is not None:
            yield change.connection
            return
        with _database_errors(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _snapshot(self) -> Iterator[Connection]:
        """A connection whose reads all see the same committed state."""
        with _database_errors(), self._engine.connect() as connection:
            if self._engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN")  # the driver begins by itself only before a write
                yield connection
            else:
                yield connection.execution_options(isolation_level="REPEATABLE READ")

    def audit_log(self, *, after_id: int = 0, limit: int = 1000) -> tuple[AuditRow, ...]:
        """Audit rows in the order they were written."""
        query = select(audit_rows).where(audit_rows.c.id > after_id).order_by(audit_rows.c.id).limit(limit)
        with self._read() as connection:
            return tuple(AuditRow(*row) for row in connection.execute(query))


@contextmanager
def _database_errors() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise Unavailable(f"the database: {error.orig}", code="database_error", retry_after=1.0) from error


def _next_revision(connection: Connection) -> int:
    revision = connection.scalar(
        update(instance).values(revision=instance.c.revision + 1).returning(instance.c.revision)
    )
    if revision is None:
        raise CallerError("the central server is not initialised", code="instance_identifier_not_set")
    return int(revision)
