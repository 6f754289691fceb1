"""Reads the law keeps from the person for a time (a covert inquiry): marked beforehand, counted always, shown after the end.

A mark is of one body, for one case, about one person, with an end; it withholds what that body reads for that case while it
holds, and nothing that was read before. It is itself a use, withheld like the reads. Nobody can lengthen another's, or end one
early: what was kept back comes to light on the day that was said, by itself.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, exists, insert

from sild.errors import CallerError
from sild.registries.kernel.tables import usage_persons, usage_records, withholdings
from sild.registries.kernel.usage import Usage

__all__ = ["LONGEST", "is_withheld", "withhold"]

LONGEST = timedelta(days=366)
"""A longer inquiry says so again, with an order of its own."""


def withhold(
    connection: Connection, usage: Usage, person: str, *, order: str, ends: datetime, at: datetime
) -> None:
    """order: number of the leave that was given (a prosecutor's, a judge's).

    Raises CallerError (`missing_case`, `end_out_of_range`).
    """
    if not usage.issue:
        raise CallerError("X-Road-Issue names the inquiry", code="missing_case")
    if not at < ends <= at + LONGEST:
        raise CallerError(
            f"the end lies ahead, within {LONGEST.days} days: later, with another leave, it may be said again",
            code="end_out_of_range",
        )
    row = {
        "person": person,
        "client": usage.client,
        "issue": usage.issue,
        "basis": usage.basis or "",
        "order": order,
        "begins": at,
        "ends": ends,
    }
    connection.execute(insert(withholdings).values(row))


def is_withheld(at: datetime) -> ColumnElement[bool]:
    """Of a row of `usage_records` joined with `usage_persons`."""
    mark = withholdings.c
    return exists().where(
        and_(
            mark.person == usage_persons.c.person,
            mark.client == usage_records.c.client,
            mark.issue == usage_records.c.issue,
            mark.begins <= usage_records.c.at,
            mark.ends > usage_records.c.at,
            mark.ends > at,
        )
    )
