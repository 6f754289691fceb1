"""Somebody's home has changed: every offer that concerns them is looked at anew, by who lives together now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sild.errors import Unavailable
from sild.events import Event
from sild.registries.deciding import Deciding
from sild.registries.exchange import Ask
from sild.registries.identity_codes import parse_identity_code
from sild.registries.kernel import Use
from sild.registries.moving import HOME_CHANGED, NOTHING_HERE, followed, looks
from sild.registries.social.household import Household, gather
from sild.registries.social.judging import judge, render_choices
from sild.registries.social.offering import Offering
from sild.registries.social.offers import choice_of, find_offers, of_party, require_offer
from sild.registries.social.rules import ground
from sild.registries.social.tables import offers
from sild.registries.tasks import Effect, Handler, Held, Silence, Task, Tasks

__all__ = ["Moved"]

OUTCOMES = ("no_change", "recomputed", "held", "review")
"""Of a household that has changed, the gravest last."""


class Moved:
    """Works within the register's transactions."""

    def __init__(self, deciding: Deciding, tasks: Tasks, silence: Silence, offering: Offering) -> None:
        self._deciding = deciding
        self._tasks = tasks
        self._silence = silence
        self._offering = offering

    def effects(self) -> Mapping[str, Effect]:
        return {HOME_CHANGED: self._home_changed}

    def handlers(self, ask: Ask) -> Mapping[str, Handler]:
        async def home(task: Task) -> Callable[[Use], None]:
            found = [await gather(ask, replace(task, subject=child)) for child in task.about["children"]]
            if not all(household.complete for household in found):
                raise Unavailable("who lives together is not known now", code="household_unknown")
            return lambda use: self._new_home(use, task, found)

        async def look(task: Task) -> Callable[[Use], None]:
            raise Held("what was granted no longer fits the household", code="household_changed")

        return {"home": home, "look": look}

    def _home_changed(self, use: Use, event: Event) -> None:
        """Of somebody with an offer, or for whom one was made: who lives together is asked anew. Others' moves are nothing to us."""
        about: dict[str, Any] = {"source": event.source, "children": _children_of(use, event.subject)}
        if about["children"]:
            for cause, at in looks(use, event):
                self._tasks.add(use, "home", event.subject, cause=cause, at=at, about=about)
        else:
            self._followed(use, event.subject, NOTHING_HERE, event.id, event.source, None)

    def _new_home(self, use: Use, task: Task, households: Sequence[Household]) -> None:
        """The gravest outcome is told."""
        found = [self._recomputed(use, household, task) for household in households]
        outcome, decision = max(found, key=lambda one: OUTCOMES.index(one[0]))
        self._followed(use, task.subject, outcome, task.cause, str(task.about["source"]), decision)

    def _recomputed(self, use: Use, household: Household, task: Task) -> tuple[str, str | None]:
        """Outcome, and the record it left. What has been granted stands until people have looked at it."""
        use.alone(f"offer/{household.child}")
        (offer,) = find_offers(use, offers.c.child == household.child)
        if self._silence.reason(use, household.child, *household.parents) is not None:
            return "no_change", None
        judged = judge(self._deciding, use, household)
        found = render_choices(judged, household)
        if offer.state == "open" and household.foreign is not None:
            self._offering.hold(use, offer, household.foreign)
            return "held", require_offer(use, offer.id).decision
        if offer.acceptance is not None:
            chosen = offer.acceptance.choice
            if household.foreign is None and choice_of(offer.choices, chosen) == choice_of(found, chosen):
                return "no_change", None
            self._tasks.add(use, "look", household.child, cause=task.cause)
            return "review", None
        if offer.choices == found:
            return "no_change", None
        self._offering.renew(use, offer, judged, found)
        return "recomputed", require_offer(use, offer.id).decision

    def _followed(
        self, use: Use, person: str, outcome: str, cause: str, source: str, decision: str | None
    ) -> None:
        followed(
            use,
            "social",
            person,
            outcome,
            cause=cause,
            source=source,
            basis=ground(parse_identity_code(person).country),
            decision=decision,
            silent=self._silence.reason(use, person) is not None,
        )


def _children_of(use: Use, person: str) -> list[str]:
    """For whom offers were made that concern the person."""
    mine = of_party(person) | (offers.c.child == person)
    return [offer.child for offer in find_offers(use, mine) if offer.state != "withdrawn"]
