"""What would have had to be otherwise: found, true, and nothing that no law lets change."""

from __future__ import annotations

import copy

import pytest

from sild.rules import counterfactuals, evaluate
from support.rules import AT, FAMILY, PACKAGES, family, months

COVER, QUEUE = PACKAGES["ee-health-cover"], PACKAGES["ee-kindergarten-queue"]
BENEFIT = [("mother", "parental_benefit", "ETERNITY")]


def test_one_sibling_more_is_the_third_child() -> None:
    [found] = counterfactuals(FAMILY, family(), [("family", "child_allowance", "ETERNITY")], at=AT)

    assert (found.entity, found.variable, found.present, found.needed) == ("family", "older_siblings", 1, 2)
    assert (found.before, found.after) == ("80.00", "100.00")


def test_who_gets_the_floor_learns_what_income_rises_above_it() -> None:
    situation = family()
    situation["persons"]["mother"]["income"] = months("2024-06", ["500.00"] * 12)

    [found] = counterfactuals(FAMILY, situation, BENEFIT, at=AT)

    assert (found.variable, found.present, found.before, found.after) == (
        "income",
        "500.00",
        "886.00",
        "886.01",
    )
    assert found.needed == "5132.06"  # 12 * 886.005 - 11 * 500, up to the next cent


@pytest.mark.parametrize("pay", ["500.00", "886.00", "1200.01", "6000.00"])
def test_what_is_found_is_true_and_a_cent_less_is_not_enough(pay: str) -> None:
    situation = family()
    situation["persons"]["mother"]["income"] = months("2024-06", [pay] * 12)
    found = counterfactuals(FAMILY, situation, BENEFIT, at=AT)
    assert found

    def with_income(period: str, cents: int) -> object:
        changed = copy.deepcopy(situation)
        changed["persons"]["mother"]["income"][period] = f"{cents // 100}.{cents % 100:02d}"
        return evaluate(FAMILY, changed, BENEFIT, at=AT).value("mother", "parental_benefit")

    for one in found:
        present, needed = (int(str(v).replace(".", "")) for v in (one.present, one.needed))
        nearer = needed - 1 if needed > present else needed + 1
        assert with_income(one.period, needed) == one.after != one.before
        assert with_income(one.period, nearer) == one.before


def test_truth_values_turn_and_what_is_unlawful_stays() -> None:
    idle = {
        "born": {"ETERNITY": "1990-01-01"},
        "insured_by_employer": {"2026-04": False},
        "pensioner": {"ETERNITY": False},
        "registered_unemployed": {"2026-04": False},
    }

    found = counterfactuals(COVER, {"persons": {"a": idle}}, [("a", "covered", "2026-04-01")], at=AT)

    assert {(f.variable, f.needed, f.after) for f in found} == {
        ("insured_by_employer", True, True),
        ("pensioner", True, True),
        ("registered_unemployed", True, True),
    }  # and not another day of birth


def test_an_outcome_that_is_unknown_has_none() -> None:
    assert counterfactuals(FAMILY, family(), [("father", "parental_benefit", "ETERNITY")], at=AT) == []


def test_in_a_queue_a_child_that_moves_in_comes_before_a_younger_one() -> None:
    def child(born: str, resident: bool, code: str) -> dict[str, dict[str, object]]:
        joined = "2025-01-01T00:00:00+00:00"
        facts = {"born": born, "resident": resident, "sibling": False, "code": code, "joined_at": joined}
        return {name: {"ETERNITY": value} for name, value in facts.items()}

    situation = {
        "persons": {"a": child("2024-01-02", True, "1"), "b": child("2024-01-01", False, "2")},
        "queues": {"q": {"child": ["a", "b"]}},
    }

    found = counterfactuals(QUEUE, situation, [("b", "place", "ETERNITY")], at=AT)

    assert {(f.entity, f.variable, f.needed, f.before, f.after) for f in found} == {
        ("a", "resident", False, 2, 1),
        ("b", "resident", True, 2, 1),
    }
