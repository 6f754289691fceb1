"""Figures of an algorithm that nobody has to report, because its decisions are counted."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, func, select

from sild.decisions import tables
from sild.decisions.canonical import instant_text
from sild.decisions.oversight import open_findings
from sild.decisions.ripples import count_ripples
from sild.decisions.samples import match_rate

__all__ = ["Figures", "figures_of"]


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of decisions to date. with_unknowns: to which a fact was missing.  package_sha256: of the rules last used.  findings: of auditors.

    ripples: a fact under one of them was corrected.  ripples_open: of these, not decided again, found unchanged or ended yet.
    """

    algorithm: str
    decisions: int
    automatic: int
    overridden: int
    with_unknowns: int
    contested: int
    contests_open: int
    overturned: int
    superseded: int
    replays_matched: int
    replays_mismatched: int
    replays_impossible: int
    package_sha256: str | None
    first_at: str | None
    last_at: str | None
    findings: int = 0
    findings_open: int = 0
    ripples: int = 0
    ripples_open: int = 0

    def to_json(self) -> dict[str, Any]:
        """With shares in percent, decimal strings of one digit; null where there is nothing to share."""
        told = self.replays_matched + self.replays_mismatched
        return {
            **asdict(self),
            "automatic_percent": _percent(self.automatic, self.decisions),
            "override_percent": _percent(self.overridden, self.decisions),
            "unknown_percent": _percent(self.with_unknowns, self.decisions),
            "contest_percent": _percent(self.contested, self.decisions),
            "overturn_percent": _percent(self.overturned, self.contested - self.contests_open),
            "replay_match_percent": _percent(self.replays_matched, told),
        }


def figures_of(connection: Connection, algorithm: str) -> Figures:
    records = tables.records.c
    mine = records.algorithm == algorithm
    counted = connection.execute(
        select(
            func.count(),
            _count(records.automation == 4),
            _count(records.overridden),
            _count(records.unknowns > 0),
            func.min(records.decided_at),
            func.max(records.decided_at),
        ).where(mine)
    ).one()
    contests = connection.execute(
        select(
            func.count(),
            _count(tables.contest_outcomes.c.contest.is_(None)),
            _count(tables.contest_outcomes.c.overturned),
        )
        .select_from(tables.contests.join(tables.records).outerjoin(tables.contest_outcomes))
        .where(mine)
    ).one()
    newer = tables.records.alias()
    superseded = select(func.count()).select_from(tables.records).where(mine)
    superseded = superseded.where(select(newer.c.id).where(newer.c.supersedes == records.id).exists())
    package = select(records.package_sha256).where(mine).order_by(records.decided_at.desc()).limit(1)
    rate = match_rate(connection, algorithm=algorithm)
    decisions, automatic, overridden, with_unknowns = (int(number or 0) for number in counted[:4])
    contested, contests_open, overturned = (int(number or 0) for number in contests)
    findings, findings_open = open_findings(connection, algorithm)
    first_at, last_at = (None if at is None else instant_text(at) for at in counted[4:])
    return Figures(
        algorithm=algorithm,
        decisions=decisions,
        automatic=automatic,
        overridden=overridden,
        with_unknowns=with_unknowns,
        contested=contested,
        contests_open=contests_open,
        overturned=overturned,
        superseded=connection.scalar(superseded) or 0,
        replays_matched=rate.matched,
        replays_mismatched=rate.mismatched,
        replays_impossible=rate.impossible,
        package_sha256=connection.scalar(package),
        first_at=first_at,
        last_at=last_at,
        findings=findings,
        findings_open=findings_open,
        **count_ripples(connection, algorithm),
    )


def _count(condition: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.sum(case((condition, 1), else_=0))


def _percent(part: int, whole: int) -> str | None:
    if whole <= 0:
        return None
    tenths = 1000 * part // whole
    return f"{tenths // 10}.{tenths % 10}"
