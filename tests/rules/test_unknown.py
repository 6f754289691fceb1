"""A missing fact is unknown, not zero, and blocks what it feeds and nothing else; so does one that another contradicts."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from sild.errors import CallerError
from sild.rules import Group, choices, evaluate, evaluate_columns, outputs_of_choices, reasons
from support.rules import AT, FAMILY, PACKAGES, family, months, small_package

COVER = PACKAGES["ee-health-cover"]
OUTPUTS = [
    ("family", "child_allowance", "ETERNITY"),
    ("family", "birth_grant", "ETERNITY"),
    ("mother", "parental_benefit", "ETERNITY"),
    ("father", "parental_benefit", "ETERNITY"),
]


def test_what_is_missing_blocks_what_it_feeds_alone() -> None:
    evaluation = evaluate(FAMILY, family(), OUTPUTS, at=AT)

    assert [v.value for v in evaluation.values] == ["80.00", "320.00", "1200.00", None]
    assert {u.entity for u in evaluation.unknowns} == {"father"}
    assert {u.blocks for u in evaluation.unknowns} == {("father/parental_benefit@ETERNITY",)}
    assert [u.period for u in evaluation.unknowns] == list(months("2024-06", [""] * 12))
    assert {(u.concept, u.holder, u.why) for u in evaluation.unknowns} == {
        ("person.contributions", "social", "missing")
    }


def test_one_unknown_month_is_one_question_to_its_holder() -> None:
    situation = family()
    situation["persons"]["father"]["income"] = months("2024-06", ["900.00"] * 12) | {"2024-09": None}

    evaluation = evaluate(FAMILY, situation, OUTPUTS, at=AT)

    assert [(u.entity, u.variable, u.period) for u in evaluation.unknowns] == [
        ("father", "income", "2024-09")
    ]


def test_zero_is_known() -> None:
    situation = family()
    situation["persons"]["father"]["income"] = months("2024-06", ["0"] * 12)

    evaluation = evaluate(FAMILY, situation, OUTPUTS, at=AT)

    assert evaluation.value("father", "parental_benefit") == "886.00"  # the floor
    assert evaluation.unknowns == ()


def test_a_day_of_birth_that_nobody_knows_blocks_all_and_is_all_that_is_asked() -> None:
    situation = family()
    del situation["persons"]["child"]["born"]

    evaluation = evaluate(FAMILY, situation, OUTPUTS, at=AT)

    assert [v.value for v in evaluation.values] == [None] * 4
    assert {(u.entity, u.variable) for u in evaluation.unknowns} >= {("child", "born")}
    [born] = [u for u in evaluation.unknowns if u.variable == "born"]
    assert len(born.blocks) == 4


def test_a_late_fact_changes_what_it_feeds_alone() -> None:
    situation = family()
    before = evaluate(FAMILY, situation, OUTPUTS, at=AT)
    situation["persons"]["father"]["income"] = months("2024-06", ["2000.00"] * 12)
    after = evaluate(FAMILY, situation, OUTPUTS, at=AT)

    changed = [v.variable for v, w in zip(after.values, before.values, strict=True) if v != w]
    assert changed == ["parental_benefit"]
    assert after.value("father", "parental_benefit") == "2000.00"


def test_facts_that_contradict_one_another_count_as_unknown() -> None:
    situation = family()
    situation["persons"]["child"]["born"] = {"ETERNITY": "2026-05-01"}

    evaluation = evaluate(FAMILY, situation, OUTPUTS, at=AT)

    assert evaluation.value("family", "child_allowance") is None
    assert [(u.variable, u.why) for u in evaluation.unknowns if u.entity == "child"] == [
        ("born", "born_in_future")
    ]


def test_a_reason_names_the_facts_that_contradict_and_calls_none_of_them_missing() -> None:
    situation = family()
    situation["persons"]["child"]["born"] = {"ETERNITY": "2026-05-01"}
    del situation["families"]["family"]["older_siblings"]

    found = {r.code: r.text for r in reasons(FAMILY, evaluate(FAMILY, situation, OUTPUTS, at=AT))}

    alone = found["parental_benefit_unknown"]
    assert alone["en"] == (
        "Parental benefit a month: facts contradict one another, and nothing is computed from them "
        "(date of birth: the child is born in the future only)."
    )
    assert "laps on sündinud alles tulevikus" in alone["et"] and "ngày sinh ở tương lai" in alone["vi"]
    both = found["child_allowance_unknown"]["en"]  # one fact is missing, another cannot be so
    assert "older siblings in the household is missing. Facts contradict one another" in both
    assert "date of birth is" not in both


def test_a_contradiction_in_columns_is_that_of_its_row() -> None:
    born = np.array(["2026-05-01", "2026-03-15"], "datetime64[D]")
    families = Group(np.array([0, 1]), np.array(["child", "child"]))

    found = evaluate_columns(
        FAMILY,
        {("born", "ETERNITY"): born},
        [("birth_grant", "ETERNITY")],
        at=AT,
        counts={"person": 2, "family": 2},
        groups={"family": families},
    )

    assert found["birth_grant", "ETERNITY"].tolist() == [None, 32_000]


def test_one_ground_that_holds_is_enough() -> None:
    worker = {
        "persons": {"w": {"born": {"ETERNITY": "1990-01-01"}, "insured_by_employer": {"2026-04": True}}}
    }

    evaluation = evaluate(COVER, worker, [("w", "covered", "2026-04-01")], at=AT)

    assert evaluation.value("w", "covered", "2026-04-01") is True
    assert evaluation.unknowns == ()


def test_a_choice_says_what_is_missing_and_a_reason_says_it_in_words() -> None:
    situation = family()
    evaluation = evaluate(FAMILY, situation, outputs_of_choices(FAMILY, situation), at=AT)

    found = {c.id: c for c in choices(FAMILY, situation, evaluation)}
    assert set(found) == {"mother", "father", "shared"}
    [*known, waiting] = found["shared"].items
    assert [item.amount for item in known] == ["80.00", "320.00", "1200.00"]
    assert waiting.amount is None
    assert len(waiting.missing) == 12
    [reason] = [r for r in reasons(FAMILY, evaluation) if r.code == "parental_benefit_unknown"]
    assert reason.text["en"].endswith("income on which social tax was paid is missing.")
    assert set(reason.text) == {"et", "vi", "en"}


MISSING = """
class total(Variable):
    def formula(person, period, law):
        return person("pay", period) + 1

