"""Parents who say nothing about the name: the office takes it up, hears them, decides; until then they may still answer."""

from __future__ import annotations

import asyncio
import importlib
from dataclasses import replace

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import delete, func, select

from registries.families import man, single
from sild.cases import Refused
from sild.cases.tables import jobs

from .village import ACCOUNT, FORM, JAAN, MARI, MOTHER, Village, citizen, couples, official

DESK = official("birth@0784")
SAID = {"words": ["The time was over."], "hearing": ["Called twice; the letter came back."]}
NAMED = {"given_names": ["Liis"], "family_name": [MOTHER.family_name]}


async def screens(village, actor) -> list[str]:
    return [task.screen for task in (await village.cases.home(actor)).tasks]


async def on_desk(village, case, desk=DESK):
    return next(item for item in await village.cases.desk(desk) if item.case == case)


async def clock(village, case, name="birth.named_by_office"):
    return next((one for one in (await village.cases.view(case, MARI)).clocks if one.id == name), None)


async def over(village, days=31) -> None:
    village.later(days=days)
    await village.settle()


@pytest.fixture
async def case(village):
    await village.born(MOTHER.code)
    return await village.case_of(MARI)


async def test_one_signed_name_goes_to_the_office_and_everything_follows(village, case):
    await village.act(case, "DECLARE", MARI, FORM)
    assert await clock(village, case) is None
    await over(village, 30)
    assert (await village.cases.view(case, MARI)).status == "DECLARED", "the last day is theirs"
    await over(village, 1)
    view = await village.cases.view(case, MARI)
    assert view.status == "LAPSED"
    for parent in (MARI, JAAN):
        notices = await village.cases.inbox(parent)
        told = next(one for one in notices if one.text == "birth.notice.lapsed_signed")
        assert told.values["given_names"] == "Linda"
    assert await screens(village, JAAN) == ["birth.cosign"] and await screens(village, MARI) == []
    today = village.packs.profile.day(village.clock())
    promised = village.packs.profile.deadline("birth.by_office", today)
    assert (await clock(village, case)).promise == promised
    item = await on_desk(village, case)
    assert (item.tasks, item.promise, item.late) == (("birth.desk",), promised, False)
    expected = [one.expected for one in view.clocks if one.expected]
    await over(village, 1)
    later = (await village.cases.view(case, MARI)).clocks
    assert [one.expected for one in later if one.expected] == expected, "no day slides"
    village.wire.heard.clear()
    lines = {line.concept: line.value for line in (await village.cases.fill(case, "birth.desk", DESK)).facts}
    assert lines["check.parents_answered"] is False and lines["check.names_agree"] is True
    said = {headers.get("Sild-Office") for _register, _method, _path, headers in village.wire.heard}
    assert said == {DESK.authority}
    with pytest.raises(Refused) as refused:
        await village.cases.act(case, "APPROVE", DESK, {}, key="unheard")
    assert {(one.field, one.reason) for one in refused.value.defects} == {
        ("words", "missing"),
        ("hearing", "not_heard"),
    }
    await village.act(case, "APPROVE", DESK, SAID)
    view = await village.cases.view(case, JAAN)
    assert view.results["given_names"] == "Linda" and view.results["address"] == "entered"
    assert view.results["card_number"] and view.results["cover_from"] == "2026-03-01"
    assert (await clock(village, case)).kept_on is not None
    _register, decision, _what = view.results["decisions"][0]
    record = (await village.ask("population", "GET", f"/decisions/{decision}", user=DESK.person))["record"]
    assert [reason["code"] for reason in record["reasons"]][-2:] == ["left_to_office", "by_official"]
    assert record["hearing"] | {"required": True, "notice_id": case, "how": "case"} == record["hearing"]
    await village.act(case, "ACCEPT", MARI, {"choice": ["mother"], "account": [ACCOUNT]})
    assert (await village.cases.view(case, MARI)).results["benefits"] == "mother"


