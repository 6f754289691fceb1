"""A clerk helps a person: on their word, with one case, until it is sent; told at once, ended at once, and seen by both."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sild.cases import Identified, Refused

from .world import CLERK, GIVEN, JUHAN, MARI, OFFICIAL, SHOWN

PERSON = "EE38001085718"


async def code_of(doing) -> str:
    with pytest.raises(Refused) as caught:
        await doing
    return caught.value.code


async def recorded(world, clerk=CLERK, **more):
    said = {"identified": SHOWN, **more}
    mandate = await world.cases.record_mandate(clerk, PERSON, "permit", "She asked me to send it", **said)
    return mandate, replace(clerk, representee=PERSON, mandate_id=mandate)


async def begun(world):
    mandate, helping = await recorded(world)
    case = await world.cases.begin_assisted(mandate, CLERK, None, key=world.key())
    return mandate, helping, case


async def test_from_the_counter_to_what_is_sent(any_world):
    world = any_world
    mandate, helping, case = await begun(world)
    assert (await world.cases.assisted(mandate, CLERK)).case == case
    assert (await world.act(case, "SEND", helping, GIVEN)).number.startswith("S-")
    taken = world.cases._parts.read(case).last("SEND")
    assert (taken.person, taken.acting_for, taken.mandate) == ("48806260018", "38001085718", mandate)
    (line,) = [entry for entry in (await world.cases.view(case, MARI)).timeline if entry.name == "SEND"]
    assert (line.by, line.helped) == ("you", True)
    assert [e.helped for e in (await world.cases.view(case, OFFICIAL)).timeline if e.name == "SEND"] == [True]
    assert not (await world.cases.assisted(mandate, CLERK)).is_standing, "it was for what is sent now"
    for doing in (
        world.act(case, "COSIGN", helping),
        world.cases.view(case, helping),
        world.cases.fill(case, "permit.form", helping),
    ):
        assert await code_of(doing) == "mandate_ended"
    assert [notice.text for notice in await world.cases.inbox(MARI)].count("assisted.notice.sent") == 1


async def test_every_message_carries_the_clerk_and_the_person(world):
    _mandate, helping, case = await begun(world)
    world.registers.calls.clear()
    await world.cases.fill(case, "permit.form", helping)
    about = [call for call in world.registers.calls if call.path != "/description"]  # is asked for nobody
    assert {(c.acting, c.represented, c.case) for c in about} == {("EE48806260018", PERSON, case)}
    sent = await world.cases.messages(case, OFFICIAL)
    assert {(message.acting, message.acting_for) for message in sent} == {("EE48806260018", PERSON)}


async def test_the_person_is_told_at_once_and_ends_it_there(world):
    mandate, helping, case = await begun(world)
    (notice,) = [one for one in await world.cases.inbox(MARI) if one.text == "assisted.notice.given"]
    filled = await world.cases.fill(notice.case, "assisted.mandate", MARI)
    facts = {line.concept: line.value for line in filled.facts}
    assert facts["assisted.number"] == "K1234567" and facts["assisted.document"] == "Passport"
    assert facts["assisted.statement"] == "She asked me to send it" and facts["assisted.case"].startswith(
        "S-"
    )
    await world.act(notice.case, "END", MARI)
    for doing in (
        world.act(case, "SEND", helping, GIVEN),
        world.cases.view(case, helping),
        world.cases.save_draft(case, "permit.form", helping, GIVEN),
        world.cases.begin_assisted(mandate, CLERK, None, key=world.key()),
    ):
        assert await code_of(doing) == "mandate_ended"
    assert (await world.act(case, "SEND", MARI, GIVEN)).status == "SENT", "the case is hers"


async def test_it_ends_with_the_day(world):
    mandate, helping, case = await begun(world)
    world.later(hours=9)
    assert await code_of(world.act(case, "SEND", helping, GIVEN)) == "mandate_ended"
    assert await code_of(world.cases.fill(case, "permit.form", helping)) == "mandate_ended"
    await world.cases._parts.jobs.start_due()
    assert (await world.until(mandate, "ENDED", MARI)).is_closed
    assert await world.cases.assisting(CLERK) == ()


async def test_the_clerk_is_done(world):
    mandate, helping, case = await begun(world)
    await world.cases.end_mandate(mandate, CLERK)
    assert await code_of(world.act(case, "SEND", helping, GIVEN)) == "mandate_ended"
    assert (await world.cases.view(mandate, MARI)).timeline[-1].name == "LEAVE"


@pytest.mark.parametrize(
    ("clerk", "code"),
    [
        (MARI, "not_yours"),
        (OFFICIAL, "not_yours"),
        (replace(CLERK, posture="unmanaged"), "read_only_device"),
        (replace(CLERK, acr="substantial"), "level_too_low"),
        (replace(CLERK, person=PERSON), "not_for_oneself"),
    ],
    ids=["no clerk", "an official", "a device nobody knows", "a lower level", "themselves"],
)
async def test_who_may_not(world, clerk, code):
    doing = world.cases.record_mandate(clerk, PERSON, "permit", "said so", identified=SHOWN)
    assert await code_of(doing) == code
    assert await world.cases.inbox(MARI) == ()


async def test_what_is_missing(world):
    def record(service="permit", statement="said so", identified=SHOWN, person=PERSON):
        return world.cases.record_mandate(CLERK, person, service, statement, identified=identified)

    assert await code_of(record(statement="  ")) == "statement_missing"
    assert await code_of(record(service="assisted")) == "not_assisted"
    assert await code_of(record(service="nothing")) == "unknown_service"
    assert await code_of(record(person="EE39901012239")) == "unknown_person"
    for one in (
        Identified(),
        Identified("counter", "passport", " "),
        Identified("counter", "a friend", "1"),
        Identified("phone", "passport", "K1"),
        Identified("mail"),
    ):
        assert await code_of(record(identified=one)) == "not_identified"
    assert await record(identified=Identified("phone"))


async def test_a_form_sent_twice_is_one_mandate_and_one_notice(world):
    first, second = [(await recorded(world, key="k" * 40))[0] for _ in range(2)]
    other, _ = await recorded(world, replace(CLERK, person="EE49001010005"), key="k" * 40)
    assert first == second != other
    assert len([one for one in await world.cases.inbox(MARI) if one.case == first]) == 1


async def test_no_other_case_and_nothing_else_of_the_person(world):
    others = await world.sent(MARI)
    mandate, helping, case = await begun(world)
    for doing in (
        world.cases.view(others, helping),
        world.cases.fill(others, "permit.form", helping),
        world.act(others, "COSIGN", helping),
        world.cases.view(mandate, helping),
        world.act(mandate, "END", helping),
        world.cases.home(helping),
        world.cases.inbox(helping),
        world.cases.usage(helping),
        world.cases.ask_official(helping, [("a", "b")], key="k"),
        world.cases.begin_assisted(mandate, replace(CLERK, person="EE49001010005"), None, key="k"),
    ):
        assert await code_of(doing) == "not_yours"
    assert await code_of(world.cases.begin_assisted(mandate, CLERK, others, key="k")) == "mandate_ended"
    assert await code_of(world.open(helping)) == "mandate_ended"
    for forged in (
        replace(helping, mandate_id="assist-forged"),
        replace(helping, person="EE49001010005"),
        replace(helping, representee=JUHAN.person),
    ):
        assert await code_of(world.act(case, "SEND", forged, GIVEN)) in ("not_yours", "mandate_ended")
    assert (await world.cases.view(case, MARI)).status == "OPENED"


async def test_a_case_begun_before_is_gone_on_with(world):
    mine, theirs = await world.open(MARI), await world.sent(MARI)
    mandate, helping = await recorded(world)
    view = await world.cases.assisted(mandate, CLERK)
    assert {line.id for line in view.cases} == {mine, theirs} and view.may_open
    assert await code_of(world.cases.begin_assisted(mandate, CLERK, mandate, key="k")) == "not_yours"
    assert await code_of(world.cases.begin_assisted(mandate, CLERK, "made-up", key="k")) == "not_yours"
    assert await world.cases.begin_assisted(mandate, CLERK, mine, key="k") == mine
    assert (await world.act(mine, "SEND", helping, GIVEN)).status == "SENT"


async def test_no_clerk_in_a_case_of_their_own(world):
    """JUHAN, the other owner, is a clerk, too: he would sign for both."""
    case = await world.open(MARI)
    juhan = replace(CLERK, person=JUHAN.person)
    mandate, _helping = await recorded(world, juhan)
    assert (await world.cases.assisted(mandate, juhan)).cases == ()
    assert await code_of(world.cases.begin_assisted(mandate, juhan, case, key="k")) == "conflict_of_interest"
    assert await code_of(world.cases.begin_assisted(mandate, juhan, None, key="k")) == "conflict_of_interest"


async def test_who_helped_to_ask_does_not_decide(world):
    _mandate, helping, case = await begun(world)
    await world.act(case, "SEND", helping, GIVEN)
    decider = replace(OFFICIAL, person=CLERK.person)
    world.registers.answers["population", "GET", "/persons/48806260018/relations"] = {"items": []}
    assert await code_of(world.act(case, "ACCEPT", decider)) == "conflict_of_interest"


async def test_the_same_form_again_after_the_mandate_has_ended(world):
    _mandate, helping, case = await begun(world)
    first = await world.cases.act(case, "SEND", helping, GIVEN, key="s" * 40)
    again = await world.cases.act(case, "SEND", helping, GIVEN, key="s" * 40)
    assert again.again and (again.seq, again.number) == (first.seq, first.number)


async def test_a_register_that_is_down_keeps_nobody_from_help(world):
    world.registers.trouble["population"] = "down"
    mandate, _helping = await recorded(world)
    assert (await world.cases.assisted(mandate, CLERK)).name == ""
    world.registers.trouble.clear()
    world.later(seconds=1)
    other, _helping = await recorded(world)
    view = await world.cases.assisted(other, CLERK)
    assert (view.name, view.until - world.now) == ("Mari Maasikas", timedelta(hours=8))


async def test_the_documents_number_is_in_no_message_and_no_action(world):
    mandate, helping, case = await begun(world)
    await world.act(case, "SEND", helping, GIVEN)
    kept = [taken.data for one in (case, mandate) for taken in world.cases._parts.read(one).actions]
    assert "K1234567" not in str(kept) + str(world.registers.calls) + str(
        await world.cases.messages(case, OFFICIAL)
    )
