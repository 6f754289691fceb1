"""What a record owes those it is about, as the country's law says: how to contest it, whether they were heard, and for how long it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from sild.catalogue import Profile
from sild.decisions import Costs, Delivery, Hearing, Remedy

__all__ = ["PORTAL", "hearing_of", "planned_delivery", "remedy_of"]

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
        costs=None if costs is None else Costs(amount=costs.amount, currency=law.currency, basis=costs.basis),
    )


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