async def test_nobody_chose_and_the_office_names_the_child(village, case):
    child = (await village.cases.view(case, MARI)).parties[0].person
    with pytest.raises(Refused) as refused:
        await village.cases.act(case, "NAME_FOR", DESK, {**NAMED, **SAID}, key="early")
    assert refused.value.code == "too_late"
    await over(village, 25)  # the reminder's day first: of jobs due at once either may come first
    await over(village, 95)
    assert {"child_recorded", "choose_by", "lapsed_unnamed"} <= set(await village.notices(MARI))
    assert "lapsed_unnamed" in await village.notices(JAAN)
    assert await screens(village, MARI) == ["birth.check_and_name"], "she may still choose"
    item = await on_desk(village, case)
    assert item.tasks == ("birth.by_office",) and item.promise is not None
    for action, given in (("APPROVE", SAID), ("RETURN", {"defects": ["name_unclear"]})):
        with pytest.raises(Refused) as refused:
            await village.cases.act(case, action, DESK, given, key=action)
        assert refused.value.code == "too_late", "there is no name"
    kin = official("birth@0784", code=MOTHER.code)
    with pytest.raises(Refused) as refused:
        await village.cases.act(case, "NAME_FOR", kin, {**NAMED, **SAID}, key="kin")
    assert refused.value.code in ("conflict_of_interest", "not_yours")
    with pytest.raises(Refused) as refused:
        await village.cases.act(case, "NAME_FOR", DESK, NAMED, key="unheard")
    assert {one.reason for one in refused.value.defects} == {"missing", "not_heard"}
    village.later(days=30)
    assert (await on_desk(village, case)).late, "an office that does nothing is late"
    await village.act(case, "NAME_FOR", DESK, {**NAMED, **SAID})
    assert (await village.ask("population", "GET", f"/births/{child}"))["status"] == "REGISTERED"
    view = await village.cases.view(case, MARI)
    assert view.results["given_names"] == "Liis" and view.results["card_number"]
    assert (await village.ask("insurance", "GET", f"/persons/{child}/cover"))["insured"]


async def test_a_parent_who_answers_late_is_heard(village, case):
    """Until the office has decided: the other parent's word, another name, or a first name by either."""
    await over(village)
    assert (await village.act(case, "DECLARE", MARI, FORM)).status == "LAPSED"
    assert "cosign_asked" in await village.notices(JAAN)
    assert await screens(village, JAAN) == ["birth.cosign"]
    assert (await on_desk(village, case)).tasks == ("birth.desk",)
    with pytest.raises(Refused) as refused:
        await village.cases.act(case, "COSIGN", MARI, {}, key="own")
    assert refused.value.code == "already_done", "nobody answers themselves"
    await village.act(case, "COSIGN", JAAN)
    view = await village.cases.view(case, MARI)
    assert view.status == "OFFERED", "all is green: the rule registers"
    assert await clock(village, case) is None, "nothing is left to the office"


async def test_another_name_late_is_looked_at(village, case):
    await village.act(case, "DECLARE", MARI, FORM)
    await over(village)
    await village.act(case, "PROPOSE", JAAN, {**NAMED})
    assert (await village.cases.view(case, MARI)).status == "DIFFERED"
    await village.act(case, "APPROVE", DESK)
    assert (await village.cases.view(case, MARI)).results["given_names"] == "Linda"


@pytest.mark.parametrize("who", ["official", "parent"])
async def test_the_official_and_a_parent_at_once(village, case, who):
    """One of both counts, and there is one entry."""
    await over(village)
    both = [
        village.cases.act(case, "NAME_FOR", DESK, {**NAMED, **SAID}, key="a"),
        village.say(case, "DECLARE", JAAN, {**FORM, "address": ["later"]}, key="p"),
    ]
    done = await asyncio.gather(*(both if who == "official" else both[::-1]), return_exceptions=True)
    assert sum(not isinstance(one, BaseException) for one in done) == 1, done
    assert [one.code for one in done if isinstance(one, Refused)] in (["too_late"], ["already_done"])
    await village.settle()
    view = await village.cases.view(case, MARI)
    if "DECLARE" in [entry.name for entry in view.timeline]:
        await village.act(case, "APPROVE", DESK, SAID)
        view = await village.cases.view(case, MARI)
        assert view.results["given_names"] == "Linda"
    assert [entry.name for entry in view.timeline].count("REGISTER") == 1


async def test_what_is_returned_late_has_its_time_and_lapses_again(village, case):
    """The office sends a name back on the last day: the parents have ten days, and the clocks stand no longer than that."""
    await village.act(case, "DECLARE", MARI, FORM)
    await over(village)
    await village.act(case, "RETURN", DESK, {"defects": ["name_unclear"]})
    assert (await village.cases.view(case, MARI)).status == "RETURNED"
    await over(village, 10)
    assert (await village.cases.view(case, MARI)).status == "RETURNED"
    await over(village, 1)
    view = await village.cases.view(case, MARI)
    assert view.status == "LAPSED" and not any(one.standing_for for one in view.clocks)
    assert (await on_desk(village, case)).tasks == ("birth.by_office",)
    await village.act(case, "NAME_FOR", DESK, {**NAMED, **SAID})
    assert (await village.cases.view(case, MARI)).results["given_names"] == "Liis"


async def test_who_is_asked_on_the_last_day_has_time(village, case):
    await over(village, 30)
    await village.act(case, "DECLARE", MARI, FORM)
    await over(village, 10)
    assert (await village.cases.view(case, MARI)).status == "DECLARED"
    await over(village, 1)
    assert (await village.cases.view(case, MARI)).status == "LAPSED"