class either(Variable):
    def formula(person, period, law):
        return person("works") | person("disabled")

class both(Variable):
    def formula(person, period, law):
        return person("works") & person("disabled")

class chosen(Variable):
    def formula(person, period, law):
        return where(person("works"), 1, where(person("disabled"), 2, 3))

class adults(Variable):
    def formula(household, period, law):
        return household.members("works").any("adult")

class everybody(Variable):
    def formula(household, period, law):
        return household.members("works").all()

class together(Variable):
    def formula(household, period, law):
        return household.members("pay", period).sum("adult")
"""
KINDS = """
  total: {entity: person, type: money, currency: EUR, period: month, label: {en: x}}
  either: {entity: person, type: bool, label: {en: x}}
  both: {entity: person, type: bool, label: {en: x}}
  chosen: {entity: person, type: int, label: {en: x}}
  adults: {entity: household, type: bool, label: {en: x}}
  everybody: {entity: household, type: bool, label: {en: x}}
  together: {entity: household, type: money, currency: EUR, period: month, label: {en: x}}
"""
SMALL = small_package(KINDS, MISSING)
TRUTHS: list[bool | None] = [True, False, None]


@pytest.mark.parametrize("works", TRUTHS)
@pytest.mark.parametrize("disabled", TRUTHS)
def test_logic_of_three_values(works: bool | None, disabled: bool | None) -> None:
    person = {"works": {"ETERNITY": works}, "disabled": {"ETERNITY": disabled}}
    situation = {"persons": {"a": person}, "households": {"h": {"adult": ["a"]}}}

    found = evaluate(SMALL, situation, [("a", n, "ETERNITY") for n in ("either", "both", "chosen")], at=AT)

    def settled(answers: set[object]) -> object:
        return answers.pop() if len(answers) == 1 else None

    w, d = ([v] if v is not None else [True, False] for v in (works, disabled))
    pairs = [(x, y) for x in w for y in d]
    assert found.value("a", "either") == settled({x or y for x, y in pairs})
    assert found.value("a", "both") == settled({x and y for x, y in pairs})
    by_hand = None if works is None else 1 if works else None if disabled is None else 2 if disabled else 3
    assert found.value("a", "chosen") == by_hand
    for unknown in found.unknowns:  # what is asked for is what would settle something
        assert person[unknown.variable]["ETERNITY"] is None


def test_groups_of_three_values() -> None:
    persons = {
        "a": {"works": {"ETERNITY": False}, "pay": {"2026-01": "10.00"}},
        "b": {"pay": {"2026-01": "0.01"}},
        "c": {"works": {"ETERNITY": True}},
    }
    outputs = [("h", "adults", "ETERNITY"), ("h", "everybody", "ETERNITY"), ("h", "together", "2026-01")]
    asked = {"persons": persons, "households": {"h": {"adult": ["a", "b"], "child": ["c"]}}}

    found = evaluate(SMALL, asked, outputs, at=AT)

    assert [v.value for v in found.values] == [
        None,
        False,
        "10.01",
    ]  # one who does not is enough; a child's pay is not asked
    assert [(u.entity, u.variable) for u in found.unknowns] == [("b", "works")]


def test_columns_know_the_unknown_of_each_row() -> None:
    pay = np.ma.array([100, 200, 300], mask=[False, True, False], dtype=np.int64)
    households = Group(np.array([0, 0, 1]), np.array(["adult"] * 3))

    found = evaluate_columns(
        SMALL,
        {("pay", "2026-01"): pay},
        [("total", "2026-01"), ("together", "2026-01"), ("either", "ETERNITY")],
        at=AT,
        counts={"person": 3, "household": 2},
        groups={"household": households},
    )

    assert found["total", "2026-01"].tolist() == [101, None, 301]
    assert found["together", "2026-01"].tolist() == [None, 300]
    assert found["either", "ETERNITY"].tolist() == [None, None, None]


def test_a_value_that_nobody_gave_is_found_out() -> None:
    """The second lock: whatever put it there, a fact that was not given has no value."""
    forging = """
