"""A second implementation, in Decimal and by hand, agrees to the cent: 100 000 random households in columns, 200 one by one."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pytest

from sild.rules import Group, RulePackage, Situation, decimal_text, evaluate, evaluate_columns
from support.rules import FAMILY, VIETNAMESE

AT = date(2027, 1, 1)
FIRST_BIRTH, BIRTH_DAYS = date(2025, 1, 1), 729
HOUSEHOLDS = {"ee": 100_000, "vn": 30_000}
CHECKED = ("mother", "father")


@dataclass(frozen=True)
class Household:
    """siblings: None is unknown.  pay: by parent and month, in minor units; a month that is not there is unknown."""

    born: date
    siblings: int | None
    pay: dict[str, dict[str, int]]


# --- by hand


def estonian(household: Household) -> dict[str, Decimal | None]:
    new = household.born >= date(2026, 1, 1)
    floor, ceiling = (Decimal(886), Decimal(5943)) if new else (Decimal(820), Decimal("5496.60"))
    by_hand: dict[str, Decimal | None] = {
        "birth_grant": Decimal(320),
        "child_allowance": None
        if household.siblings is None
        else Decimal(100 if household.siblings > 1 else 80),
    }
    for parent in household.pay:
        mean = average(household, parent, 21, 12, 100)
        if mean is not None:
            mean = ceiling if mean > ceiling else floor if mean < floor else mean
        by_hand[f"{parent} parental_benefit"] = cents(mean, "0.01")
    return by_hand


def vietnamese(household: Household) -> dict[str, Decimal | None]:
    by_hand: dict[str, Decimal | None] = {"birth_grant": Decimal(4_680_000)}
    for parent in household.pay:
        mean = average(household, parent, 6, 6, 1)
        by_hand[f"{parent} maternity_benefit"] = cents(mean, "1")
        by_hand[f"{parent} paternity_leave"] = cents(None if mean is None else mean * 5 / 24, "1")
    return by_hand


def average(household: Household, parent: str, before: int, months: int, minor: int) -> Decimal | None:
    """Of so many months, of which the first is `before` that of birth."""
    year, month = household.born.year, household.born.month - before
    while month < 1:
        year, month = year - 1, month + 12
    total = 0
    for _ in range(months):
        pay = household.pay[parent].get(f"{year}-{month:02d}")
        if pay is None:
            return None
        total += pay
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return Decimal(total) / minor / months


def cents(amount: Decimal | None, step: str) -> Decimal | None:
    return None if amount is None else amount.quantize(Decimal(step), ROUND_HALF_UP)


# --- by package


def random_households(count: int, seed: int, scale: int, months: int, last: int) -> list[Household]:
    """Every fourth father is absent; of every tenth parent one month is unknown. Pay: up to `scale`, often the same each month."""
    chance = random.Random(seed)
    found = []
    for _ in range(count):
        born = FIRST_BIRTH + timedelta(chance.randrange(BIRTH_DAYS))
        birth = born.year * 12 + born.month - 1
        pay = {}
        for parent in CHECKED[: 2 if chance.random() < 0.75 else 1]:
            base, same = chance.randrange(scale), chance.random() < 0.5
            known = {}
            for number in range(birth - last - months + 1, birth - last + 1):
                known[f"{number // 12}-{number % 12 + 1:02d}"] = base if same else chance.randrange(scale)
            if chance.random() < 0.1:
                del known[chance.choice(list(known))]
            pay[parent] = known
        found.append(Household(born, chance.choice([None, 0, 0, 1, 2, 3]), pay))
    return found


def in_columns(
    package: RulePackage, households: list[Household], outputs: list[str]
) -> list[dict[str, Decimal | None]]:
    persons = [(row, role) for row, h in enumerate(households) for role in ("child", *h.pay)]
    place = {person: number for number, person in enumerate(persons)}
    born = np.ma.masked_all(len(persons), "datetime64[D]")
    columns: dict[tuple[str, str], np.ma.MaskedArray] = {("born", "ETERNITY"): born}
    siblings = np.ma.array(
        [h.siblings or 0 for h in households], mask=[h.siblings is None for h in households]
    )
    if "older_siblings" in package.facts:
        columns["older_siblings", "ETERNITY"] = siblings
    for row, household in enumerate(households):
        born[place[row, "child"]] = household.born
        for role, pay in household.pay.items():
            for month, amount in pay.items():
                key = ("income", month)
                if key not in columns:
                    columns[key] = np.ma.masked_all(len(persons), np.int64)
                columns[key][place[row, role]] = amount
    group = Group(np.array([row for row, _ in persons]), np.array([role for _, role in persons]))
    counts = {"person": len(persons), "family": len(households)}
    asked = [(output, "ETERNITY") for output in outputs]
    found = evaluate_columns(package, columns, asked, at=AT, counts=counts, groups={"family": group})
    results: list[dict[str, Decimal | None]] = [{} for _ in households]
    for output in outputs:
        spec = package.outputs[output]
        values = [
            None if value is None else Decimal(decimal_text(value, spec.currency or ""))
            for value in found[output, "ETERNITY"].tolist()
        ]
        if spec.entity == "family":
            for row, value in enumerate(values):
                results[row][output] = value
        else:
            for (row, role), value in zip(persons, values, strict=True):
                if role != "child":
                    results[row][f"{role} {output}"] = value
    return results


def one_by_one(package: RulePackage, household: Household, outputs: list[str]) -> dict[str, Decimal | None]:
    persons: dict[str, dict[str, object]] = {"child": {"born": {"ETERNITY": household.born.isoformat()}}}
    for role, pay in household.pay.items():
        persons[role] = {
            "income": {m: decimal_text(a, package.facts["income"].currency or "") for m, a in pay.items()}
        }
    family: dict[str, object] = {role: [role] for role in persons}
    if "older_siblings" in package.facts:
        family["older_siblings"] = {"ETERNITY": household.siblings}
    situation: Situation = {"persons": persons, "families": {"family": family}}
    asked = [
        (who, output, "ETERNITY")
        for output in outputs
        for who in (["family"] if package.outputs[output].entity == "family" else household.pay)
    ]
    evaluation = evaluate(package, situation, asked, at=AT)
    return {
        v.variable if v.entity == "family" else f"{v.entity} {v.variable}": None
        if v.value is None
        else Decimal(str(v.value))
        for v in evaluation.values
    }


CASES = {
    "ee": (FAMILY, estonian, ["child_allowance", "birth_grant", "parental_benefit"], (800_000, 12, 10)),
    "vn": (
        VIETNAMESE,
        vietnamese,
        ["birth_grant", "maternity_benefit", "paternity_leave"],
        (90_000_000, 6, 1),
    ),
}


@pytest.mark.parametrize("country", CASES)
def test_households_in_columns(country: str) -> None:
    package, by_hand, outputs, shape = CASES[country]
    households = random_households(HOUSEHOLDS[country], 20260401, *shape)

    found = in_columns(package, households, outputs)

    expected = [by_hand(household) for household in households]
    assert found == expected
    unknown = sum(value is None for each in expected for value in each.values())
    assert unknown > HOUSEHOLDS[country] // 10  # and the unknown are among them


@pytest.mark.parametrize("country", CASES)
def test_a_hundred_households_one_by_one(country: str) -> None:
    package, by_hand, outputs, shape = CASES[country]

    for household in random_households(100, 7, *shape):
        assert one_by_one(package, household, outputs) == by_hand(household)
