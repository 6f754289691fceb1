"""The tally of withheld reads, for a supervisor: how many in each month, by which body, on which ground, and under how many leaves.

Nobody's name and no leave's number stand in it: it shows whether inquiries are many, long, or by somebody who ought not to. Who opens it is
written down before it is given, for everybody to see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, and_, func, insert, select

from sild.errors import CallerError
from sild.registries.kernel.tables import tally_openings, usage_persons, usage_records, withholdings

__all__ = ["LONGEST_TALLY", "Opening", "TallyLine", "keep_opening", "openings", "tally"]

LONGEST_TALLY = timedelta(days=5 * 366)
MOST_OPENINGS = 100


@dataclass(frozen=True, slots=True)
class TallyLine:
    """month: its first day.  client: who asked, `INSTANCE/CLASS/CODE/SUBSYSTEM`.  reads: of all these, `hidden` still are; the others have come
    to light.  leaves: under how many a read was kept back, or that were made in that month.
    """

    month: date
    client: str
    basis: str
    reads: int
    hidden: int
    leaves: int


@dataclass(frozen=True, slots=True)
class Opening:
    """body: that supervises.  person: who looked for it, with the country.  matter: number of its file."""

    at: datetime
    body: str
    person: str
    matter: str
    basis: str
    first_day: date
    last_day: date


def tally(
    connection: Connection, first_day: date, last_day: date, *, zone: ZoneInfo, at: datetime
) -> list[TallyLine]:
    """Of reads on these days, both included, in the register's own calendar; the newest month first. Raises CallerError (`date_out_of_range`)."""
    if not first_day <= last_day <= first_day + LONGEST_TALLY:
        raise CallerError(f"days in their order, {LONGEST_TALLY.days} at most", code="date_out_of_range")
    return [
        line
        for month, begin, end in reversed(_months(first_day, last_day, zone))
        for line in _of_month(connection, month, begin, end, at)
    ]


def _months(first_day: date, last_day: date, zone: ZoneInfo) -> list[tuple[date, datetime, datetime]]:
    """First day of each month, and what of it lies in the days."""
    found, begin = [], first_day
    while begin <= last_day:
        following = (begin.replace(day=1) + timedelta(days=32)).replace(day=1)
        until = min(following, last_day + timedelta(days=1))
        begins, ends = (datetime.combine(one, time(), zone) for one in (begin, until))
        found.append((begin.replace(day=1), begins, ends))
        begin = following
    return found


def _of_month(
    connection: Connection, month: date, begin: datetime, end: datetime, at: datetime
) -> list[TallyLine]:
    """A read that several marks cover is counted once, with all their leaves."""
    mark, use, about = withholdings.c, usage_records.c, usage_persons.c
    covers = and_(
        mark.person == about.person,
        mark.client == use.client,
        mark.issue == use.issue,
        mark.begins <= use.at,
        mark.ends > use.at,
    )
    joined = withholdings.join(usage_records, and_(mark.client == use.client, mark.issue == use.issue)).join(
        usage_persons, and_(about.usage_record == use.id, covers)
    )
    query = (
        select(
            mark.client,
            mark.basis,
            func.count(use.id.distinct()),
            func.count(mark.order.distinct()),
        )
        .select_from(joined)
        .where(use.at >= begin, use.at < end)
        .group_by(mark.client, mark.basis)
        .order_by(mark.client, mark.basis)
    )
    hidden = (
        select(mark.client, mark.basis, func.count(use.id.distinct()))
        .select_from(joined)
        .where(use.at >= begin, use.at < end, mark.ends > at)
        .group_by(mark.client, mark.basis)
    )
    still = {(client, basis): count for client, basis, count in connection.execute(hidden)}
    return [
        TallyLine(month, client, basis, reads, still.get((client, basis), 0), leaves)
        for client, basis, reads, leaves in connection.execute(query)
    ]


def keep_opening(connection: Connection, opening: Opening) -> None:
    row = {name: getattr(opening, name) for name in Opening.__dataclass_fields__}
    connection.execute(insert(tally_openings).values(row))


def openings(connection: Connection) -> Sequence[Opening]:
    """The newest first."""
    kept = tally_openings.c
    names = [kept[name] for name in Opening.__dataclass_fields__]
    query = select(*names).order_by(kept.id.desc()).limit(MOST_OPENINGS)
    return [Opening(*row) for row in connection.execute(query)]
