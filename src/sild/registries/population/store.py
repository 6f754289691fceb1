"""The population register: people, families, residences, and a record of every use.

Every method that gives or takes personal data wants to know who asks (`Usage`), and records it in the same transaction, with
the codes of the people concerned and the outcome: a look-up in vain is a use too.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, and_, exists, func, insert, select
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError

from sild.clock import Clock, system_clock
from sild.database import open_database, sqlite_url
from sild.errors import CallerError, Unavailable
from sild.registries.identity_codes import Country, parse_identity_code
from sild.registries.population.people import AS_OF, SyntheticAddress, SyntheticPerson, synthetic_people
from sild.registries.population.records import (
    Address,
    AddressNotice,
    Page,
    Person,
    Residence,
    Usage,
)
from sild.registries.population.tables import persons, residences, usage_persons, usage_records

__all__ = ["PopulationRegister"]

MIGRATIONS = Path(__file__).parent / "migrations"
LONGEST_NOTICE_AHEAD = timedelta(days=30)
RECORDED_AT_START = datetime.fromisoformat(f"{AS_OF.isoformat()}T00:00:00+00:00")


class PopulationRegister:
    """Thread-safe. An empty database is filled with synthetic people when it is opened."""

    def __init__(self, engine: Engine, *, clock: Clock = system_clock) -> None:
        self._engine = engine
        self._clock = clock

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        people: int = 4_000,
        database_url: str | None = None,
        clock: Clock = system_clock,
    ) -> PopulationRegister:
        """Open the register in `directory` (SQLite), or in another database; when nobody is in it, synthetic people move in.

        people: about how many. Raises Unavailable (`database_error`).
        """
        engine = open_database(database_url or sqlite_url(directory / "population.db"), MIGRATIONS)
        with _database_errors(), engine.begin() as connection:
            if not connection.scalar(select(exists(select(persons.c.code)))):
                _settle(connection, synthetic_people(people))
        return cls(engine, clock=clock)

    def close(self) -> None:
        self._engine.dispose()

    def count(self) -> int:
        """How many people there are: no personal datum, and a sign that the database answers."""
        with _database_errors(), self._engine.connect() as connection:
            return connection.scalar(select(func.count()).select_from(persons)) or 0

    def some_people(self, number: int) -> list[dict[str, str]]:
        """Living people with living children, for demonstrations, of both countries in turn; always the same ones.

        Each with `code`, `name`, `country` and `born`. Nobody asks here, so nothing is recorded: never offer it to others.
        """
        child = persons.alias()
        with_child = exists().where(child.c.mother == persons.c.code, child.c.died.is_(None))
        with _database_errors(), self._engine.connect() as connection:
            found = [
                connection.execute(
                    _persons()
                    .where(persons.c.country == country, persons.c.died.is_(None), with_child)
                    .order_by(persons.c.born.desc(), persons.c.code)
                    .limit(number)
                ).all()
                for country in ("EE", "VN")
            ]
        people = [
            Person(**row._mapping, residence=None) for pair in zip(*found, strict=False) for row in pair
        ]
        return [
            {
                "code": person.code,
                "name": person.full_name,
                "country": person.country,
                "born": person.born.isoformat(),
            }
            for person in people[:number]
        ]

    # --- questions

    def person(self, code: str, usage: Usage) -> Person:
        """Raises InvalidIdentityCode, CallerError (`unknown_person`)."""
        parse_identity_code(code)
        with self._used("person", usage) as use:
            found = use.persons(_persons().where(persons.c.code == code), asked=[code])
            if not found:
                raise _unknown()
        return found[0]

    def children(self, code: str, usage: Usage) -> tuple[Person, ...]:
        """The person's children, eldest first. Raises InvalidIdentityCode, CallerError (`unknown_person`)."""
        parse_identity_code(code)
        with self._used("children", usage) as use:
            use.require_person(code)
            of_person = (persons.c.mother == code) | (persons.c.father == code)
            query = _persons().where(of_person).order_by(persons.c.born, persons.c.code)
            return use.persons(query, asked=[code])

    def find(
        self,
        usage: Usage,
        *,
        family_name: str | None = None,
        given_names: str | None = None,
        born: date | None = None,
        country: Country | None = None,
        limit: int = 25,
        offset: int = 0,
    ) -> Page:
        """People by the beginning of their names (case and accents aside) and date of birth, ordered by name.

        Raises CallerError (`too_broad`): a family name or a date of birth is needed.
        """
        if born is None and not (family_name or "").strip():
            raise CallerError("a family name or a date of birth is needed", code="too_broad")
        conditions = []
        if family_name:
            conditions.append(persons.c.search_name.startswith(_folded(family_name), autoescape=True))
        if given_names:
            conditions.append(persons.c.search_name.contains(f" {_folded(given_names)}", autoescape=True))
        if born is not None:
            conditions.append(persons.c.born == born)
        if country is not None:
            conditions.append(persons.c.country == country)
        matching = and_(*conditions)
        with self._used("find", usage) as use:
            total = use.connection.scalar(select(func.count()).select_from(persons).where(matching)) or 0
            query = _persons().where(matching).order_by(persons.c.search_name, persons.c.code)
            return Page(use.persons(query.limit(limit).offset(offset)), total)

    # --- notices

    def give_notice(
        self, code: str, address: Address, valid_from: date, usage: Usage
    ) -> tuple[AddressNotice, bool]:
        """Enter that a person lives somewhere else from a day on. Also: is the notice new? The same message again is not.

        Raises InvalidIdentityCode, CallerError (`unknown_person`, `person_is_dead`, `date_out_of_range`).
        """
        parse_identity_code(code)
        try:
            return self._give_notice(code, address, valid_from, usage)
        except IntegrityError:  # the same message came twice at once: now it is known
            return self._give_notice(code, address, valid_from, usage)

    def _give_notice(
        self, code: str, address: Address, valid_from: date, usage: Usage
    ) -> tuple[AddressNotice, bool]:
        with self._used("address_notice", usage) as use:
            born, died = use.require_person(code)
            known = use.connection.execute(
                _notices().where(
                    residences.c.client == usage.client, residences.c.message_id == usage.message_id
                )
            ).one_or_none()
            if known is not None:
                use.outcome = "repeated"
                return _notice(known), False
            if died is not None:
                raise CallerError("the person is dead", code="person_is_dead")
            if not born <= valid_from <= use.at.date() + LONGEST_NOTICE_AHEAD:
                raise CallerError(
                    "a residence begins after birth, and at most 30 days ahead", code="date_out_of_range"
                )
            key = use.connection.execute(
                insert(residences).values(
                    person=code,
                    valid_from=valid_from,
                    recorded_at=use.at,
                    client=usage.client,
                    message_id=usage.message_id,
                    **_columns(address),
                )
            ).inserted_primary_key
            assert key is not None
            return _notice(use.connection.execute(_notices().where(residences.c.id == key[0])).one()), True

    def notice(self, code: str, notice_id: int, usage: Usage) -> AddressNotice:
        """Raises InvalidIdentityCode, CallerError (`unknown_notice`)."""
        parse_identity_code(code)
        with self._used("read_address_notice", usage) as use:
            use.concerned.append(code)
            row = use.connection.execute(
                _notices().where(
                    residences.c.id == notice_id,
                    residences.c.person == code,
                    residences.c.client.is_not(None),
                )
            ).one_or_none()
            if row is None:
                raise CallerError("no such notice", code="unknown_notice")
        return _notice(row)

    # --- usage

    def usage_of(self, code: str) -> tuple[Mapping[str, Any], ...]:
        """The recorded uses of one person's data, newest first (for the person, or oversight): columns by name."""
        query = (
            select(usage_records)
            .join_from(usage_records, usage_persons)
            .where(usage_persons.c.person == code)
            .order_by(usage_records.c.id.desc())
        )
        with _database_errors(), self._engine.connect() as connection:
            return tuple(dict(row) for row in connection.execute(query).mappings())

    @contextmanager
    def _used(self, operation: str, usage: Usage) -> Iterator[_Use]:
        """One transaction with its usage record, which a refusal leaves too: refuse before changing anything."""
        with _database_errors(), self._engine.begin() as connection:
            use = _Use(connection, self._clock())
            refusal: CallerError | None = None
            try:
                yield use
            except CallerError as error:
                refusal = error
                use.outcome = error.code
            use.record(operation, usage)
        if refusal is not None:
            raise refusal