async def test_an_order_of_protection_stops_notices_and_the_office_still_has_it(village, case):
    await village.act(case, "DECLARE", MARI, FORM)
    order = {"protected": MOTHER.code, "against": JAAN.person[2:], "children": [], "valid_from": "2026-03-02", "order": "2-26-1"}  # fmt: skip
    await village.ask("population", "POST", "/protection-orders", order)
    await village.settle()
    before = await village.notices(MARI), await village.notices(JAAN)
    await over(village)
    assert (await village.notices(MARI), await village.notices(JAAN)) == before
    assert (await on_desk(village, case)).tasks == ("birth.desk",)
    await village.act(case, "APPROVE", DESK, SAID)
    assert (await village.cases.view(case, DESK)).results["given_names"] == "Linda"


async def test_a_child_who_dies_is_named_by_nobody(village, case):
    child = next(
        party.person for party in (await village.cases.view(case, MARI)).parties if party.role == "child"
    )
    await village.dies(child, "2026-03-02")
    await over(village)
    view = await village.cases.view(case, MARI)
    assert view.status == "SILENCED" and "lapsed_unnamed" not in await village.notices(MARI)


async def test_a_parent_dies_after_the_time_is_over(village, case):
    """The name they did not answer is the official's all the same, by itself; who lives is told quietly."""
    await village.act(case, "DECLARE", MARI, FORM)
    await over(village)
    await village.dies(JAAN.person[2:], "2026-03-20")
    await village.settle()
    view = await village.cases.view(case, MARI)
    assert view.status == "AGREED" and (await on_desk(village, case)).tasks == ("birth.desk",)
    await village.act(case, "APPROVE", DESK)
    assert (await village.cases.view(case, MARI)).results["given_names"] == "Linda"


async def test_a_man_who_was_named_and_says_nothing(village):
    """The mother chose nothing either: the office names the child, and says that it waits for no father."""
    woman, father = single(), man()
    await village.born(woman.code, father.code)
    case = await village.case_of(citizen(woman))
    await over(village)
    desk = official(await village.office(case))
    given = {**NAMED, "family_name": [woman.family_name], **SAID}
    await village.act(case, "NAME_FOR", desk, given)
    assert (await on_desk(village, case, desk)).tasks == ("birth.by_office",), (
        "paternity is open: the register says no"
    )
    await village.act(case, "NAME_FOR", desk, {**given, "without_father": ["yes"]})
    assert (await village.cases.view(case, citizen(woman))).results["given_names"] == "Liis"


async def test_births_that_waited_since_before_are_taken_up(village, case):
    """As an earlier version left them: nobody was going to ask the office. One revision does; where all is well it does nothing."""
    await village.act(case, "DECLARE", MARI, FORM)
    parts = village.cases._parts
    revision = importlib.import_module("sild.cases.migrations.r0012_waiting_births")

    def upgrade(forget: bool) -> int:
        def write(connection) -> int:
            if forget:
                connection.execute(delete(jobs).where(jobs.c.kind == "lapse"))
            with Operations.context(MigrationContext.configure(connection)):
                revision.upgrade()
            count = select(func.count()).select_from(jobs).where(jobs.c.kind == "lapse")
            return connection.scalar(count.where(jobs.c.state == "waiting"))

        return parts.store.write(write)

    assert upgrade(forget=False) == 1, "it has one"
    assert upgrade(forget=True) == 1
    await over(village, 120)
    assert (await village.cases.view(case, MARI)).status == "LAPSED"
    await village.act(case, "APPROVE", DESK, SAID)
    await asyncio.to_thread(upgrade, False)
    await village.settle()
    assert (await village.cases.view(case, MARI)).results["address"] == "entered"


async def test_viet_nam_by_its_own_days(tmp_path):
    async with Village(tmp_path, country="VN") as village:
        mother, father = couples(1, "VN")[0]
        m = citizen(mother)
        await village.born(mother.code)
        case = await village.case_of(m)
        await village.act(case, "DECLARE", m, {**FORM, "family_name": [mother.family_name]})
        await over(village, 59)
        assert (await village.cases.view(case, m)).status == "DECLARED"
        await over(village, 1)
        assert "lapsed_signed" in await village.notices(citizen(father))
        desk = replace(official(await village.office(case)), person="VN001068000009")
        await village.act(case, "APPROVE", desk, SAID)
        view = await village.cases.view(case, m)
        assert view.results["registered_at"] and view.results["card_number"]
        decision = view.results["decisions"][0][1]
        record = (await village.ask("population", "GET", f"/decisions/{decision}", user=desk.person))[
            "record"
        ]
        articles = {reason["code"]: reason["article"] for reason in record["reasons"]}
        assert articles["left_to_office"] == village.packs.profile.ground("name_by_office")
