"""Family benefits of both countries computed by hand, in Decimal: what the social register used before there were rule packages.

The packages are held against it. `Unknown` stands where an amount would that a missing fact blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

__all__ = ["Choice", "Family", "Item", "Months", "Unknown", "average_income", "choices", "window"]

Per = Literal["once", "month"]
Country = Literal["EE", "VN"]


@dataclass(frozen=True, slots=True)
class Parameter:
    value: Decimal
    since: date
    basis: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """fact: the concept, `person.contributions`.  person: whose.  holder: the body that has it."""

    fact: str
    person: str
    holder: str


Amount = Decimal | Unknown


@dataclass(frozen=True, slots=True)
class Item:
    """One benefit to one person. valid_to: the first day without it, None for what is paid once."""

    benefit: str
    person: str
    per: Per
    amount: Amount
    currency: str
    valid_from: date
    valid_to: date | None
    basis: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A lawful way to receive them: which parent, and when."""

    id: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Months:
    """Pay by month, first to last; None: nobody here knows. person: whose."""

    person: str
    pay: tuple[Decimal | None, ...]
    holder: str


@dataclass(frozen=True, slots=True)
class Family:
    """older_siblings: under age, in the household of the child; Unknown when the household is not known.

    income: of the months of `window`, by parent, the mother first.
    """

    country: Country
    child: str
    born: date
    mother: str
    father: str | None
    older_siblings: int | Unknown
    income: Sequence[Months]


_ALLOWANCE = (
    Parameter(Decimal("60"), date(2019, 1, 1), "PHS § 17 (1)"),
    Parameter(Decimal("80"), date(2023, 1, 1), "PHS § 17 (1)"),
)
_ALLOWANCE_THIRD = (Parameter(Decimal("100"), date(2019, 1, 1), "PHS § 17 (1)"),)
_BIRTH_GRANT = (Parameter(Decimal("320"), date(2004, 1, 1), "PHS § 10 (1)"),)
_BENEFIT_FLOOR = (
    Parameter(Decimal("820"), date(2025, 1, 1), "PHS § 39 (1)"),
    Parameter(Decimal("886"), date(2026, 1, 1), "PHS § 39 (1)"),
)
_BENEFIT_CEILING = (
    Parameter(Decimal("5496.60"), date(2025, 1, 1), "PHS § 39 (1)"),
    Parameter(Decimal("5943.00"), date(2026, 1, 1), "PHS § 39 (1)"),
)
_REFERENCE_SALARY = (
    Parameter(Decimal("1800000"), date(2023, 7, 1), "NĐ 24/2023/NĐ-CP"),
    Parameter(Decimal("2340000"), date(2024, 7, 1), "NĐ 73/2024/NĐ-CP"),
)
FATHER_FROM_DAY = 71  # PHS § 40 (2): parental benefit of the father, when not both at once
ALLOWANCE_UNTIL = 16  # PHS § 17 (1); a child at school later gets it by a decision of its own


def window(country: Country, born: date) -> tuple[int, int]:
    """The months whose income counts, first and last, as `12 * year + month - 1`.

    EE: twelve months, of which the last is the tenth before that of birth (PHS § 39).  VN: six before that of birth (Điều 59).
    """
    birth = 12 * born.year + born.month - 1
    return (birth - 21, birth - 10) if country == "EE" else (birth - 6, birth - 1)


def average_income(months: Months) -> Amount:
    """Unknown as soon as one month is: the unknown is not zero."""
    total = Decimal(0)
    for pay in months.pay:
        if pay is None:
            return Unknown("person.contributions", months.person, months.holder)
        total += pay
    return total / len(months.pay)


def choices(family: Family) -> tuple[Choice, ...]:
    """Two or three, in the order they are shown."""
    return _estonian(family) if family.country == "EE" else _vietnamese(family)


# --- Estonia: Perehüvitiste seadus


