"""What oversight leaves beside the decisions it looks at: releases of sealed classes, four eyes on each, and findings.

A release is asked for by one auditor and answered by another; it opens values to the one who asked, of one decision, for a week.
A finding says that something is wrong with a decision, with a fact it rests on or with the rules; which decisions share that is
asked again each time (`affected_by`), so that none is missed that was made later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Select, select
from sqlalchemy.dialects import postgresql, sqlite

from sild.decisions import tables
from sild.decisions.store import DecisionStore, Stored
from sild.errors import CallerError

__all__ = [
    "RELEASED_FOR",
    "About",
    "Release",
    "affected_by",
    "answer_release",
    "ask_release",
    "end_finding",
    "keep_finding",
    "open_findings",
    "released_classes",
    "releases_of",
]

RELEASED_FOR = timedelta(days=7)
About = Literal["decision", "input", "package"]


@dataclass(frozen=True, slots=True)
class Release:
    """granted: None while nobody has answered."""

    id: str
    decision: str
    classes: tuple[str, ...]
    asked_by: str
    reason: str
    asked_at: datetime
    granted: bool | None
    answered_by: str | None
    answered_at: datetime | None


def ask_release(
    store: DecisionStore,
    connection: Connection,
    release: str,
    decision: str,
    *,
    classes: Sequence[str],
    by: str,
    mandate: str,
    reason: str,
) -> None:
    """by: the auditor. The same id again changes nothing. Raises CallerError (`unknown_decision`)."""
    store.find(connection, decision)
    row = {"id": release, "record": decision, "classes": sorted(set(classes)), "asked_by": by, "mandate": mandate,
           "reason": reason, "asked_at": store.clock()}  # fmt: skip
    connection.execute(_add(connection, tables.releases).values(row).on_conflict_do_nothing())


def answer_release(
    store: DecisionStore, connection: Connection, release: str, *, granted: bool, by: str, mandate: str
) -> None:
    """Once; the first answer stands. Raises CallerError `unknown_release`, `four_eyes`: nobody answers themselves."""
    row = connection.execute(
        select(tables.releases.c.asked_by).where(tables.releases.c.id == release)
    ).one_or_none()
    if row is None:
        raise CallerError("nothing of that number was asked for", code="unknown_release")
    if row.asked_by == by:
        raise CallerError("what one auditor asks for another releases", code="four_eyes")
    values = {"release": release, "granted": granted, "answered_by": by, "mandate": mandate,
              "answered_at": store.clock()}  # fmt: skip
    connection.execute(_add(connection, tables.release_answers).values(values).on_conflict_do_nothing())


def released_classes(connection: Connection, decision: str, *, to: str, at: datetime) -> frozenset[str]:
    """Classes of a decision's sealed values that another auditor has opened to this one, and that are open still."""
    return frozenset(
        name
        for one in releases_of(connection, decision=decision)
        if one.asked_by == to
        and one.granted
        and one.answered_at is not None
        and at < one.answered_at + RELEASED_FOR
        for name in one.classes
    )


def releases_of(connection: Connection, *, decision: str | None = None) -> list[Release]:
    """Of a decision; of all of them those that nobody has answered. The oldest first."""
    asked, answered = tables.releases.c, tables.release_answers.c
    query = select(
        asked.id, asked.record, asked.classes, asked.asked_by, asked.reason, asked.asked_at,
        answered.granted, answered.answered_by, answered.answered_at,
    ).select_from(tables.releases.outerjoin(tables.release_answers))  # fmt: skip
    query = (
        query.where(answered.release.is_(None)) if decision is None else query.where(asked.record == decision)
    )
    return [
        Release(row[0], row[1], tuple(row[2]), *row[3:])
        for row in connection.execute(query.order_by(asked.asked_at))
    ]


def keep_finding(
    store: DecisionStore,
    connection: Connection,
    finding: str,
    decision: str,
    *,
    about: About,
    name: str | None = None,
    by: str | None = None,
) -> None:
    """finding: the id of its case.  name: of the input, when it is about one.  by: pseudonym of the auditor. The same again changes nothing.

    Raises CallerError `unknown_decision`, `unknown_input`, `finding_reused`: that case is about another decision.
    """
    found = store.find(connection, decision)
    if about == "input" and name not in {one.name for one in found.record.inputs}:
        raise CallerError("the decision does not rest on such a fact", code="unknown_input")
    row = {"id": finding, "record": decision, "about": about, "input": name if about == "input" else None,
           "found_at": store.clock(), "found_by": by}  # fmt: skip
    connection.execute(_add(connection, tables.findings).values(row).on_conflict_do_nothing())
    if connection.scalar(select(tables.findings.c.record).where(tables.findings.c.id == finding)) != decision:
        raise CallerError("this finding is about another decision", code="finding_reused")


def end_finding(
    store: DecisionStore, connection: Connection, finding: str, decision: str, *, upheld: bool
) -> None:
    """Once. Raises CallerError (`unknown_finding`): there is none about this decision."""
    found = select(tables.findings.c.record).where(tables.findings.c.id == finding)
    if connection.scalar(found) != decision:
        raise CallerError("no such finding about this decision", code="unknown_finding")
    row = {"finding": finding, "upheld": upheld, "ended_at": store.clock()}
    connection.execute(_add(connection, tables.finding_ends).values(row).on_conflict_do_nothing())


def affected_by(
    store: DecisionStore,
    connection: Connection,
    decision: str,
    *,
    about: About,
    name: str | None = None,
    limit: int = 500,
) -> list[Stored]:
    """Decisions in force that share what is wrong: the rules, or the fact (its message; without one, its value). The oldest first.

    Of the decision alone: itself. Raises CallerError (`unknown_decision`, `unknown_input`).
    """
    found = store.find(connection, decision)
    match about:
        case "decision":
            return [found]
        case "package":
            rules = found.record.rules
            return [] if rules is None else store.made_by(connection, rules.sha256, limit=limit)
        case "input":
            fact = next((one for one in found.record.inputs if one.name == name), None)
            if fact is None:
                raise CallerError("the decision does not rest on such a fact", code="unknown_input")
            if fact.message_id is not None:
                return store.built_on(connection, message_id=fact.message_id)[:limit]
            return store.built_on(connection, sha256=fact.sha256)[:limit]


def open_findings(connection: Connection, algorithm: str) -> tuple[int, int]:
    """All, and those that have not ended."""
    query: Select[Any] = (
        select(tables.finding_ends.c.finding.is_(None))
        .select_from(tables.findings.join(tables.records).outerjoin(tables.finding_ends))
        .where(tables.records.c.algorithm == algorithm)
    )
    states = list(connection.scalars(query))
    return len(states), sum(map(bool, states))


def _add(connection: Connection, table: Any) -> Any:  # an INSERT of the dialect
    return (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table)
