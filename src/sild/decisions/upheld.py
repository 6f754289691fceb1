"""A finding that the body upholds: its answer is kept, and which decisions it reaches, in pages, so that a rule or people see to each.

    SENT ──the body agrees──▶ upheld: every decision in force that shares what is wrong ripples (ripples.py), once for each answer

The body may agree a second time, when it had to mend its rules first: then every decision is looked at once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from sild.decisions import tables
from sild.decisions.store import DecisionStore, Stored
from sild.errors import CallerError

__all__ = ["UpheldFinding", "find_finding", "reached_by", "uphold_finding"]


@dataclass(frozen=True, slots=True)
class FoundBy:
    """Of a finding: about which decision, and the pseudonym of the auditor who wrote it."""

    decision: str
    auditor: str | None


@dataclass(frozen=True, slots=True)
class UpheldFinding:
    """finding: id of its case.  number: the case's, for people.  about: `decision`, `input`, `package`.  at: when the body answered."""

    finding: str
    answer: int
    number: str
    decision: str
    about: str
    input: str | None
    at: datetime

    @property
    def cause(self) -> str:
        """Of ripples."""
        return f"finding/{self.finding}/{self.answer}"


def find_finding(connection: Connection, finding: str) -> FoundBy:
    """Raises CallerError (`unknown_finding`)."""
    column = tables.findings.c
    query = select(column.record, column.found_by).where(column.id == finding)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise CallerError("no such finding", code="unknown_finding")
    return FoundBy(*row)


def uphold_finding(
    store: DecisionStore, connection: Connection, finding: str, *, answer: int, number: str, official: str
) -> UpheldFinding:
    """official: pseudonym of who answered for the body. The same answer again is the one that was kept first.

    Raises CallerError (`unknown_finding`).
    """
    find_finding(connection, finding)
    kept = tables.finding_answers
    is_it = (kept.c.finding == finding) & (kept.c.answer == answer)
    if connection.scalar(select(kept.c.number).where(is_it)) is None:
        row = {"finding": finding, "answer": answer, "number": number, "official": official,
               "answered_at": store.clock()}  # fmt: skip
        connection.execute(insert(kept).values(row))
    found = tables.findings.c
    query = select(kept.c.number, found.record, found.about, found.input, kept.c.answered_at)
    return UpheldFinding(
        finding, answer, *connection.execute(query.select_from(kept.join(tables.findings)).where(is_it)).one()
    )


def reached_by(
    store: DecisionStore, connection: Connection, upheld: UpheldFinding, *, after: str | None, limit: int
) -> Sequence[Stored]:
    """A page of the decisions in force that share what is wrong, by id; of those made before the answer, since what comes of it comes later.

    after: id of the last of the page before. Of the decision alone: itself, though it may not be in force any more.
    """
    if upheld.about == "decision":
        return [] if after is not None else [store.find(connection, upheld.decision)]
    records, newer = tables.records.c, tables.records.alias()
    in_force = ~select(newer.c.id).where(newer.c.supersedes == records.id).exists()
    wanted = [in_force, records.decided_at <= upheld.at]
    if after is not None:
        wanted.append(records.id > after)
    if upheld.about == "package":
        of_finding = select(records.package_sha256).where(records.id == upheld.decision)
        wanted.append(records.package_sha256 == of_finding.scalar_subquery())
    else:
        inputs = store.find(connection, upheld.decision).record.inputs
        fact = next(one for one in inputs if one.name == upheld.input)
        column = tables.inputs.c
        same = (
            column.sha256 == fact.sha256 if fact.message_id is None else column.message_id == fact.message_id
        )
        wanted.append(records.id.in_(select(column.record).where(same)))
    ids = connection.scalars(select(records.id).where(*wanted).order_by(records.id).limit(limit)).all()
    return [store.find(connection, one) for one in ids]
