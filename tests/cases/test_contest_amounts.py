"""Amounts as officials of three languages write them: what could be two amounts is refused, in words, and never guessed."""

from __future__ import annotations

import pytest

from sild.cases.contest_anew import by_hand, given_by_hand
from sild.cases.decision_words import DecisionLine, Worded
from sild.errors import CallerError
from sild.registries.social.ledger import corrected_pay

LINE = "mother/parental_benefit/ETERNITY"


def given(said: str, currency: str = "EUR", kind: str = "money") -> object:
    """The value, or what is wrong with it."""
    line = DecisionLine(LINE, "Benefit", "", "", kind, "1.00", currency)
    values, defects = given_by_hand({"line_one": LINE, "value_one": said}, [line])
    return [one.reason for one in defects] or values["values"][LINE]


@pytest.mark.parametrize(
    ("said", "currency", "is_read"),
    [
        ("1900", "EUR", "1900"),
        ("1900.00", "EUR", "1900.00"),
        ("1900,5", "EUR", "1900.50"),
        ("1 900,00", "EUR", "1900.00"),
        ("1\u00a0234\u202f567.89", "EUR", "1234567.89"),
        ("0.00", "EUR", "0.00"),
        ("500000", "VND", "500000"),
        ("5 000 000", "VND", "5000000"),
    ],
)
def test_what_is_plainly_an_amount(said: str, currency: str, is_read: str) -> None:
    assert given(said, currency) == is_read
    before = {"amount": "1", "currency": currency, "country": "EE"}
    assert corrected_pay(said, before) == {**before, "amount": is_read}


@pytest.mark.parametrize(
    ("said", "currency", "code"),
    [
        ("500.000", "VND", "not_an_amount"),
        ("500.000", "EUR", "not_an_amount"),
        ("1,500", "EUR", "not_an_amount"),
        ("1.900,00", "EUR", "not_an_amount"),
        ("1_000", "EUR", "not_an_amount"),
        ("1e3", "EUR", "not_an_amount"),
        ("19 00", "EUR", "not_an_amount"),
        ("-1", "EUR", "not_an_amount"),
        ("NaN", "EUR", "not_an_amount"),
        ("\u0661\u0662", "EUR", "not_an_amount"),
        ("12345678901234", "EUR", "not_an_amount"),
        ("500,00", "VND", "no_decimals"),
    ],
)
def test_what_is_not(said: str, currency: str, code: str) -> None:
    assert given(said, currency) == [code]
    with pytest.raises(CallerError) as refused:
        corrected_pay(said, {"amount": "1", "currency": currency, "country": "EE"})
    assert refused.value.code == "invalid_value"


@pytest.mark.parametrize("wrong", ["1_000", "-1", "x"])
def test_a_number_of_things_is_digits(wrong: str) -> None:
    assert (given(wrong, kind="int"), given("3", kind="int")) == (["not_of_kind"], 3)


def test_lines_that_an_official_gives_by_hand() -> None:
    """What rules gave, and a register's own names and places; not what is no decision: whether a rule made it, an age, a group's number."""

    def lines(*names: str) -> list[str]:
        found = Worded(
            tuple(DecisionLine(one, "", "", "", "text", "x") for one in names), (), (), (), (), (), ()
        )
        return [one.name for one in by_hand(found)]

    birth = ("given_names", "family_name", "birth/registrable/ETERNITY", "birth/no_duplicate/ETERNITY")
    assert lines(*birth, "birth/bound/ETERNITY", "birth/child_is_alive/ETERNITY") == list(birth)
    place = ("child/place/ETERNITY", "kindergarten", "wanted_from")
    assert lines(*place, "child/earliest/ETERNITY", "group", "review_on") == list(place)
    assert lines("mother/parental_benefit/ETERNITY", "choice") == ["mother/parental_benefit/ETERNITY"]


def test_a_place_in_the_queue_is_a_number_and_a_name_a_text() -> None:
    for said, kind, value in (("2", "int", 2), ("Mari Liis", "text", "Mari Liis"), ("no", "bool", False)):
        assert given(said, kind=kind) == value
    assert given("second", kind="int") == ["not_of_kind"] and given("", kind="text") == ["missing"]
