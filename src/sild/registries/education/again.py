"""A fact under a wait, an offer or a place was corrected, or a finding reached it: a wait is decided again, what was given away people look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import select

from sild.decisions import CONTEST, FINDING, RULES, DecisionRecord, open_ripple
from sild.errors import CallerError
from sild.events import Event
from sild.registries.deciding import (
    CORRECTED,
    DECIDED_AGAIN,
    QUEUE,
    Correction,
    Deciding,
    LeftToPeople,
    Ripples,
    rests_on,
    why_again,
)
from sild.registries.education.facts import say_place
from sild.registries.education.judging import PACKAGES, PLACE_OUTPUTS, heard, waits
from sild.registries.education.places import Places
from sild.registries.education.queue import (
    Child,
    child_row,
    group_of,
    line_of,
    require_child,
    set_child,
)
from sild.registries.education.rules import Waiting, ground
from sild.registries.education.tables import children
from sild.registries.exchange import Ask
from sild.registries.identity_codes import parse_identity_code
from sild.registries.kernel import Use
from sild.registries.sources import PersonTold, Sources
from sild.registries.tasks import Effect, Handler, Silence, Task, Tasks

__all__ = ["Again", "child_of", "reach_behind"]

RIPPLE = "ripple"
ROLES = {"child": ("child",)}
ASKED_ANEW = ("person.date_of_birth", CONTEST, FINDING, RULES, QUEUE)
"""What is decided again from facts that are asked for anew. Where the child lives, and who of the family attends, others tell."""


class Again:
    """Works within the register's transactions."""

    def __init__(self, deciding: Deciding, tasks: Tasks, silence: Silence, places: Places) -> None:
        self._deciding = deciding
        self._tasks = tasks
        self._silence = silence
        self._places = places
        self._ripples = Ripples(deciding, rests_on(deciding.packages_named(PACKAGES.values()), ROLES))
        deciding.decides_again = self._reached
        deciding.people_of = child_of

    def effects(self) -> Mapping[str, Effect]:
        return {CORRECTED: self._corrected}

    def handlers(self, ask: Ask) -> Mapping[str, Handler]:
        sources = Sources(ask)

        async def ripple(task: Task) -> Callable[[Use], None]:
            country = parse_identity_code(task.subject).country
            because = task.because(ground(country))
            told = await sources.person(task.subject, because)
            return lambda use: self._decide_again(use, task.about["ripple"], told)

        return {"ripple": ripple}

    def _corrected(self, use: Use, event: Event) -> None:
        for ripple, record in self._ripples.open(use, Correction.told(event)):
            cause = f"{event.id}/{record.id}"
            self._tasks.add(use, RIPPLE, event.subject, cause=cause, about={"ripple": ripple})

    def _reached(self, use: Use, ripple: str, record: DecisionRecord, cause: str) -> bool:
        """By a finding: the child whose wait, offer or place this decision is."""
        return any(
            self._tasks.add(use, "ripple", child, cause=cause, about={"ripple": ripple}, issue=record.case)
            for child in child_of(use, str(record.id))
        )

    def _decide_again(self, use: Use, ripple: str, told: PersonTold) -> None:
        use.alone(f"child/{told.code}")

        def again(newest: DecisionRecord) -> str | None:
            child = child_row(use, told.code)
            if child is None or self._silence.reason(use, told.code) is not None:
                raise LeftToPeople("there is silence about the child, or it has left", code="silence")
            if child.decision != str(newest.id) or child.state != "waiting" or child.wanted is None:
                raise LeftToPeople("others stand behind the child: a place was given", code="discretion")
            if self._ripples.concept_of(use, ripple) not in ASKED_ANEW:
                raise LeftToPeople("this fact is not asked for anew here", code="not_asked_anew")
            before = line_of(use, child)
            set_child(use, child.child, born=told.born, told={**child.told, "person": heard(told)})
            now = line_of(use, require_child(use, child.child))
            reach_behind(self._deciding, self._tasks, use, before, now, child.child, cause=f"queue/{ripple}")
            return self._wait_again(use, require_child(use, child.child), newest, ripple)

        self._ripples.settle(use, ripple, again, person=told.code)

    def _wait_again(self, use: Use, child: Child, newest: DecisionRecord, ripple: str) -> str | None:
        assert child.wanted is not None and child.review_on is not None
        try:
            judged = self._places.judged(use, child)
        except CallerError as error:
            raise LeftToPeople("the rules give no answer", code="rules_failed") from error
        before = self._ripples.outcome_of(use, newest)
        if not self._ripples.must_decide(use, ripple) and all(
            before.get("/".join(one)) == judged.evaluation.value(*one) for one in PLACE_OUTPUTS
        ):
            return None
        group = group_of(use, child.wanted)
        why = why_again(use, ripple, ground(parse_identity_code(child.child).country))
        ruling = waits(self._deciding, child, group, child.review_on, again=why)
        record = self._deciding.record(use, judged, ruling)
        set_child(use, child.child, decision=str(record.id))
        say_place(use, child.child, system=self._deciding.kernel.system)
        told = {"decision": str(record.id), "supersedes": str(newest.id)}
        use.publish(DECIDED_AGAIN, child.child, told)
        return str(record.id)


def reach_behind(
    deciding: Deciding,
    tasks: Tasks,
    use: Use,
    before: Sequence[Waiting],
    now: Sequence[Waiting],
    moved: str,
    *,
    cause: str,
) -> None:
    """Of those who wait in the same line: whose place is another since `moved` stands elsewhere, or nowhere, in it, their decisions
    rest on it, too. cause: of what moved it.
    """
    places = {one.child: place for place, one in enumerate(before)}
    for place, one in enumerate(now):
        other = require_child(use, one.child)
        if one.child == moved or places.get(one.child) == place or other.decision is None:
            continue
        reached = open_ripple(
            use.connection,
            cause=cause,
            decision=other.decision,
            concept=QUEUE,
            source=deciding.kernel.system,
            fact=None,
            at=use.at,
        )
        if reached is not None:
            tasks.add(
                use,
                RIPPLE,
                other.child,
                cause=f"{cause}/{other.decision}",
                about={"ripple": reached},
                issue=other.issue,
            )


def child_of(use: Use, decision: str) -> Sequence[str]:
    """Whose wait, offer or place this decision is."""
    return use.connection.scalars(select(children.c.child).where(children.c.decision == decision)).all()
