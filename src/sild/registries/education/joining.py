"""A child joins the queue when its birth is registered; when its home changes, it stands where who lives there stands.
The time of joining stays, wherever it lives. Its guardians are asked for when it joins, and again when one is recorded: their
word counts as a parent's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy import insert

from sild.errors import Unavailable
from sild.events import Event
from sild.registries.deciding import Deciding
from sild.registries.education.facts import say_place
from sild.registries.education.judging import earliest, heard, place_of
from sild.registries.education.places import Places, by_rule
from sild.registries.education.queue import Child, child_row, groups_near, require_child, set_child
from sild.registries.education.rules import ground
from sild.registries.education.schooling import Schooling
from sild.registries.education.tables import children
from sild.registries.exchange import Ask
from sild.registries.identity_codes import Country, parse_identity_code
from sild.registries.kernel import Use
from sild.registries.moving import HOME_CHANGED, NOTHING_HERE, followed, looks
from sild.registries.sources import GuardiansTold, HomeTold, PersonTold, Sources
from sild.registries.tasks import Effect, Handler, Silence, Task, Tasks, TaskState

__all__ = ["Joining"]

GUARDIAN_RECORDED = "civil.guardian.recorded"


class Joining:
    """Works within the register's transactions."""

    def __init__(
        self, deciding: Deciding, tasks: Tasks, silence: Silence, places: Places, schooling: Schooling
    ) -> None:
        self._deciding = deciding
        self._tasks = tasks
        self._silence = silence
        self._places = places
        self._schooling = schooling

    def effects(self) -> Mapping[str, Effect]:
        return {
            "civil.birth.registered": self._born,
            HOME_CHANGED: self._moved,
            GUARDIAN_RECORDED: self._guarded,
        }

    def handlers(self, ask: Ask) -> Mapping[str, Handler]:
        sources = Sources(ask)

        async def queue(task: Task) -> Callable[[Use], None]:
            country = parse_identity_code(task.subject).country
            because = task.because(ground(country))
            told = await sources.person(task.subject, because)
            home = await sources.home_of_child(told, because)
            guardians = None if "moved" in task.about else await sources.guardians(task.subject, because)
            siblings = {code for p in told.parents for code, _ in await sources.children(p, because)}
            others = sorted(siblings - {told.code})
            return by_rule(lambda use: self._queue(use, task, told, home, guardians, others))

        async def guardians(task: Task) -> Callable[[Use], None]:
            because = task.because(ground(parse_identity_code(task.subject).country))
            found = await sources.guardians(task.subject, because)
            return lambda use: self._guardians(use, task.subject, found)

        return {"queue": queue, "guardians": guardians}

    def _born(self, use: Use, event: Event) -> None:
        if self._silence.reason(use, event.subject) in (None, "protection_order"):
            self._tasks.add(use, "queue", event.subject, cause=event.id)

    def _moved(self, use: Use, event: Event) -> None:
        """Of a child in the queue: its commune may be another now; of one of the age for it, the school. Others' moves are nothing to us."""
        if child_row(use, event.subject) is not None:
            about = {"moved": event.source}
            for cause, at in looks(use, event):
                self._tasks.add(use, "queue", event.subject, cause=cause, at=at, about=about)
            self._schooling.moved(use, event)
        elif not self._schooling.moved(use, event):
            self._followed(use, event.subject, NOTHING_HERE, event.id, event.source)

    def _guarded(self, use: Use, event: Event) -> None:
        """Of a child who is, or is about to be, in the queue. Others' guardians are nothing to us."""
        if child_row(use, event.subject) is not None or self._tasks.added(use, "queue", event.subject):
            self._tasks.add(use, "guardians", event.subject, cause=event.id)

    def _guardians(self, use: Use, child: str, told: GuardiansTold) -> None:
        """Raises Unavailable (`not_in_queue`): the child joins at this very moment."""
        use.alone(f"child/{child}")
        before = child_row(use, child)
        if before is not None:
            *_, at = before.told.get("guardians", [None])
            if told.at is None or at is None or datetime.fromisoformat(at) <= told.at:
                said = {**before.told, "guardians": heard(told)}
                set_child(use, child, told=said, guardians=_kept(told))
        elif any(one.state is TaskState.WAITING for one in self._tasks.added(use, "queue", child)):
            raise Unavailable("the child joins the queue now", code="not_in_queue")

    def _queue(
        self,
        use: Use,
        task: Task,
        told: PersonTold,
        home: HomeTold,
        guardians: GuardiansTold | None,
        siblings: list[str],
    ) -> None:
        """Let the child join, or note that it lives elsewhere now."""
        use.alone(f"child/{told.code}")
        silence = self._silence.reason(use, told.code)
        if silence in ("death", "stillbirth"):
            return
        known = {
            "division": home.division,
            "siblings": siblings,
        }
        said = {"person": heard(told), "home": heard(home)}
        before = child_row(use, told.code)
        if before is not None:
            set_child(use, told.code, told={**before.told, **said}, **known)
            if "moved" in task.about:
                outcome, decision = self._elsewhere(use, before)
                source = str(task.about["moved"])
                self._followed(use, told.code, outcome, task.cause, source, decision)
            return
        country: Country = "VN" if told.country == "VN" else "EE"
        use.connection.execute(
            insert(children).values(
                child=told.code,
                born=told.born,
                parents=list(told.parents),
                guardians=[] if guardians is None else _kept(guardians),
                told=said if guardians is None else {**said, "guardians": heard(guardians)},
                joined_at=use.at,
                state="waiting",
                wanted_from=earliest(self._deciding, country, told.born, at=use.today),
                reason="no_wish",
                issue=use.usage.issue,
                **known,
            )
        )
        say_place(use, told.code, system=self._deciding.kernel.system)
        self._schooling.say(use, told.code, home)
        if silence is None:
            place = place_of(self._places.judged(use, require_child(use, told.code)))
            use.publish("education.queue.joined", told.code, {"place": place})

    def _elsewhere(self, use: Use, before: Child) -> tuple[str, str | None]:
        """What a new home changes, and the record it left: who waits is placed anew, as one who lives there now; a place stays."""
        child = require_child(use, before.child)
        if child.division == before.division:
            return "no_change", None
        if child.state in ("attending", "offered"):
            return f"{child.state}_stays", None
        if child.state == "left":
            return "no_change", None
        set_child(use, child.child, stands_as=None)  # where it was put is a place of those who live there
        child = require_child(use, child.child)
        if child.wanted is None:
            place = place_of(self._places.judged(use, child))
            use.publish("education.queue.joined", child.child, {"place": place})
            return "queue_moved", None
        if child.any_nearby:  # near the new home, if there is a group for its age
            near = groups_near(use, child, max(use.today, child.wanted_from or use.today))
            wanted = near[0].id if near else child.wanted
            set_child(use, child.child, wanted=wanted)
            self._places.allocate(use, wanted)
        else:
            self._places.allocate(use, child.wanted)
        child = require_child(use, child.child)
        if child.state == "waiting":
            place = self._places.wait(use, child)
            use.publish("education.wait.reviewed", child.child, {"place": place})
            child = require_child(use, child.child)
        return "queue_moved", child.decision

    def _followed(
        self, use: Use, person: str, outcome: str, cause: str, source: str, decision: str | None = None
    ) -> None:
        followed(
            use,
            "education",
            person,
            outcome,
            cause=cause,
            source=source,
            basis=ground(parse_identity_code(person).country),
            decision=decision,
            silent=self._silence.reason(use, person) is not None,
        )


def _kept(told: GuardiansTold) -> list[list[str | None]]:
    return [[one.code, one.until.isoformat() if one.until else None] for one in told.guardians]
