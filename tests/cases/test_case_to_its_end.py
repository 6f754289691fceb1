"""A case from its opening to its result, on both databases; what each side sees of it."""

from __future__ import annotations

import asyncio
from datetime import date

from .permit import LATER
from .world import GIVEN, JUHAN, MARI, OFFICIAL


async def test_a_case_is_opened_sent_accepted_and_registered(any_world):
    world = any_world
    world.registers.answers["population", "GET", "/persons/38001085718/facts"] = {
        "items": [
            {
                "fact": 7,
                "concept": "person.given_names",
                "value": "Mari",
                "source": "/SILD/GOV/70000002/population",
                "valid_from": "1980-01-08",
                "known_from": "1980-01-09T00:00:00Z",
                "basis": "RRS § 5",
            }
        ]
    }
    case = await world.open()
    home = await world.cases.home(MARI)
    assert [task.screen for task in home.tasks] == ["permit.form"] and not home.cases[0].is_closed

    filled = await world.cases.fill(case, "permit.form", MARI)
    named = filled.facts[0]
    assert (named.value, named.ref, named.valid_from, named.basis) == ("Mari", 7, "1980-01-08", "RRS § 5")
    assert (case, "EhS § 2", "EE38001085718") in [
        (looked.case, looked.basis, looked.acting) for looked in world.registers.calls
    ]

    done = await world.act(case, "SEND", MARI, GIVEN)
    assert done.status == "SENT"
    assert [notice.text for notice in await world.cases.inbox(JUHAN)] == ["permit.sent"]
    item = (await world.cases.desk(OFFICIAL))[0]
    assert item.case == case and item.tasks == ("permit.return",) and item.promise == date(2026, 3, 16)

    await world.cases.take(case, OFFICIAL, key="take")
    await world.act(case, "ACCEPT", OFFICIAL)
    view = await world.until(case, "CLOSED")
    assert view.assigned == "36805280109" and view.clocks[0].kept_on == date(2026, 3, 2)
    assert [taken.name for taken in view.timeline] == ["OPEN", "SEND", "TAKE", "ACCEPT", "REGISTER"]
    posted = world.registers.made("residence", "POST")
    assert len(posted) == 1 and posted[0].acting == "automatic" and posted[0].case == case
    messages = await world.cases.messages(case, OFFICIAL)
    assert {(m.register, m.basis, m.outcome) for m in messages} >= {
        ("GOV/70000006/residence", "EhS § 42", "done"),
        ("GOV/70000002/population", "EhS § 2", "done"),
    }
    texts = [notice.text for notice in await world.cases.inbox(MARI)]
    assert sorted(texts) == ["permit.done", "permit.sent"]
    world.later(days=3)
    assert LATER in [notice.text for notice in await world.cases.inbox(MARI)]


async def test_a_party_sees_no_words_of_another(world):
    case = await world.sent()
    timeline = (await world.cases.view(case, JUHAN)).timeline
    sent = next(entry for entry in timeline if entry.name == "SEND")
    assert sent.by == "owner" and not sent.data
    mine = (await world.cases.view(case, MARI)).timeline[-1]
    assert mine.by == "you" and mine.data["colour"] == "red"


async def test_an_inbox_notice_is_read_by_its_owner_alone(world):
    await world.sent()
    notice = (await world.cases.inbox(JUHAN))[0]
    assert notice.read_at is None and (await world.cases.home(JUHAN)).unread == 1
    await world.cases.read_notice(notice.id, JUHAN)
    assert (await world.cases.home(JUHAN)).unread == 0


async def test_a_draft_is_left_and_resumed(world):
    case = await world.open()
    await world.cases.save_draft(case, "permit.form", MARI, {"colour": ["blue"], "unknown": ["x"]})
    assert (await world.cases.fill(case, "permit.form", MARI)).values == {"colour": ["blue"]}
    assert (await world.cases.home(MARI)).drafts[0].screen == "permit.form"
    assert not (await world.cases.fill(case, "permit.form", JUHAN)).values
    await world.act(case, "SEND", MARI, GIVEN)
    assert not (await world.cases.home(MARI)).drafts


async def test_a_job_waits_for_its_day(world):
    await world.sent()
    assert not world.registers.made("population", "POST")
    world.later(days=6)
    async with asyncio.timeout(10):
        while not world.registers.made("population", "POST"):
            await asyncio.sleep(0.05)


async def test_each_notice_wakes_its_person_once(any_world):
    world = any_world
    await world.sent()
    assert sorted(await world.cases.take_wake_ups()) == ["EE38001085718", "EE47101010033"]
    assert await world.cases.take_wake_ups() == ()
    world.later(days=4)
    assert await world.cases.take_wake_ups() == ("EE38001085718",)
