"""A register that follows people's homes: what it takes from others, what it keeps, and what it says of it.

Nobody applies. `residence.changed` brings a code; the home is asked for, what follows from it is worked out by the body's own duty
(duties.py) and kept as a fact from the day on which the home holds. Whose address is under seal keeps what was known before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

from sild.clock import Clock, system_clock
from sild.database import sqlite_url
from sild.events import Event
from sild.registries.exchange import Ask, Told
from sild.registries.following.duties import Duty, Home, read_home
from sild.registries.following.synthetic import standing_people
from sild.registries.identity_codes import Country, parse_identity_code
from sild.registries.kernel import Fact, Kernel, Provenance, Usage, Use
from sild.registries.moving import HOME_CHANGED, NOTHING_HERE, followed, looks
from sild.registries.sources import Sources
from sild.registries.tasks import TASK_MIGRATIONS, ActingRegister, Effect, Handler, Task

__all__ = ["FollowingRegister"]


class FollowingRegister(ActingRegister):
    """Thread-safe. duty: what this body keeps."""

    def __init__(self, kernel: Kernel, duty: Duty) -> None:
        super().__init__(kernel, silenced_types=[f"{duty.register}.*"], silenced_kinds=[])
        self.duty = duty

    @classmethod
    def open(
        cls,
        duty: Duty,
        directory: Path,
        database_url: str | None = None,
        *,
        system: str,
        people: int = 4_000,
        zone: ZoneInfo | None = None,
        clock: Clock = system_clock,
    ) -> Self:
        """people: of the synthetic population, in an empty register where they live; 0: nobody.

        Raises Unavailable (`database_error`).
        """
        directory.mkdir(parents=True, exist_ok=True)
        url = database_url or sqlite_url(directory / f"{duty.register}.db")
        kernel = Kernel.open(url, system, TASK_MIGRATIONS, zone=zone, clock=clock)
        if people and not kernel.has_facts():
            with kernel.filling() as facts:
                facts.record_many(standing_people(people, duty))
        return cls(kernel, duty)

    def standing(self, person: str, usage: Usage, *, on: date) -> Fact | None:
        """What is kept of a person on a day; None when there is nothing. Raises InvalidIdentityCode."""
        parse_identity_code(person)
        with self.kernel.used("getStanding", usage) as use:
            use.concerns(person)
            return use.facts.fact(person, self.duty.fact, on=on)

    # --- what others tell, and what follows by itself

    def effects(self) -> Mapping[str, Effect]:
        return {HOME_CHANGED: self._home_changed}

    def handlers(self, ask: Ask) -> Mapping[str, Handler]:
        sources = Sources(ask)

        async def home(task: Task) -> Callable[[Use], None]:
            country = parse_identity_code(task.subject).country
            because = task.because(self.duty.grounds[country])
            told = await ask.ask("residence", ["persons", task.subject, "residence"], because=because)
            now = read_home(told.body, country, self.kernel.today)
            born = parse_identity_code(task.subject).born
            if born is None and self.duty.asks_birth and now is not None:
                born = (await sources.person(task.subject, because)).born
            return lambda use: self._follow(use, task, now, born, told)

        async def end(task: Task) -> Callable[[Use], None]:
            country = parse_identity_code(task.subject).country
            person = await sources.person(task.subject, task.because(self.duty.grounds[country]))
            return lambda use: self._end(use, task.subject, person.died or use.today)

        return {"home": home, "end": end}

    def silenced(self, use: Use, event: Event, reason: str) -> None:
        if reason == "stillbirth":
            use.facts.retract(event.subject, self.duty.fact, valid_from=date.min)
        elif reason == "death":
            self.tasks.add(use, "end", event.subject, cause=event.id)

    def _home_changed(self, use: Use, event: Event) -> None:
        for cause, at in looks(use, event):
            self.tasks.add(use, "home", event.subject, cause=cause, at=at, about={"source": event.source})

    def _follow(self, use: Use, task: Task, home: Home | None, born: date | None, told: Told) -> None:
        """From the day of the home; of two homes that were told out of order the later day holds."""
        person, duty = task.subject, self.duty
        use.alone(f"person/{person}")
        silence = self.silence.reason(use, person)
        standing = None if home is None else duty.standing(home, born)
        outcome = NOTHING_HERE
        if silence not in ("death", "stillbirth") and home is not None and standing is not None:
            before = use.facts.value(person, duty.fact, on=home.since)
            outcome = "no_change" if before == standing else f"{duty.fact}_changed"
            if before != standing:
                use.facts.record(
                    person,
                    duty.fact,
                    standing,
                    valid_from=home.since,
                    provenance=Provenance(told.source, self._ground(person), told.message_id),
                )
        elif use.facts.value(person, duty.fact, on=use.today) is not None:
            outcome = "no_change"
        followed(
            use,
            duty.register,
            person,
            outcome,
            cause=task.cause,
            source=str(task.about["source"]),
            basis=self._ground(person),
            silent=silence is not None,
        )

    def _end(self, use: Use, person: str, died: date) -> None:
        """It holds on the day of death, and no longer."""
        held = use.facts.fact(person, self.duty.fact, on=died)
        if held is not None:
            after = died + timedelta(days=1)
            use.facts.retract(person, self.duty.fact, valid_from=after, valid_to=held.valid_to)

    def _ground(self, person: str) -> str:
        country: Country = parse_identity_code(person).country
        return self.duty.grounds[country]