class _Use:
    """One use of the register: its transaction, moment, outcome and the people concerned."""

    def __init__(self, connection: Connection, at: datetime) -> None:
        self.connection = connection
        self.at = at
        self.outcome = "done"
        self.concerned: list[str] = []

    def record(self, operation: str, usage: Usage) -> None:
        key = self.connection.execute(
            insert(usage_records).values(
                at=self.at, operation=operation, outcome=self.outcome, **asdict(usage)
            )
        ).inserted_primary_key
        assert key is not None
        if self.concerned:
            self.connection.execute(
                insert(usage_persons),
                [{"usage_record": key[0], "person": code} for code in self.concerned],
            )

    def require_person(self, code: str) -> tuple[date, date | None]:
        """When the person was born and died."""
        self.concerned.append(code)
        row = self.connection.execute(
            select(persons.c.born, persons.c.died).where(persons.c.code == code)
        ).one_or_none()
        if row is None:
            raise _unknown()
        return row.born, row.died

    def persons(self, query: Select[Any], *, asked: Sequence[str] = ()) -> tuple[Person, ...]:
        """The people `query` (of `_persons`) finds, each with the residence of today."""
        rows = self.connection.execute(query).all()
        codes = [row.code for row in rows]
        self.concerned = list(dict.fromkeys((*self.concerned, *asked, *codes)))
        homes = self._residences(codes)
        return tuple(
            Person(**row._mapping, residence=homes.get(row.code) if row.died is None else None)
            for row in rows
        )

    def _residences(self, codes: Iterable[str]) -> dict[str, Residence]:
        query = (
            select(residences)
            .where(residences.c.person.in_(list(codes)), residences.c.valid_from <= self.at.date())
            .order_by(residences.c.valid_from, residences.c.id)  # the later one stays in the dictionary
        )
        return {row.person: _residence(row) for row in self.connection.execute(query)}


