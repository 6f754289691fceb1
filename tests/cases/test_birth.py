"""J1 from the hospital's notice to the money, the card and the place, over the registers themselves."""

from __future__ import annotations

from datetime import date

import pytest

from sild.cases import Refused

from .village import ACCOUNT, FORM, JAAN, MARI, MOTHER, citizen, official


async def test_from_the_notice_to_the_money(village):
    child = await village.born(MOTHER.code)
    assert await village.notices(MARI) == ["child_recorded"] == await village.notices(JAAN)
    case = await village.case_of(MARI)
    tasks = (await village.cases.home(JAAN)).tasks
    assert [task.screen for task in tasks] == ["birth.check_and_name"]
    filled = await village.cases.fill(case, "birth.check_and_name", MARI)
    known = {(line.of, line.concept): line for line in filled.facts}
    assert known["child", "person.date_of_birth"].value == "2026-03-01"
    assert known["me", "person.residence"].value.endswith("13812")
    assert all(line.source and line.valid_from and line.basis for line in filled.facts)
    assert [value for value, _label in filled.options["homes"]] == ["mother", "later"]  # they share it
    deadline, today = village.packs.profile.deadline, village.clock().date()
    registered = deadline("birth.register", today)
    named = ("birth.home", "birth.cover", "birth.card", "birth.offer", "birth.kindergarten")
    assert [clock.promise for clock in filled.clocks] == [None] * 6, "nothing was sent yet"
    expected = [registered, *(deadline(one, registered) for one in named)]
    assert [clock.expected for clock in filled.clocks] == expected

    place = filled.options["kindergartens"][1][0]
    given = {**FORM, "wants_place": ["yes"], "kindergarten": [place]}
    assert (await village.act(case, "DECLARE", MARI, given)).status == "DECLARED"
    assert "cosign_asked" in await village.notices(JAAN)
    shown = await village.cases.fill(case, "birth.cosign", JAAN)
    assert [line.value for line in shown.facts if line.concept == "child.chosen_names"] == [
        f"Linda {MOTHER.family_name}"
    ]
    await village.act(case, "COSIGN", JAAN)

    view = await village.cases.view(case, MARI)
    assert view.status == "OFFERED"
    assert [clock.kept_on for clock in view.clocks] == [date(2026, 3, 2)] * 6 and not any(
        clock.late for clock in view.clocks
    )
    assert view.results["cover_from"] == "2026-03-01" and view.results["card_number"]
    decided = {what: id_ for _register, id_, what in view.results["decisions"]}
    assert view.results["certificate"] == decided["registration"], "the parents can have the certificate"
    assert view.results["address"] == "entered" and view.results["kindergarten_state"] == "offered"
    person = await village.ask("population", "GET", f"/persons/{child}")
    assert person["given_names"] == "Linda"
    home = await village.ask("residence", "GET", f"/persons/{child}/residence")
    assert home["level"] == "dwelling"

    offer = await village.cases.fill(case, "birth.offer", JAAN)
    assert {value for value, _ in offer.options["benefit_choices"]} == {"mother", "father", "shared"}
    await village.act(case, "ACCEPT", JAAN, {"choice": ["shared"], "account": [ACCOUNT]})
    await village.act(case, "ACCEPT", MARI, {"choice": ["shared"], "account": [ACCOUNT]})
    view = await village.cases.view(case, MARI)
    assert (view.status, view.is_closed, view.results["benefits"]) == ("GRANTED", False, "shared")
    assert [task.screen for task in view.tasks] == ["birth.place"]
    await village.act(case, "TAKE_PLACE", MARI)
    view = await village.cases.view(case, MARI)
    assert (view.status, view.is_closed, view.results["kindergarten_state"]) == ("CLOSED", True, "attending")
    texts = await village.notices(MARI)
    assert sorted(texts) == sorted(
        ["child_recorded", "registered", "card", "offer_ready", "word_asked", "place_offered", "granted"]
    )
    benefits = await village.ask("social", "GET", f"/persons/{MOTHER.code}/benefits")
    assert {item["benefit"] for item in benefits["items"]} >= {"parental_benefit", "child_allowance"}
    accepted = [line for name, *line in village.wire.heard if name == "social" and "/acceptance" in line[1]]
    assert [line[2]["X-Road-UserId"] for line in accepted] == [JAAN.person, MARI.person]


async def test_the_office_is_not_late_while_the_other_parent_thinks(village):
    await village.born(MOTHER.code)
    case = await village.case_of(MARI)
    await village.act(case, "DECLARE", MARI, FORM)
    village.later(days=5)
    clock = (await village.cases.view(case, MARI)).clocks[0]
    assert (clock.promise, clock.late) == (None, False) and clock.expected >= village.clock().date()
    await village.act(case, "PROPOSE", JAAN, {"given_names": ["Leelo"], "family_name": FORM["family_name"]})
    clock = (await village.cases.view(case, MARI)).clocks[0]
    assert clock.promise == village.packs.profile.deadline("birth.register", village.clock().date())
    assert not clock.late


async def test_every_message_says_case_ground_and_person(village):
    await village.born(MOTHER.code)
    case = await village.case_of(MARI)
    await village.cases.fill(case, "birth.check_and_name", MARI)
    await village.act(case, "DECLARE", MARI, FORM)
    await village.act(case, "COSIGN", JAAN)
    ours = [line[3] for line in village.wire.heard if line[3]["X-Road-Client"].endswith("portal")]
    ours = [headers for headers in ours if headers.get("Sild-Legal-Basis")]
    assert len(ours) > 10
    assert {headers["X-Road-Issue"] for headers in ours} == {case}
    assert {headers["X-Road-UserId"] for headers in ours} == {"automatic", MARI.person}
    assert len({headers["X-Road-Id"] for headers in ours}) == len(ours)


async def test_a_parent_reads_no_codes_and_no_accounts_of_others_on_the_timeline(village):
    await village.born(MOTHER.code)
    case = await village.case_of(MARI)
    await village.act(case, "DECLARE", MARI, FORM)
    await village.act(case, "COSIGN", JAAN)
    await village.act(case, "ACCEPT", MARI, {"choice": ["mother"], "account": [ACCOUNT]})
    written = str([entry.data for entry in (await village.cases.view(case, JAAN)).timeline])
    assert ACCOUNT not in written and MOTHER.code not in written and "protected" not in written


async def test_nobody_else_sees_the_case(village):
    await village.born(MOTHER.code)
    case = await village.case_of(MARI)
    for stranger in (citizen("39901012239"), official("birth@0624")):
        with pytest.raises(Refused) as refused:
            await village.cases.view(case, stranger)
        assert refused.value.code == "not_yours"


async def test_who_has_not_chosen_is_reminded_once(village):
    await village.born(MOTHER.code)
    case = await village.case_of(MARI)
    village.later(days=26)
    await village.settle()
    assert (await village.notices(MARI)).count("choose_by") == 1
    await village.act(case, "DECLARE", MARI, FORM)
    village.later(days=10)
    await village.settle()
    assert (await village.notices(JAAN)).count("choose_by") == 1
