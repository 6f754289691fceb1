"""A kindergarten place that is offered: taken, declined, answered by both at once, too late, or offered when all else was done."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from registries.families import single
from sild.cases import Actor, Refused
from sild.cases.working import JobWork

from .village import ACCOUNT, FORM, JAAN, MARI, MOTHER, citizen, couples
from .world import SHOWN


async def offered(village) -> str:
    await village.born(MOTHER.code)
    case = await village.case_of(MARI)
    filled = await village.cases.fill(case, "birth.check_and_name", MARI)
    place = filled.options["kindergartens"][1][0]
    given = {**FORM, "wants_place": ["yes"], "kindergarten": [place]}
    await village.act(case, "DECLARE", MARI, given)
    await village.act(case, "COSIGN", JAAN)
    return case


async def state(village, case) -> str:
    return (await village.cases.view(case, MARI)).results["kindergarten_state"]


async def test_taken_by_one_for_both(village):
    case = await offered(village)
    assert "birth.place" in [task.screen for task in (await village.cases.home(JAAN)).tasks]
    filled = await village.cases.fill(case, "birth.place", JAAN)
    (line,) = filled.facts
    assert line.value and line.register == "GOV/70000005/education"
    await village.act(case, "TAKE_PLACE", JAAN)
    assert await state(village, case) == "attending"
    assert "place_taken_by_other" in await village.notices(MARI)
    assert "place_taken_by_other" not in await village.notices(JAAN)
    assert "birth.place" not in [task.screen for task in (await village.cases.home(MARI)).tasks]
    with pytest.raises(Refused) as refused:
        await village.act(case, "DECLINE_PLACE", MARI)
    assert refused.value.code == "too_late"
    (answer,) = [
        line
        for name, *line in village.wire.heard
        if name == "education" and "/place" in line[1] and line[0] == "POST"
    ]
    assert answer[2]["X-Road-UserId"] == JAAN.person and answer[2]["X-Road-Issue"] == case
    (child,) = village.cases._parts.read(case).persons("child")
    code = JAAN.person.removeprefix("EE")
    lines = (await village.ask("education", "GET", f"/persons/{code}/decisions", user=JAAN.person))["items"]
    (granted,) = [one["id"] for one in lines if one["step"] == "grant"]
    record = (await village.ask("education", "GET", f"/decisions/{granted}", user=JAAN.person))["record"]
    said = record["representation"]
    assert (said["mandate"], said["basis"]) == (f"parent-EE{child}", "PARENT"), (
        "in his own name, for the child"
    )
    people = {one["ref"]: one["role"] for one in record["subjects"]}
    assert (people[said["delegate"]], people[said["representee"]]) == ("parent", "child")


async def test_declined_the_child_waits_on(village):
    case = await offered(village)
    await village.act(case, "DECLINE_PLACE", MARI)
    view = await village.cases.view(case, MARI)
    assert (
        view.results["kindergarten_state"] == "waiting" and view.results["kindergarten_reason"] == "declined"
    )
    assert "birth.place" not in [task.screen for task in view.tasks]


async def test_both_at_once_one_answer_counts(village):
    case = await offered(village)
    said = await asyncio.gather(
        village.cases.act(case, "TAKE_PLACE", MARI, {}, key="p" * 40),
        village.cases.act(case, "DECLINE_PLACE", JAAN, {}, key="q" * 40),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in said) == ["Acted", "Refused"]
    await village.settle()
    assert await state(village, case) == ("attending" if not isinstance(said[0], Refused) else "waiting")


async def test_withdrawn_by_the_municipality_meanwhile(village):
    case = await offered(village)
    child = (await village.cases.view(case, MARI)).parties
    code = next(party.person for party in child if party.role == "child")
    await village.ask("education", "POST", f"/children/{code}/leave", user=MARI.person)
    await village.act(case, "TAKE_PLACE", MARI)
    assert "place_refused" in await village.notices(MARI)
    assert await state(village, case) == "left"
    with pytest.raises(Refused):
        await village.act(case, "TAKE_PLACE", JAAN)


async def test_nobody_else_answers(village):
    case = await offered(village)
    stranger = citizen(couples(3)[2][0])
    with pytest.raises(Refused) as refused:
        await village.act(case, "TAKE_PLACE", stranger)
    assert refused.value.code == "not_yours"


@pytest.mark.parametrize("closes", ["before", "since it was looked for"])
async def test_offered_when_all_else_was_done_the_case_goes_on(village, monkeypatch, closes):
    case = await offered(village)
    await village.act(case, "DECLINE_PLACE", MARI)
    assert "place_declined_by_other" in await village.notices(JAAN)
    await village.act(case, "ACCEPT", MARI, {"choice": ["mother"], "account": [ACCOUNT]})
    view = await village.cases.view(case, MARI)
    assert view.status == "CLOSED"
    code = next(party.person for party in view.parties if party.role == "child")
    places = await village.ask("education", "GET", "/places")
    group = next(one for one in places["items"] if one["free"] and one["age_from"] <= 2)
    wish = {"kindergarten": group["kindergarten"]}
    if closes != "before":
        cases = JobWork.cases

        async def a_moment_ago(work, step, *of, **how):
            return [case] if step == "case" else await cases(work, step, *of, **how)

        monkeypatch.setattr(JobWork, "cases", a_moment_ago)
    await village.ask("education", "POST", f"/children/{code}/wish", wish, user=MARI.person)
    await village.settle()
    monkeypatch.undo()
    view = await village.cases.view(case, MARI)
    assert (view.status, view.results["kindergarten_state"]) == ("GRANTED", "offered")
    assert [task.screen for task in view.tasks] == ["birth.place"]
    await village.act(case, "TAKE_PLACE", MARI)
    view = await village.cases.view(case, MARI)
    assert (view.status, view.results["kindergarten_state"]) == ("CLOSED", "attending")


async def test_a_wish_for_any_kindergarten_is_sent_and_one_with_a_place_is_offered(village):
    await village.born(MOTHER.code)
    case = await village.case_of(MARI)
    await village.act(case, "DECLARE", MARI, {**FORM, "wants_place": ["yes"], "kindergarten": ["any"]})
    await village.act(case, "COSIGN", JAAN)
    (wish,) = [
        headers
        for name, _method, path, headers in village.wire.heard
        if name == "education" and path.endswith("/wish")
    ]
    assert wish["X-Road-UserId"] == MARI.person and "X-Road-Represented-Party" not in wish
    results = (await village.cases.view(case, MARI)).results
    assert results["kindergarten_state"] == "offered" and results["kindergarten"]
    assert "place_offered" in await village.notices(MARI)


async def test_a_clerk_declares_the_birth_and_the_mothers_word_reaches_every_register(village):
    """J1 at a counter: the name, the wish, the offer, each on a mandate of its own; paternity nobody says for another."""
    await village.born(MOTHER.code)
    case = await village.case_of(MARI)
    clerk = Actor(person="EE48806260018", acr="high", posture="managed", roles=frozenset({"clerk"}))

    async def helped(whom, action, given=None):
        mandate = await village.cases.record_mandate(clerk, whom.person, "birth", "said so", identified=SHOWN)
        (line,) = (await village.cases.assisted(mandate, clerk)).cases
        assert await village.cases.begin_assisted(mandate, clerk, line.id, key=village.key()) == case
        helping = replace(clerk, representee=whom.person, mandate_id=mandate)
        await village.act(case, action, helping, given)
        more_waits = action == "TAKE_PLACE"  # the offer of benefits
        assert (await village.cases.assisted(mandate, clerk)).is_standing == more_waits

    place = (await village.cases.fill(case, "birth.check_and_name", MARI)).options["kindergartens"][1][0]
    await helped(MARI, "DECLARE", {**FORM, "wants_place": ["yes"], "kindergarten": [place]})
    await helped(JAAN, "COSIGN")
    await helped(MARI, "TAKE_PLACE")
    await helped(MARI, "ACCEPT", {"choice": ["mother"], "account": [ACCOUNT]})
    view = await village.cases.view(case, MARI)
    assert (view.status, view.results["kindergarten_state"]) == ("CLOSED", "attending")
    said = {
        (path.rpartition("/")[2], headers["X-Road-UserId"], headers["X-Road-Represented-Party"])
        for _name, method, path, headers in village.wire.heard
        if method == "POST" and headers.get("X-Road-Represented-Party")
    }
    assert said == {
        (what, clerk.person, whom.person)
        for what, whom in (("wish", MARI), ("place", MARI), ("acceptance", MARI))
    }
    helped_lines = [entry for entry in view.timeline if entry.helped]
    assert [entry.name for entry in helped_lines] == ["DECLARE", "COSIGN", "TAKE_PLACE", "ACCEPT"]
    assert "assisted.notice.given" in await village.notices(JAAN)


async def test_paternity_is_said_by_nobody_for_another(village):
    mother, father = single(), single(sex="M")
    await village.born(mother.code, father.code)
    her = citizen(mother)
    case = await village.case_of(her)
    clerk = Actor(person="EE48806260018", acr="high", posture="managed", roles=frozenset({"clerk"}))
    mandate = await village.cases.record_mandate(clerk, her.person, "birth", "said so", identified=SHOWN)
    await village.cases.begin_assisted(mandate, clerk, case, key=village.key())
    helping = replace(clerk, representee=her.person, mandate_id=mandate)
    with pytest.raises(Refused) as refused:
        await village.act(case, "ACKNOWLEDGE", helping, {"custody": ["joint"]})
    assert refused.value.code == "only_in_person"
