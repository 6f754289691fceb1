"""Bitemporal facts: when something was true, and when we knew it.

    known ^        Facts of one (entity, name, key) never overlap in valid time at any moment of known time. Recording a value
          |  B B   for some days closes what we knew about those days (`known_to`) and writes down anew what remains of it
          |A A A   before and after, with the provenance of the first saying (`origin`). Nothing is ever lost: asked as of
          +------> an earlier moment, the register answers as it answered then.
            valid

Days are dates of law; a moment of knowledge is a UTC time. `valid_to` is the first day on which the fact is no longer true.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, insert, or_, select, update

from sild.errors import CallerError
from sild.registries.kernel.bulk import write_many
from sild.registries.kernel.tables import facts

__all__ = ["Fact", "Facts", "Json", "Provenance", "days_left"]

AT_ONCE = 500  # entities in one question to the database

Json = Any  # what JSON can hold; a register gives it a type where it reads it


@dataclass(frozen=True, slots=True)
class Provenance:
    """source: who said so, `INSTANCE/CLASS/CODE/SUBSYSTEM` or a word of the register's own.

    basis: the legal ground, as the profile writes it.  message_id: x-road-id of the message that brought it.
    """

    source: str
    basis: str
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """origin: id under which it was first said; a fact that is the rest of another keeps the other's."""

    id: int
    origin: int
    entity: str
    name: str
    key: str
    value: Json
    valid_from: date
    valid_to: date | None
    known_from: datetime
    known_to: datetime | None
    provenance: Provenance

    def is_true_on(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


class Facts:
    """The facts of one register, within one transaction at one moment."""

    def __init__(self, connection: Connection, at: datetime) -> None:
        self._connection = connection
        self._at = at

    # --- to know

    def record(
        self,
        entity: str,
        name: str,
        value: Json,
        *,
        valid_from: date,
        valid_to: date | None = None,
        key: str = "",
        provenance: Provenance,
    ) -> Fact:
        """From now on this is what we know about those days. Raises CallerError (`empty_period`).

        A value of None says that there is none; to say nothing about the days, see `retract`.
        """
        _ensure_days(valid_from, valid_to)
        self._close(entity, name, key, valid_from, valid_to)
        return self._insert(entity, name, key, value, valid_from, valid_to, provenance, origin=None)

    def retract(
        self, entity: str, name: str, *, valid_from: date, valid_to: date | None = None, key: str = ""
    ) -> int:
        """From now on we know nothing about those days; how many facts that ends. Raises CallerError (`empty_period`)."""
        _ensure_days(valid_from, valid_to)
        return len(self._close(entity, name, key, valid_from, valid_to))

    def take_up(
        self, entity: str, name: str, *, valid_from: date, since: datetime, key: str | None = None
    ) -> tuple[Fact, ...]:
        """What was known until `since`, or later, of `valid_from` and the days after it is known again, under its origin.

        The newest of it first, and only of days about which nothing else is known now. key: None: of each.
        """
        said = self.history(entity, name, key=key)
        known = [fact for fact in said if fact.known_to is None]
        lost = [fact for fact in said if fact.known_to is not None and fact.known_to >= since]
        found: list[Fact] = []
        for fact in reversed(lost):
            taken = [one for one in (*known, *found) if one.key == fact.key]
            for begin, end in days_left(max(fact.valid_from, valid_from), fact.valid_to, taken):
                found.append(self._say_again(fact, begin, end))
        return tuple(found)

    def record_many(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Fill an empty register: each row has `entity`, `name`, `value`, `valid_from`, `source`, `basis`, and may have
        `key`, `valid_to`. Nothing is looked up, so nothing may overlap.
        """
        write_many(self._connection, self._at, rows)

    # --- to ask

    def current(
        self,
        entity: str,
        names: Sequence[str] = (),
        *,
        on: date,
        known_at: datetime | None = None,
    ) -> tuple[Fact, ...]:
        """What is true of `entity` on a day, by name and key; of `names`, or of all.

        known_at: as we knew it then; None: as we know it now.
        """
        query = self._known(known_at).where(facts.c.entity == entity, _true_on(on))
        if names:
            query = query.where(facts.c.name.in_(names))
        return self._read(query.order_by(facts.c.name, facts.c.key))

    def fact(self, entity: str, name: str, *, on: date, key: str = "") -> Fact | None:
        """The one fact of this name (and key) that is true on a day, as we know it now."""
        query = self._known(None).where(
            facts.c.entity == entity, facts.c.name == name, facts.c.key == key, _true_on(on)
        )
        found = self._read(query)
        return found[0] if found else None

    def value(self, entity: str, name: str, *, on: date, key: str = "") -> Json:
        """Its value; None also when nothing is known."""
        found = self.fact(entity, name, on=on, key=key)
        return None if found is None else found.value

    def values_of(
        self, entities: Sequence[str], names: Sequence[str], *, on: date
    ) -> dict[str, dict[str, Json]]:
        """Of many entities at once: value by name by entity; facts with a key are left out."""
        query = self._known(None).where(
            facts.c.entity.in_(entities), facts.c.name.in_(names), facts.c.key == "", _true_on(on)
        )
        found: dict[str, dict[str, Json]] = {entity: {} for entity in entities}
        for fact in self._read(query):
            found[fact.entity][fact.name] = fact.value
        return found

    def current_of(
        self, entities: Sequence[str], names: Sequence[str] = (), *, on: date
    ) -> dict[str, tuple[Fact, ...]]:
        """What is true of many entities on a day, facts with keys too: by entity, each in the order of names and keys."""
        found: dict[str, list[Fact]] = {entity: [] for entity in entities}
        wanted = tuple(found)
        for start in range(0, len(wanted), AT_ONCE):
            query = self._known(None).where(facts.c.entity.in_(wanted[start : start + AT_ONCE]), _true_on(on))
            if names:
                query = query.where(facts.c.name.in_(names))
            for fact in self._read(query.order_by(facts.c.entity, facts.c.name, facts.c.key)):
                found[fact.entity].append(fact)
        return {entity: tuple(of_entity) for entity, of_entity in found.items()}

    def named(self, name: str, *, on: date) -> tuple[Fact, ...]:
        """Facts of this name, of whatever entity, that are true on a day, in the order in which they were said."""
        return self._read(self._known(None).where(facts.c.name == name, _true_on(on)).order_by(facts.c.id))

    def entities_with(self, name: str, key: str, *, on: date) -> tuple[Fact, ...]:
        """Facts of this name and key, of whatever entity, that are true on a day: who has this person as guardian."""
        query = self._known(None).where(facts.c.name == name, facts.c.key == key, _true_on(on))
        return self._read(query.order_by(facts.c.entity))

    def history_with(self, name: str, key: str) -> tuple[Fact, ...]:
        """Everything ever said under this name and key, of whatever entity, in the order it was said."""
        query = select(facts).where(facts.c.name == name, facts.c.key == key)
        return self._read(query.order_by(facts.c.id))

    def standing_with(self, names: Sequence[str], keys: Sequence[str], *, on: date) -> tuple[Fact, ...]:
        """Facts of these names and keys, of whatever entity, that are true on a day or later, as we know it now, in the order they were said."""
        found: list[Fact] = []
        for start in range(0, len(keys), AT_ONCE):
            query = self._known(None).where(
                facts.c.name.in_(names),
                facts.c.key.in_(keys[start : start + AT_ONCE]),
                or_(facts.c.valid_to.is_(None), facts.c.valid_to > on),
            )
            found += self._read(query)
        return tuple(sorted(found, key=lambda fact: fact.id))

    def saying(self, name: str, part: str, text: str) -> tuple[Fact, ...]:
        """Facts of this name whose value says `text` in `part`, of whatever entity and day, as we know it now. Reads all of the name."""
        says = facts.c.value[part].as_string() == text
        return self._read(self._known(None).where(facts.c.name == name, says).order_by(facts.c.id))

    def history(self, entity: str, name: str | None = None, *, key: str | None = None) -> tuple[Fact, ...]:
        """Everything ever said, superseded or not, in the order it was said."""
        query = select(facts).where(facts.c.entity == entity)
        if name is not None:
            query = query.where(facts.c.name == name)
        if key is not None:
            query = query.where(facts.c.key == key)
        return self._read(query.order_by(facts.c.id))

    def by_id(self, fact_id: int) -> Fact | None:
        found = self._read(select(facts).where(facts.c.id == fact_id))
        return found[0] if found else None

    # --- inside

    def _known(self, at: datetime | None) -> Select[Any]:
        if at is None:
            return select(facts).where(facts.c.known_to.is_(None))
        return select(facts).where(
            facts.c.known_from <= at, or_(facts.c.known_to.is_(None), facts.c.known_to > at)
        )

    def _close(
        self, entity: str, name: str, key: str, valid_from: date, valid_to: date | None
    ) -> tuple[Fact, ...]:
        """End our knowledge about those days, and say again what remains of it before and after."""
        touched = and_(
            facts.c.entity == entity,
            facts.c.name == name,
            facts.c.key == key,
            or_(facts.c.valid_to.is_(None), facts.c.valid_to > valid_from),
        )
        query = self._known(None).where(touched)
        if valid_to is not None:
            query = query.where(facts.c.valid_from < valid_to)
        closed = self._read(query.with_for_update())
        if closed:
            ids = [fact.id for fact in closed]
            self._connection.execute(update(facts).where(facts.c.id.in_(ids)).values(known_to=self._at))
        for fact in closed:
            if fact.valid_from < valid_from:
                self._say_again(fact, fact.valid_from, valid_from)
            if valid_to is not None and (fact.valid_to is None or valid_to < fact.valid_to):
                self._say_again(fact, valid_to, fact.valid_to)
        return closed

    def _say_again(self, fact: Fact, valid_from: date, valid_to: date | None) -> Fact:
        return self._insert(
            fact.entity,
            fact.name,
            fact.key,
            fact.value,
            valid_from,
            valid_to,
            fact.provenance,
            origin=fact.origin,
        )

    def _insert(
        self,
        entity: str,
        name: str,
        key: str,
        value: Json,
        valid_from: date,
        valid_to: date | None,
        provenance: Provenance,
        *,
        origin: int | None,
    ) -> Fact:
        values: dict[str, Any] = {
            "origin": origin,
            "entity": entity,
            "name": name,
            "key": key,
            "value": value,
            "valid_from": valid_from,
            "valid_to": valid_to,
            "known_from": self._at,
            "source": provenance.source,
            "basis": provenance.basis,
            "message_id": provenance.message_id,
        }
        row = self._connection.execute(insert(facts).values(values).returning(facts)).one()
        return _fact(row)

    def _read(self, query: Select[Any]) -> tuple[Fact, ...]:
        return tuple(_fact(row) for row in self._connection.execute(query))


def _true_on(day: date) -> Any:  # SQLAlchemy's own type of a condition is not exported
    return and_(facts.c.valid_from <= day, or_(facts.c.valid_to.is_(None), facts.c.valid_to > day))


def days_left(begin: date, end: date | None, taken: Sequence[Fact]) -> Iterator[tuple[date, date | None]]:
    """Of these days those that none of `taken` has, as periods. end: the first day after; None: there is none."""
    for one in sorted(taken, key=lambda fact: fact.valid_from):
        if (one.valid_to is not None and one.valid_to <= begin) or (
            end is not None and one.valid_from >= end
        ):
            continue
        if begin < one.valid_from:
            yield begin, one.valid_from
        if one.valid_to is None:
            return
        begin = one.valid_to
    if end is None or begin < end:
        yield begin, end


def _ensure_days(valid_from: date, valid_to: date | None) -> None:
    if valid_to is not None and valid_to <= valid_from:
        raise CallerError("a fact is true for at least one day", code="empty_period")


def _fact(row: Row[Any]) -> Fact:
    return Fact(
        id=row.id,
        origin=row.origin if row.origin is not None else row.id,
        entity=row.entity,
        name=row.name,
        key=row.key,
        value=row.value,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        known_from=row.known_from,
        known_to=row.known_to,
        provenance=Provenance(row.source, row.basis, row.message_id),
    )
