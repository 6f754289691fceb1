"""The packages say what was computed by hand before: the same choices, items, amounts, days, articles and unknowns."""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal

import pytest

from sild.rules import choices, evaluate, outputs_of_choices
from support.benefits_by_hand import Family, Months, Unknown, window
from support.benefits_by_hand import choices as choices_by_hand
from support.rules import PACKAGES

NAMES = {"EE": "ee-family-benefits", "VN": "vn-birth-benefits"}


def random_family(country: str, chance: random.Random) -> Family:
    born = date(2024, 1, 1) + timedelta(chance.randrange(1000))
    first, last = window(country, born)  # type: ignore[arg-type]
    scale = 800_000 if country == "EE" else 60_000_000

    def pay() -> Decimal | None:
        amount = Decimal(chance.randrange(scale))
        return None if chance.random() < 0.02 else amount / 100 if country == "EE" else amount

    parents = ["mother", "father"][: chance.choice([1, 2, 2])]
    income = [Months(parent, tuple(pay() for _ in range(last - first + 1)), "social") for parent in parents]
    siblings = chance.choice([0, 1, 2, 5, Unknown("person.household", "mother", "residence")])
    father = "father" if len(parents) == 2 else None
    return Family(country, "child", born, "mother", father, siblings, income)  # type: ignore[arg-type]


def situation_of(family: Family) -> dict[str, dict[str, dict[str, object]]]:
    first, _ = window(family.country, family.born)
    persons: dict[str, dict[str, object]] = {"child": {"born": {"ETERNITY": family.born.isoformat()}}}
    for months in family.income:
        numbered = enumerate(months.pay, first)
        persons[months.person] = {
            "income": {f"{n // 12}-{n % 12 + 1:02d}": None if p is None else str(p) for n, p in numbered}
        }
    household: dict[str, object] = {person: [person] for person in persons}
    if family.country == "EE" and not isinstance(family.older_siblings, Unknown):
        household["older_siblings"] = {"ETERNITY": family.older_siblings}
    return {"persons": persons, "families": {"family": household}}


@pytest.mark.parametrize("country", NAMES)
def test_choices_of_a_hundred_families(country: str) -> None:
    chance, package = random.Random(11), PACKAGES[NAMES[country]]
    for _ in range(100):
        family = random_family(country, chance)
        situation = situation_of(family)
        evaluation = evaluate(package, situation, outputs_of_choices(package, situation), at=date(2027, 1, 1))

        found = choices(package, situation, evaluation)
        expected = choices_by_hand(family)

        assert [choice.id for choice in found] == [choice.id for choice in expected]
        for choice, by_hand in zip(found, expected, strict=True):
            for item, told in zip(choice.items, by_hand.items, strict=True):
                assert (item.benefit, item.receiver, item.per, item.currency) == (
                    told.benefit,
                    told.person,
                    told.per,
                    told.currency,
                )
                assert (item.valid_from, item.valid_to) == (
                    told.valid_from.isoformat(),
                    told.valid_to and told.valid_to.isoformat(),
                )
                if isinstance(told.amount, Unknown):
                    assert item.amount is None
                    assert {(u.concept, u.holder) for u in item.missing} == {
                        (told.amount.fact, told.amount.holder)
                    }
                else:
                    assert item.amount is not None
                    assert Decimal(item.amount) == told.amount
                    assert item.basis == told.basis


def test_a_package_without_choices_asks_nothing_for_them() -> None:
    package = PACKAGES["ee-health-cover"]
    situation = {"persons": {"a": {"born": {"ETERNITY": "2026-01-01"}}}}

    assert outputs_of_choices(package, situation) == []
