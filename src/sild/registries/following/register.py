"""A register that follows people's homes: what it takes from others, what it keeps, and what it says of it.

Nobody applies. `residence.changed` brings a code; the home is asked for, what follows from it is worked out by the body's own duty
(duties.py) and kept as a fact from the day on which the home holds. Whose address is under seal keeps what was known before. A duty
of holders changes what is held, within the days for which it is held, and asks about nobody else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

from sild.clock import Clock, system_clock
from sild.database import sqlite_url
from sild.events import Event
from sild.registries.exchange import Ask, Told
from sild.registries.following.duties import ENDS, Duty, Home, read_home
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
            return use.facts.fact(person, self.duty.kind.name, on=on)

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
            use.facts.retract(event.subject, self.duty.kind.name, valid_from=date.min)
        elif reason == "death" and (not self.duty.of_holders or self._held(use, event.subject, date.min)):
            self.tasks.add(use, "end", event.subject, cause=event.id)

    def lives(self, use: Use, event: Event, since: datetime) -> None:
        person = event.subject
        self.tasks.cancel(use.connection, person, ["end"], use.at, "annulled")
        use.facts.take_up(person, self.duty.kind.name, valid_from=date.min, since=since)

    def _home_changed(self, use: Use, event: Event) -> None:
        """Of who holds nothing that could follow, the home is not asked for."""
        if self.duty.of_holders and not self._held(use, event.subject, use.today):
            self._followed(use, event.subject, NOTHING_HERE, event.id, event.source)
            return
        for cause, at in looks(use, event):
            self.tasks.add(use, "home", event.subject, cause=cause, at=at, about={"source": event.source})

    def _follow(self, use: Use, task: Task, home: Home | None, born: date | None, told: Told) -> None:
        """From the day of the home; of two homes that were told out of order the later day holds."""
        person = task.subject
        use.alone(f"person/{person}")
        outcome = NOTHING_HERE
        if home is not None and self.silence.reason(use, person) not in ("death", "stillbirth"):
            said = Provenance(told.source, self._ground(person), told.message_id)
            outcome = (
                self._carried(use, person, home, said)
                if self.duty.of_holders
                else self._kept(use, person, home, born, said)
            )
        if outcome == NOTHING_HERE and use.facts.value(person, self.duty.kind.name, on=use.today) is not None:
            outcome = "no_change"
        self._followed(use, person, outcome, task.cause, str(task.about["source"]))

    def _kept(self, use: Use, person: str, home: Home, born: date | None, said: Provenance) -> str:
        """What is kept of everybody; the word for what came of it."""
        name = self.duty.kind.name
        before = use.facts.value(person, name, on=home.since)
        standing = self.duty.standing(home, born, before)
        if standing is None:
            return NOTHING_HERE
        if standing == before:
            return "no_change"
        use.facts.record(person, name, standing, valid_from=home.since, provenance=said)
        return f"{name}_changed"

    def _carried(self, use: Use, person: str, home: Home, said: Provenance) -> str:
        """What the person holds, each saying within its own days; the word for what came of it."""
        name, outcome = self.duty.kind.name, NOTHING_HERE
        for held in self._held(use, person, home.since):
            since = max(home.since, held.valid_from)
            standing = self.duty.standing(home, None, held.value)
            if standing == ENDS:
                use.facts.retract(person, name, valid_from=since, valid_to=held.valid_to)
                outcome = f"{name}_ended"
            elif standing is not None and standing != held.value:
                use.facts.record(
                    person, name, standing, valid_from=since, valid_to=held.valid_to, provenance=said
                )
                outcome = f"{name}_changed"
        return outcome

    def _held(self, use: Use, person: str, since: date) -> list[Fact]:
        """What is known of that day and the days after it."""
        return [
            fact
            for fact in use.facts.history(person, self.duty.kind.name)
            if fact.known_to is None and (fact.valid_to is None or fact.valid_to > since)
        ]

    def _followed(self, use: Use, person: str, outcome: str, cause: str, source: str) -> None:
        followed(
            use,
            self.duty.register,
            person,
            outcome,
            cause=cause,
            source=source,
            basis=self._ground(person),
            silent=self.silence.reason(use, person) is not None,
        )

    def _end(self, use: Use, person: str, died: date) -> None:
        """It holds on the day of death, and no longer."""
        use.facts.retract(person, self.duty.kind.name, valid_from=died + timedelta(days=1))

    def _ground(self, person: str) -> str:
        country: Country = parse_identity_code(person).country
        return self.duty.grounds[country]
