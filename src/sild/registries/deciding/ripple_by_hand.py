"""What a correction or a finding reached, and no rule makes anew, an official decides anew by hand: the same record as after a contest.

Nobody is decided about unheard: they said something in the case, or were asked and let the day pass, or the law lets it be without
(`RippleHearing`); what is in nobody's disfavour the register sees for itself: no smaller sum, no later begin, no earlier end, and nothing else changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Literal

from sild.catalogue import Profile
from sild.decisions import (
    DecisionRecord,
    Hearing,
    OutcomeItem,
    Ripple,
    Sealed,
    has_open_contest,
    open_values,
)
from sild.errors import CallerError
from sild.registries.deciding.anew import ByHand, Occasion
from sild.registries.deciding.deciding import Deciding
from sild.registries.deciding.looks import Look
from sild.registries.deciding.ripple import line_of, why_again
from sild.registries.identity_codes import Country
from sild.registries.kernel import Use
from sild.registries.profiles import profile

__all__ = ["RippleHearing", "RippleNew", "decide_ripple_by_hand"]

ROLE, GROUND = "ripple", "register_matter"


@dataclass(frozen=True, slots=True)
class RippleHearing:
    """way: `answered` in the case of the matter, at that time; `asked` there, and silent until the day; `favourable` to all it is about;
    `urgent`: an official could not wait."""

    way: Literal["answered", "asked", "favourable", "urgent"]
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RippleNew:
    """As `ByHand`."""

    country: Country
    values: Mapping[str, str | int | bool]
    considerations: str
    reasons: Mapping[str, str]
    hearing: RippleHearing
    look: Look


def decide_ripple_by_hand(
    deciding: Deciding, use: Use, ripple: Ripple, official: str, new: RippleNew
) -> DecisionRecord:
    """In the place of what stands now of the decision that the ripple reached. official: code, who had no part in it.

    Raises CallerError: `is_contested`, `not_your_ripple`, `not_by_hand`, `not_favourable`, `missing_case`; as `record_by_hand`.
    """
    store, connection = deciding.store, use.connection
    decision = line_of(deciding, use, ripple.decision)[-1]
    old = store.find(connection, decision).record
    if store.standing(connection, decision) == "overturned" or has_open_contest(connection, decision):
        raise CallerError("it is contested: who answers the contest decides anew", code="is_contested")
    if store.pseudonym(official) in {step.official for step in old.human}:
        raise CallerError("they decided it: somebody else sees to it", code="not_your_ripple")
    law = profile(new.country)
    if new.hearing.way == "favourable" and _takes_away(deciding, use, old, new.values):
        raise CallerError("somebody would get less: they are heard first", code="not_favourable")
    occasion = Occasion(
        role=ROLE,
        reason_code=ROLE,
        ground=GROUND,
        first=(why_again(use, ripple.id, law.ground(GROUND)),),
        hearing=_heard(use, law, new.hearing),
    )
    hand = ByHand(
        official=official,
        country=new.country,
        values=new.values,
        considerations=new.considerations,
        reasons=new.reasons,
        look=new.look,
        occasion=occasion,
    )
    record = deciding.decides_by_hand(use, old, hand)
    if record is None:
        raise CallerError("nothing of this is decided by hand", code="not_by_hand")
    return record


def _heard(use: Use, law: Profile, hearing: RippleHearing) -> Hearing:
    records = law.records
    if hearing.way in ("answered", "asked"):
        case = use.usage.issue
        if case is None:
            raise CallerError("heard in which case (X-Road-Issue)?", code="missing_case")
        answer = case if hearing.way == "answered" else None
        at = hearing.at if hearing.way == "answered" else None
        return Hearing(required=True, notice_id=case, answer_id=answer, heard_at=at, how="case")
    if records.unheard is None:
        return Hearing(required=False)
    urgent = hearing.way == "urgent"
    ground = records.unheard_when.get("urgent" if urgent else "favourable", records.unheard)
    return Hearing(required=urgent, waiver_ground=ground)


def _takes_away(
    deciding: Deciding, use: Use, old: DecisionRecord, values: Mapping[str, str | int | bool]
) -> bool:
    """Whether a sum is less than it was, something begins later or ends earlier; or is other than it was, and cannot be compared."""
    opened = open_values(deciding.store, use.connection, str(old.id))
    for item in old.outcome.items:
        before = item.value
        if isinstance(before, Sealed):
            before = opened[before.sealed].value if before.sealed in opened else None
        if item.name not in values or before is None:
            continue
        worse = deciding.is_worse(old, item.name, before, values[item.name])
        if _is_less(item, before, values[item.name]) if worse is None else worse:
            return True
    return False


def _is_less(item: OutcomeItem, before: object, now: object) -> bool:
    if str(now) == str(before):
        return False
    variable = item.name.split("/")[-2] if item.name.count("/") > 1 else item.name
    try:
        if item.type == "money":
            return Decimal(str(now)) < Decimal(str(before))
        if item.type == "date" and variable.endswith("_from"):
            return date.fromisoformat(str(now)) > date.fromisoformat(str(before))
        if item.type == "date" and variable.endswith("_until"):
            return date.fromisoformat(str(now)) < date.fromisoformat(str(before))
    except (InvalidOperation, ValueError):
        return True
    return True
