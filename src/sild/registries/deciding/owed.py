"""Until when somebody can contest a decision. What its record owes them otherwise: `sild.decisions.owed`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sild.catalogue import Deadline
from sild.decisions import DecisionRecord, Delivered, reached_at
from sild.registries.identity_codes import Country
from sild.registries.kernel import Use
from sild.registries.profiles import profile

__all__ = ["TimeToContest", "time_to_contest"]

CALENDARS: dict[str, Country] = {"EE": "EE", "VN": "VN"}


@dataclass(frozen=True, slots=True)
class TimeToContest:
    """reached: when the time began for somebody; None: it has not, or it runs from the decision.  until: the last day; None: there is
    none yet, or nothing to be done against it."""

    reached: date | None
    until: date | None


def time_to_contest(
    use: Use, record: DecisionRecord, told: Sequence[Delivered], to: str | None
) -> TimeToContest:
    """For one whom the decision is about, a pseudonym; None: as the record has it, for nobody in particular.

    told: what is known of its deliveries.  Where the law lets the time run from when it reached them, it has not begun for whom it has
    not reached; a record that planned no delivery, as in earlier versions, has its own day.
    """
    remedy = record.remedy
    if remedy is None:
        return TimeToContest(None, None)
    within = remedy.within
    if to is None or remedy.runs_from is None or within is None or not record.delivery:
        return TimeToContest(None, remedy.deadline)
    at = reached_at(told, remedy.runs_from, to)
    if at is None:
        return TimeToContest(None, None)
    day, calendar = use.day_of(at), CALENDARS[within.calendar]
    deadline = Deadline(value=within.value, unit=within.unit, basis=within.basis)
    return TimeToContest(day, profile(calendar).last_day(deadline, day))
