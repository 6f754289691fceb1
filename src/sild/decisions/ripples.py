"""A fact was corrected, or a finding upheld: each decision it reaches is decided again by rule, or listed for people. Append-only.

    waiting ──▶ redecided      the rules give another outcome: a newer decision took its place
            ├─▶ unchanged      they give the same
            └─▶ listed ──▶ ended      something stands between (a contest, a payment, an official's decision): people see to it by its day

One cause ripples to one decision once, however often it is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from uuid import uuid4

from sqlalchemy import Connection, Row, Select, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from sild.decisions import tables
from sild.errors import CallerError

__all__ = [
    "CONTEST",
    "FINDING",
    "RULES",
    "Became",
    "Ripple",
    "RippleState",
    "became_of_findings",
    "count_ripples",
    "end_ripple",
    "find_ripple",
    "has_open_contest",
    "list_ripples",
    "open_ripple",
]

CONTEST = "contest"
"""In the place of a concept: a contest overturned the decision, and it is decided anew whatever comes of it."""
FINDING = "finding"
"""In the place of a concept: no fact was corrected, an auditor's finding reached the decision; `fact` is its number."""

RULES = "rules"
"""In the place of a concept: the rule package has a new version; `source` is its name, `fact` the version."""

RippleState = Literal["waiting", "redecided", "unchanged", "listed", "ended"]


@dataclass(frozen=True, slots=True)
class Ripple:
    """cause: of the event or message that corrected the fact.  fact: its origin in the register `source`; of a finding its number.

    reason: why it is listed, or how people ended it.  newer: the decision that took the place of `decision`.  due: until when people see to it.
    """

    id: str
    cause: str
    decision: str
    concept: str
    source: str
    fact: str | None
    opened_at: datetime
    state: RippleState
    reason: str | None = None
    newer: str | None = None
    due: date | None = None
    at: datetime | None = None


def open_ripple(
    connection: Connection,
    *,
    cause: str,
    decision: str,
    concept: str,
    source: str,
    fact: str | None,
    at: datetime,
) -> str | None:
    """Its id; None: this cause was heard of before."""
    add = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    row = {
        "id": str(uuid4()),
        "cause": cause,
        "record": decision,
        "concept": concept,
        "source": source,
        "fact": fact,
        "opened_at": at,
    }
    adding = add(tables.ripples).values(row).on_conflict_do_nothing().returning(tables.ripples.c.id)
    found: str | None = connection.scalar(adding)
    return found


def end_ripple(
    connection: Connection,
    ripple: str,
    state: Literal["redecided", "unchanged", "listed", "ended"],
    *,
    at: datetime,
    reason: str | None = None,
    newer: str | None = None,
    official: str | None = None,
    due: date | None = None,
) -> None:
    """The next step of it. Raises CallerError (`unknown_ripple`, `ripple_is_closed`): only what waits or is listed goes on."""
    found = find_ripple(connection, ripple)
    goes_on = found.state == "listed" if state == "ended" else found.state == "waiting"
    if not goes_on:
        raise CallerError(f"the ripple is {found.state}", code="ripple_is_closed")
    row = {"ripple": ripple, "state": state, "reason": reason, "newer": newer, "official": official}
    connection.execute(insert(tables.ripple_steps).values(**row, due=due, at=at))


def find_ripple(connection: Connection, ripple: str) -> Ripple:
    """Raises CallerError (`unknown_ripple`)."""
    row = connection.execute(_ripples().where(tables.ripples.c.id == ripple)).one_or_none()
    if row is None:
        raise CallerError("no such ripple", code="unknown_ripple")
    return _ripple(row)


def list_ripples(
    connection: Connection,
    *,
    state: RippleState | None = None,
    decision: str | None = None,
    reason: str | None = None,
    concept: str | None = None,
    limit: int | None = 100,
) -> list[Ripple]:
    """The oldest first: what is due soonest. limit: None: all."""
    query = _ripples().order_by(tables.ripples.c.opened_at, tables.ripples.c.id).limit(limit)
    if state is not None:
        query = query.where(func.coalesce(_STATE, "waiting") == state)
    if decision is not None:
        query = query.where(tables.ripples.c.record == decision)
    if reason is not None:
        query = query.where(_LAST.c.reason == reason)
    if concept is not None:
        query = query.where(tables.ripples.c.concept == concept)
    return [_ripple(row) for row in connection.execute(query)]


