"""Estonian and Vietnamese identity codes: known ones, every single digit wrong, round trips."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sild.errors import CallerError
from sild.registries import InvalidIdentityCode, parse_identity_code
from sild.registries.identity_codes import estonia, vietnam

# Published test identities of SK ID Solutions, and the example of the Estonian standard's descriptions.
KNOWN = [
    "38001085718",
    "60001019906",
    "30303039914",
    "40404049996",
    "50001029996",
    "60001018800",
    "37605030299",
]


@pytest.mark.parametrize("code", KNOWN)
def test_known_estonian_codes(code: str) -> None:
    assert str(parse_identity_code(code)) == code


def test_what_an_estonian_code_says() -> None:
    code = parse_identity_code("38001085718")
    assert (code.country, code.sex, code.born, code.birth_year) == ("EE", "M", date(1980, 1, 8), 1980)


@pytest.mark.parametrize("code", KNOWN)
def test_nearly_every_wrong_digit_is_noticed(code: str) -> None:
    """Two weightings and a 10 that becomes 0 let a few slip; a wrong check digit never does."""
    missed = []
    for place in range(11):
        for digit in "0123456789":
            changed = code[:place] + digit + code[place + 1 :]
            if changed != code:
                try:
                    parse_identity_code(changed)
                    missed.append(place)
                except InvalidIdentityCode:
                    pass
    assert len(missed) <= 10
    assert 10 not in missed


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("", "11 digits"),
        ("3800108571", "11 digits"),
        ("3800108571x", "11 digits"),
        ("٣٨٠٠١٠٨٥٧١٨", "11 digits"),
        ("08001085718", "from 1 to 8"),
        ("98001085718", "from 1 to 8"),
        ("38013085718", "date of birth"),
        ("38002305718", "date of birth"),
        ("38001080002", "number 000"),
        ("38001085717", "check digit"),
    ],
)
def test_what_is_no_estonian_code(code: str, complaint: str) -> None:
    with pytest.raises(InvalidIdentityCode, match=complaint) as refusal:
        parse_identity_code(code)
    assert isinstance(refusal.value, CallerError)
    assert not code or code not in refusal.value.message


days = st.dates(date(1800, 1, 1), date(2199, 12, 31))
sexes = st.sampled_from(["F", "M"])


@given(days, sexes, st.integers(1, 999))
def test_estonian_codes_made_are_read(born: date, sex: str, number: int) -> None:
    code = parse_identity_code(estonia.make(born, sex, number))  # type: ignore[arg-type]
    assert (code.born, code.sex) == (born, sex)


@given(st.sampled_from(sorted(vietnam.PROVINCES)), st.integers(1900, 2399), sexes, st.integers(0, 999_999))
def test_vietnamese_codes_made_are_read(province: str, year: int, sex: str, number: int) -> None:
    code = parse_identity_code(vietnam.make(province, year, sex, number))  # type: ignore[arg-type]
    assert (code.country, code.birth_year, code.sex, code.text[:3]) == ("VN", year, sex, province)


def test_sixty_three_provinces() -> None:
    assert len(vietnam.PROVINCES) == 63


@pytest.mark.parametrize(
    ("code", "complaint"),
    [("003098000123", "province"), ("00109800012a", "12 digits"), ("000098000123", "province")],
)
def test_what_is_no_vietnamese_code(code: str, complaint: str) -> None:
    with pytest.raises(InvalidIdentityCode, match=complaint):
        parse_identity_code(code)


def test_a_birth_registered_abroad() -> None:
    assert parse_identity_code("136098000123").birth_year == 1998


def test_codes_that_cannot_be_made() -> None:
    for impossible in (
        lambda: estonia.make(date(1799, 1, 1), "F", 1),
        lambda: estonia.make(date(1980, 1, 1), "F", 1000),
        lambda: vietnam.make("003", 1980, "F", 1),
        lambda: vietnam.make("001", 1899, "F", 1),
    ):
        with pytest.raises(ValueError, match="outside"):
            impossible()
