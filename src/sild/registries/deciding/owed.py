"""What a record owes those it is about, as the country's law says: how to contest it, whether they were heard, and for how long it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sild.catalogue import Deadline, Profile
from sild.decisions import Costs, DecisionRecord, Delivered, Delivery, Hearing, Remedy, Within, reached_at
from sild.registries.identity_codes import Country
from sild.registries.kernel import Use
from sild.registries.profiles import profile

__all__ = ["PORTAL", "TimeToContest", "hearing_of", "planned_delivery", "remedy_of", "time_to_contest"]

CALENDARS: dict[str, Country] = {"EE": "EE", "VN": "VN"}
FAVOURABLE = frozenset(("offer", "grant"))
PORTAL = "portal"
"""The channel of notices in a person's inbox."""
IN_MANY_LANGUAGES = "mul"
"""ISO 639-2: a notice is there in every language of the country's profile, and the reader chooses."""


def remedy_of(law: Profile, decided: date, authority: str) -> Remedy:
    """authority: the body that decides, `INSTANCE/CLASS/CODE`."""
    remedy, deadline = law.remedy(decided, of=authority)
    costs = remedy.costs
    return Remedy(
        body=remedy.body,
        deadline=deadline,
        form=remedy.form,
        suspends=remedy.suspends,
        runs_from=remedy.runs_from,
        within=None
        if remedy.runs_from is None
        else Within(
            value=remedy.deadline.value,
            unit=remedy.deadline.unit,
            basis=remedy.deadline.basis,
            calendar=law.country,
        ),
        costs=None if costs is None else Costs(amount=costs.amount, currency=law.currency, basis=costs.basis),
    )


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


def planned_delivery() -> tuple[Delivery, ...]:
    """By a notice in the inbox of each whom it is about; what became of it is written beside the record."""
    return (Delivery(channel=PORTAL, language=IN_MANY_LANGUAGES),)


def hearing_of(
    law: Profile, effect: str, *, official: bool, contests: Sequence[tuple[str, datetime]] = ()
) -> Hearing:
    """Of a decision before which nobody was asked for their word.

    contests: id and time of those that led to it: who contested has said what they think.  official: a person decides, not a rule.
    """
    if contests:
        contest, at = contests[-1]
        return Hearing(required=True, answer_id=contest, heard_at=at, how="case")
    records = law.records
    if records.unheard is None:  # no law of the country demands it
        return Hearing(required=False)
    if effect in FAVOURABLE:
        return Hearing(required=False, waiver_ground=records.unheard_when.get("favourable", records.unheard))
    why = records.unheard_when.get("urgent" if effect == "hold" and official else "as_given", records.unheard)
    return Hearing(required=True, waiver_ground=why)
