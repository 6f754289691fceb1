"""Contributions by month, as facts: one for each job and span of months with the same pay. Months not declared are unknown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sild.errors import CallerError
from sild.i18n import parse_money
from sild.registries.kernel import Provenance, Use
from sild.registries.kernel.facts import Json

__all__ = [
    "CONTRIBUTION",
    "Declared",
    "MonthPaid",
    "corrected_pay",
    "declare",
    "ensure_contribution",
    "foreign_income",
    "ledger",
]

CONTRIBUTION = "contribution"
HOLDER = "tax"
"""Who knows what nobody declared here: the tax board's register."""

MAX_AMOUNT = Decimal("1000000000000")
_AMOUNT = re.compile(r"[0-9]{1,13}(\.[0-9]{1,2})?")


@dataclass(frozen=True, slots=True)
class Declared:
    """By an employer, for whole months: from the first on, `last` included. amount: for each month.  country: of the work."""

    payer: str
    first: int
    last: int
    amount: Decimal
    currency: str
    country: str


@dataclass(frozen=True, slots=True)
class MonthPaid:
    """month: `2026-02`.  amount: None when nobody here knows; then `holder` names who does.  message_id: that declared it last.

    known_from: when that was.
    """

    month: str
    amount: Decimal | None
    currency: str | None
    payers: tuple[str, ...]
    holder: str | None
    message_id: str | None = None
    known_from: datetime | None = None


def parse_amount(text: str) -> Decimal:
    """Raises CallerError (`invalid_amount`): not a plain decimal number of at most two decimals, negative, or too large."""
    if not _AMOUNT.fullmatch(text) or Decimal(text) >= MAX_AMOUNT:
        raise CallerError("not an amount of money", code="invalid_amount")
    return Decimal(text)


def ensure_contribution(_entity: str, value: Json) -> None:
    """What a declaration says of a month. Raises CallerError (`invalid_value`)."""
    try:
        parse_amount(value["amount"])
        known = set(value) == {"amount", "currency", "country"}
    except (CallerError, KeyError, TypeError):
        known = False
    if not known:
        raise CallerError("an amount of money with its currency and country", code="invalid_value")


def corrected_pay(text: str, before: Json) -> Json:
    """The amount as an official writes it, `1900.00` or `1 900,00`; currency and country stay. Raises CallerError (`invalid_value`)."""
    try:
        return {**before, "amount": str(parse_amount(parse_money(text, before["currency"])))}
    except CallerError as error:
        raise CallerError("an amount is written 1900.00", code="invalid_value") from error


def declare(use: Use, person: str, declared: Declared, provenance: Provenance) -> None:
    """What was declared before for these months and this payer is superseded."""
    use.facts.record(
        person,
        CONTRIBUTION,
        {"amount": str(declared.amount), "currency": declared.currency, "country": declared.country},
        valid_from=first_day(declared.first),
        valid_to=first_day(declared.last + 1),
        key=declared.payer,
        provenance=provenance,
    )


def ledger(use: Use, person: str, first: int, last: int) -> tuple[MonthPaid, ...]:
    """Months first to last, both included."""
    known = [f for f in use.facts.history(person, CONTRIBUTION) if f.known_to is None]
    found = []
    for number in range(first, last + 1):
        day = first_day(number)
        paid = [fact for fact in known if fact.is_true_on(day)]
        month = day.isoformat()[:7]
        if not paid or day >= use.today.replace(day=1):  # a month that is not over yet is not known
            found.append(MonthPaid(month, None, None, (), HOLDER))
            continue
        amount = sum((Decimal(fact.value["amount"]) for fact in paid), Decimal(0))
        payers = tuple(fact.key for fact in paid if fact.key)
        last_said = max(paid, key=lambda fact: fact.known_from)
        currency, message = paid[0].value["currency"], last_said.provenance.message_id
        found.append(MonthPaid(month, amount, currency, payers, None, message, last_said.known_from))
    return tuple(found)


def foreign_income(use: Use, persons: Sequence[str], country: str, first: int, last: int) -> bool:
    """Did any of them work in another country in those months?"""
    begin, end = first_day(first), first_day(last + 1)
    return any(
        fact.value["country"] != country
        for person in persons
        for fact in use.facts.history(person, CONTRIBUTION)
        if fact.known_to is None
        and fact.valid_from < end
        and (fact.valid_to is None or fact.valid_to > begin)
    )


def first_day(month: int) -> date:
    """month: `12 * year + month - 1`."""
    year, zero_based = divmod(month, 12)
    return date(year, zero_based + 1, 1)
