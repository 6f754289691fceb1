"""What a wish would come to if it were made now: told to parents before they make it. Writes nothing, and holds no place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sild.registries.deciding import Deciding
from sild.registries.education.judging import judge_place, place_of
from sild.registries.education.queue import Child, Group, groups_near, line_with
from sild.registries.kernel import Use

__all__ = ["Foreseen", "foresee"]


@dataclass(frozen=True, slots=True)
class Foreseen:
    """group: that would be wished for; any: as the one of the commune where a place is expected soonest.

    place: in its queue, from 1, of `waiting`, the child among them.  is_offered: a place would be offered at once.
    """

    group: Group
    any: bool
    place: int
    waiting: int
    is_offered: bool


def foresee(use: Use, deciding: Deciding, child: Child) -> Iterator[Foreseen]:
    """Any of the commune first, then each kindergarten with a group for the child's age on the day it is wanted from; none: there is no such group.

    By the rules as they would place it. Raises CallerError as `Deciding.judge`.
    """
    near = groups_near(use, child, max(use.today, child.wanted_from or use.today))
    found = [_foreseen(use, deciding, child, group) for group in near]
    if found:
        yield Foreseen(found[0].group, True, found[0].place, found[0].waiting, found[0].is_offered)
    yield from sorted(found, key=lambda one: (one.group.name, one.group.id))


def _foreseen(use: Use, deciding: Deciding, child: Child, group: Group) -> Foreseen:
    line = line_with(use, child, group)
    place = place_of(judge_place(deciding, child, line, at=use.today))
    free = group.free + (child.state == "offered" and child.wanted == group.id)  # its own is free for it, too
    if place <= free:
        return Foreseen(group, False, place, len(line), True)
    return Foreseen(
        group, False, place - free, len(line) - free, False
    )  # who comes before takes what is free
