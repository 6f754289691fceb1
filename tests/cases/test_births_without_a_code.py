"""A birth outside a hospital, or with the hospital's line down: what the paper says opens the child's record, and nothing is made twice."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from registries.families import man, single
from registries.notices import bundle
from sild.cases import BirthPaper, Refused
from support.notices import signed_bundle

from .village import OFFICIAL_VN, Village, citizen, couples, official

DESK = official("birth@0784")


def paper(number, woman, /, **more) -> BirthPaper:
    said = {
        "given_names": "Liis", "family_name": woman.family_name, "registered_on": "2026-03-02", "mother": f"EE{woman.code}",
        "mother_given_names": woman.given_names, "mother_family_name": woman.family_name, "born": "2026-03-01", "hour": "06:30",
        "sex": "F", "place": "Prangli saar", "ground": "medical", "attended_by": "Ämmaemand Mai Saar", **more,
    }  # fmt: skip
    return BirthPaper(number, "", **said)


async def numbers(village, count, desk=DESK):
    return (await village.cases.reserve_numbers("birth", count, desk)).numbers


async def handed_in(village, one, desk=DESK):
    await village.cases.hand_in(one, desk)
    await village.settle()
    return await village.cases.paper(one.number, desk)


async def children(village, mother):
    return [
        one["code"]
        for one in (await village.ask("population", "GET", f"/persons/{mother.code}/children"))["items"]
    ]


async def born_now(village, mother):
    births = (await village.ask("population", "GET", f"/births?parent={mother.code}"))["items"]
    return {one["child"]: one for one in births}


async def notified(village, mother, **said):
    sent = json.dumps(signed_bundle(bundle(mother.code, **said), at=village.now)).encode()
    answer = await village.ask(
        "population", "POST", "/birth-notices", sent, content_type="application/fhir+json"
    )
    await village.settle()
    return answer


async def decided(village, decision, **more):
    (review,) = (await village.ask("population", "GET", "/reviews"))["items"]
    path = f"/reviews/{review['id']}/decision"
    await village.ask("population", "POST", path, {"decision": decision, **more}, user=DESK.person)
    await village.settle()
    return review


async def test_the_record_is_opened_under_the_number_and_the_case_goes_on_as_any(village):
    mother, father = couples(1)[0]
    (number,) = await numbers(village, 1)
    one = paper(number, mother)
    done = await handed_in(village, one)
    assert (done.outcome, done.case_number) == ("registered", number)
    ((child, birth),) = (await born_now(village, mother)).items()
    assert (birth["status"], birth["given_names"], birth["father"]) == ("REGISTERED", "Liis", father.code)
    assert birth["birth_place"] == "Prangli saar"
    for person in (mother, father):
        (line,) = (await village.cases.home(citizen(person))).cases
        view = await village.cases.view(line.id, citizen(person))
        assert line.number == number and view.results["card_number"] and view.status == "OFFERED"
    assert await handed_in(village, one) == done and list(await born_now(village, mother)) == [child]
    asked = [headers for _, _, path, headers in village.wire.heard if path == "/birth-papers"]
    assert {one["X-Road-UserId"] for one in asked} == {DESK.person} and all(
        one["Sild-Acting"] for one in asked
    )
    again = await notified(village, mother)  # the hospital has a line again
    assert (again["outcome"], again["child"]) == ("JOINED", child)
    assert (
        list(await born_now(village, mother)) == [child]
        and len((await village.cases.home(citizen(mother))).cases) == 1
    )


async def test_a_paper_of_a_child_the_hospital_told_of_is_brought_into_the_childs_case(village):
    mother, father = couples(1)[0]
    child = await village.born(mother.code)
    case = await village.case_of(citizen(mother))
    (number,) = await numbers(village, 1)
    done = await handed_in(village, paper(number, mother))
    assert (done.outcome, done.case) == ("joined", case)
    birth = (await born_now(village, mother))[child]
    assert (birth["status"], birth["given_names"], birth["hospital"]) == (
        "REGISTERED",
        "Liis",
        "Tartu Ülikooli Kliinikum",
    )
    view = await village.cases.view(case, citizen(father))
    assert view.results["card_number"] and len((await village.cases.home(citizen(father))).cases) == 1


async def test_two_communes_write_down_one_birth_and_people_say_that_it_is_one(village):
    """A day and a letter apart: flagged, and no second child until an official says which it is."""
    mother, _ = couples(1)[0]
    (first,), other_desk = await numbers(village, 1), official("birth@0793")
    (second,) = await numbers(village, 1, other_desk)
    done = await handed_in(village, paper(first, mother))
    twice = paper(
        second, mother, born="2026-03-02", given_names="Lis", mother_given_names=mother.given_names[:-1]
    )
    flagged = await handed_in(village, twice, other_desk)
    assert (flagged.outcome, flagged.reasons) == ("review", ("duplicate_suspected",))
    ((child, _birth),) = (await born_now(village, mother)).items()
    review = await decided(village, "SAME", child=child)
    assert review["candidates"] == [child] and review["notice"]["given_names"] == "Lis"
    joined = await village.cases.paper(second, other_desk)
    assert (joined.outcome, joined.case) == ("joined", done.case)
    assert list(await born_now(village, mother)) == [child]


async def test_another_child_after_all_has_a_case_of_its_own(village):
    mother, _ = couples(1)[0]
    first, second = await numbers(village, 2)
    await handed_in(village, paper(first, mother))
    assert (await handed_in(village, paper(second, mother, given_names="Eha"))).outcome == "review"
    await decided(village, "DISTINCT")
    done = await village.cases.paper(second, DESK)
    assert (done.outcome, done.case_number) == ("registered", second)
    names = {birth["given_names"] for birth in (await born_now(village, mother)).values()}
    assert names == {"Liis", "Eha"}


async def test_twins_on_two_slips_are_two_children_once_somebody_says_so(village):
    """No hospital says so of both: two slips of one child, one of them miscopied, look the same."""
    mother, _ = couples(1)[0]
    first, second = await numbers(village, 2)
    assert (await handed_in(village, paper(first, mother, order="1"))).outcome == "registered"
    twin = await handed_in(village, paper(second, mother, order="2", given_names="Eha", sex="M"))
    assert (twin.outcome, twin.reasons) == ("review", ("duplicate_suspected",))
    assert len(await born_now(village, mother)) == 1
    await decided(village, "DISTINCT")
    assert (await village.cases.paper(second, DESK)).outcome == "registered"
    assert {birth["sex"] for birth in (await born_now(village, mother)).values()} == {"F", "M"}


@pytest.mark.parametrize("how", ["no_code", "wrong_code"])
async def test_a_mother_who_is_not_whom_the_code_says_is_looked_at(village, how):
    """Nothing on the paper is lost: it waits, and refused as no birth it can be handed in again, corrected."""
    (one, _), (other, _) = couples(2)
    (number,) = await numbers(village, 1)
    code = {"no_code": "", "wrong_code": f"EE{other.code}"}[how]
    doubtful = paper(number, one, mother=code)
    done = await handed_in(village, doubtful)
    assert done.outcome == "review"
    await decided(village, "REFUSED")
    done = await village.cases.paper(number, DESK)
    assert (done.outcome, done.reasons) == ("turned_down", ("no_birth",))
    seen = await village.cases.view(done.case, DESK)
    assert seen.is_closed and not await born_now(village, one)
    await handed_in(village, paper(number, one))
    conflict = await village.cases.paper(number, DESK)
    assert conflict.outcome == "conflict" and {"record_changed"} <= set(conflict.reasons)
    given = {"decision": ["distinct"], "reason": ["The code was misread."]}
    await village.act(conflict.case, "DECIDE", DESK, given)
    assert [birth["given_names"] for birth in (await born_now(village, one)).values()] == ["Liis"]


async def test_a_man_the_paper_names_is_asked_before_the_names_are_entered(village):
    woman, named = single(), man()
    (number,) = await numbers(village, 1)
    done = await handed_in(village, paper(number, woman, father=f"EE{named.code}"))
    assert "paternity_asked" in await village.notices(citizen(named))
    desk = official(await village.office(done.case))
    here = {
        "answer": ["acknowledge"],
        "document": ["id_card"],
        "document_number": ["A1"],
        "words": ["So it is."],
    }
    for role in ("mother", "father"):
        await village.act(done.case, "TAKE_PATERNITY", desk, {**here, "present": [role]})
    ((_, birth),) = (await born_now(village, woman)).items()
    assert (birth["status"], birth["given_names"], birth["father"]) == ("REGISTERED", "Liis", named.code)


async def test_what_is_missing_is_named_at_its_field(village):
    mother, _ = couples(1)[0]
    (number,) = await numbers(village, 1)
    empty = BirthPaper(number, "", "Liis", mother.family_name, "2026-03-02")
    with pytest.raises(Refused) as refused:
        await village.cases.hand_in(empty, DESK)
    assert {one.field for one in refused.value.defects} == {
        "mother",
        "born",
        "sex",
        "place",
        "ground",
        "attended_by",
    }
    wrong = paper(
        number, mother, mother="123", born="2026-13-01", hour="25:00", order="0", sex="X", ground="witness"
    )
    with pytest.raises(Refused) as refused:
        await village.cases.hand_in(wrong, DESK)
    assert {one.field for one in refused.value.defects} == {
        "mother",
        "born",
        "hour",
        "order",
        "sex",
        "ground",
    }
    with pytest.raises(Refused) as refused:
        await village.cases.hand_in(paper(number, mother, registered_on="2026-02-01"), DESK)
    assert [(one.field, one.reason) for one in refused.value.defects] == [("registered_on", "before_birth")]
    for actor in (replace(DESK, posture="unmanaged"), replace(DESK, acr="substantial"), citizen(mother)):
        with pytest.raises(Refused):
            await village.cases.hand_in(paper(number, mother), actor)
    assert not await born_now(village, mother)


async def test_the_register_down_or_deaf_to_its_own_answer_makes_one_child(village):
    mother, _ = couples(1)[0]
    (number,) = await numbers(village, 1)
    village.wire.down.add("population")
    await village.cases.hand_in(paper(number, mother), DESK)
    await village.settle()
    assert (await village.cases.paper(number, DESK)).outcome == "asked"
    village.wire.down.clear()
    village.wire.lost.add("population")
    done = await village.cases.paper(number, DESK)
    for _ in range(2):
        village.later(minutes=1)
        await village.try_again(done.case)
    assert (await village.cases.paper(number, DESK)).outcome == "registered"
    assert [one["status"] for one in (await born_now(village, mother)).values()] == ["REGISTERED"]


async def test_who_is_of_the_family_hands_in_no_paper_of_it(village):
    mother, father = couples(1)[0]
    kin = official("birth@0784", father.code)
    (number,) = await numbers(village, 1, kin)
    done = await handed_in(village, paper(number, mother, father=f"EE{father.code}"), kin)
    assert (done.outcome, done.reasons) == ("turned_down", ("officials_only",))
    assert not await born_now(village, mother)


async def test_in_viet_nam_on_a_witnesss_word(tmp_path):
    mother, father = couples(1, "VN")[0]
    async with Village(tmp_path, country="VN") as village:
        desk = replace(official("birth@00004"), person=f"VN{OFFICIAL_VN}")
        (number,) = await numbers(village, 1, desk)
        one = paper(number, mother, mother=mother.code, ground="witness", attended_by="Trần Thị Bà", given_names="Minh Anh", family_name=father.family_name)  # fmt: skip
        done = await handed_in(village, one, desk)
        assert done.outcome == "registered"
        assert [one["status"] for one in (await born_now(village, mother)).values()] == ["REGISTERED"]
