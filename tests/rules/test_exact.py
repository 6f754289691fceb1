"""Money is exact: beyond 16.8 million, where OpenFisca's own 32 bits fail, and on the half, where the law rounds."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_UP, Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sild.errors import CallerError
from sild.rules import RulePackage, evaluate, evaluate_columns
from sild.rules.columns import Ratio, constant
from support.rules import AT, FAMILY, VIETNAMESE, family, months, small_package

MODES = {"half_up": ROUND_HALF_UP, "half_even": ROUND_HALF_EVEN, "down": ROUND_DOWN, "up": ROUND_UP}


def one(pay: dict[str, str]) -> dict[str, dict[str, dict[str, object]]]:
    return {"persons": {"a": {"pay": pay}}, "households": {"h": {"adult": ["a"]}}}


def computing(formula: str, kind: str = "type: money, currency: EUR", **files: str) -> RulePackage:
    """A package with one output, `x`, of January 2026."""
    return small_package(
        f"  x: {{entity: person, period: month, {kind}, label: {{en: x}}}}",
        f"class x(Variable):\n    def formula(person, period, law):\n        {formula}\n",
        **files,
    )


def x_of(package: RulePackage, pay: dict[str, str]) -> object:
    return evaluate(package, one(pay), [("a", "x", "2026-01")], at=AT).value("a", "x", "2026-01")


@pytest.mark.parametrize("amount", ["20000000.01", "16777217.00", "90071992547409.93", "0.01"])
def test_a_sum_of_any_size_is_exact_to_the_cent(amount: str) -> None:
    package = computing("return person('pay', period) + person('pay', '2025-12')")

    found = x_of(package, {"2026-01": amount, "2025-12": "20000000.01"})

    assert found == str(Decimal(amount) + Decimal("20000000.01"))


def test_millions_of_dong_to_the_dong() -> None:
    situation = family()
    del situation["families"]["family"]["older_siblings"]
    pay = ["16777217", "16777219", "99999999", "123456789", "20000001", "1"]
    situation["persons"]["mother"]["income"] = months("2025-09", pay)

    found = evaluate(VIETNAMESE, situation, [("mother", "maternity_benefit", "ETERNITY")], at=AT)

    expected = (Decimal(sum(map(int, pay))) / 6).quantize(Decimal(1), ROUND_HALF_UP)
    assert found.value("mother", "maternity_benefit") == str(expected)


def test_a_sum_that_would_not_be_exact_is_refused() -> None:
    package = computing("return person('pay', period) * person('pay', period)")

    with pytest.raises(CallerError) as refused:
        x_of(package, {"2026-01": "90071992547409.93"})

    assert refused.value.code == "rule_failed"
    assert refused.value.detail["node"] == "x"


def test_a_sum_over_a_group_that_would_not_be_exact_is_refused() -> None:
    package = small_package(
        "  x: {entity: household, type: money, currency: EUR, label: {en: x}}",
        "class x(Variable):\n    def formula(household, period, law):\n        return household.members('pay', '2026-01').sum()\n",
    )
    pay = {"pay": {"2026-01": "45000000000000000.00"}}

    with pytest.raises(CallerError) as refused:
        evaluate(
            package,
            {"persons": {"a": pay, "b": pay}, "households": {"h": {"adult": ["a", "b"]}}},
            [("h", "x", "ETERNITY")],
            at=AT,
        )

    assert refused.value.code == "rule_failed"


@given(over=st.integers(-(10**15), 10**15), under=st.integers(1, 10**5), step=st.sampled_from([1, 5, 1000]))
@example(over=5, under=2, step=1)
@example(over=-5, under=2, step=1)
@example(over=15, under=6, step=1)
@pytest.mark.parametrize("mode", MODES)
def test_rounding_is_that_of_decimal(mode: str, over: int, under: int, step: int) -> None:
    rounded = Ratio(constant(over), constant(under)).rounded(step, mode)

    exact = Fraction(over, under * step)
    doubled = exact * 2
    if doubled.denominator == 1:  # whole or a half: Decimal has it exactly
        expected = int((Decimal(doubled.numerator) / 2).quantize(Decimal(1), MODES[mode]))
    else:  # neither: Decimal with digits enough for it
        expected = int(
            (Decimal(exact.numerator * 10**6 // exact.denominator) / 10**6 + Decimal("1e-7")).quantize(
                Decimal(1), MODES[mode]
            )
        )
    assert rounded.values.tolist() == [expected * step]


def test_the_law_rounds_once_and_says_how() -> None:
    situation = family()
    situation["persons"]["mother"]["income"] = months("2024-06", ["1000.01"] * 6 + ["1000.00"] * 6)

    found = evaluate(FAMILY, situation, [("mother", "parental_benefit", "ETERNITY")], at=AT)

    assert found.value("mother", "parental_benefit") == "1000.01"  # 1000.005
    [rounding] = found.rounding
    assert (rounding.before, rounding.after, rounding.step, rounding.mode) == (
        "1000.005",
        "1000.01",
        "0.01",
        "half_up",
    )
    assert rounding.article == "PHS § 39 (1)"
    assert rounding.node == "mother/parental_benefit@ETERNITY"


def test_a_quotient_that_no_law_rounds_is_refused() -> None:
    package = computing("return person('pay', period) / 3")

    with pytest.raises(CallerError, match="no law that rounds") as refused:
        x_of(package, {"2026-01": "10.00"})

    assert refused.value.code == "rule_failed"


def test_a_division_by_what_may_be_zero_is_refused() -> None:
    rounding = "type: money, currency: EUR, rounding: {step: '0.01', article: x}"
    package = computing("return person('pay', period) / person('pay', '2025-12')", rounding)

    with pytest.raises(CallerError, match="above zero"):
        x_of(package, {"2026-01": "10.00", "2025-12": "0"})


RATE = """
metadata: {unit: /1}
values:
  2026-01-01: {value: "0.3333", metadata: {reference: "§ 1"}}
  2026-02-01: {value: "0.22", metadata: {reference: "§ 2"}}