def _unknown() -> CallerError:
    return CallerError("nobody in the register has this identity code", code="unknown_person")


def _persons() -> Select[Any]:  # Person's fields, but for the residence
    return select(
        persons.c.code,
        persons.c.country,
        persons.c.sex,
        persons.c.family_name,
        persons.c.given_names,
        persons.c.born,
        persons.c.died,
        persons.c.birth_place,
        persons.c.mother,
        persons.c.father,
    )


def _notices() -> Select[Any]:
    return select(residences)


def _residence(row: Row[Any]) -> Residence:
    address = Address(
        row.country, row.region, row.municipality, row.street, row.house, row.apartment, row.postal_code
    )
    return Residence(address, row.valid_from)


def _notice(row: Row[Any]) -> AddressNotice:
    return AddressNotice(
        row.id, row.person, _residence(row), row.recorded_at, row.client or "", row.message_id or ""
    )


def _columns(address: Address | SyntheticAddress) -> dict[str, str | None]:
    return {
        "country": address.country,
        "region": address.region,
        "municipality": address.municipality,
        "street": address.street,
        "house": address.house,
        "apartment": address.apartment,
        "postal_code": address.postal_code,
    }


def _folded(text: str) -> str:
    """Without case and accents, as people type names: Nguyễn and nguyen, Õunapuu and ounapuu, Đỗ and do."""
    decomposed = unicodedata.normalize("NFKD", text.strip().casefold().replace("đ", "d"))
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def _settle(connection: Connection, people: Iterable[SyntheticPerson]) -> None:
    people = list(people)
    connection.execute(
        insert(persons),
        [
            {
                "code": person.code,
                "country": person.country,
                "sex": person.sex,
                "family_name": person.family_name,
                "given_names": person.given_names,
                "search_name": _folded(f"{person.family_name} {person.given_names}"),
                "born": person.born,
                "died": person.died,
                "birth_place": person.birth_place,
                "mother": person.mother.code if person.mother else None,
                "father": person.father.code if person.father else None,
            }
            for person in people
        ],
    )
    connection.execute(
        insert(residences),
        [
            {
                "person": person.code,
                "valid_from": person.moved_in,
                "recorded_at": RECORDED_AT_START,
                **_columns(person.address),
            }
            for person in people
            if person.address is not None
        ],
    )


@contextmanager
def _database_errors() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise Unavailable(f"the database: {error.orig}", code="database_error", retry_after=1.0) from error
