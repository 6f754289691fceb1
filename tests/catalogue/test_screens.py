"""One contract for every channel: what does not fit is refused by its place, answers give values or every defect at once."""

from __future__ import annotations

import json
from copy import deepcopy
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sild.catalogue import Defect, ensure_once_only, parse_screen, read_answers, screen_schema
from sild.errors import CallerError


def words(text: str) -> dict[str, str]:
    return {"et": text, "vi": text, "en": text}


SCREEN: dict[str, Any] = {
    "id": "birth.choose_name",
    "version": 1,
    "role": "parent",
    "title": words("Choose a name"),
    "components": [
        {"kind": "facts", "of": "child", "concepts": ["person.date_of_birth"]},
        {
            "kind": "text",
            "name": "given_names",
            "concept": "child.chosen_names",
            "label": words("Name"),
            "max_length": 50,
        },
        {
            "kind": "choice",
            "name": "address",
            "concept": "child.chosen_address",
            "label": words("Address"),
            "options_from": "addresses",
            "chosen_from": "person.residence",
        },
        {
            "kind": "yes_no",
            "name": "wants_place",
            "concept": "child.kindergarten_wish",
            "label": words("Kindergarten?"),
        },
        {
            "kind": "date",
            "name": "from_day",
            "concept": "child.kindergarten_from",
            "label": words("From"),
            "only_if": {"field": "wants_place", "value": "yes"},
        },
        {
            "kind": "account",
            "name": "account",
            "concept": "person.chosen_account",
            "label": words("Account"),
            "required": False,
        },
        {"kind": "confirm", "name": "true", "concept": "case.confirmation", "label": words("It is true")},
        {"kind": "promises"},
    ],
    "actions": [{"name": "DECLARE", "label": words("Send"), "signed": True}],
}
GOOD = {
    "given_names": [" Mari "],
    "address": ["a2"],
    "wants_place": ["yes"],
    "from_day": ["2027-09-01"],
    "account": ["EE38 2200 2210 2014 5685"],
    "true": ["yes"],
    "unknown": ["x"],
}
OPTIONS = {"addresses": ["a1", "a2"]}
HOLDINGS = {"person.date_of_birth": "population", "person.residence": "residence"}


def test_answers_become_values() -> None:
    answers = read_answers(parse_screen(SCREEN), GOOD, OPTIONS)
    assert answers.defects == ()
    assert answers.values == {
        "given_names": "Mari",
        "address": "a2",
        "wants_place": True,
        "from_day": "2027-09-01",
        "account": "EE382200221020145685",
        "true": True,
    }


def test_every_defect_is_named_at_once() -> None:
    given = {
        "given_names": ["x" * 51],
        "address": ["elsewhere"],
        "wants_place": ["yes"],
        "from_day": ["31.12.2027"],
        "account": ["EE382200221020145686"],
    }
    answers = read_answers(parse_screen(SCREEN), given, OPTIONS)
    assert answers.defects == (
        Defect("given_names", "too_long"),
        Defect("address", "not_an_option"),
        Defect("from_day", "not_a_date"),
        Defect("account", "not_an_account"),
        Defect("true", "not_confirmed"),
    )


def test_a_field_whose_condition_does_not_hold_is_not_read() -> None:
    answers = read_answers(parse_screen(SCREEN), {**GOOD, "wants_place": ["no"]}, OPTIONS)
    assert answers.defects == ()
    assert "from_day" not in answers.values


@pytest.mark.parametrize("name", ["Ma\u202eri", "Ma\x00ri", "Ma\u200bri"])
def test_text_that_hides_something_is_refused(name: str) -> None:
    answers = read_answers(parse_screen(SCREEN), {**GOOD, "given_names": [name]}, OPTIONS)
    assert answers.defects == (Defect("given_names", "not_plain_text"),)


@given(
    st.dictionaries(
        st.sampled_from(sorted(GOOD)), st.lists(st.text(max_size=60), max_size=3), max_size=len(GOOD)
    )
)
def test_anything_gives_values_or_defects(given: dict[str, list[str]]) -> None:
    answers = read_answers(parse_screen(SCREEN), given, OPTIONS)
    fields = {field.name for field in parse_screen(SCREEN).fields()}
    assert set(answers.values) <= fields
    assert {defect.field for defect in answers.defects} <= fields
    assert not set(answers.values) & {defect.field for defect in answers.defects}


@pytest.mark.parametrize(
    ("place", "value", "named"),
    [
        (("components", 1, "colour"), "red", "colour"),
        (("components", 1, "concept"), "name", "concept"),
        (("components", 2, "options_from"), None, "choice"),
        (("components", 4, "only_if", "field"), "nothing", "depends on a field"),
        (("components", 2, "name"), "given_names", "one name"),
        (("title",), {"et": "Nimi", "en": "Name"}, "missing in vi"),
        (("components", 1, "label"), words(" "), "missing in et, vi, en"),
        (("actions",), [], "actions"),
        (("components", 0, "kind"), "html", "components"),
    ],
)
def test_what_is_no_screen(place: tuple[str | int, ...], value: object, named: str) -> None:
    screen = deepcopy(SCREEN)
    part: Any = screen
    for step in place[:-1]:
        part = part[step]
    part[place[-1]] = value
    with pytest.raises(CallerError, match=named) as refused:
        parse_screen(screen)
    assert refused.value.code == "invalid_screen"


def test_once_only() -> None:
    ensure_once_only(parse_screen(SCREEN), HOLDINGS)
    with pytest.raises(
        CallerError, match=r"given_names asks for child\.chosen_names, which civil holds"
    ) as refused:
        ensure_once_only(parse_screen(SCREEN), {**HOLDINGS, "child.chosen_names": "civil"})
    assert refused.value.code == "once_only_breach"


def test_an_account_that_is_held_may_be_changed_where_it_is_shown_and_not_asked_for() -> None:
    """As the screens of benefits do, and as they must not."""
    screens = files("sild") / "packs" / "civil" / "screens"
    held = {
        "person.account": "social",
        "child.benefit_offer": "social",
    }
    for name in ("birth.offer", "birth.account"):
        content = json.loads((screens / f"{name}.json").read_text("utf-8"))
        ensure_once_only(parse_screen(content), held)
        with pytest.raises(CallerError, match=r"changes person\.account, which no register holds"):
            ensure_once_only(parse_screen(content), {"child.benefit_offer": "social"})
        (field,) = [one for one in content["components"] if one["kind"] == "account"]
        (facts,) = [one for one in content["components"] if one["kind"] == "facts"]
        facts["concepts"].remove("person.account")
        with pytest.raises(CallerError, match=r"changes person\.account, and does not show it"):
            ensure_once_only(parse_screen(content), held)
        field.pop("changes")
        with pytest.raises(CallerError, match=r"asks for person\.account, which social holds") as refused:
            ensure_once_only(parse_screen(content), held)
        assert refused.value.code == "once_only_breach"


def test_a_choice_from_known_things_needs_a_register_that_knows_them() -> None:
    with pytest.raises(CallerError, match="no register holds"):
        ensure_once_only(parse_screen(SCREEN), {"person.date_of_birth": "population"})


def test_the_schema_names_the_kinds() -> None:
    schema = screen_schema()
    assert schema["required"] == ["id", "version", "role", "title", "components", "actions"]
    assert {"Facts", "Field", "Notice", "Promises"} <= set(schema["$defs"])
