"""The silence switch: after it nothing of the case is sent or done, whatever came before, between or after."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import select

from sild.cases import Refused, Rule
from sild.cases.by_calendar import Calendar
from sild.cases.tables import cases, jobs, notices
from sild.errors import CallerError
from sild.events import Event

from .permit import Permit
from .world import GIVEN, JUHAN, MARI, OFFICIAL, World


def event(kind, subject="38001085718", event_id=None, **data):
    source = "/SILD/GOV/70000002/population"
    return Event(event_id or str(uuid4()), source, kind, subject, datetime(2026, 3, 2, tzinfo=UTC), data)


async def test_death_ends_what_waits_and_what_would_come(any_world):
    world = any_world
    case = await world.sent()
    shown = await world.cases.inbox(JUHAN)
    await world.cases.read_notice(shown[0].id, JUHAN)
    await world.cases.take_event(event("civil.death.registered"), "m-1")
    assert (await world.cases.view(case, OFFICIAL)).status == "SILENCED"
    world.later(days=10)
    assert await world.cases.inbox(MARI) == ()
    assert [notice.read_at is not None for notice in await world.cases.inbox(JUHAN)] == [True]  # told is told
    await asyncio.sleep(1.3)
    assert not world.registers.made("population", "POST")


async def test_silence_before_the_case(world):
    await world.cases.take_event(event("civil.death.registered", "47101010033"), "m-1")
    case = await world.open()
    assert (await world.cases.view(case, OFFICIAL)).status == "SILENCED"


async def test_a_job_under_way_stops_before_its_next_step(world):
    case = await world.sent()
    world.registers.trouble["residence"] = "down"
    await world.act(case, "ACCEPT", OFFICIAL)
    async with asyncio.timeout(10):
        while not world.registers.made("residence", "POST"):
            await asyncio.sleep(0.01)
    await world.cases.take_event(event("civil.death.registered"), "m-1")
    world.registers.trouble.clear()
    before = len(world.registers.made("residence", "POST"))
    await asyncio.sleep(1.5)
    assert len(world.registers.made("residence", "POST")) == before
    assert (await world.cases.view(case, OFFICIAL)).status == "SILENCED"


async def test_only_what_the_process_names_silences(world):
    case = await world.sent()
    await world.cases.take_event(event("civil.stillbirth.recorded"), "m-1")
    assert (await world.cases.view(case, OFFICIAL)).status == "SENT"


async def test_an_order_that_begins_later_falls_on_its_day(any_world):
    world = any_world
    case = await world.sent()
    later = event("civil.protection.ordered", valid_from="2026-03-05", against="39901012239")
    await world.cases.take_event(later, "m-1")
    calendar = Calendar(world.cases._parts)
    assert calendar.fall_silent() == []
    assert (await world.cases.view(case, OFFICIAL)).status == "SENT", "not yet"
    world.later(days=3)
    assert calendar.fall_silent() == [case] and calendar.fall_silent() == [], "once"
    assert (await world.cases.view(case, OFFICIAL)).status == "SILENCED"


async def test_an_order_that_was_over_before_it_was_looked_for_silences_nobody(world):
    case = await world.sent()
    short = event("civil.protection.ordered", valid_from="2026-03-04", valid_to="2026-03-05")
    await world.cases.take_event(short, "m-1")
    world.later(days=4)
    assert Calendar(world.cases._parts).fall_silent() == []
    assert (await world.cases.view(case, OFFICIAL)).status == "SENT"


async def test_what_was_said_last_of_an_orders_days_counts_whichever_is_heard_first(any_world):
    """An end of some of its days; then it holds again."""
    world = any_world
    case = await world.sent()
    days = {"valid_from": "2026-03-01", "against": "39901012239"}
    order = event("civil.protection.ordered", **days)
    end = event("civil.protection.ended", **days, valid_to="2026-03-06")
    await world.cases.take_event(replace(end, time=order.time + timedelta(seconds=1)), "m-2")
    await world.cases.take_event(order, "m-1")
    calendar = Calendar(world.cases._parts)
    assert calendar.fall_silent() == []
    assert (await world.cases.view(case, OFFICIAL)).status == "SENT"
    world.later(days=4)
    assert calendar.fall_silent() == [case] and calendar.fall_silent() == [], "the days after"
    assert (await world.cases.view(case, OFFICIAL)).status == "SILENCED"


async def test_a_protection_order_that_has_ended_silences_nobody(world):
    case = await world.sent()
    over = event("civil.protection.ordered", valid_from="2025-01-01", valid_to="2025-06-01")
    await world.cases.take_event(over, "m-1")
    assert (await world.cases.view(case, OFFICIAL)).status == "SENT"
    now = event("civil.protection.ordered", valid_from="2026-01-01")
    await world.cases.take_event(now, "m-2")
    assert (await world.cases.view(case, OFFICIAL)).status == "SILENCED"


async def test_an_event_opens_one_case_however_often_it_comes(any_world):
    world = any_world
    told = event("civil.child.recorded", "61801010013")
    await asyncio.gather(*(world.cases.take_event(told, f"m-{n}") for n in range(3)))
    async with asyncio.timeout(10):
        while not (desk := await world.cases.desk(OFFICIAL)):
            await asyncio.sleep(0.02)
    await world.cases.take_event(told, "m-9")
    await asyncio.sleep(0.3)
    assert len(await world.cases.desk(OFFICIAL)) == len(desk) == 1
    with pytest.raises(CallerError) as refused:
        await world.cases.take_event(event("nobody.wants.this"), "m")
    assert refused.value.code == "event_not_taken"


@settings(max_examples=12, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck))
class Silence(RuleBasedStateMachine):
    """Cases opened, sent, returned, accepted and silenced in any order: a silenced case has nothing queued, ever."""

    process = Permit

    @initialize()
    def begin(self):
        self.loop = asyncio.new_event_loop()
        self.directory = tempfile.TemporaryDirectory()
        self.world = World(Path(self.directory.name))
        self.world.permit = self.process
        self.do(self.world.__aenter__())
        self.cases: list[str] = []
        self.dead: set[str] = set()

    def do(self, work):
        return self.loop.run_until_complete(work)

    def attempt(self, case, action, actor, given=None):
        try:
            self.do(self.world.act(case, action, actor, given))
        except Refused:
            pass

    @rule()
    def open(self):
        self.cases.append(self.do(self.world.open()))

    @rule(data=st.data())
    def act(self, data):
        if not self.cases:
            return
        case = data.draw(st.sampled_from(self.cases))
        action, actor, given = data.draw(
            st.sampled_from(
                [
                    ("SEND", MARI, GIVEN),
                    ("SEND", JUHAN, GIVEN),
                    ("COSIGN", JUHAN, None),
                    ("RETURN", OFFICIAL, {"defects": ["size"]}),
                    ("ACCEPT", OFFICIAL, None),
                ]
            )
        )
        self.attempt(case, action, actor, given)

    @rule(person=st.sampled_from(["38001085718", "47101010033"]))
    def die(self, person):
        self.do(self.world.cases.take_event(event("civil.death.registered", person), str(uuid4())))
        self.dead.add(person)

    @rule(days=st.integers(1, 6))
    def wait(self, days):
        self.world.later(days=days)
        self.do(asyncio.sleep(0.01))

    @invariant()
    def nothing_waits_in_silence(self):
        if not self.__dict__.get("dead"):
            return
        with self.world.cases._parts.store.reading() as connection:
            live = connection.scalars(select(cases.c.id).where(cases.c.closed_at.is_(None))).all()
            queued = connection.execute(
                select(notices.c.id).where(
                    notices.c.case.in_(live),
                    notices.c.cancelled_for.is_(None),
                    notices.c.not_before > self.world.now,
                )
            ).all()
            unread = connection.execute(
                select(notices.c.id).where(
                    notices.c.case.in_(live), notices.c.cancelled_for.is_(None), notices.c.read_at.is_(None)
                )
            ).all()
            going = connection.execute(
                select(jobs.c.id).where(jobs.c.case.in_(live), jobs.c.state.in_(("waiting", "running")))
            ).all()
        assert not queued and not unread and not going

    def teardown(self):
        if "world" in self.__dict__:
            self.do(self.world.__aexit__())
            self.loop.close()
            self.directory.cleanup()


class Mourner(Permit):
    """Who dies is missed: the case goes on without them."""

    silenced: ClassVar = {"owner": ("protection_order",)}
    mourned: ClassVar = {"owner": ("death",)}
    rules = (*Permit.rules, Rule("BEREAVE", by=("state",)))


class Mourning(Silence):
    """The same in any order: to whom has died nothing is queued or lies unread, ever; the others hear on."""

    process = Mourner

    @invariant()
    def nothing_waits_in_silence(self):
        if not self.__dict__.get("dead"):
            return
        with self.world.cases._parts.store.reading() as connection:
            live = connection.scalars(select(cases.c.id).where(cases.c.closed_at.is_(None))).all()
            to_the_dead = connection.execute(
                select(notices.c.id).where(
                    notices.c.case.in_(live),
                    notices.c.person.in_(self.dead),
                    notices.c.cancelled_for.is_(None),
                    notices.c.read_at.is_(None),
                )
            ).all()
            found = [self.world.cases._parts.store.find(connection, case) for case in live]
        assert not to_the_dead
        assert all(case.departed() == self.dead & set(case.persons("owner")) for case in found)
        assert not any(case.has("SILENCE") for case in found)


TestSilence = Silence.TestCase
TestMourning = Mourning.TestCase
TestMourning.settings = settings(TestSilence.settings, max_examples=6)
