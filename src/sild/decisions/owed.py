"""What a record owes those it is about, as the country's law says: how to contest it, whether they were heard, how it reaches them, in
which office it was decided, and for how long it is kept. Pure.

Registers and case systems make their drafts with these, so that no record says less than another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from sild.decisions.fields import Costs, Delivery, Hearing, Remedy, Retention, Within
from sild.errors import CallerError

if TYPE_CHECKING:
    from sild.catalogue import Profile

__all__ = ["PORTAL", "Office", "hearing_of", "office_by_law", "planned_delivery", "remedy_of", "retention_of"]

FAVOURABLE = frozenset(("offer", "grant"))
PORTAL = "portal"
"""The channel of notices in a person's inbox."""
IN_MANY_LANGUAGES = "mul"
"""ISO 639-2: a notice is there in every language of the country's profile, and the reader chooses."""


@dataclass(frozen=True, slots=True)
class Office:
    """As it stands in a record. division: code; None: the body has one office for the whole country."""

    qualification: str | None
    division: str | None
    order: str | None


def office_by_law(law: Profile, desk: str, on: date) -> Office:
    """Who decides the matter of a desk there, and by which law. desk: `MATTER@PLACE`, the place a division or a member code."""
    matter, _, place = desk.partition("@")
    known = {"matter": "register_matter"}.get(matter, matter)
    try:
        rule, holder = law.competent(known, place, on)
        return Office(rule.office[law.languages[0]], holder.code, rule.basis)
    except CallerError:  # the desk of a body, or of no division: the office is the body's own
        rules = [one for one in law.competence if one.matter == known and one.began <= on]
        named = rules[0].office.get(law.languages[0]) if rules else None
        return Office(named, None, rules[0].basis if rules else None)


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


def planned_delivery() -> tuple[Delivery, ...]:
    """By a notice in the inbox of each whom it is about; what became of it is written beside the record."""
    return (Delivery(channel=PORTAL, language=IN_MANY_LANGUAGES),)


def retention_of(law: Profile, decided: date) -> Retention:
    """To the day, and by which law."""
    return Retention(until=law.records.kept_until(decided), ground=law.records.kept_basis)


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
