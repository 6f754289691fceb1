"""What was overturned is decided anew, as the official who answers the contest says: by rule, or by hand. By hand is also decided what a
correction reached and no rule makes anew (ripple_by_hand.py).

By rule it is a ripple whose cause is the contest (`decides_again`), and always ends in a decision of its own, though the outcome were the
same. By hand the official gives lines of the outcome other values, of the kind that the rules give there, and says what was weighed:
a record of theirs takes the place of the old one (`decides_by_hand`), with the facts that one rested on.

Whoever decided the old one decides nothing here, nor does anybody whom it is about (DECISIONS.md, section 3).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from sild.decisions import (
    Algorithm,
    Competence,
    Consideration,
    DecisionRecord,
    Draft,
    Hearing,
    HumanStep,
    OutcomeItem,
    Reason,
    Retention,
    Ripple,
    Sealed,
    Secret,
    hearing_of,
    list_ripples,
    open_ripple,
    open_values,
    planned_delivery,
    remedy_of,
)
from sild.errors import CallerError
from sild.registries.accounts import MINOR_DIGITS
from sild.registries.deciding.deciding import BY_PEOPLE, Deciding
from sild.registries.deciding.looks import Look
from sild.registries.deciding.representing import representation_of
from sild.registries.deciding.ripple import BY_PEOPLE_ONLY, CONTEST, leave_to_official
from sild.registries.identity_codes import Country
from sild.registries.kernel import Use
from sild.registries.profiles import profile
from sild.rules import RulePackage

__all__ = ["CONTESTED", "ByHand", "Occasion", "Otherwise", "decide_by_rule", "left_of", "record_by_hand"]

MOST = Decimal(10) ** 13
_AMOUNT = re.compile(r"[0-9]{1,13}(\.[0-9]{1,2})?")


@dataclass(frozen=True, slots=True)
class Occasion:
    """Why somebody decides by hand. role: of the official, and code of what was weighed.  reason_code: of their step.  ground: of the
    profile.  first: the reason that stands before theirs.  hearing: None: in the contest.
    """

    role: str = "contest"
    reason_code: str = "contest_overturned"
    ground: str = "contest"
    first: tuple[Reason, ...] = ()
    hearing: Hearing | None = None


CONTESTED = Occasion()


@dataclass(frozen=True, slots=True)
class ByHand:
    """official: code.  values: of the outcome's lines, by name, those that are another.  considerations: what was weighed.  reasons: by language, et, vi and en."""

    official: str
    country: Country
    values: Mapping[str, str | int | bool]
    considerations: str
    reasons: Mapping[str, str]
    look: Look
    occasion: Occasion = CONTESTED


@dataclass(frozen=True, slots=True)
class Otherwise:
    """What a register has of an outcome besides the lines of rules.

    lines: names of all that an official may give otherwise, of rules or of the register; None: every line of rules, and no other.
    follows: what other lines say by what they gave, by name; None: the line is gone.  step, outcome: None: as of the old decision.
    """

    lines: Collection[str] | None = None
    follows: Mapping[str, str | int | bool | None] = field(default_factory=dict)
    step: str | None = None
    outcome: str | None = None


BY_RULES = Otherwise()


def decide_by_rule(deciding: Deciding, use: Use, record: DecisionRecord, contest: str) -> None:
    """The rules are asked, from the facts as they are now; where none decides this, it comes back to the official."""
    tries = len(_of_contests(use, str(record.id)))
    cause = f"contest/{contest}/{tries}"
    ripple = open_ripple(
        use.connection,
        cause=cause,
        decision=str(record.id),
        concept=CONTEST,
        source=deciding.exchanged_by,
        fact=None,
        at=use.at,
    )
    if ripple is not None and not deciding.decides_again(use, ripple, record, cause):
        leave_to_official(use, ripple, BY_PEOPLE_ONLY)


def left_of(use: Use, decision: str) -> str | None:
    """Why the rules did not decide anew what was overturned, the last time they were asked; None: they did, are at it, or were not asked."""
    mine = _of_contests(use, decision)
    return mine[-1].reason if mine and mine[-1].state == "ended" else None


def _of_contests(use: Use, decision: str) -> list[Ripple]:
    """In the order of the tries, whose number the cause ends in."""
    mine = (one for one in list_ripples(use.connection, decision=decision) if one.concept == CONTEST)
    return sorted(mine, key=lambda one: int(one.cause.rpartition("/")[2]))


