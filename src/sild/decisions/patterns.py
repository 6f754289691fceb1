"""Others like this: how an algorithm's decisions come out, month by month; and how it really runs. Counts; a small group is told of as none.

What is told of a group smaller than `smallest` could be told of somebody: its count is null, and so is any from which it could be
reckoned, because the groups of a month and the month's sum are told together.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, case, func, select

from sild.decisions import tables
from sild.decisions.canonical import instant_text

__all__ = ["cohorts_of", "running_of"]

JSON = dict[str, Any]
_FIELDS = ("decisions", "by_effect", "unknowns", "contested", "overturned")


def cohorts_of(
    connection: Connection,
    algorithm: str,
    *,
    zone: ZoneInfo,
    smallest: int,
    begins: datetime | None = None,
    ends: datetime | None = None,
) -> JSON:
    """Months with their counts by effect and by overturn, and what changed since the rules or the model last did.

    {"smallest", "months": [{"month", "decisions", "by_effect": {effect: count}, "unknowns", "contested", "overturned"}],
     "change": {"at", "before": {...}, "after": {...}} or null}. `null`: not told. Of a change shares are told, in whole percent.
    """
    rows = _rows(connection, algorithm, begins, ends)
    months: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        months[row.decided_at.astimezone(zone).strftime("%Y-%m")].append(row)
    told = {month: _told(_counted(of_month), smallest) for month, of_month in sorted(months.items())}
    for name in _FIELDS:
        _hide_second(list(told.values()), name)
    return {
        "smallest": smallest,
        "months": [{"month": month, **counts} for month, counts in told.items()],
        "change": _change(rows, smallest),
    }


def running_of(connection: Connection, algorithm: str) -> JSON:
    """What the records say about how an algorithm runs: rules and models with their hashes, how far a computer decided, who was there.

    {"packages": [{"package", "version", "sha256", "decisions", "first_at", "last_at"}], "automation": {"0".."4": count},
     "models": [{"model", "version", "sha256", "provider", "location", "calls", "last_at"}], "humans": count of decisions with one}
    """
    packages: dict[tuple[str, str, str], list[datetime]] = defaultdict(list)
    models: dict[tuple[str, str, str, str, str], list[datetime]] = defaultdict(list)
    automation: Counter[str] = Counter()
    humans = 0
    query = select(tables.records.c.content, tables.records.c.decided_at).where(
        tables.records.c.algorithm == algorithm
    )
    for content, decided_at in connection.execute(query.order_by(tables.records.c.decided_at)):
        record = json.loads(content)
        automation[str(record["automation"])] += 1
        humans += bool(record["human"])
        if record.get("rules"):
            rules = record["rules"]
            packages[rules["package"], rules["version"], rules["sha256"]].append(decided_at)
        for call in record["model_calls"]:
            version = call.get("reported_version") or ""
            models[
                call["model"], version, call["template_sha256"], call["provider"], call["location"]
            ].append(decided_at)
    return {
        "automation": dict(automation),
        "humans": humans,
        "packages": [
            {**dict(zip(("package", "version", "sha256"), key, strict=True)), "decisions": len(times),
             "first_at": instant_text(times[0]), "last_at": instant_text(times[-1])}
            for key, times in packages.items()
        ],
        "models": [
            {**dict(zip(("model", "version", "sha256", "provider", "location"), key, strict=True)),
             "calls": len(times), "last_at": instant_text(times[-1])}
            for key, times in models.items()
        ],
    }  # fmt: skip


def _rows(
    connection: Connection, algorithm: str, begins: datetime | None, ends: datetime | None
) -> Sequence[Any]:  # rows
    """contested, overturned: whether any contest of the decision was, or came out so."""
    records = tables.records.c
    contests = (
        select(
            tables.contests.c.record,
            func.max(case((tables.contest_outcomes.c.overturned, 1), else_=0)).label("overturned"),
        )
        .select_from(tables.contests.outerjoin(tables.contest_outcomes))
        .group_by(tables.contests.c.record)
        .subquery()
    )
    query = (
        select(
            records.decided_at, records.effect, records.unknowns, records.package_sha256, records.content,
            contests.c.record.label("contest"), contests.c.overturned,
        )
        .select_from(tables.records.outerjoin(contests, contests.c.record == records.id))
        .where(records.algorithm == algorithm)
    )  # fmt: skip
    if begins is not None:
        query = query.where(records.decided_at >= begins)
    if ends is not None:
        query = query.where(records.decided_at < ends)
    return connection.execute(query.order_by(records.decided_at)).all()


def _counted(rows: Sequence[Any]) -> JSON:
    return {
        "decisions": len(rows),
        "by_effect": dict(Counter(row.effect for row in rows)),
        "unknowns": sum(row.unknowns > 0 for row in rows),
        "contested": sum(row.contest is not None for row in rows),
        "overturned": sum(bool(row.overturned) for row in rows),
    }


def _told(counted: Mapping[str, Any], smallest: int) -> JSON:
    """Nothing of a group that is too small; of effects all or none, since one that is missing is the sum less the others."""
    total = counted["decisions"]

    def safe(part: int) -> bool:
        return _is_safe(part, smallest) and _is_safe(total - part, smallest)

    if not _is_safe(total, smallest):
        return {"decisions": None, "by_effect": None, "unknowns": None, "contested": None, "overturned": None}
    effects = counted["by_effect"]
    are_safe = all(_is_safe(count, smallest) for count in effects.values())
    contested, overturned = counted["contested"], counted["overturned"]
    tells_contests = safe(contested)
    tells_overturns = (
        tells_contests and _is_safe(overturned, smallest) and _is_safe(contested - overturned, smallest)
    )
    return {
        "decisions": total,
        "by_effect": dict(effects) if are_safe else None,
        "unknowns": counted["unknowns"] if safe(counted["unknowns"]) else None,
        "contested": contested if tells_contests else None,
        "overturned": overturned if tells_overturns else None,
    }


def _hide_second(told: Sequence[JSON], name: str) -> None:
    """One number kept back alone is the sum less all others, and sums are public: a second one goes with it, the smallest."""
    hidden = [one for one in told if one[name] is None]
    if len(hidden) != 1 or len(told) < 2:
        return
    shown = [one for one in told if one[name] is not None]
    least = min(shown, key=lambda one: one["decisions"] or 0)
    for field in _FIELDS if name == "decisions" else (name,):
        least[field] = None


def _is_safe(count: int, smallest: int) -> bool:
    return count == 0 or count >= smallest


def _change(rows: Sequence[Any], smallest: int) -> JSON | None:
    """Before and after the newest change of the rules or the model; None: they never changed. What neither had a part in says nothing of it."""
    by = [(number, made_by) for number, row in enumerate(rows) if (made_by := _made_by(row))]
    for (_, before), (number, after) in reversed(list(pairwise(by))):
        if before != after:
            return {
                "at": instant_text(rows[number].decided_at),
                "before": _shares(_told(_counted(rows[:number]), smallest)),
                "after": _shares(_told(_counted(rows[number:]), smallest)),
            }
    return None


def _made_by(row: Any) -> tuple[str, ...]:  # a row
    """Hashes: of the rules, or of the models where there are none."""
    if row.package_sha256 is not None:
        return (str(row.package_sha256),)
    return tuple(sorted({call["template_sha256"] for call in json.loads(row.content)["model_calls"]}))


def _shares(told: JSON) -> JSON:
    total = told["decisions"]

    def share(count: int | None) -> int | None:
        return None if count is None or not total else round(100 * count / total)

    effects = told["by_effect"]
    return {
        "by_effect": None if effects is None else {name: share(count) for name, count in effects.items()},
        **{name: share(told[name]) for name in ("unknowns", "contested", "overturned")},
    }
