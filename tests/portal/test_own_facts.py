"""What registers hold about a person: in an order, in words, with what was before aside; nonsense of a register is nobody's data."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sild.cases import ExchangeAnswer
from sild.errors import PeerError
from sild.portal.own_facts import Sayer, own_lines, split
from support.portal_world import PlainBrowser, PortalWorld

TODAY = date(2026, 11, 23)
SAYER = Sayer(
    language="en",
    word=lambda concept, code: code if "name" in concept else f"{concept.rpartition('.')[2]}:{code}",
    concept=lambda name: name,
    say=lambda key, **values: f"{key} {' '.join(map(str, values.values()))}",
    decides={"GOV/70000004/social": "social"},
)
SOCIAL = "GOV/70000004/social"


def fact(concept: str, value: Any, begins: str = "2026-01-01", **more: Any) -> dict[str, Any]:
    told = {"known_from": f"{begins}T00:00:00Z", "source": "x", "basis": "PHS § 17", "fact": 7}
    return {"concept": concept, "value": value, "valid_from": begins, **told, **more}


def test_in_an_order_and_in_words() -> None:
    money = {"amount": "100.00", "currency": "EUR", "benefit": "child_allowance", "per": "month", "child": "62611230015", "decision": "d1"}  # fmt: skip
    queue = {
        "state": "waiting",
        "kindergarten": "Mesimumm",
        "group": 4,
        "wanted_from": "2027-09-01",
        "decision": "d2",
    }
    in_line = {"entity": "48001010012", "follows": {"place": 3, "waiting": 9}}
    items = [
        fact("person.sex", "F"),
        fact("person.contributions", {"amount": "1900", "currency": "EUR", "country": "EE"}, key="10000013"),
        fact("person.benefits", money),
        fact("child.kindergarten_queue", queue, **in_line),
        fact("person.insurance_cover", {"kind": "worker", "country": "EE"}),
        fact("person.insurance_card", {"number": "8023", "state": "valid", "office": None}),
        fact("person.given_names", "Mari"),
    ]
    lines = own_lines(SOCIAL, {"items": items}, SAYER, person="48702271631")
    assert [line.concept.rpartition(".")[2] for line in lines] == [
        "given_names", "sex", "insurance_cover", "insurance_card", "benefits", "contributions", "kindergarten_queue",
    ]  # fmt: skip
    said = {line.concept.rpartition(".")[2]: line for line in lines}
    assert said["insurance_cover"].value == "insurance_cover:worker"
    assert said["insurance_card"].value == ["8023", "insurance_card:valid"]
    assert said["benefits"].value == ["my_data.a_month €100.00", "my_data.for_child 62611230015"]
    assert (said["benefits"].label, said["benefits"].decision) == ("benefit.child_allowance", "social/d1")
    assert said["contributions"].value == ["my_data.a_month €1,900.00", "my_data.paid_by 10000013"]
    assert said["kindergarten_queue"].value == [
        "kindergarten_queue:waiting", "Mesimumm", "my_data.in_line 3 9", "my_data.for_child 48001010012",
    ]  # fmt: skip
    own = {"entity": "48702271631", "follows": None, "known_to": "2026-02-01T00:00:00Z"}
    before = own_lines(
        SOCIAL, [fact("child.kindergarten_queue", {"state": "offered"}, **own)], SAYER, person="48702271631"
    )
    assert [line.value for line in before] == [["kindergarten_queue:offered"]], (
        "of before nothing follows now"
    )


def test_what_was_before_stands_aside() -> None:
    payment = {"amount": "1.00", "currency": "EUR", "state": "executed", "purpose": "child_allowance"}
    items = [
        fact("person.family_name", "Tamm", "2000-01-01", valid_to="2008-02-29"),
        fact("person.family_name", "Maasikas", "2008-02-29"),
        fact("person.given_names", "Mary", known_to="2026-02-01T00:00:00Z"),
        fact("person.contributions", {"amount": "9", "currency": "EUR"}, "2024-01-01", valid_to="2024-09-01"),
        fact("person.payments", {**payment, "state": "received"}, known_to="2026-02-01T00:00:00Z"),
        *(fact("person.payments", payment, f"2026-{month:02}-01") for month in range(1, 10)),
    ]
    lines = own_lines(SOCIAL, items, SAYER, person="48702271631")
    holds, before = split(lines, TODAY)
    assert [line.value for line in holds if line.concept == "person.family_name"] == ["Maasikas"]
    assert {line.value for line in before if isinstance(line.value, str)} == {"Tamm", "Mary"}
    former = next(line for line in before if line.value == "Tamm")
    assert former.last_day == date(2008, 2, 28)
    assert (
        next(line for line in before if line.value == "Mary").ref is None
    )  # nobody disputes what is corrected
    assert any(line.concept == "person.contributions" for line in holds)
    months = [line.valid_from for line in holds if line.concept == "person.payments"]
    assert months == [f"2026-{month:02}-01" for month in (9, 8, 7, 6, 5, 4)]
    assert sum(line.concept == "person.payments" for line in before) == 3
    whole, _ = split(lines, TODAY, whole=True)
    assert sum(line.concept == "person.payments" for line in whole) == 9


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.sampled_from(["person.benefits", "2026-01-01", "EUR"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["items", "concept", "value", "key", "valid_from", "valid_to", "known_to", "fact", "amount", "currency", "text"])
        | st.text(max_size=3), inner, max_size=6,
    ),
    max_leaves=20,
)  # fmt: skip


@given(content=JSON)
@settings(max_examples=200, deadline=None)
def test_nonsense_is_the_register_s_fault(content: Any) -> None:
    try:
        lines = own_lines("GOV/1/x", content, SAYER, person="1")
        holds, before = split(lines, TODAY)
        assert len(holds) + len(before) <= len(lines)
        assert all(line.last_day is None or line.last_day < date.max for line in lines)
    except PeerError as error:
        assert error.code == "bad_facts"


@pytest.mark.parametrize(
    ("votes_from", "shown"),
    [("2044-05-02", ["Tartu linn", "my_data.from_day 2 May 2044"]), ("2009-05-02", "Tartu linn")],
)
def test_who_does_not_vote_yet_is_told_from_when(votes_from: str, shown: object) -> None:
    value = {"division": "0793", "name": "Tartu linn", "votes_from": votes_from}
    one = fact("person.voting_place", value, "2026-03-02", text="Tartu linn")
    (line,) = own_lines("GOV/1/electoral", {"items": [one]}, SAYER, person="1")
    assert line.value == shown


def test_a_child_stands_in_a_school_district_before_the_first_day() -> None:
    value = {"school": "Tartu Toome Kool", "division": "0793", "attends_from": "2029-09-01"}
    one = fact("child.school_district", value, "2026-03-02", text="Tartu Toome Kool", entity="2")
    (parents,) = own_lines("GOV/1/education", {"items": [one]}, SAYER, person="1")
    (own,) = own_lines("GOV/1/education", {"items": [one]}, SAYER, person="2")
    assert own.value == ["Tartu Toome Kool", "my_data.from_day 1 September 2029"]
    assert parents.value == [*own.value, "my_data.for_child 2"]


def test_one_register_with_all_of_it_and_who_looked(world: PortalWorld) -> None:
    names = [fact("person.family_name", f"Nimi{number}", f"19{number}-01-01", valid_to=f"19{number}-02-01") for number in range(60, 80)]  # fmt: skip
    asked: list[str] = []

    async def call(_subsystem: str, _method: str, path: str, **_: Any) -> ExchangeAnswer:
        asked.append(path)
        return ExchangeAnswer(
            200, {"items": [fact("person.family_name", "Maasikas", disputed=True), *names]}, "m-1"
        )

    world.exchange.call = call  # type: ignore[method-assign]
    browser = world.browser()
    browser.log_in()
    for language in ("et", "vi", "en"):
        look(world, browser, language)
        assert asked and all("history=true" in path for path in asked)


def look(world: PortalWorld, browser: PlainBrowser, language: str) -> None:
    browser.language = language
    say = world.portal._pages.texts.speaker(language)
    page = browser.open("/my-data").text
    assert say("my_data.before", count=20) in page and say("my_data.all", count=8) in page
    assert say("facts.disputed") in page and "/who-looked?register=population" in page
    assert "Nimi60" in page and "Nimi79" not in page
    one = browser.open("/my-data?register=population").text
    assert (
        "Nimi79" in one
        and say("my_data.all", count=8) not in one
        and "/my-data?register=residence" not in one
    )
    assert len(page.encode()) < 50_000
