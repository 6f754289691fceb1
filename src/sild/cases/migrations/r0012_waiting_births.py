"""Births that wait since before there was an end to it: for a parent's word, or for a home that nobody was asked to enter.

Each gets the job that it would have been given; where it has become idle, it does nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op

from sild.database import UtcDateTime

revision = "0012"
down_revision = "0011"

_cases = sa.table("cases", sa.column("id"), sa.column("service"), sa.column("closed_at"))
_actions = sa.table(
    "case_actions",
    sa.column("case"),
    sa.column("seq"),
    sa.column("name"),
    sa.column("at", UtcDateTime),
    sa.column("data", sa.JSON),
)
_jobs = sa.table(
    "case_jobs",
    *(sa.column(name) for name in ("id", "case", "seq", "service", "kind", "state")),
    sa.column("arguments", sa.JSON),
    sa.column("asked_at", UtcDateTime),
    sa.column("due_at", UtcDateTime),
)
_DONE = ("RECORD", "REGISTER", "ADDRESS")


def upgrade() -> None:
    connection = op.get_bind()
    live = sa.and_(_cases.c.service == "birth", _cases.c.closed_at.is_(None))
    query = sa.select(_actions).join(_cases, _cases.c.id == _actions.c.case)
    found: dict[str, dict[str, Any]] = {}
    for row in connection.execute(query.where(live, _actions.c.name.in_(_DONE))).mappings():
        found.setdefault(row["case"], {})[row["name"]] = row
    going = sa.select(_jobs.c.case, _jobs.c.kind).where(_jobs.c.state.in_(("waiting", "running")))
    jobs = {(one.case, one.kind) for one in connection.execute(going)}
    rows = [
        row for done in found.values() for row in _missing(done) if (row["case"], row["kind"]) not in jobs
    ]
    if rows:
        connection.execute(_jobs.insert(), rows)


def _missing(done: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    if "RECORD" not in done or "ADDRESS" in done:
        return
    if "REGISTER" in done:
        yield _job("address", done["REGISTER"], done["REGISTER"]["at"])
        return
    last = date.fromisoformat(done["RECORD"]["data"]["choose_by"])
    yield _job("lapse", done["RECORD"], datetime.combine(last + timedelta(days=1), time(0), UTC))


def _job(kind: str, asked: Mapping[str, Any], due: datetime) -> dict[str, Any]:
    return {
        "id": f"{asked['case']}/{asked['seq']}/{kind}/late",
        "case": asked["case"],
        "seq": asked["seq"],
        "service": "birth",
        "kind": kind,
        "state": "waiting",
        "arguments": {},
        "asked_at": asked["at"],
        "due_at": due,
    }


def downgrade() -> None:
    """What was asked for late is done all the same."""
