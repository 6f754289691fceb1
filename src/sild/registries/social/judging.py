"""What the board knows of a family, as facts for the rules, and the lawful choices that the rules make of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from sild.decisions import OutcomeItem, Reason, Secret
from sild.errors import CallerError
from sild.registries.deciding import (
    Deciding,
    Judged,
    KnownFact,
    Look,
    Ruling,
    human_step,
    reason_of,
    situation_of,
)
from sild.registries.identity_codes import Country
from sild.registries.kernel import Use
from sild.registries.social import ledger
from sild.registries.social.household import Household
from sild.registries.social.offers import Offer
from sild.registries.social.rules import ground, window
from sild.registries.tasks import Held
from sild.rules import Asked, Item, choices

__all__ = [
    "ALGORITHM",
    "PACKAGES",
    "grant_ruling",
    "judge",
    "judge_again",
    "offer_ruling",
    "outputs_of",
    "refused_ruling",
    "released_ruling",
    "render_choices",
]

PACKAGES: dict[Country, str] = {"EE": "ee-family-benefits", "VN": "vn-birth-benefits"}
FAMILY = "families/family"
ALGORITHM = "family-benefits"
PACK = "social"

HELD_BY: Mapping[str, str] = {
    "foreign_parent": "foreign",
    "lives_abroad": "foreign",
    "foreign_income": "foreign",
    "parent_death": "death",
    "death_annulled": "death_annulled",
}
"""Reason of an offer that is held -> its words in the pack; all others are protection."""


def judge(deciding: Deciding, use: Use, household: Household) -> Judged:
    """By what is known of the family now. Raises Held when the rules give no answer."""
    facts = (*_family(household), *_incomes(use, household, deciding.kernel.system))
    try:
        return deciding.judge(PACKAGES[household.country], facts, at=use.today)
    except CallerError as error:
        raise Held("the rules give no answer", code=error.code) from error


def judge_again(deciding: Deciding, use: Use, offer: Offer, outputs: Sequence[Asked] | None = None) -> Judged:
    """By the facts of the offer as it stands. Raises CallerError: `offer_changed`; as `Deciding.judge`."""
    if offer.decision is None:
        raise CallerError("the offer has no record; it is made anew", code="offer_changed")
    facts = deciding.rested_on(use, offer.decision)
    return deciding.judge(PACKAGES[offer.country], facts, at=use.today, outputs=outputs)


def _family(household: Household) -> Iterator[KnownFact]:
    told = household.told
    source, message, at = told.person.source, told.person.message_id, told.person.at
    for role, code in household.roles.items():
        if code is not None:
            path = f"{FAMILY}/{role}"
            yield KnownFact(
                path, "role", [role], register=source, message_id=message, fetched_at=at, in_clear=True
            )
    born = household.born.isoformat()
    path = "persons/child/born/ETERNITY"
    yield KnownFact(path, "date", born, register=source, message_id=message, fetched_at=at)
    if household.country == "EE":
        siblings = household.older_siblings
        *further, last = told.siblings or (None,)
        yield KnownFact(
            f"{FAMILY}/older_siblings/ETERNITY",
            "int",
            siblings if isinstance(siblings, int) else None,
            register=last.source if last else None,
            message_id=last.message_id if last else None,
            fetched_at=last.at if last else None,
            quality="derived",
            further_messages=tuple((one.source, one.message_id, one.at) for one in further if one),
        )


def _incomes(use: Use, household: Household, system: str) -> Iterator[KnownFact]:
    """Of the months that the rules look at, by parent; months that nobody declared are there without a value.

    system: our own, which has the contributions.
    """
    first, last = window(household.country, household.born)
    for role, code in household.roles.items():
        if role == "child" or code is None:
            continue
        for month in ledger.ledger(use, code, first, last):
            yield KnownFact(
                f"persons/{role}/income/{month.month}",
                "money",
                None if month.amount is None else f"{month.amount:f}",
                register=system,
                message_id=month.message_id,
                valid_at=date.fromisoformat(f"{month.month}-01"),
                fetched_at=month.known_from,
                quality="declared",
            )


def render_choices(judged: Judged, household: Household) -> list[dict[str, Any]]:
    """JSON: amounts as decimal strings; where one is unknown, None, and beside it who holds what is missing."""
    return [
        {"id": choice.id, "items": [_rendered(item, household.roles) for item in choice.items]}
        for choice in choices(judged.package, situation_of(judged.facts), judged.evaluation)
    ]


def _rendered(item: Item, roles: Mapping[str, str | None]) -> dict[str, Any]:
    missing = item.missing[0] if item.missing else None
    return {
        "benefit": item.benefit,
        "person": roles[item.receiver],
        "per": item.per,
        "amount": item.amount,
        "currency": item.currency,
        "valid_from": item.valid_from,
        "valid_to": item.valid_to,
        "basis": item.basis,
        "unknown": None
        if missing is None
        else {
            "fact": missing.concept,
            "person": roles.get(missing.entity) or roles["mother"],
            "holder": ledger.HOLDER if missing.variable == "income" else missing.holder,
        },
    }


def offer_ruling(offer: Offer, held: str | None, *, again: Reason | None = None) -> Ruling:
    """held: why people look at it first.  again: why it is decided anew."""
    country = offer.country
    words = HELD_BY.get(held or "", "protection_order")
    why = (reason_of(PACK, held, ground(country), words=words),) if held else ()
    if again is not None:
        why = (again, *why)
    return Ruling(
        country=country,
        effect="hold" if held else "offer" if again is None else "correct",
        step="offer",
        service="birth",
        algorithm=ALGORITHM,
        purpose="family benefits after a birth",
        subjects=_subjects(offer),
        outcome="family_benefits.offer",
        reasons=why,
        supersedes=offer.decision,
    )


def released_ruling(deciding: Deciding, offer: Offer, official: str, look: Look) -> Ruling:
    """An official lets it go on."""
    ruling = offer_ruling(offer, None)
    told = _told(offer)
    step = human_step(deciding, official, look, "confirm", shown=told, reason_code=offer.reason)
    why = reason_of(PACK, "released", ground(ruling.country), origin="official", said=look.words)
    return replace(ruling, human=(step,), reasons=(why,))


def refused_ruling(deciding: Deciding, offer: Offer, official: str, look: Look) -> Ruling:
    """An official turns it down. look: with the reasons, in their own words."""
    ruling = offer_ruling(offer, None)
    step = human_step(deciding, official, look, "override", shown=_told(offer), reason_code=offer.reason)
    why = reason_of(PACK, "refused", ground(ruling.country), origin="official", said=look.words)
    return replace(ruling, effect="refuse", human=(step,), reasons=(why,))


def _told(offer: Offer) -> dict[str, Any]:
    """What the register itself tells of a held offer."""
    return {
        "offer": offer.id,
        "version": offer.version,
        "reason": offer.reason,
        "choices": [dict(choice) for choice in offer.choices],
    }


def grant_ruling(offer: Offer, choice: str, judged: Judged) -> Ruling:
    return Ruling(
        country=offer.country,
        effect="partial" if judged.evaluation.unknowns else "grant",
        step="grant",
        service="birth",
        algorithm=ALGORITHM,
        purpose="family benefits after a birth",
        subjects=_subjects(offer),
        outcome="family_benefits.grant",
        items=(OutcomeItem(name="choice", type="text", value=Secret(secret=choice)),),
    )


def outputs_of(judged: Judged, choice: Mapping[str, Any], due: Collection[str]) -> list[Asked]:
    """The amounts of one choice that are granted now, `benefit/person`, and those that nobody knows yet.

    choice: as `render_choices` wrote it, of the same facts.
    """
    found: dict[Asked, None] = {}
    for one in choices(judged.package, situation_of(judged.facts), judged.evaluation):
        if one.id != choice["id"]:
            continue
        for item, written in zip(one.items, choice["items"], strict=True):
            if item.amount is None or f"{item.benefit}/{written['person']}" in due:
                instance, _, rest = item.node.partition("/")
                variable, _, period = rest.partition("@")
                found[instance, variable, period] = None
    return list(found)


def _subjects(offer: Offer) -> tuple[tuple[str, str], ...]:
    return ((offer.child, "child"), *((code, "parent") for code in offer.parties))
