"""An official's own figures of a year: what they decided and sent back, how soon, what of it was overturned; beside the office without names.

Counted from the actions of the office's cases, and from the records of the registers that decided. Nobody asks for another's: there is
no name to ask by. Of an office with fewer than three others nothing is told, for the sum would be somebody's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from sqlalchemy import select

from sild.adapter import case_of_look
from sild.cases.actor import Actor
from sild.cases.parts import Parts
from sild.cases.refusals import Refused
from sild.cases.tables import actions, cases
from sild.decisions import FEWEST_OTHERS

__all__ = ["OfficialFigures", "OwnFigures", "own_figures"]

STAFF = ("official", "supervisor")
A_YEAR = timedelta(days=365)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class OfficialFigures:
    """decided: steps by which a case moved on.  returned: sent back to be mended.  median_days: from the case's opening to the step.

    answered: contests of their decisions that have an answer; overturned: how many of them.  None: too few others, or not told.
    """

    decided: int
    returned: int
    median_days: float | None
    answered: int | None
    overturned: int | None


@dataclass(frozen=True, slots=True)
class OwnFigures:
    """others: of the office together; None: too few.  failed: registers that did not answer: their contests are missing."""

    since: datetime
    own: OfficialFigures
    others: OfficialFigures | None
    failed: tuple[str, ...] = ()


async def own_figures(parts: Parts, actor: Actor) -> OwnFigures:
    """Raises Refused (`not_yours`) for who has no desk."""
    if not actor.roles & set(STAFF) or actor.authority is None or actor.representee is not None:
        raise Refused("this is for who has a desk", code="not_yours")
    since = parts.clock() - A_YEAR
    mine, theirs, colleagues = await asyncio.to_thread(_steps, parts, actor, since)
    own, others, failed = await _contests(parts, actor, since)
    return OwnFigures(
        since,
        _figures(mine, own),
        _figures(theirs, others) if colleagues >= FEWEST_OTHERS else None,
        failed,
    )


@dataclass(frozen=True, slots=True)
class _Step:
    is_return: bool
    days: float


def _steps(parts: Parts, actor: Actor, since: datetime) -> tuple[list[_Step], list[_Step], int]:
    """The actor's, the others', and how many others there are."""
    query = (
        select(cases.c.service, cases.c.opened_at, actions.c.name, actions.c.at, actions.c.person)
        .join_from(actions, cases, cases.c.id == actions.c.case)
        .where(cases.c.office == actor.authority, actions.c.role.in_(STAFF), actions.c.at >= since)
    )
    mine, theirs, who = [], [], set()
    with parts.store.reading() as connection:
        rows = connection.execute(query).all()
    for row in rows:
        process = parts.processes.get(row.service)
        rule = None if process is None else process.rule(row.name)
        if rule is None or rule.to is None or (rule.to in rule.when and not rule.is_return):
            continue
        step = _Step(rule.is_return, (row.at - row.opened_at) / DAY)
        if row.person == actor.person:
            mine.append(step)
        else:
            theirs.append(step)
            who.add(row.person)
    return mine, theirs, len(who)


Counts = tuple[int, int] | None


async def _contests(parts: Parts, actor: Actor, since: datetime) -> tuple[Counts, Counts, tuple[str, ...]]:
    """Answered and overturned, of the actor's decisions and of the others'; and who did not answer. Others: of registers that tell of them."""
    told = [await asyncio.to_thread(_kept_here, parts, actor, since)]
    look = case_of_look("own-figures", actor.person, since.date().isoformat())
    asking = parts.asking(look, actor, "official")
    path = f"/officials/contests?since={since.date().isoformat()}"
    for register in parts.profile.deciding:
        if register not in parts.calls.registers:
            continue
        answer = await asking.get(register, path, basis=parts.profile.ground("figures"))
        told.append(None if answer is None else answer.json)
    found = [one for one in told if one is not None]
    others = [one["others"] for one in found if one["others"] is not None]
    failed = tuple(asking.failures)
    return _sum(one["own"] for one in found), _sum(others) if others else None, failed


def _kept_here(parts: Parts, actor: Actor, since: datetime) -> dict[str, Any] | None:
    return parts.store.official_contests(actor.person, since)


def _sum(found: Iterable[dict[str, int]]) -> tuple[int, int]:
    counts = list(found)
    return sum(one["answered"] for one in counts), sum(one["overturned"] for one in counts)


def _figures(steps: list[_Step], contests: Counts) -> OfficialFigures:
    decided = [step for step in steps if not step.is_return]
    answered, overturned = contests if contests is not None else (None, None)
    return OfficialFigures(
        decided=len(decided),
        returned=len(steps) - len(decided),
        median_days=round(median(step.days for step in decided), 1) if decided else None,
        answered=answered,
        overturned=overturned,
    )
