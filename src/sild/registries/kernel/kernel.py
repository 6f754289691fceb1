"""One register's database, and the transaction in which everything happens: facts, the usage record, events, the answer.

A use that is refused leaves its record, too, and nothing else: what it had changed is taken back first.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import InterfaceError, OperationalError

from sild.adapter import IssuerKeys
from sild.clock import Clock, system_clock
from sild.database import open_database
from sild.errors import CallerError, Unavailable
from sild.events import EVENT_MIGRATIONS, Event, Inbox, Outbox
from sild.registries.kernel.facts import Facts, Json
from sild.registries.kernel.grounds import Grounds
from sild.registries.kernel.proving import Proofs
from sild.registries.kernel.tables import answers, facts, spent_proofs
from sild.registries.kernel.telling import is_of_person, record_telling
from sild.registries.kernel.transfers import TELLING, Transfer, ensure_assessed
from sild.registries.kernel.usage import (
    Line,
    Usage,
    UsagePage,
    find_lines,
    find_usage,
    record_usage,
    usage_periods,
)
from sild.registries.kernel.withholding import is_withheld, withhold

__all__ = ["KERNEL_MIGRATIONS", "Kernel", "Use"]

LONGEST_CODE = 100
"""Signs, as `usage_persons` has them."""
KERNEL_MIGRATIONS = Path(__file__).parent / "migrations"


class Kernel:
    """Thread-safe. system: the information system, `/INSTANCE/CLASS/CODE/SUBSYSTEM`, the source of its events.

    zone: of the country, which decides what day it is.
    """

    def __init__(
        self, engine: Engine, system: str, *, zone: ZoneInfo | None = None, clock: Clock = system_clock
    ) -> None:
        self.engine = engine
        self.system = system
        self.outbox = Outbox(engine, clock=clock)
        self.wake: Callable[[], None] = lambda: None  # told, in any thread, that there are events to send
        self.stamp: Callable[[bytes], Awaitable[bytes]] | None = None
        """Time-stamps of papers and receipts (`sild.decisions.Stamp`), from when the register acts; None: they have none."""
        self.logged: Callable[[str, Collection[str]], Awaitable[Sequence[bytes]]] | None = None
        """ASiC-E containers that the own security server's log has under a message's id, of these request ids (none: all), from when the
        register acts; in any event loop.
        None: they cannot be had. Raises CallerError (`not_found`), PeerError (`too_many_messages`), Unavailable and others."""
        self.tellers: Mapping[str, str] | None = None
        """Registers whose events are taken here, `INSTANCE/CLASS/CODE/SUBSYSTEM` by name, each for what is its own to tell; None: nobody
        has said yet, and whoever tells something is to come again."""
        self.also_known_as: Callable[[str], Sequence[str]] = lambda _code: ()
        """Names by which uses may have been recorded where nobody was to be named: pseudonyms of decisions."""
        self.proofs: Proofs | None = None
        """By whose word it is known who acts; None: by nobody's, and officials do nothing here."""
        self.grounds: Grounds | None = None
        """Which legal grounds are accepted for what; None: any that is named."""
        self.without_case = Grounds({})
        """On which of them a machine may use a person's data without a case; every other use names one."""
        self.transfers: Sequence[Transfer] = ()
        """What may leave the country."""
        self._inbox = Inbox(clock=clock)
        self._clock = clock
        self._zone = zone or ZoneInfo("Europe/Tallinn")

    @classmethod
    def open(
        cls,
        url: str,
        system: str,
        *migrations: Path,
        zone: ZoneInfo | None = None,
        clock: Clock = system_clock,
    ) -> Kernel:
        """migrations: of the register's own tables, if it has any. Raises Unavailable (`database_error`)."""
        engine = open_database(url, EVENT_MIGRATIONS, KERNEL_MIGRATIONS, *migrations)
        return cls(engine, system, zone=zone, clock=clock)

    def close(self) -> None:
        self.engine.dispose()

    def take_word_of(self, issuer: str, keys: IssuerKeys) -> None:
        """Who acts is known by this identity provider. keys: as `published_keys`."""
        self.proofs = Proofs(issuer, keys, register=self.system, clock=self._clock)

    def spend(self, token: str, operation: str, message_id: str) -> None:
        """A person's proof counts for one message; the same message may come again. token: its `jti`. Blocks.

        Raises CallerError (`acting_not_proven`), Unavailable (`database_error`).
        """
        with _database_errors(), self.engine.begin() as connection:
            spend(connection, token, operation, message_id, self.now)

    @property
    def zone(self) -> ZoneInfo:
        """Of the country."""
        return self._zone

    @property
    def now(self) -> datetime:
        return self._clock()

    @property
    def today(self) -> date:
        return self._clock().astimezone(self._zone).date()

    @property
    def local_now(self) -> datetime:
        """By the country's clock."""
        return self._clock().astimezone(self._zone)

    def aware(self, time: datetime) -> datetime:
        """A time as people write it: without a zone it is the country's."""
        return time if time.tzinfo is not None else time.replace(tzinfo=self._zone)

    @contextmanager
    def used(self, operation: str, usage: Usage) -> Iterator[Use]:
        """One transaction with its usage record. A CallerError takes back what was done, is recorded, and goes on.

        Raises Unavailable (`database_error`).
        """
        with _database_errors(), self.engine.connect() as connection:
            use = Use(connection, self, usage, operation)
            try:
                with connection.begin():
                    yield use
                    record_usage(connection, use.at, operation, "done", usage, use.persons)
            except CallerError as refusal:
                with connection.begin():
                    record_usage(connection, use.at, operation, refusal.code, usage, use.persons)
                raise
        if use.has_published:
            self.wake()

    @contextmanager
    def applying(self, event: Event, message_id: str) -> Iterator[Use | None]:
        """The transaction of an event's effect; None when it was applied before. No usage is recorded: nobody looked.

        message_id: of the message that brought it. A CallerError takes everything back, so the event may come again.
        """
        usage = Usage(
            client=event.source.removeprefix("/"),
            message_id=message_id,
            user_id="automatic",
            issue=event.extensions.get("caseid"),
        )
        with _database_errors(), self.engine.begin() as connection:
            if not self._inbox.apply(connection, event):
                yield None
                return
            use = Use(connection, self, usage, event.type)
            yield use
        if use.has_published:
            self.wake()

    def telling(self, event: Event, subscriber: str, message_id: str) -> None:
        """Before the message goes out that tells somebody of an event: whom it is about sees it. Blocks.

        Raises Unavailable (`database_error`; `transfer_not_assessed`: it waits until it is).
        """
        if is_of_person(event):
            try:
                ensure_assessed(self.transfers, self.system, subscriber, f"{TELLING}{event.type}", self.today)
            except CallerError as error:
                raise Unavailable(error.message, code=error.code) from error
        with _database_errors(), self.engine.begin() as connection:
            record_telling(connection, self.now, event, subscriber, message_id)

    def usage_of(
        self,
        person: str,
        *,
        begin: datetime | None = None,
        end: datetime | None = None,
        limit: int = 1_000,
        offset: int = 0,
    ) -> UsagePage:
        """For the person, or oversight. Raises Unavailable (`database_error`)."""
        with _database_errors(), self.engine.connect() as connection:
            withheld = is_withheld(self.now)
            persons = (person, *self.also_known_as(person))
            return find_usage(
                connection, persons, withheld=withheld, begin=begin, end=end, limit=limit, offset=offset
            )

    def lines_of(self, person: str, message_id: str) -> tuple[Line, ...]:
        """The uses of the person's data by one message, those they may see. Blocks. Raises Unavailable (`database_error`)."""
        with _database_errors(), self.engine.connect() as connection:
            persons = (person, *self.also_known_as(person))
            found = find_lines(connection, persons, message_id, withheld=is_withheld(self.now))
        named = frozenset(persons)
        return tuple(
            replace(line, persons=frozenset(person if one in named else one for one in line.persons))
            for line in found
        )

    def usage_periods(self) -> tuple[datetime, datetime] | None:
        with _database_errors(), self.engine.connect() as connection:
            return usage_periods(connection)

    def has_facts(self) -> bool:
        with _database_errors(), self.engine.connect() as connection:
            return connection.scalar(select(facts.c.id).limit(1)) is not None

    def fill_once(self, fill: Callable[[Connection, Facts], None]) -> bool:
        """Let `fill` put its facts into a register that has none; whether it was empty. Of several processes one does it.

        Raises Unavailable (`database_error`).
        """
        with _database_errors(), self.engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(self.system, 0))))
            if connection.scalar(select(facts.c.id).limit(1)) is not None:
                return False
            fill(connection, Facts(connection, self._clock()))
            return True

    def filling(self) -> Filling:
        """For a register that is empty yet: `with register.filling() as facts`."""
        return Filling(self.engine, self._clock())


