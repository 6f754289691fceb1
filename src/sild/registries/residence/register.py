"""The residence register: its database on the kernel, filled with homes when it is empty, and what it learns from population."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, select

from sild.clock import Clock, system_clock
from sild.database import sqlite_url
from sild.decisions import DECISION_MIGRATIONS, DecisionRecord
from sild.errors import CallerError
from sild.events import Event
from sild.registries.deciding import Certify, Deciding
from sild.registries.identity_codes import parse_identity_code
from sild.registries.kernel import Facts, Kernel, Use, days_said_last, provenance
from sild.registries.residence.anew import Anew
from sild.registries.residence.entries import CHANGED
from sild.registries.residence.filling import fill
from sild.registries.residence.homes import PROTECTION, RESIDENCE, is_sealed, know_person
from sild.registries.residence.tables import dwellings, residents
from sild.registries.synthetic import synthetic_homes, synthetic_people
from sild.rule_engine import RuleEngine

__all__ = ["ResidenceRegister"]

LIVES = "lives"
"""Until when whatever was told of a person's death is wrong: it may come late."""
MIGRATIONS = Path(__file__).parent / "migrations"


class ResidenceRegister:
    """Thread-safe. What it does stands in homes.py, addresses.py, moves.py, removals.py, disputes.py, anew.py; all through `kernel`."""

    def __init__(self, kernel: Kernel, deciding: Deciding) -> None:
        self.kernel = kernel
        self.deciding = deciding
        self.anew = Anew(deciding)
        deciding.is_kept_from = self._is_decision_kept

    @classmethod
    def open(
        cls,
        directory: Path,
        database_url: str | None = None,
        *,
        system: str,
        people: int = 4_000,
        zone: ZoneInfo | None = None,
        clock: Clock = system_clock,
        rules: RuleEngine | None = None,
        certify: Certify | None = None,
    ) -> ResidenceRegister:
        """Open the register in `directory` (SQLite), or in another database; an empty one gets the homes of synthetic people.

        system: the information system, `/INSTANCE/CLASS/CODE/SUBSYSTEM`.  people: as the population register's.
        rules: None: the process's own.  certify: see `open_body`.
        Raises Unavailable (`database_error`, `key_not_found`).
        """
        url = database_url or sqlite_url(directory / "residence.db")
        kernel = Kernel.open(url, system, DECISION_MIGRATIONS, MIGRATIONS, zone=zone, clock=clock)

        def move_in(connection: Connection, empty: Facts) -> None:
            living = synthetic_people(people)
            fill(connection, empty, living, synthetic_homes(living), system.removeprefix("/"))

        kernel.fill_once(move_in)
        return cls(kernel, Deciding.open(kernel, directory, clock=clock, engine=rules, certify=certify))

    def close(self) -> None:
        self.kernel.close()

    def _is_decision_kept(self, use: Use, record: DecisionRecord) -> bool:
        """From who acts for somebody whose address is sealed from them, unless it is about them, too: then they live in it."""
        actor, principal = use.usage.actor, use.usage.principal
        if principal is None or principal == actor:
            return False
        reader, whose = (
            None if one is None else self.deciding.store.pseudonym(one) for one in (actor, principal)
        )
        about = {one.ref for one in record.subjects}
        return whose in about and reader not in about and is_sealed(use, principal)

    def empty_dwellings(self, country: str, number: int) -> list[str]:
        """Some nobody has ever lived in, for demonstrations; always the same ones."""
        lived_in = select(residents.c.dwelling)
        query = (
            select(dwellings.c.id)
            .where(dwellings.c.id.startswith(f"{country}-"), dwellings.c.id.not_in(lived_in))
            .order_by(dwellings.c.id)
        )
        with self.kernel.engine.connect() as connection:
            return list(connection.scalars(query.limit(number)))

    def apply_event(self, event: Event, message_id: str) -> None:
        """Once, in whatever order events come. Raises CallerError (`event_not_taken`, `invalid_identity_code`)."""
        effect = {
            "civil.child.recorded": _known,
            "civil.birth.registered": _known,
            "civil.paternity.acknowledged": _known,
            "civil.stillbirth.recorded": _nothing,
            "civil.death.registered": _dead,
            "civil.death.annulled": _lives,
            "civil.protection.ordered": _protected,
            "civil.protection.ended": _protected,
        }.get(event.type)
        if effect is None:
            raise CallerError("this register takes no such events", code="event_not_taken")
        parse_identity_code(event.subject)
        with self.kernel.applying(event, message_id) as use:
            if use is not None:
                use.alone(f"home/{event.subject}")
                effect(use, event)


def _known(use: Use, event: Event) -> None:
    know_person(use, event.subject)


def _nothing(_use: Use, _event: Event) -> None:
    """A child that never lived has no home."""


def _dead(use: Use, event: Event) -> None:
    """The residence ends with the day of death. Of a death that was annulled since nothing does."""
    _known(use, event)
    lives = use.facts.value(event.subject, LIVES, on=use.today)
    if lives is not None and event.time < datetime.fromisoformat(lives):
        return
    said = event.data.get("died")
    died = _day(said) if said is not None else use.day_of(event.time)
    end = died + timedelta(days=1)
    use.facts.retract(event.subject, RESIDENCE, valid_from=end)
    use.facts.record(event.subject, "died", died.isoformat(), valid_from=end, provenance=provenance(use))


def _lives(use: Use, event: Event) -> None:
    """The death was none: home is where it was, from the day after. Event: `residence.changed`."""
    _known(use, event)
    person = event.subject
    dead = [one for one in use.facts.history(person, "died") if one.known_to is None]
    use.facts.record(person, LIVES, event.time.isoformat(), valid_from=use.today, provenance=provenance(use))
    if not dead:
        return
    since = min(one.known_from for one in dead)
    for one in dead:
        use.facts.retract(person, "died", valid_from=one.valid_from, valid_to=one.valid_to)
    homes = use.facts.take_up(person, RESIDENCE, valid_from=date.min, since=since)
    if homes:
        use.publish(CHANGED, person, {"valid_from": min(one.valid_from for one in homes).isoformat()})


def _protected(use: Use, event: Event) -> None:
    """An order keeps somebody from the person, or does so no longer."""
    _known(use, event)
    said, last = event.data.get("against"), event.data.get("valid_to")
    if not isinstance(said, str):
        raise CallerError("against whom is not said", code="invalid_event")
    against = parse_identity_code(said).text
    begins, ends = _day(event.data.get("valid_from")), _day(last) if last is not None else None
    for begin, end in days_said_last(use, event, against, begins, ends):
        if event.type == "civil.protection.ended":
            use.facts.retract(event.subject, PROTECTION, key=against, valid_from=begin, valid_to=end)
        else:
            use.facts.record(
                event.subject,
                PROTECTION,
                True,
                key=against,
                valid_from=begin,
                valid_to=end,
                provenance=provenance(use),
            )


def _day(value: object) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise CallerError("a day is written 2026-03-01", code="invalid_event") from None