class x(Variable):
    def formula(person, period, law):
        run = person._run
        known = constant(True).values
        run.computed["works", "ETERNITY"] = type(run.compute("disabled", "ETERNITY"))(known, ~known, frozenset())
        return person("works")
"""
    package = small_package("  x: {entity: person, type: bool, label: {en: x}}", forging)

    with pytest.raises(CallerError, match="nobody gave") as refused:
        evaluate(
            package,
            {"persons": {"a": {}}, "households": {"h": {"adult": ["a"]}}},
            [("a", "x", "ETERNITY")],
            at=AT,
        )

    assert refused.value.detail["node"] == "works"


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("persons", "child", "born", "ETERNITY"), "yesterday"),
        (("persons", "child", "born", "ETERNITY"), 20260101),
        (("persons", "child", "born", "2026-01"), "2026-01-01"),
        (("persons", "mother", "income", "2025-01"), "12.345"),
        (("persons", "mother", "income", "2025-01"), 12.34),
        (("persons", "mother", "income", "2025-01"), "-0.01"),
        (("persons", "mother", "income", "2025-01"), "1e30"),
        (("persons", "mother", "income", "2025-01"), True),
        (("persons", "mother", "income", "2025"), "12.00"),
        (("persons", "mother", "income", "2025-1"), "12.00"),
        (("persons", "mother", "wealth", "ETERNITY"), "12.00"),
        (("families", "family", "older_siblings", "ETERNITY"), -1),
        (("families", "family", "older_siblings", "ETERNITY"), "two"),
        (("families", "family", "father"), ["nobody"]),
        (("families", "family", "father"), ["mother"]),
        (("families", "family", "father"), ["father", "mother"]),
        (("families", "family", "father"), []),
        (("families", "other", "father"), ["father"]),
        (("planets", "mars", "mass", "ETERNITY"), 1),
        (("persons", "family"), {}),
        (("persons", "mother"), []),
        (("families",), ["family"]),
        (("persons", "mother", "income"), "12.00"),
    ],
)
def test_what_is_no_situation_is_refused(place: tuple[str, ...], value: object) -> None:
    situation: dict[str, object] = dict(family())
    inner = situation
    for name in place[:-1]:
        inner = inner.setdefault(name, {})  # type: ignore[assignment]
    inner[place[-1]] = value

    with pytest.raises(CallerError) as refused:
        evaluate(FAMILY, situation, OUTPUTS, at=AT)  # type: ignore[arg-type]

    assert refused.value.code == "invalid_situation"
    assert "12.345" not in str(refused.value)  # the place, never the value


@pytest.mark.parametrize(
    "asked",
    [
        ("family", "wealth", "ETERNITY"),
        ("mother", "child_allowance", "ETERNITY"),
        ("family", "birth_grant", "2026-01"),
    ],
)
def test_what_cannot_be_asked_is_refused(asked: tuple[str, str, str]) -> None:
    with pytest.raises(CallerError) as refused:
        evaluate(FAMILY, family(), [asked], at=date(2026, 4, 1))

    assert refused.value.code == "invalid_outputs"
