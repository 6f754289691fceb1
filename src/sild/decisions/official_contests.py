"""What became of an official's decisions that were contested, and of the others', of whom nobody can be told from the sum."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from sild.decisions import tables

__all__ = ["FEWEST_OTHERS", "Contested", "OfficialContests", "official_contests"]

FEWEST_OTHERS = 3
"""Of fewer the sum would tell one's rate to another."""
AUTOMATIC = 4


@dataclass(frozen=True, slots=True)
class Contested:
    """Of contests that were answered. overturned: how many of them."""

    answered: int
    overturned: int


@dataclass(frozen=True, slots=True)
class OfficialContests:
    """others: together; None: they are fewer than `FEWEST_OTHERS`."""

    own: Contested
    others: Contested | None


def official_contests(connection: Connection, official: str, since: datetime) -> OfficialContests:
    """official: pseudonym. Contests that were answered from the quarter of `since` on, of decisions in which people had a part.

    From its first day, in the zone of `since`: two sums that begin a day apart would tell what came of one contest.
    """
    since = _quarter(since)
    outcome, record = tables.contest_outcomes.c, tables.records.c
    found = connection.execute(
        select(outcome.overturned, record.content)
        .select_from(tables.contests.join(tables.records).join(tables.contest_outcomes))
        .where(outcome.decided_at >= since, record.automation < AUTOMATIC)
    )
    own, others, who = [], [], set()
    for row in found:
        officials = {str(step["official"]) for step in json.loads(row.content)["human"]}
        if official in officials:
            own.append(row.overturned)
        else:
            others.append(row.overturned)
            who |= officials
    return OfficialContests(_told(own), _told(others) if len(who) >= FEWEST_OTHERS else None)


def _quarter(at: datetime) -> datetime:
    return at.replace(month=at.month - (at.month - 1) % 3, day=1, hour=0, minute=0, second=0, microsecond=0)


def _told(outcomes: list[bool]) -> Contested:
    return Contested(len(outcomes), sum(outcomes))
