"""The message log itself: append before the effect, find afterwards."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

from sqlalchemy import make_url

from sild.clock import Clock, system_clock
from sild.database import open_database
from sild.errors import stage
from sild.message_log.body_logging import BodyLogging
from sild.message_log.containers import container_of
from sild.message_log.encryption import BodyEncryption
from sild.message_log.entries import Appender, Entry
from sild.message_log.records import LoggedMessage, MessageRecord, query_hash
from sild.message_log.rows import Rows
from sild.message_log.sqlite import SQLiteAppender, SQLiteCheckpointer, leave_checkpoints_to_their_thread
from sild.message_log.store import Search, Store, milliseconds
from sild.message_log.writer import GroupCommit
from sild.signatures import AsicContainer
from sild.xroad.identifiers import ClientId

__all__ = ["MessageLog", "StampingRule"]

MIGRATIONS = Path(__file__).parent / "migrations"
Result = TypeVar("Result")


class StampingRule(Protocol):
    """What time-stamping has to say about logging (`Timestamper` is one)."""

    @property
    def is_immediate(self) -> bool: ...

    def ensure_timestamping_ok(self, at: datetime) -> None: ...

    async def stamp(self, record_id: int) -> None: ...


class MessageLog:
    """Evidence of every message. What `append` returned for is in the database whatever happens next.

    url: SQLAlchemy URL of SQLite or PostgreSQL; the schema is brought up to date on opening.
    encryption: of bodies at rest; None: they are stored as they are.
    One instance per process and database; several processes may share it (see `docs/message_log.md`).
    Raises Unavailable (`database_error`) when the database cannot be opened.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock = system_clock,
        body_logging: BodyLogging | None = None,
        encryption: BodyEncryption | None = None,
    ) -> None:
        self.body_logging = body_logging or BodyLogging()
        self.stamping: StampingRule | None = None
        self._clock = clock
        engine = open_database(url, MIGRATIONS)
        self.store = Store(engine, encryption)
        self._is_sqlite = engine.dialect.name == "sqlite"
        if self._is_sqlite:
            leave_checkpoints_to_their_thread(engine)
        self._checkpointer: SQLiteCheckpointer | None = None
        self.under_way = (
            0  # exchanges in hand, which their processors count: how many appends are worth waiting for
        )
        self._writer = GroupCommit(self._appender(url, Rows(encryption)), lambda: self.under_way)

    def _appender(self, url: str, rows: Rows) -> Appender:
        parsed = make_url(url)
        if self._is_sqlite:
            path = str(Path(parsed.database or "").absolute())
            self._checkpointer = SQLiteCheckpointer(path)
            return SQLiteAppender(path, rows)
        from sild.message_log.postgresql import PostgreSQLAppender  # the driver is an optional dependency

        conninfo = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
        return PostgreSQLAppender(conninfo, rows)

    async def append(self, record: MessageRecord, *, at: datetime | None = None) -> int:
        """Write `record` durably and return its id; by the rule of time-stamping, stamp it first.

        at: the message's time, now unless given. The attachments are read in another thread until this returns.
        Raises Unavailable, stage `logging_failed`: `database_error`, `timestamping_failed`,
        `no_timestamping_provider_found`, or `logging_failed` itself for a body that may not be logged. Then nothing of
        it is in the log, unless the connection to the database broke in the moment of committing.
        """
        at = self._clock() if at is None else at
        with stage("logging_failed"):
            if self.stamping is not None:
                self.stamping.ensure_timestamping_ok(at)
            record_id = await self._append(record, at)
            if self.stamping is not None and self.stamping.is_immediate:
                await self.stamping.stamp(record_id)
        return record_id

    async def _append(self, record: MessageRecord, at: datetime) -> int:
        policy = self.body_logging
        attachments = record.attachments if record.body_logged and policy.max_body_size else ()
        if attachments:
            policy.ensure_loggable(record)
        loop = asyncio.get_running_loop()
        client = record.client_id
        head = (
            milliseconds(at),
            query_hash(record.query_id),
            record.query_id,
            record.x_request_id,
            record.is_response,
            client.instance_identifier,
            client.member_class,
            client.member_code,
            client.subsystem_code,
        )
        done: asyncio.Future[int] = loop.create_future()
        entry = Entry(
            head,
            record.message,
            record.signature,
            record.hash_chain_result,
            record.hash_chain,
            hashlib.sha512(record.signature).digest(),
            attachments,
            policy.max_body_size,
            done,
            loop,
        )
        self._writer.submit(entry)
        if not attachments:
            return await done
        try:
            return await asyncio.shield(done)
        except asyncio.CancelledError:
            # the writer may be reading the caller's files: give them back only when it has finished
            await asyncio.wait([done])
            raise

    async def get(self, record_id: int) -> LoggedMessage | None:
        return await asyncio.to_thread(self.store.get, record_id)

    async def unstamped(self) -> tuple[int, datetime | None]:
        """How many records wait for a time-stamp, and since when the oldest does."""
        return await asyncio.to_thread(self.store.unstamped)

    async def find(
        self, query_id: str, client_id: ClientId | None = None, *, is_response: bool | None = None
    ) -> tuple[LoggedMessage, ...]:
        """Records of a query, oldest first; an outsider's look-up must name the client (WIRE 18)."""
        return await asyncio.to_thread(self.store.find, query_id, client_id, is_response)

    async def search(self, wanted: Search, *, page: int = 100) -> AsyncIterator[LoggedMessage]:
        """Records by time and party, oldest first; any number of them, `page` in memory.

        What is logged meanwhile is found or not. Raises Unavailable (`database_error`).
        """
        after = (-1, -1)
        while True:
            records = await asyncio.to_thread(self.store.search, wanted, after, page)
            for record in records:
                yield record
            if len(records) < page:
                return
            after = (milliseconds(records[-1].time), records[-1].id)

    async def as_asice(self, record: LoggedMessage) -> AsicContainer:
        """The record's evidence container; its attachments are read from the log when written out (which blocks).

        Raises CallerError (`asic_timestamp_not_found`) for a record not time-stamped yet: see `Timestamper.stamp`.
        """
        return await asyncio.to_thread(container_of, self.store, record)

    async def examined(self, record: LoggedMessage) -> AsicContainer:
        """What lies in the log, time-stamped or not, to be looked at; evidence to give away is `as_asice`."""
        return await asyncio.to_thread(container_of, self.store, record, unstamped=record.timestamp is None)

    async def kept_since(self) -> datetime | None:
        """None: nothing was ever taken out of the log. Else the time of the oldest record that is still here."""
        return await asyncio.to_thread(self.store.kept_since)

    async def write(self, work: Callable[[], Result]) -> Result:
        """Run a short writing transaction beside the appends: on SQLite between two commits, else in a thread of its own."""
        if not self._is_sqlite:
            return await asyncio.to_thread(work)
        outcome: Future[Result] = Future()

        def run() -> None:
            if not outcome.set_running_or_notify_cancel():
                return  # who asked has gone
            try:
                outcome.set_result(work())
            except Exception as error:  # noqa: BLE001 - handed to the caller
                outcome.set_exception(error)

        self._writer.run_slice(run)
        return await asyncio.wrap_future(outcome)

    async def take_id(self) -> int:
        """An identifier from the records' own row of numbers (time-stamp records share it, as X-Road's do)."""
        taken: Future[int] = Future()
        self._writer.take_id(taken)
        return await asyncio.wrap_future(taken)

    async def close(self) -> None:
        """Write what is under way and let go of the database."""
        await asyncio.to_thread(self._writer.close)
        if self._checkpointer is not None:
            await asyncio.to_thread(self._checkpointer.close)
        self.store.engine.dispose()
