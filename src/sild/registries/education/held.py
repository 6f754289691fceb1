"""What this register shows a person: their own place, and those of the children they are a parent or guardian of."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date

from sqlalchemy import String, cast, or_, select

from sild.registries.education.places import Places
from sild.registries.education.queue import Child, child_row, require_child
from sild.registries.education.rules import QUEUE
from sild.registries.education.schools import SCHOOL
from sild.registries.education.tables import children
from sild.registries.kernel import FactKind, Use
from sild.registries.kernel.facts import Fact, Json

__all__ = ["QUEUE_CONCEPT", "QUEUE_KIND", "children_of", "deciders_of", "in_line", "in_words"]

QUEUE_CONCEPT = "child.kindergarten_queue"
QUEUE_KIND = FactKind(
    QUEUE, QUEUE_CONCEPT, "A child's wish for a kindergarten, how it stands with it, the place it was given"
)


def children_of(use: Use, person: str) -> Mapping[str, frozenset[str]]:
    """Of whom a person is shown something besides themselves, and which facts: their children's places and schools; who joined first comes first."""
    named = [
        cast(kept, String).contains(f'"{person}"') for kept in (children.c.parents, children.c.guardians)
    ]
    codes = use.connection.scalars(select(children.c.child).where(or_(*named)).order_by(children.c.joined_at))
    theirs = [code for code in codes.all() if _decides(require_child(use, code), person, use.today)]
    return {code: frozenset((QUEUE, SCHOOL)) for code in theirs}


def deciders_of(use: Use, child: str) -> Collection[str]:
    """Who decides for a child that is, or was, in the queue; for whoever never was: nobody."""
    held = child_row(use, child)
    return () if held is None else held.deciders(use.today)


def in_line(use: Use, places: Places, fact: Fact) -> Mapping[str, Json] | None:
    """Of a child that waits: its `place` in the line as it is at this moment, of `waiting` children. No part of the fact."""
    if fact.name != QUEUE or child_row(use, fact.entity) is None:
        return None
    standing = places.standing(use, fact.entity)
    return None if standing.place is None else {"place": standing.place, "waiting": standing.waiting}


def in_words(_use: Use, fact: Fact) -> str | None:
    """For whoever looks at one that is disputed: how it stands, where, and from when on the child should attend; of a school its name."""
    if fact.name == SCHOOL:
        return str(fact.value["school"])
    if fact.name != QUEUE:
        return None
    return ", ".join(
        fact.value[part] for part in ("state", "kindergarten", "wanted_from") if part in fact.value
    )


def _decides(child: Child, person: str, today: date) -> bool:
    return person in child.deciders(today)