class Filling:
    """A transaction in which an empty register is filled; nobody's data is used."""

    def __init__(self, engine: Engine, at: datetime) -> None:
        self._begun = engine.begin()
        self._at = at

    def __enter__(self) -> Facts:
        return Facts(self._begun.__enter__(), self._at)

    def __exit__(self, *raised: Any) -> None:
        self._begun.__exit__(*raised)


class Use:
    """One use of the register: its transaction and moment, whom it concerns and what it tells others."""

    def __init__(self, connection: Connection, kernel: Kernel, usage: Usage, operation: str) -> None:
        self.connection = connection
        self.usage = usage
        self.at = kernel._clock()
        self._kernel = kernel
        self._operation = operation
        self.today = self.day_of(self.at)
        self.facts = Facts(connection, self.at)
        self.persons: list[str] = []
        self.has_published = False

    def day_of(self, time: datetime) -> date:
        """The day that it was then in the country."""
        return time.astimezone(self._kernel.zone).date()

    def morning_of(self, day: date) -> datetime:
        """When it begins in the country."""
        return datetime.combine(day, time(0), tzinfo=self._kernel.zone)

    def concerns(self, *persons: str) -> None:
        """Their data is asked for, given or changed: say it before looking, so that a look-up in vain is recorded.

        What is longer than any code is nobody's.
        """
        self.persons.extend(one for one in persons if len(one) <= LONGEST_CODE)

    def withhold(self, person: str, *, order: str, ends: datetime) -> None:
        """What this client reads about the person for this case, and this use itself, is kept from them until `ends`.

        Raises CallerError (`missing_case`, `end_out_of_range`).
        """
        withhold(self.connection, self.usage, person, order=order, ends=ends, at=self.at)

    def alone(self, *keys: str) -> None:
        """Wait until no other transaction is between here and its end with one of these keys; call it before looking."""
        connection = self.connection
        if (
            connection.dialect.name == "sqlite"
        ):  # one writer at a time anyhow; but it must be the writer before it looks
            if not connection.connection.driver_connection.in_transaction:  # type: ignore[union-attr]  # sqlite3's own
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            return
        for key in sorted(set(keys)):
            of_register = func.hashtextextended(f"{self._kernel.system}/{key}", 0)
            connection.execute(select(func.pg_advisory_xact_lock(of_register)))

    def publish(self, event_type: str, subject: str, data: Mapping[str, Json] | None = None) -> Event:
        """Tell the subscribers, when this transaction is done. data: as little as they need."""
        event = Event(
            id=str(uuid4()),
            source=self._kernel.system,
            type=event_type,
            subject=subject,
            time=self.at,
            data=dict(data or {}),
            extensions={"caseid": self.usage.issue} if self.usage.issue else {},
        )
        self._kernel.outbox.add(self.connection, event)
        self.has_published = True
        return event

    def cancel_events(self, subject: str, types: Iterable[str]) -> int:
        """Let what still waits to be told about `subject` never be sent; how many deliveries. types: patterns with `*`."""
        return self._kernel.outbox.cancel(self.connection, subject, types)

    def spend(self, token: str, operation: str | None = None) -> None:
        """As `Kernel.spend`, of a word that this message carries: it is spent with what is done on it. operation: None: this one.

        Raises CallerError (`acting_not_proven`).
        """
        spend(self.connection, token, operation or self._operation, self.usage.message_id, self.at)

    def answered(self) -> Json | None:
        """What this very message was answered before, if it has been here; then nothing is to be done again.

        The same message at the same time waits until this transaction is done. Raises CallerError (`message_id_reused`): the id came with another operation.
        """
        usage = self.usage
        self.alone(f"message/{usage.client}/{usage.message_id}")
        row = self.connection.execute(
            select(answers.c.operation, answers.c.answer).where(
                answers.c.client == usage.client, answers.c.message_id == usage.message_id
            )
        ).one_or_none()
        if row is None:
            return None
        if row.operation != self._operation:
            raise CallerError("this message id was used for something else", code="message_id_reused")
        return row.answer

    def answer(self, answer: Json) -> Json:
        """Remember the answer of a message that changes something, and give it.

        Raises Unavailable (`message_in_progress`): the same message was answered meanwhile, elsewhere.
        """
        insert = sqlite.insert if self.connection.dialect.name == "sqlite" else postgresql.insert
        row = {
            "client": self.usage.client,
            "message_id": self.usage.message_id,
            "operation": self._operation,
            "answer": answer,
            "at": self.at,
        }
        adding = insert(answers).values(row).on_conflict_do_nothing().returning(answers.c.message_id)
        if self.connection.scalar(adding) is None:
            raise Unavailable("the message came twice at once", code="message_in_progress", retry_after=1)
        return answer


def spend(connection: Connection, token: str, operation: str, message_id: str, at: datetime) -> None:
    """Raises CallerError (`acting_not_proven`): another message was faster."""
    row = {"token": token, "operation": operation, "message_id": message_id, "at": at}
    same = (spent_proofs.c.token == token, spent_proofs.c.operation == operation)
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    connection.execute(insert(spent_proofs).values(row).on_conflict_do_nothing())
    if connection.scalar(select(spent_proofs.c.message_id).where(*same)) != message_id:
        raise CallerError(
            "the proof of who acts was used before, for something else", code="acting_not_proven"
        )


@contextmanager
def _database_errors() -> Iterator[None]:
    """The database away or full is nobody's fault who asks: it may be asked again."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise Unavailable("the register's database does not answer", code="database_error") from error
