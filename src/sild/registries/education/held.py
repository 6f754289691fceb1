"""What this register holds about a person, as the person is shown it: their own place, and those of the children they are a parent or guardian of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import String, cast, or_, select

from sild.registries.education.places import Places
from sild.registries.education.queue import Child, require_child
from sild.registries.education.rules import ground
from sild.registries.education.tables import children
from sild.registries.identity_codes import parse_identity_code
from sild.registries.kernel import Use
from sild.registries.kernel.facts import Json
from sild.registries.moving import HOME_CHANGE_KIND

__all__ = ["QUEUE_CONCEPT", "Held", "held_of"]

QUEUE_CONCEPT = "child.kindergarten_queue"


@dataclass(frozen=True, slots=True)
class Held:
    """value: of a place in the queue `child`, `state`, `kindergarten`, `place`, `waiting`, `wanted_from`, `review_on` and `decision`,
    each where it is known; of a change of home `outcome` and `decision`.
    """

    concept: str
    value: Json
    valid_from: date
    known_from: datetime
    source: str
    basis: str


def held_of(use: Use, places: Places, person: str, system: str) -> list[Held]:
    """system: who answers, for what the register knows of itself."""
    named = [
        cast(kept, String).contains(f'"{person}"') for kept in (children.c.parents, children.c.guardians)
    ]
    own = or_(children.c.child == person, *named)
    codes = use.connection.scalars(select(children.c.child).where(own).order_by(children.c.joined_at))
    theirs = [code for code in codes.all() if _is_of(require_child(use, code), person, use.today)]
    return [_place(use, places, code, system) for code in theirs] + [
        Held(
            HOME_CHANGE_KIND.concept,
            fact.value,
            fact.valid_from,
            fact.known_from,
            fact.provenance.source,
            fact.provenance.basis,
        )
        for fact in use.facts.current(person, [HOME_CHANGE_KIND.name], on=use.today)
    ]


def _is_of(child: Child, person: str, today: date) -> bool:
    return person == child.child or person in child.deciders(today)


def _place(use: Use, places: Places, code: str, system: str) -> Held:
    use.concerns(code)
    standing = places.standing(use, code)
    child, group = standing.child, standing.group
    value = {
        "child": code,
        "state": child.state,
        "kindergarten": group.name if group else None,
        "place": standing.place,
        "waiting": standing.waiting or None,
        "wanted_from": child.wanted_from.isoformat() if child.wanted_from else None,
        "review_on": child.review_on.isoformat() if child.review_on else None,
        "decision": child.decision,
    }
    return Held(
        QUEUE_CONCEPT,
        {name: part for name, part in value.items() if part is not None},
        use.day_of(child.joined_at),
        child.joined_at,
        system,
        ground(parse_identity_code(code).country),
    )
