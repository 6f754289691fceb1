"""One database per process, its schema owned by its room: SQLite (WAL) by default, PostgreSQL by URL.

A room keeps its Alembic revisions in a `migrations` package of its own; `open_database` brings the schema to the newest
revision and hands out the engine. Nothing else in Sild creates tables. The table that remembers the revision bears the
room's name, so rooms may share one PostgreSQL database; two deployments of one room may not.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    URL,
    DateTime,
    Dialect,
    Engine,
    TypeDecorator,
    create_engine,
    event,
    make_url,
    text,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

from sild.errors import Unavailable

__all__ = ["UtcDateTime", "ensure_answers", "open_database", "revision_table", "sqlite_url"]

SQLITE_BUSY_MILLISECONDS = 5_000
Revisions = frozenset[tuple[Path, int]]  # files, and when they were changed
_one_at_a_time = threading.Lock()  # Alembic's environment is the process's own
_empty_databases: dict[Revisions, bytes] = {}
_scripts: dict[tuple[Path, Revisions], tuple[Config, ScriptDirectory]] = {}


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime; SQLite keeps it without a zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        at = value.astimezone(UTC)
        return at.replace(tzinfo=None) if dialect.name == "sqlite" else at

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


def revision_table(migrations: Path) -> str:
    """The table in which the room of `migrations` keeps its schema's revision: `message_log_revision`."""
    return f"{migrations.parent.name}_revision"


def open_database(url: str, *migrations: Path, durable: bool = True) -> Engine:
    """Connect to `url` and bring its schema to the newest revisions found in `migrations`, in the order given.

    url: SQLAlchemy URL; plain `postgresql://` means psycopg 3.  migrations: of the room, after those of the rooms whose
    tables it shares a transaction with.  durable: SQLite `synchronous=FULL`, else `NORMAL`.
    A new SQLite file can be read by its owner alone, and so can the -wal and -shm files beside it, which copy its mode.
    Several processes may open one PostgreSQL database at once: one of them migrates, the others wait for it.
    Raises Unavailable (`database_error`) when the database cannot be reached or migrated.
    """
    parsed = make_url(url)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    made = False
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        made = _make_private(Path(parsed.database), parsed, migrations)
    engine = create_engine(parsed, pool_pre_ping=parsed.get_backend_name() != "sqlite", hide_parameters=True)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite_pragmas("FULL" if durable else "NORMAL"))
    _close_what_comes_back_late(engine)
    try:
        for steps in () if made else migrations:
            _migrate(engine, steps)
    except Exception as error:
        engine.dispose()
        reason = str(error.orig) if isinstance(error, DBAPIError) else str(error)  # without the statement
        raise Unavailable(
            f"database {parsed.render_as_string()}: {reason.strip()}", code="database_error"
        ) from error
    return engine


def ensure_answers(engine: Engine) -> None:
    """Ask the database for nothing. Raises Unavailable (`database_error`). Blocks."""
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except DBAPIError as error:
        raise Unavailable(f"the database does not answer: {error.orig}", code="database_error") from error


def _make_private(file: Path, url: URL, migrations: Sequence[Path]) -> bool:
    """A new file with the newest schema, for its owner alone; False when there is one already.

    Written aside and linked: another process sees no file or all of it.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.exists():
            return False
        draft = file.with_name(f".{file.name}.{os.getpid()}.{threading.get_ident()}")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as new:
                new.write(_empty_database(migrations))
                new.flush()
                os.fsync(new.fileno())
            try:
                file.hardlink_to(draft)
            except FileExistsError:
                return False
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise Unavailable(f"database {url}: {error.strerror or error}", code="database_error") from error
    return True


def _empty_database(migrations: Sequence[Path]) -> bytes:
    """An SQLite file as these revisions make it. A process that opens several of a kind runs them once."""
    revisions = _revisions(*migrations)
    if revisions not in _empty_databases:
        engine = create_engine("sqlite://", poolclass=StaticPool, hide_parameters=True)
        try:
            for steps in migrations:
                _migrate(engine, steps)
            connection = engine.raw_connection()
            try:
                content: bytes = connection.driver_connection.serialize()  # type: ignore[union-attr]  # sqlite3's
            finally:
                connection.close()
        finally:
            engine.dispose()
        _empty_databases[revisions] = content
    return _empty_databases[revisions]


def _revisions(*migrations: Path) -> Revisions:
    return frozenset((file, file.stat().st_mtime_ns) for steps in migrations for file in steps.glob("*.py"))


def _script(migrations: Path) -> tuple[Config, ScriptDirectory]:
    """Read once: that takes longer than to find that nothing is to be done."""
    read = migrations, _revisions(migrations)
    if read not in _scripts:
        config = Config()
        config.set_main_option("script_location", str(migrations))
        config.set_main_option("path_separator", "os")
        config.set_main_option("version_locations", str(migrations))
        _scripts[read] = config, ScriptDirectory.from_config(config)
    return _scripts[read]


def _sqlite_pragmas(synchronous: str) -> Any:  # the listener's signature is SQLAlchemy's
    def set_pragmas(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={SQLITE_BUSY_MILLISECONDS}")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute(f"PRAGMA synchronous={synchronous}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    return set_pragmas


def _close_what_comes_back_late(engine: Engine) -> None:
    """A thread may still hold a connection when the engine is disposed of; no pool is left that would close it."""
    disposals = 0

    def disposed(_engine: Engine) -> None:
        nonlocal disposals
        disposals += 1

    def connected(_connection: Any, record: ConnectionPoolEntry) -> None:
        record.info["disposals"] = disposals

    def returned(connection: Any, record: ConnectionPoolEntry) -> None:
        if connection is not None and record.info["disposals"] != disposals:
            record.invalidate()

    event.listen(engine, "engine_disposed", disposed)
    event.listen(engine, "connect", connected)
    event.listen(engine, "checkin", returned)


def _migrate(engine: Engine, migrations: Path) -> None:
    config, script = _script(migrations)

    def to_head(revision: Any, _context: MigrationContext) -> Any:
        return script._upgrade_revs("head", revision)  # what alembic.command.upgrade passes to run_env

    table = revision_table(migrations)
    with (
        _one_at_a_time,
        engine.begin() as connection,
        EnvironmentContext(config, script, fn=to_head) as environment,
    ):
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:table))"), {"table": table})
        environment.configure(connection=connection, version_table=table, render_as_batch=True)
        environment.run_migrations()
