"""Once only at publication, the catalogue with its live proof, the tracker, ask why, offline records."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import pytest
import yaml
from sqlalchemy import insert, select

from sild.cases import Actor, OfflineRecord, Party, Refused
from sild.cases.tables import actions, cases
from sild.errors import CallerError, Unavailable

from .world import CLERK, JUHAN, MARI, OFFICIAL, World


async def test_a_screen_that_asks_for_what_a_register_holds_is_not_published(tmp_path):
    world = World(tmp_path)
    world.registers.holds(population=["person.given_names"], residence=["shed.colour"])
    await world.start()
    try:
        with pytest.raises(CallerError) as refused:
            await world.cases.publish()
        assert refused.value.code == "once_only_breach"
        assert "colour asks for shed.colour, which residence holds" in refused.value.message
        with pytest.raises(Refused) as unpublished:
            await world.open()
        assert unpublished.value.code == "not_published"
    finally:
        await world.cases.stop()


async def test_a_concept_that_nobody_knows_is_said_and_not_passed_over(tmp_path):
    """A slip of the pen in a form, or in what a register says it holds, would take the question out of once only."""
    world = World(tmp_path)
    world.packs = replace(world.packs, concepts=world.packs.concepts - {"shed.note"})
    await world.start()
    try:
        with pytest.raises(CallerError) as refused:
            await world.cases.publish()
        assert refused.value.code == "unknown_concept"
        assert "permit.form" in refused.value.message and "shed.note" in refused.value.message
        with pytest.raises(Refused) as unpublished:
            await world.open()
        assert unpublished.value.code == "not_published"
        assert (await proof_of(world, "assistance")).published_at is not None
    finally:
        await world.cases.stop()


async def test_a_register_that_misspells_what_it_holds_is_named(tmp_path):
    world = World(tmp_path)
    world.registers.holds(population=["person.given_names"], social=["person.acount"])
    await world.start()
    try:
        with pytest.raises(CallerError) as refused:
            await world.cases.publish()
        assert refused.value.code == "unknown_concept"
        assert "social" in refused.value.message and "person.acount" in refused.value.message
    finally:
        await world.cases.stop()


def test_every_concept_of_every_register_and_screen_is_named_and_no_other():
    """The lists of the packs are those names, and nothing else."""
    from sild.cases import load_packs

    packs = load_packs("EE")
    spoken = {name for screen in packs.screens.values() for name in screen.concepts()}
    for country in ("EE", "VN"):
        for service in load_packs(country).services.values():
            spoken |= {one.concept for one in service.evidence}
    registers = yaml.safe_load(
        (files("sild") / "packs" / "state" / "concepts" / "registers.yaml").read_text("utf-8")
    )
    assert spoken - packs.concepts == set()
    assert packs.concepts - spoken - set(registers) == set()


async def test_what_a_service_fetches_is_held_by_whom_it_says(tmp_path):
    world = World(tmp_path)
    world.registers.holds(population=[])
    world.registers.trouble["education"] = "down"
    await world.start()
    try:
        with pytest.raises(Unavailable) as down:
            await world.cases.publish()
        assert "education" in down.value.message, "it never said what it holds"
        world.registers.trouble.clear()
        with pytest.raises(CallerError) as refused:
            await world.cases.publish()
        assert refused.value.code == "concept_not_held" and "population" in refused.value.message
    finally:
        await world.cases.stop()


async def test_one_service_that_does_not_fit_keeps_no_other_back(tmp_path):
    world = World(tmp_path)
    world.registers.holds(population=["person.given_names"], residence=["shed.colour"])
    await world.start()
    try:
        with pytest.raises(CallerError):
            await world.cases.publish()
        assert (await proof_of(world, "assistance")).published_at is not None
        assert (await proof_of(world)).published_at is None
    finally:
        await world.cases.stop()


async def test_a_register_that_is_away_holds_what_it_held(world):
    """The portal begins again during an outage: people go on, and once only is held against what was said before."""
    world.cases._parts.published.clear()
    world.registers.trouble["population"] = world.registers.trouble["education"] = "down"
    await world.cases.publish()
    await world.open()
    world.registers.trouble.clear()
    world.registers.holds(population=["person.given_names"], residence=["shed.colour"])
    with pytest.raises(CallerError) as refused:
        await world.cases.publish()
    assert refused.value.code == "once_only_breach"
    world.registers.trouble["residence"] = "down"
    with pytest.raises(CallerError) as still:
        await world.cases.publish()
    assert still.value.code == "once_only_breach", "what it said last, not what it said first"


async def proof_of(world, service="permit"):
    return next(proof for proof in await world.cases.proofs() if proof.service == service)


async def test_the_catalogue_says_what_is_alive(world):
    assert (await proof_of(world)).last_case is None
    case = await world.sent()
    world.later(days=4)
    await world.act(case, "ACCEPT", OFFICIAL)
    await world.until(case, "CLOSED")
    await world.open()
    proof = await proof_of(world)
    assert (proof.cases, proof.closed, proof.median_days) == (2, 1, 4.0)
    assert proof.last_case == world.now and proof.published_at is not None and proof.is_recent
    assert "permit" in await world.cases.catalogue("https://sild.example/catalogue/")


async def test_working_days_not_those_of_the_calendar(world):
    case = await world.sent()
    world.later(days=7)  # a week with its Saturday and Sunday
    await world.act(case, "ACCEPT", OFFICIAL)
    await world.until(case, "CLOSED")
    assert (await proof_of(world)).median_days == 5.0


async def test_a_service_that_nobody_uses_and_an_owner_who_is_silent_are_marked(world):
    await world.open()
    assert (await proof_of(world)).is_owned, "who publishes is heard"
    world.later(days=31)
    proof = await proof_of(world)
    assert proof.is_recent and not proof.is_owned and proof.owner_heard is not None
    world.later(days=60)
    assert not (await proof_of(world)).is_recent
    case = await world.sent()
    await world.act(case, "ACCEPT", OFFICIAL)
    proof = await proof_of(world)
    assert proof.is_recent and proof.is_owned, "an official acted"
    assert proof.owner_heard == world.now


async def test_an_answer_of_the_owner_s_register_is_a_sign_of_life(world):
    world.later(days=40)
    assert not (await proof_of(world)).is_owned
    owner = world.cases.service("permit").owner
    name = next(name for name, at in world.cases._parts.calls.registers.items() if at.startswith(owner))
    world.registers.trouble[name] = "down"
    await world.cases.publish()
    assert not (await proof_of(world)).is_owned, "who does not answer is not heard"
    del world.registers.trouble[name]
    await world.cases.publish()
    assert (await proof_of(world)).owner_heard == world.now


async def test_channels_are_told_of_from_five_cases_on(any_world):
    """Two that a clerk helped with stay untold; the share of those that went online counts them."""
    world = any_world
    for number in range(5):
        case = await world.sent()
        await world.act(case, "ACCEPT", OFFICIAL)
        await world.until(case, "CLOSED")
        proof = await proof_of(world)
        assert proof.closed == number + 1
        assert (proof.channels == () and proof.online_least is None and proof.is_whole is None) == (
            number < 4
        )
    (told,) = proof.channels
    assert (told.channel, told.closed, told.returned) == ("portal", 5, 0)
    assert proof.is_whole is False and 0.56 < proof.online_least < 0.57, "Wilson: 5 of 5 are 56.6 % at least"
    with world.cases._parts.store.engine.begin() as connection:
        ended = connection.execute(select(cases.c.id).limit(2)).scalars().all()
        for case in ended:
            connection.execute(
                insert(actions).values(
                    case=case,
                    seq=900,
                    name="NOTED",
                    at=world.now,
                    person="EE47001010002",
                    role="applicant",
                    acting_for=MARI.person,
                    mandate="assist-1",
                    acr="high",
                    posture="managed",
                    data={},
                )
            )
    proof = await proof_of(world)
    assert proof.channels == () and proof.closed == 5, "three online, two with a clerk: neither is told"
    assert 0.22 < proof.online_least < 0.24


def usages(*items):
    return {"totalUsages": len(items), "usages": list(items)}


def use(at, code="70000001", system="portal", action="getFacts", name=None):
    return {
        "logtime": at.isoformat(),
        "action": action,
        "receiverCode": code,
        "receiverSystem": system,
        "receiverName": name,
    }


async def test_the_tracker_joins_what_registers_say_with_our_messages(world):
    case = await world.open()
    await world.cases.fill(case, "permit.form", MARI)
    at = world.now
    world.registers.answers["population", "GET", "/findUsage"] = usages(
        use(at), use(at - timedelta(days=9), "70000005", "school", "getPerson", "Tartu linn")
    )
    world.registers.answers["residence", "GET", "/findUsage"] = usages()
    world.registers.trouble["insurance"] = "down"
    world.registers.trouble["social"] = "nonsense"
    usage = await world.cases.usage(MARI)
    assert [body.body for body in usage.bodies] == ["70000001", "70000005"] and usage.total == 2
    ours, theirs = usage.bodies[0].entries[0], usage.bodies[1].entries[0]
    assert (ours.case, ours.basis, ours.acting, ours.register) == (case, "EhS § 2", "you", "population")
    assert ours.message_id is not None and theirs.case is None
    assert set(usage.failed) == {"insurance", "social", "education", "treasury"}
    asked = [call for call in world.registers.calls if call.path.startswith("/findUsage")]
    assert {call.acting for call in asked} == {"EE38001085718"}


async def test_a_register_that_names_its_messages_is_joined_by_them(world):
    """However far the clocks are apart, and whoever asked; what the law keeps back is counted."""
    case = await world.open()
    await world.cases.fill(case, "permit.form", MARI)
    (sent,) = [call for call in world.registers.calls if "/facts" in call.path or "/persons/" in call.path][
        :1
    ]
    long_ago = world.now - timedelta(days=30)
    extension = {"kindOfData": ["person.residence"], "legalGround": "PPVS", "outcome": "done"}
    ours = {**use(long_ago), "extension": {**extension, "messageId": sent.message_id, "acting": "self"}}
    theirs = {
        **use(long_ago, "70000005", "school"),
        "extension": {**extension, "messageId": "m-2", "caseId": "school-7", "acting": "person"},
    }
    stolen = {
        **use(long_ago, "70000005", "school"),
        "extension": {**extension, "messageId": sent.message_id, "acting": "automatic"},
    }
    answer = {**usages(ours, theirs, stolen), "withheldUsages": 2}
    world.registers.answers["population", "GET", "/findUsage"] = answer
    for register in ("residence", "insurance", "social", "education", "treasury"):
        world.registers.answers[register, "GET", "/findUsage"] = usages()
    usage = await world.cases.usage(MARI)
    assert usage.totals["population"] == 5 and usage.withheld["population"] == 2 and usage.failed == {}
    by_body = {body.body: body.entries for body in usage.bodies}
    (mine,) = by_body["70000001"]
    assert (mine.case, mine.own, mine.message_id) == (case, True, sent.message_id)
    others = {entry.acting: entry for entry in by_body["70000005"]}
    assert (others["somebody"].basis, others["somebody"].case) == ("PPVS", "school-7")
    assert others["somebody"].kind == ("person.residence",)
    assert not others["automatic"].own, "another body that names our message has not become us"


async def test_what_an_office_asks_is_said_and_shown_as_the_offices(world):
    """People ask for themselves."""
    await world.cases.fill(await world.open(), "permit.form", MARI)
    await world.act(await world.sent(), "ACCEPT", OFFICIAL)
    asked = [call for call in world.registers.calls if call.path.startswith("/persons/")]
    assert {call.office for call in asked if call.acting.endswith(MARI.person.removeprefix("EE"))} == {None}
    looked = [call for call in asked if call.acting.endswith(OFFICIAL.person.removeprefix("EE"))]
    assert looked and {call.office for call in looked} == {OFFICIAL.authority}
    extension = {"messageId": "m-2", "acting": "person", "office": "birth@0793"}
    theirs = {**use(world.now, "70000005", "school"), "extension": extension}
    world.registers.answers["population", "GET", "/findUsage"] = usages(theirs)
    usage = await world.cases.usage(MARI)
    assert [entry.office for body in usage.bodies for entry in body.entries] == ["birth@0793"], usage


async def test_all_pages_are_read(world):
    at = world.now
    many = [
        {**use(at, "70000005", "school"), "extension": {"messageId": f"m-{n}", "acting": "automatic"}}
        for n in range(2_300)
    ]

    def page(call):
        query = dict(part.split("=") for part in call.path.partition("?")[2].split("&"))
        begin = int(query["offset"])
        return {"totalUsages": len(many), "usages": many[begin : begin + int(query["limit"])]}

    world.registers.answers["population", "GET", "/findUsage"] = page
    usage = await world.cases.usage(MARI)
    assert usage.totals["population"] == 2_300
    assert len({entry.message_id for body in usage.bodies for entry in body.entries}) == 2_300


async def test_asking_why_is_a_case_with_a_day(world):
    at = world.now
    world.registers.answers["population", "GET", "/findUsage"] = usages(use(at, "70000005", "school"))
    entry = (await world.cases.usage(MARI)).bodies[0].entries[0]
    case = await world.cases.ask_why(MARI, entry, key="why-1")
    assert await world.cases.ask_why(MARI, entry, key="why-1") == case
    await world.act(case, "ASK", MARI, {"words": ["Why on a Sunday?"]})
    oversight = Actor(
        person="EE36805280109",
        acr="high",
        posture="managed",
        roles=frozenset({"official"}),
        authority="oversight@70000005",
    )
    item = (await world.cases.desk(oversight))[0]
    assert item.case == case and not item.late
    world.later(days=32)
    await world.until(case, "REMINDED", oversight)
    assert (await world.cases.desk(oversight))[0].late
    assert "ask_why.late" in [notice.text for notice in await world.cases.inbox(MARI)]
    await world.act(case, "ANSWER", oversight, {"ground": ["mistake"], "answer": ["A clerk's mistake"]})
    view = await world.cases.view(case, MARI)
    assert view.results["answer"] == "A clerk's mistake"
    assert (await world.act(case, "CONTENT", MARI)).status == "CLOSED"


def record(block, number=0, record_id="r-1", subject="61801010013", **content):
    at = datetime(2026, 2, 1, tzinfo=UTC)
    return OfflineRecord(
        record_id, block.numbers[number], subject, (Party("owner", subject),), content, at, "36805280109"
    )


async def opened_anew(world):
    """Once, under a number of its own, with what the record says."""
    async with asyncio.timeout(15):
        while not (home := await world.cases.home(JUHAN)).cases:
            await asyncio.sleep(0.02)
    (line,) = home.cases
    assert line.service == "permit" and line.number.startswith("S-2026-")
    with world.cases._parts.store.reading() as connection:
        kept = world.cases._parts.store.find(connection, line.id)
    assert kept.data["content"] == {} and kept.office == OFFICIAL.authority
    assert [entry.name for entry in kept.actions] == ["OPEN"]


async def test_a_commune_without_a_connection_loses_nothing(any_world):
    world = any_world
    block = await world.cases.reserve_numbers("permit", 3, OFFICIAL)
    other = await world.cases.reserve_numbers("permit", 2, OFFICIAL)
    assert not set(block.numbers) & set(other.numbers) and len(block.numbers) == 3
    merged = await world.cases.merge(block.id, [record(block, 0, what="shed")], OFFICIAL)
    assert merged[0].outcome == "merged"
    view = await world.cases.view(merged[0].case, OFFICIAL)
    assert view.number == block.numbers[0]
    again = await world.cases.merge(block.id, [record(block, 0, what="shed")], OFFICIAL)
    assert again == merged
    conflicts = await world.cases.merge(
        block.id,
        [
            record(block, 0, "r-2", "47101010033"),  # its number was used
            record(block, 1, "r-3"),  # the subject has an open case
            record(other, 0, "r-4", "39901012239"),  # of another block
            record(block, 0, "r-1", what="barn"),  # the same record with other words
        ],
        OFFICIAL,
    )
    assert [merge.reasons for merge in conflicts] == [
        ("number_used",),
        ("subject_has_case",),
        ("number_not_in_block",),
        ("number_used", "subject_has_case", "record_changed"),
    ]
    conflict = conflicts[0].case
    view = await world.cases.view(conflict, OFFICIAL)
    assert view.results["subject"] == "47101010033" and view.tasks[0].screen == "offline_conflict.desk"
    shown = (await world.cases.fill(conflict, "offline_conflict.desk", OFFICIAL)).facts
    assert {"offline_conflict.number_used", "offline_conflict.number"} <= {line.concept for line in shown}
    done = await world.act(conflict, "DECIDE", OFFICIAL, {"decision": ["distinct"], "reason": ["two sheds"]})
    assert done.status == "CLOSED"
    await world.cases.stop()  # it dies just then, and again
    await world.start()
    await world.cases.stop()
    await world.start()
    await world.cases.publish()
    await opened_anew(world)
    for decision, one in zip(("same", "void"), conflicts[1:3], strict=True):
        await world.act(one.case, "DECIDE", OFFICIAL, {"decision": [decision], "reason": ["the same shed"]})
    case = await world.open()
    assert (await world.cases.view(case, MARI)).number not in {*block.numbers, *other.numbers}
    for doing in (
        world.cases.reserve_numbers("permit", 1, MARI),
        world.cases.reserve_numbers("permit", 1, replace(OFFICIAL, posture="unmanaged")),
        world.cases.reserve_numbers("permit", 0, OFFICIAL),
        world.cases.merge(block.id, [record(block, 2, "r-9")], replace(OFFICIAL, authority="permit@0784")),
        world.cases.merge(block.id, [record(block, 2, "r-9")], CLERK),
    ):
        with pytest.raises(Refused):
            await doing