"""


def test_a_rate_is_the_one_in_force_and_exact() -> None:
    kind = "type: money, currency: EUR, rounding: {step: '0.01', article: x}"
    taxed = computing("return person('pay', period) * law.rate('tax')", kind, **{"parameters/tax.yaml": RATE})
    asked = [("a", "x", "2026-01"), ("a", "x", "2026-02")]

    found = evaluate(taxed, one({"2026-01": "20000000.01", "2026-02": "20000000.01"}), asked, at=AT)

    assert [v.value for v in found.values] == ["6666000.00", "4400000.00"]
    assert [(p.value, p.valid_from, p.article) for p in found.parameters] == [
        ("0.3333", "2026-01-01", "§ 1"),
        ("0.22", "2026-02-01", "§ 2"),
    ]
    with pytest.raises(CallerError, match="so early"):
        evaluate(taxed, one({"2025-12": "1.00"}), [("a", "x", "2025-12")], at=AT)


def test_quotients_add_and_subtract_exactly() -> None:
    kind = "type: money, currency: EUR, rounding: {step: '0.01', article: x}"
    package = computing("return 1000 - (person('pay', period) / 3 + person('pay', period) / 6) - 1", kind)

    assert x_of(package, {"2026-01": "0.01"}) == "9.99"  # 998.5 cents


def test_floats_and_truth_values_are_no_money() -> None:
    for formula in (
        "return person('pay', period) * 0.5",
        "return person('works') + 1",
        "return 1 if person('works') else 2",
    ):
        with pytest.raises(CallerError) as refused:
            x_of(computing(formula), {"2026-01": "10.00"})
        assert refused.value.code == "rule_failed"


def test_columns_of_another_type_are_refused() -> None:
    for column in (np.array([10.5]), np.array([1, 2]), np.array([1], np.int32)):
        with pytest.raises(CallerError) as refused:
            evaluate_columns(
                computing("return person('pay', period)"),
                {("pay", "2026-01"): column},
                [("x", "2026-01")],
                at=AT,
                counts={"person": 1, "household": 1},
            )
        assert refused.value.code == "invalid_columns"