def record_by_hand(
    deciding: Deciding, use: Use, old: DecisionRecord, hand: ByHand, otherwise: Otherwise = BY_RULES
) -> DecisionRecord:
    """A person's decision in the place of `old`, with its facts; what the rules said of them stands in the old one.

    Raises CallerError: `not_an_outcome`, `not_its_kind`, `shredded`.
    """
    law, why = profile(hand.country), hand.occasion
    office = deciding.officials.office_of(hand.official, use.today)
    items = _items(deciding, use, old, hand.values, otherwise)
    article = law.ground(why.ground)
    step = HumanStep(
        official=deciding.store.pseudonym(hand.official),
        role=why.role,
        qualification=None if office is None else office.qualification,
        device_posture=hand.look.posture,
        view_sha256=hand.look.view_sha256 or old.sha256,
        action="override",
        reason_code=why.reason_code,
        reason_text=Secret(secret=hand.considerations),
        seconds=hand.look.seconds,
    )
    draft = Draft(
        kind="human",
        automation=BY_PEOPLE if old.algorithm is not None else 0,
        effect="correct",
        discretion="structured",
        authority=deciding.authority,
        competence=Competence(
            law=old.competence.law,
            article=old.competence.article,
            delegation=None if office is None else office.order,
            division=None if office is None else office.division,
            valid_on=use.today,
        ),
        procedure=old.procedure,
        case=old.case,
        step=otherwise.step or old.step,
        algorithm=None
        if old.algorithm is None
        else Algorithm(id=old.algorithm.id, version=old.algorithm.version),
        subjects=old.subjects,
        representation=representation_of(deciding.store, use.usage),
        legal_basis=old.legal_basis,
        purpose=old.purpose,
        inputs=tuple(one.as_input() for one in deciding.rested_on(use, str(old.id))),
        rules=old.rules,
        human=(step,),
        considerations=(
            Consideration(
                code=why.role, article=law.ground("discretion"), text=Secret(secret=hand.considerations)
            ),
        ),
        hearing=why.hearing
        or hearing_of(
            law, "correct", official=True, contests=deciding.store.contests_of(use.connection, old.id)
        ),
        reasons=(
            *why.first,
            Reason(
                code="decided_by_hand",
                article=article,
                text={language: Secret(secret=text) for language, text in hand.reasons.items()},
                origin="official",
            ),
        ),
        outcome=old.outcome.model_copy(
            update={"items": items, "type": otherwise.outcome or old.outcome.type}
        ),
        remedy=remedy_of(law, use.today, deciding.authority),
        delivery=planned_delivery(),
        in_force=use.today,
        retention=Retention(until=old.retention.until, ground=old.retention.ground),
        supersedes=old.id,
    )
    record = deciding.store.decide(use.connection, draft)
    deciding.standing_changed(use, str(old.id), "superseded")
    return record


def _items(
    deciding: Deciding,
    use: Use,
    old: DecisionRecord,
    values: Mapping[str, str | int | bool],
    otherwise: Otherwise,
) -> tuple[OutcomeItem, ...]:
    opened = open_values(deciding.store, use.connection, str(old.id))
    package = None if old.rules is None else deciding.packages.get(old.rules.sha256)
    lines = otherwise.lines
    known = {
        one.name
        for one in old.outcome.items
        if (one.name.count("/") == 2 if lines is None else one.name in lines)
    }
    if package is None or not values or not set(values) <= known:
        raise CallerError("not a line of the outcome that rules gave", code="not_an_outcome")
    found = []
    for item in old.outcome.items:
        if item.name in otherwise.follows:
            value: Any = otherwise.follows[item.name]  # JSON
            if value is None:
                continue
        elif item.name in values:
            value = _typed(item.type, _step(package, item.name), values[item.name])
        elif not isinstance(item.value, Sealed):
            value = item.value
        elif item.value.sealed in opened:
            value = opened[item.value.sealed].value
        else:
            raise CallerError("what the decision said was shredded", code="shredded")
        found.append(item.model_copy(update={"value": Secret(secret=value)}))
    return tuple(found)


def _step(package: RulePackage, line: str) -> Decimal:
    """What money of this line is a multiple of: as the law rounds it, or the currency's smallest unit. Registers' own lines are no money."""
    if line.count("/") != 2:
        return Decimal(1)
    spec = package.outputs[line.split("/")[1]]
    least = Decimal(1).scaleb(-MINOR_DIGITS.get(spec.currency or "", 2))
    return least if spec.rounding is None else max(least, Decimal(spec.rounding.step))


def _typed(kind: str, step: Decimal, value: str | int | bool) -> str | int | bool:
    """As the rules give it. Raises CallerError (`not_its_kind`): of another kind, less than nothing, finer than the law rounds."""
    try:
        match kind:
            case "money":
                amount = Decimal(value) if isinstance(value, str) and _AMOUNT.fullmatch(value) else MOST
                if amount < MOST and amount % step == 0:
                    return f"{amount.quantize(min(step, Decimal(1))):f}"
            case "date":
                return date.fromisoformat(str(value)).isoformat()
            case "bool" if isinstance(value, bool):
                return value
            case "int" if isinstance(value, int) and not isinstance(value, bool):
                return value
            case "text" if isinstance(value, str):
                return value
    except ValueError:
        pass
    raise CallerError("not a value of this kind", code="not_its_kind")