def _estonian(family: Family) -> tuple[Choice, ...]:
    mother = family.mother
    until = _later(family.born, years=1, months=6)
    found = [Choice("mother", (*_given(family, mother), _parental(family, mother, family.born, until)))]
    if family.father is None:
        later = _later(family.born, years=1)
        third = _later(later, years=1, months=6)
        found.append(
            Choice("mother_later", (*_given(family, mother), _parental(family, mother, later, third)))
        )
        return tuple(found)
    father, change = family.father, family.born + timedelta(days=FATHER_FROM_DAY - 1)
    first, half = _parental(family, mother, family.born, change), _later(family.born, months=9)
    found.append(Choice("father", (*_given(family, father), first, _parental(family, father, change, until))))
    shared = (_parental(family, mother, family.born, half), _parental(family, father, half, until))
    found.append(Choice("shared", (*_given(family, mother), *shared)))
    return tuple(found)


def _given(family: Family, receiver: str) -> tuple[Item, Item]:
    """What a child brings whoever earns what: an allowance by its place among the children, a grant."""
    grant = _in_force(_BIRTH_GRANT, family.born)
    siblings = family.older_siblings
    amount: Amount
    if isinstance(siblings, Unknown):
        amount, basis = siblings, _ALLOWANCE[-1].basis
    else:
        rule = _in_force(_ALLOWANCE if siblings < 2 else _ALLOWANCE_THIRD, family.born)
        amount, basis = rule.value, rule.basis
    until = _later(family.born, years=ALLOWANCE_UNTIL)
    return (
        Item("child_allowance", receiver, "month", amount, "EUR", family.born, until, basis),
        Item("birth_grant", receiver, "once", grant.value, "EUR", family.born, None, grant.basis),
    )


def _parental(family: Family, person: str, begin: date, end: date) -> Item:
    income = average_income(_income_of(family, person))
    amount: Amount = income
    if isinstance(income, Decimal):
        floor, ceiling = _in_force(_BENEFIT_FLOOR, family.born), _in_force(_BENEFIT_CEILING, family.born)
        amount = _rounded(min(max(income, floor.value), ceiling.value), "0.01")
    return Item("parental_benefit", person, "month", amount, "EUR", begin, end, "PHS § 39 (1)")


# --- Viet Nam: Luật Bảo hiểm xã hội 2024


def _vietnamese(family: Family) -> tuple[Choice, ...]:
    reference = _in_force(_REFERENCE_SALARY, family.born)
    grant = 2 * reference.value

    def given(receiver: str) -> Item:
        return Item(
            "birth_grant", receiver, "once", grant, "VND", family.born, None, f"Điều 58; {reference.basis}"
        )

    def maternity(months: int) -> Item:
        income = average_income(_income_of(family, family.mother))
        amount = income if isinstance(income, Unknown) else _rounded(income, "1")
        end = _later(family.born, months=months)
        return Item("maternity_benefit", family.mother, "month", amount, "VND", family.born, end, "Điều 59")

    found = [
        Choice("mother", (given(family.mother), maternity(6))),
        Choice("mother_returns_early", (given(family.mother), maternity(4))),
    ]
    if family.father is not None:
        income = average_income(_income_of(family, family.father))
        days = income if isinstance(income, Unknown) else _rounded(income / 24 * 5, "1")
        leave = Item("paternity_leave", family.father, "once", days, "VND", family.born, None, "Điều 53, 59")
        found.append(Choice("both", (given(family.mother), maternity(6), leave)))
    return tuple(found)


# --- inside


def _income_of(family: Family, person: str) -> Months:
    return next(months for months in family.income if months.person == person)


def _in_force(parameters: Sequence[Parameter], on: date) -> Parameter:
    """The latest that began by then; before the first, the first."""
    return next((p for p in reversed(parameters) if p.since <= on), parameters[0])


def _rounded(amount: Decimal, step: str) -> Decimal:
    return amount.quantize(Decimal(step), ROUND_HALF_UP)


def _later(day: date, *, years: int = 0, months: int = 0) -> date:
    """The same day of a later month; of one without such a day, the first of the next."""
    count = 12 * (day.year + years) + day.month - 1 + months
    year, month = divmod(count, 12)
    try:
        return date(year, month + 1, day.day)
    except ValueError:
        return date(year + (month == 11), (month + 1) % 12 + 1, 1)
