"""What only one process may do at a time among all that share a database: time-stamping, archiving, fetching for all.

    lock = ClusterLock(engine, "archiving")          # or a URL; the name is the room's word for the work
    hold = await lock.hold()                         # at each round: kept, taken if it is free, or None
    if hold is not None:
        ...                                          # the work
        with hold.transaction() as connection: ...   # commits only if the lock was ours up to then

PostgreSQL: an advisory lock of a session of its own. The server frees it when the process dies or its machine vanishes, and
with the session the right to commit through it: nobody finishes late what another has taken over.
SQLite: `flock` on a file beside the database, which the kernel frees. It is not inherited through `exec`, but through a bare
`fork`: take it afterwards. The processes must be on one machine, as SQLite's must.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from sild.errors import Unavailable

__all__ = ["ClusterLock", "Hold"]

CONNECT_SECONDS = 5
SILENCE_SECONDS = 10  # after which a machine that vanished no longer holds anything
_UNSAFE = re.compile(r"[^a-z0-9_-]")


class Hold(Protocol):
    """The lock, ours. Its methods block: call them from a thread."""

    def is_ours(self) -> bool:
        """Whether it still is: false for ever after the session has broken or `release`."""
        ...

    def transaction(self) -> AbstractContextManager[Connection]:
        """A transaction that commits only if the lock was ours all the time. Raises Unavailable (`database_error`)."""
        ...

    def release(self) -> None: ...


class ClusterLock:
    """database: an engine, or the URL of one (`postgresql://`, `sqlite:///file`).  name: of the work, the same everywhere.

    Two rooms in one PostgreSQL schema must choose different names; schemas and SQLite files do not meet.
    """

    def __init__(self, database: Engine | str, name: str) -> None:
        self.name = name
        url = database.url if isinstance(database, Engine) else make_url(database)
        self._url = url
        self._engine = database if isinstance(database, Engine) else None
        self._one_at_a_time = threading.Lock()
        self._hold: Hold | None = None

    async def hold(self) -> Hold | None:
        """`try_hold` in a thread."""
        return await asyncio.to_thread(self.try_hold)

    def try_hold(self) -> Hold | None:
        """The hold this process has, or takes now; None while another has it. Raises Unavailable (`database_error`)."""
        with self._one_at_a_time:
            if self._hold is None or not self._hold.is_ours():
                self._hold = self._take()
            return self._hold

    def release(self) -> None:
        """Let another process have it. Blocks."""
        with self._one_at_a_time:
            if self._hold is not None:
                self._hold.release()
                self._hold = None

    def _take(self) -> Hold | None:
        if self._url.get_backend_name() == "sqlite":
            return _take_file(self._url, self._engine, self.name)
        return _take_session(self._url, self.name)


class _FileHold:
    def __init__(self, descriptor: int, engine: Engine) -> None:
        self._descriptor: int | None = descriptor
        self._engine = engine

    def is_ours(self) -> bool:
        return self._descriptor is not None

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        if self._descriptor is None:
            raise Unavailable("the cluster's lock is not held any more", code="database_error")
        with _translated(), self._engine.begin() as connection:
            yield connection

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _take_file(url: URL, engine: Engine | None, name: str) -> Hold | None:
    if not url.database or url.database == ":memory:":
        raise Unavailable("a database in memory cannot be shared", code="database_error")
    path = Path(f"{url.database}.{_UNSAFE.sub('_', name.lower())}.lock")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror or error}", code="database_error") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            return None
        raise Unavailable(f"{path}: {error.strerror or error}", code="database_error") from error
    return _FileHold(descriptor, engine or create_engine(url, hide_parameters=True))


class _SessionHold:
    """A session that has the lock, used by one thread at a time."""

    def __init__(self, connection: Connection) -> None:
        self._connection: Connection | None = connection
        self._in_use = threading.RLock()

    def is_ours(self) -> bool:
        with self._in_use:
            if self._connection is None:
                return False
            try:
                with self._connection.begin():
                    self._connection.execute(text("SELECT 1"))
            except SQLAlchemyError:
                self._drop()
                return False
            return True

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        with self._in_use:
            if self._connection is None:
                raise Unavailable("the cluster's lock is not held any more", code="database_error")
            try:
                with _translated(), self._connection.begin():
                    yield self._connection
            except Unavailable:
                if self._connection is not None and self._connection.invalidated:
                    self._drop()
                raise

    def release(self) -> None:
        with self._in_use:
            self._drop()

    def _drop(self) -> None:
        """The end of the session is the end of its locks."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            if not connection.invalidated:
                with connection.begin():
                    connection.execute(
                        text("SELECT pg_advisory_unlock_all()")
                    )  # at once: the server ends later
        except SQLAlchemyError:
            connection.invalidate()
        connection.close()


def _take_session(url: URL, name: str) -> Hold | None:
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    limits = {"connect_timeout": CONNECT_SECONDS, "tcp_user_timeout": SILENCE_SECONDS * 1000}
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=limits)
    with _translated():
        connection = engine.connect()
        try:
            with connection.begin():
                connection.execute(_SESSION)
                taken = connection.execute(_TRY, {"name": name}).scalar_one()
        except BaseException:
            connection.close()
            raise
        if not taken:
            connection.close()
            return None
    return _SessionHold(connection)


# so that the server notices a client's machine that vanished; the lock stays with the session, not with the transaction
_SESSION = text(
    "SELECT set_config('tcp_keepalives_idle', '4', false), set_config('tcp_keepalives_interval', '2', false),"
    " set_config('tcp_keepalives_count', '3', false), set_config('idle_session_timeout', '0', false)"
)
_TRY = text("SELECT pg_try_advisory_lock(hashtextextended('sild/' || current_schema() || '/' || :name, 0))")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        reason = str(error.orig if isinstance(error, DBAPIError) else error)  # without SQL and its parameters
        raise Unavailable("the cluster's lock fails", code="database_error", reason=reason.strip()) from error