def count_ripples(connection: Connection, algorithm: str) -> dict[str, int]:
    """`ripples`: of corrections, findings and replays, to decisions of this algorithm; `ripples_open`: that wait for a rule or for people."""
    mine = (tables.records.c.algorithm == algorithm) & (tables.ripples.c.concept != CONTEST)
    joined = tables.ripples.join(tables.records).outerjoin(_LAST, _LAST.c.ripple == tables.ripples.c.id)
    everything = select(func.count()).select_from(joined).where(mine)
    waiting = everything.where(func.coalesce(_STATE, "waiting").in_(("waiting", "listed")))
    return {
        "ripples": connection.scalar(everything) or 0,
        "ripples_open": connection.scalar(waiting) or 0,
    }


@dataclass(frozen=True, slots=True)
class Became:
    """What became of the decisions that an upheld finding reached. number: of its case.  redecided: another took its place.

    waiting: for a rule, or listed for people.  unchanged: looked at again, and as they were.
    """

    finding: str
    number: str
    redecided: int
    waiting: int
    unchanged: int


def became_of_findings(
    connection: Connection, finding: str | None = None, *, limit: int = 200
) -> list[Became]:
    """Of one that is upheld, or of all, the newest first. A decision that two answers reached counts as the later left it; one that
    waited for a contest to end as what went on in its place."""
    column = tables.finding_answers.c
    query = select(column.finding, func.max(column.number)).group_by(column.finding)
    if finding is not None:
        query = query.where(column.finding == finding)
    upheld = connection.execute(query.order_by(func.max(column.answered_at).desc()).limit(limit)).all()
    return [_became(connection, *row) for row in upheld]


def _became(connection: Connection, finding: str, number: str) -> Became:
    ripple, again = tables.ripples.c, tables.ripples.alias("again").c
    later = select(again.id).where(
        again.concept == ripple.concept,
        again.fact == ripple.fact,
        again.record == ripple.record,
        again.opened_at > ripple.opened_at,
    )
    state, reason = func.coalesce(_STATE, "waiting"), _LAST.c.reason
    query = (
        select(state, reason, func.count())
        .select_from(tables.ripples.outerjoin(_LAST, _LAST.c.ripple == ripple.id))
        .where(ripple.concept == FINDING, ripple.fact == number, ~later.exists())
        .group_by(state, reason)
    )
    counted = {"redecided": 0, "waiting": 0, "unchanged": 0}
    for found, why, count in connection.execute(query):
        match found, why:
            case ("redecided", _) | ("ended", "redecided"):
                counted["redecided"] += count
            case ("waiting" | "listed", _):
                counted["waiting"] += count
            case ("unchanged", _) | ("ended", "stands"):
                counted["unchanged"] += count
    return Became(finding, number, **counted)


def has_open_contest(connection: Connection, decision: str) -> bool:
    ended = select(tables.contest_outcomes.c.contest)
    open_ones = select(tables.contests.c.id).where(
        tables.contests.c.record == decision, tables.contests.c.id.not_in(ended)
    )
    return connection.scalar(open_ones.limit(1)) is not None


_ENDED = tables.ripple_steps.alias("ended")
_LAST = (
    select(tables.ripple_steps)
    .where(
        (tables.ripple_steps.c.state != "listed")
        | ~select(_ENDED.c.ripple)
        .where(_ENDED.c.ripple == tables.ripple_steps.c.ripple, _ENDED.c.state == "ended")
        .exists()
    )
    .subquery("last_step")
)
"""Of each ripple the step that holds now: one that is listed and ended has ended."""
_STATE = _LAST.c.state


def _ripples() -> Select[Any]:
    joined = tables.ripples.outerjoin(_LAST, _LAST.c.ripple == tables.ripples.c.id)
    return select(
        tables.ripples, _STATE.label("state"), _LAST.c.reason, _LAST.c.newer, _LAST.c.due, _LAST.c.at
    ).select_from(joined)


def _ripple(row: Row[Any]) -> Ripple:
    return Ripple(
        id=row.id,
        cause=row.cause,
        decision=row.record,
        concept=row.concept,
        source=row.source,
        fact=row.fact,
        opened_at=row.opened_at,
        state=row.state or "waiting",
        reason=row.reason,
        newer=row.newer,
        due=row.due,
        at=row.at,
    )
