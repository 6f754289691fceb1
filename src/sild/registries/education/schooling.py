"""Which school serves a child's home, as a fact: said when a birth is registered and when the home changes, with the day from which the
child must attend. Nobody applies, and nobody is moved out of a school: the fact says which school must take the child.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta

from sild.events import Event
from sild.registries.education.queue import child_row
from sild.registries.education.schools import SCHOOL, SCHOOL_GROUNDS, attendance, school_of
from sild.registries.exchange import Ask
from sild.registries.identity_codes import parse_identity_code
from sild.registries.kernel import Fact, FactKind, Provenance, Use
from sild.registries.moving import NOTHING_HERE, followed, looks
from sild.registries.sources import HomeTold, Sources
from sild.registries.tasks import Handler, Silence, Task, Tasks

__all__ = ["SCHOOL_CONCEPT", "SCHOOL_KIND", "Schooling", "school_value"]

SCHOOL_CONCEPT = "child.school_district"
SCHOOL_KIND = FactKind(
    SCHOOL,
    SCHOOL_CONCEPT,
    "The school that serves the child's home, and from which day the child must attend",
)
ABOUT = "school"
"""Of what this register says of a move, the part that is not the queue."""


def school_value(school: str, division: str, attends_from: date) -> dict[str, str]:
    return {"school": school, "division": division, "attends_from": attends_from.isoformat()}


class Schooling:
    """Works within the register's transactions."""

    def __init__(self, tasks: Tasks, silence: Silence) -> None:
        self._tasks = tasks
        self._silence = silence

    def handlers(self, ask: Ask) -> Mapping[str, Handler]:
        sources = Sources(ask)

        async def school(task: Task) -> Callable[[Use], None]:
            because = task.because(_ground(task.subject))
            home = await sources.home(task.subject, because)
            return lambda use: self._follow(use, task, home)

        async def school_end(task: Task) -> Callable[[Use], None]:
            person = await sources.person(task.subject, task.because(_ground(task.subject)))
            return lambda use: self._end(use, task.subject, person.died or use.today)

        return {"school": school, "school_end": school_end}

    def moved(self, use: Use, event: Event) -> bool:
        """Whether a school follows the home: of who is, or will be, of the age for it. Others' homes are not asked for."""
        code = parse_identity_code(event.subject)
        if code.country not in SCHOOL_GROUNDS or attendance(code).until <= use.today:
            return False
        for cause, at in looks(use, event):
            about = {"source": event.source}
            self._tasks.add(use, "school", event.subject, cause=cause, at=at, about=about)
        return True

    def silenced(self, use: Use, event: Event, reason: str) -> None:
        if reason == "stillbirth":
            use.facts.retract(event.subject, SCHOOL, valid_from=date.min)
        elif reason == "death" and any(
            one.known_to is None for one in use.facts.history(event.subject, SCHOOL)
        ):
            self._tasks.add(use, "school_end", event.subject, cause=event.id)

    def lives(self, use: Use, child: str, since: datetime) -> None:
        """The death was none: the school that ended with it, since then, serves the child's home again."""
        self._tasks.cancel(use.connection, child, ["school_end"], use.at, "annulled")
        use.facts.take_up(child, SCHOOL, valid_from=date.min, since=since)

    def shown(self, use: Use, facts: Sequence[Fact]) -> Sequence[Fact]:
        """Without the school of a child under a protection order: it says in which streets the child lives, to the other parent, too.

        Nor of one that never lived: in neither case what was superseded.
        """
        of = {fact.entity for fact in facts if fact.name == SCHOOL}
        kept = {child for child in of if self._silence.is_protected(use, child)}
        return [fact for fact in facts if fact.name != SCHOOL or fact.entity not in kept]

    def say(self, use: Use, child: str, home: HomeTold) -> str:
        """What follows from a home, from its day on; the word for what came of it. Under any silence what was known stays."""
        code = parse_identity_code(child)
        attends = attendance(code)
        since = max(home.since or use.today, date(code.birth_year, 1, 1), code.born or date.min)
        if self._silence.reason(use, child) is not None or since >= attends.until:
            return NOTHING_HERE
        if code.country not in SCHOOL_GROUNDS:
            return NOTHING_HERE
        before = use.facts.value(child, SCHOOL, on=since)
        if home.is_abroad or home.division is None:
            if not home.is_abroad or before is None:
                return NOTHING_HERE
            use.facts.retract(child, SCHOOL, valid_from=since)
            return "school_ended"
        school = school_of(code.country, home.division, home.street, use.today)
        if school is None:
            return NOTHING_HERE if use.facts.retract(child, SCHOOL, valid_from=since) == 0 else "school_ended"
        now = school_value(school, home.division, attends.since)
        if now == before:
            return "no_change"
        use.facts.record(
            child,
            SCHOOL,
            now,
            valid_from=since,
            valid_to=attends.until,
            provenance=Provenance(home.source, _ground(child), home.message_id),
        )
        return "school_changed"

    def _follow(self, use: Use, task: Task, home: HomeTold) -> None:
        """Of a child in the queue too, whose place is told of by itself, only what is new is told."""
        child = task.subject
        use.alone(f"child/{child}")
        outcome = self.say(use, child, home)
        if outcome == NOTHING_HERE and use.facts.value(child, SCHOOL, on=use.today) is not None:
            outcome = "no_change"
        if outcome in ("no_change", NOTHING_HERE) and child_row(use, child) is not None:
            return
        followed(
            use,
            "education",
            child,
            outcome,
            cause=task.cause,
            source=str(task.about["source"]),
            basis=_ground(child),
            silent=self._silence.reason(use, child) is not None,
            about=ABOUT,
        )

    def _end(self, use: Use, child: str, died: date) -> None:
        """It holds on the day of death, and no longer."""
        use.facts.retract(child, SCHOOL, valid_from=died + timedelta(days=1))


def _ground(person: str) -> str:
    return SCHOOL_GROUNDS[parse_identity_code(person).country]
