"""J2 beside the straight way: protected people, deaths, registers that do not answer, bodies not told yet, another country, removals, leases."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

import pytest
import pytest_asyncio

from sild.cases import Refused

from .movers import MovingVillage
from .village import citizen

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def village(tmp_path_factory):
    MovingVillage.used.clear()
    async with MovingVillage(tmp_path_factory.mktemp("village")) as made:
        yield made


async def protect(village, protected, against):
    day = village.today().isoformat()
    order = {"protected": protected, "against": against, "valid_from": day, "order": "2-26-7"}
    await village.ask("population", "POST", "/protection-orders", order)
    await village.settle()


def offices_named(village, case):
    return {
        headers.get("Sild-Office")
        for *_, headers in village.wire.heard
        if headers.get("X-Road-Issue") == case
    }


async def test_messages_name_the_office_but_where_its_place_would_tell_a_custodian(village):
    person, (child, mother, father) = village.single(), village.family()
    home, (owner,) = await village.dwelling_of(1, but=[person.code, mother.code, father.code])
    for mover, people in ((person, [person.code]), (mother, [mother.code, child.code])):
        case = await village.sent(citizen(mover), home, people)
        await village.act(case, "CONSENT", citizen(owner))
        if mover is mother:
            await village.act(case, "ALLOW", citizen(father))
        await village.decided(case)
        office = (await village.office(case)).authority
        assert (office in offices_named(village, case)) is (mover is person), mover.code


async def test_a_protected_persons_address_is_sealed(village):
    """(d) Not even the father, who has custody, is told where to; people decide about the child."""
    child, mother, father = village.family()
    await protect(village, mother.code, father.code)
    home, (owner,) = await village.dwelling_of(1, but=[mother.code, father.code])
    mari = citizen(mother)
    case = await village.sent(mari, home, [mother.code])
    await village.act(case, "CONSENT", citizen(owner))
    official = await village.office(case)
    checks = {
        line.concept: line.value for line in (await village.cases.fill(case, "move.desk", official)).facts
    }
    assert checks["check.no_protection_order"] is False
    await village.decided(case)
    assert (await village.home(mother.code))["dwelling"] == home
    assert (await village.cases.view(case, mari)).results["place"]
    seen = (await village.cases.view(case, official)).results
    assert seen["sealed"] is True and "place" not in seen
    assert offices_named(village, case) == {None}, "where the office is tells where she lives"

    other, _owners = await village.dwelling_of(1, but=[mother.code, father.code])
    case = await village.sent(mari, other, [mother.code, child.code])
    assert "custody_asked" not in await village.told(citizen(father))
    with pytest.raises(Refused) as refused:
        await village.cases.view(case, citizen(father))
    assert refused.value.code == "not_yours"
    desk = await village.cases.fill(case, "move.desk", await village.office(case))
    assert {line.concept: line.value for line in desk.facts}["check.custodians_agree"] is False


async def test_an_order_during_the_case_leaves_it_to_people(village):
    wife, husband = village.couple()
    home, (owner,) = await village.dwelling_of(1, but=[wife.code, husband.code])
    case = await village.sent(citizen(wife), home, [wife.code])
    assert await village.status(case, citizen(wife)) == "ASKED"
    await protect(village, wife.code, husband.code)
    assert await village.status(case, citizen(wife)) == "RECEIVED"
    official = await village.office(case)
    checks = {
        line.concept: line.value for line in (await village.cases.fill(case, "move.desk", official)).facts
    }
    assert checks["check.no_protection_order"] is False
    assert owner not in str(await village.cases.view(case, citizen(wife)))


async def test_after_the_movers_death_there_is_silence(village):
    person = village.single()
    home, (owner,) = await village.dwelling_of(1, but=[person.code])
    case = await village.sent(citizen(person), home, [person.code])
    died = village.today().isoformat()
    await village.dies(person.code, died)
    await village.settle()
    assert await village.status(case, citizen(owner)) == "SILENCED"
    village.later(days=12)
    await village.settle()
    assert (await village.told(citizen(owner))).count("consent_asked") <= 1


async def test_a_silent_register_holds_the_case_and_loses_nothing(village):
    person = village.single()
    mari = citizen(person)
    home, (owner,) = await village.dwelling_of(1, but=[person.code])
    case = await village.searched(mari, home)
    village.wire.down.add("population")
    filled = await village.cases.fill(case, "move.notice", mari)
    assert any(body.body == "GOV/70000002/population" for body in filled.failed_bodies)
    village.wire.down.clear()
    await village.act(case, "SEND", mari, village.notice(f"dwelling:{home}", [person.code]))
    await village.act(case, "CONSENT", citizen(owner))
    official = await village.office(case)
    await village.act(case, "ACCEPT", official)
    village.wire.down.add("residence")
    await village.cases.act(case, "DECIDE", official, {}, key=village.key())
    async with asyncio.timeout(5):
        while not (await village.cases.view(case, mari)).failed_bodies:
            await asyncio.sleep(0.02)
    view = await village.cases.view(case, mari)
    assert (view.status, view.failed_bodies[0].body) == ("REGISTERING", "GOV/70000006/residence")
    assert view.failed_bodies[0].next_try is not None
    village.wire.down.clear()
    village.wire.lost.add("residence")  # and the answer is lost once
    await village.cases.try_again(case, official)
    village.later(minutes=5)
    for _ in range(50):
        await village.settle()
        if await village.status(case, mari) in ("REGISTERED", "CLOSED"):
            break
        await village.cases.try_again(case, official)
    assert (await village.home(person.code))["dwelling"] == home
    items = (await village.ask("residence", "GET", f"/persons/{person.code}/residences"))["items"]
    assert [item["dwelling"] for item in items].count(home) == 1


async def test_who_could_not_be_told_is_shown_with_the_next_try(village):
    person = village.single()
    mari = citizen(person)
    home, _owners = await village.dwelling_of(1, but=[person.code])
    case = await village.sent(mari, home, [person.code], basis="lease", document="lease 7")
    village.wire.down.add("education")
    await village.decided(case)
    village.later(minutes=1)
    await village.settle()
    view = await village.cases.view(case, mari)
    assert view.status == "REGISTERED"
    assert view.results["bodies_know"] == ["GOV/70000001/portal"]
    (failed,) = view.failed_bodies
    assert failed.body == "GOV/70000005/education" and failed.next_try is not None
    village.wire.down.clear()
    for _ in range(6):
        village.later(hours=6)
        await village.settle()
    view = await village.cases.view(case, mari)
    assert view.status == "CLOSED" and not view.failed_bodies
    assert "GOV/70000005/education" in view.results["bodies_know"]


async def test_this_person_does_not_live_here(village):
    person = village.single()
    home, (owner,) = await village.dwelling_of(1, but=[person.code])
    case = await village.sent(citizen(person), home, [person.code])
    await village.act(case, "CONSENT", citizen(owner))
    await village.decided(case)

    juhan = citizen(owner)
    removal = await village.cases.open_case("removal", juhan, key=village.key())
    homes = dict((await village.cases.fill(removal, "removal.request", juhan)).options["dwellings"])
    assert home in homes
    stranger = village.single()
    await village.act(removal, "REQUEST", juhan, {"dwelling": [home], "person": [stranger.code]})
    view = await village.cases.view(removal, juhan)
    assert view.status == "OPENED"  # the register refused; who lives elsewhere is told nothing
    assert await village.told(citizen(stranger)) == []
    await village.act(removal, "REQUEST", juhan, {"dwelling": [home], "person": [person.code]})
    mari = citizen(person)
    assert await village.status(removal, mari) == "NOTICED"
    assert "asked" in await village.told(mari)
    official = await village.office(removal)
    early = {"decision": ["REMOVED"], "reason": ["gone"]}
    with pytest.raises(Refused) as refused:
        await village.act(removal, "DECIDE", official, early)
    assert refused.value.code == "too_late"
    village.later(days=32)
    await village.settle()
    assert await village.status(removal, mari) == "READY"
    with pytest.raises(Refused) as refused:
        await village.act(removal, "DECIDE", official, early)
    assert [one.reason for one in refused.value.defects] == ["not_heard"]
    await village.act(removal, "OBJECT", mari, {"text": ["I moved to my sister's."]})
    assert "sister" not in str(await village.cases.view(removal, juhan))
    await village.act(removal, "DECIDE", official, early)
    view = await village.cases.view(removal, juhan)
    assert (view.status, view.results["state"]) == ("CLOSED", "REMOVED")
    assert (await village.home(person.code))["level"] == "commune"
    assert "resident_removed" in await village.told(mari)


async def test_an_owner_leases_out_and_who_rents_moves_in_unasked(village):
    person, stranger = village.single(), village.single()
    home, (owner,) = await village.dwelling_of(1, but=[person.code, stranger.code])
    mari, juhan = citizen(person), citizen(owner)
    case = await village.cases.open_case("lease", juhan, key=village.key())
    filled = await village.cases.fill(case, "lease.say", juhan)
    assert home in dict(filled.options["dwellings"])
    today = village.today().isoformat()
    new = {"which": ["new"], "dwelling": [home], "number": ["2026/14"], "valid_from": [today]}
    with pytest.raises(Refused) as refused:
        said = {**new, "person": ["Mari Maasikas"], "number": ["üks kaks"], "last_day": ["2020-01-01"]}
        await village.act(case, "SAY", juhan, said)
    assert {one.reason for one in refused.value.defects} == {
        "not_a_code",
        "not_a_number",
        "ends_before_it_begins",
    }
    other, _owners = await village.dwelling_of(1, but=[owner])
    with pytest.raises(Refused):
        await village.act(case, "SAY", juhan, {**new, "person": [person.code], "dwelling": [other]})
    await village.act(case, "SAY", juhan, {**new, "person": [owner]})
    assert await village.status(case, juhan) == "OPENED"
    filled = await village.cases.fill(case, "lease.say", juhan)
    assert filled.values["number"] == ["2026/14"], "what was refused stands there again"
    await village.act(case, "SAY", juhan, {**new, "person": [person.code]})
    view = await village.cases.view(case, mari)
    assert view.status == "CLOSED" and view.results["number"] == "2026/14"
    assert "entered" in await village.told(mari)

    move = await village.sent(mari, home, [person.code], basis="lease")
    await village.decided(move)
    assert (await village.home(person.code))["dwelling"] == home
    assert "consent_asked" not in await village.told(juhan)

    end = await village.cases.open_case("lease", juhan, key=village.key())
    options = dict((await village.cases.fill(end, "lease.say", juhan)).options["leases"])
    (lease,) = [value for value, words in options.items() if "2026/14" in words]
    with pytest.raises(Refused):
        await village.act(end, "SAY", juhan, {"which": ["1"], "last_day": [today]})
    with pytest.raises(Refused):
        await village.act(end, "SAY", juhan, {"which": [lease], "last_day": ["2020-01-01"]})
    await village.act(end, "SAY", juhan, {"which": [lease], "last_day": [today]})
    assert (await village.cases.view(end, juhan)).results["last_day"] == today
    assert "ends" in await village.told(mari)
    village.later(days=1)
    again = await village.cases.open_case("lease", juhan, key=village.key())
    options = (await village.cases.fill(again, "lease.say", juhan)).options["leases"]
    assert not [words for _value, words in options if "2026/14" in words]


async def test_who_owns_it_too_hears_of_a_lease_and_can_end_it(village):
    person = village.single()
    home, owners = await village.dwelling_of(2, but=[person.code])
    mari, juhan, anne = citizen(person), *(citizen(owner) for owner in owners)
    case = await village.cases.open_case("lease", juhan, key=village.key())
    today = village.today().isoformat()
    new = {"which": ["new"], "dwelling": [home], "number": ["2026/16"], "valid_from": [today]}
    await village.act(case, "SAY", juhan, {**new, "person": [person.code]})
    assert "co_owner_entered" in await village.told(anne) and "entered" in await village.told(mari)
    seen = await village.cases.view(case, anne)
    assert seen.results["number"] == "2026/16" and person.code not in str(seen)
    own = await village.cases.open_case("lease", anne, key=village.key())
    options = (await village.cases.fill(own, "lease.say", anne)).options["leases"]
    (lease,) = [value for value, words in options if "2026/16" in words]
    await village.act(own, "SAY", anne, {"which": [lease], "last_day": [today]})
    assert "co_owner_ends" in await village.told(juhan) and "ends" in await village.told(mari)


async def test_nobody_writes_by_a_lease_to_whom_an_order_keeps_from_them(village):
    person = village.single()
    home, (owner,) = await village.dwelling_of(1, but=[person.code])
    await protect(village, person.code, owner)
    mari, juhan = citizen(person), citizen(owner)
    case = await village.cases.open_case("lease", juhan, key=village.key())
    new = {"which": ["new"], "dwelling": [home], "person": [person.code]}
    new["valid_from"] = [village.today().isoformat()]
    with pytest.raises(Refused) as refused:
        await village.act(case, "SAY", juhan, {**new, "number": ["Come-back"]})
    assert [one.reason for one in refused.value.defects] == ["not_a_number"]
    await village.act(case, "SAY", juhan, {**new, "number": ["17"]})
    view = await village.cases.view(case, juhan)
    assert view.status == "CLOSED" and view.results["number"] == "17" and "kept" not in str(view)
    assert "entered" not in await village.told(mari)
    with pytest.raises(Refused) as refused:
        await village.cases.view(case, mari)
    assert refused.value.code == "not_yours"
    facts = await village.ask("residence", "GET", f"/persons/{person.code}/facts", user=f"EE{person.code}")
    assert home not in str(facts), "nothing of it stands in their data"
    with pytest.raises(Refused) as refused:
        await village.sent(mari, home, [person.code], basis="lease")
    assert [one.reason for one in refused.value.defects] == ["lease_missing"]
    end = await village.cases.open_case("lease", juhan, key=village.key())
    options = (await village.cases.fill(end, "lease.say", juhan)).options["leases"]
    (lease,) = [value for value, words in options if "lease 17" in words and home_text(words, view)]
    await village.act(end, "SAY", juhan, {"which": [lease], "last_day": [village.today().isoformat()]})
    ended = await village.cases.view(end, juhan)
    assert ended.status == "CLOSED" and ended.results["last_day"] == village.today().isoformat()
    assert "ends" not in await village.told(mari)


def home_text(words, view):
    """Whether an option is of the dwelling of that case."""
    return view.results["dwelling"] in words


async def test_a_lease_that_has_not_begun_is_withdrawn_and_days_are_near_enough(village):
    person = village.single()
    home, owners = await village.dwelling_of(2, but=[person.code])
    mari, juhan, anne = citizen(person), *(citizen(owner) for owner in owners)
    case = await village.cases.open_case("lease", juhan, key=village.key())
    today = village.today()
    new = {"which": ["new"], "dwelling": [home], "number": ["2026/18"], "person": [person.code]}
    for days, where in (
        ({"valid_from": ["9999-12-31"]}, "valid_from"),
        ({"valid_from": ["1000-01-01"]}, "valid_from"),
        ({"valid_from": [today.isoformat()], "last_day": ["9999-12-31"]}, "last_day"),
        ({"valid_from": [today.isoformat()], "last_day": ["2127-01-01"]}, "last_day"),
    ):
        with pytest.raises(Refused) as refused:
            await village.act(case, "SAY", juhan, {**new, **days})
        assert [(one.field, one.reason) for one in refused.value.defects] == [(where, "date_out_of_range")]
    begins = (today + timedelta(days=30)).isoformat()
    await village.act(case, "SAY", juhan, {**new, "valid_from": [begins]})
    undo = await village.cases.open_case("lease", juhan, key=village.key())
    options = (await village.cases.fill(undo, "lease.say", juhan)).options["leases"]
    (lease,) = [value for value, words in options if "2026/18, or withdraw it" in words]
    with pytest.raises(Refused) as refused:
        await village.act(undo, "SAY", juhan, {"which": [lease], "last_day": ["9999-12-31"]})
    assert [one.reason for one in refused.value.defects] == ["date_out_of_range"]
    await village.act(undo, "SAY", juhan, {"which": [lease], "last_day": [today.isoformat()]})
    assert (await village.cases.view(undo, mari)).results["state"] == "withdrawn"
    assert "withdrawn" in await village.told(mari) and "co_owner_withdrawn" in await village.told(anne)
    again = await village.cases.open_case("lease", anne, key=village.key())
    assert "2026/18" not in str((await village.cases.fill(again, "lease.say", anne)).options)


async def test_whoever_owns_hears_of_a_home_on_a_registered_lease_and_is_asked_nothing(village):
    person = village.single()
    home, owners = await village.dwelling_of(2, but=[person.code])
    mari, juhan, anne = citizen(person), *(citizen(owner) for owner in owners)
    case = await village.cases.open_case("lease", juhan, key=village.key())
    new = {"which": ["new"], "dwelling": [home], "number": ["2026/19"], "person": [person.code]}
    await village.act(case, "SAY", juhan, {**new, "valid_from": [village.today().isoformat()]})
    move = await village.sent(mari, home, [person.code], basis="lease")
    for owner in (juhan, anne):
        assert not {"lease_said", "lessor_told"} & set(await village.told(owner)), "nothing is entered yet"
        with pytest.raises(Refused) as refused:
            await village.act(move, "DENY_LEASE", owner)
        assert refused.value.code == "not_yours"
    await village.decided(move)
    village.later(minutes=1)  # whom the register has not told yet is asked about again
    await village.settle()
    for owner in (juhan, anne):
        assert (await village.told(owner)).count("lessor_told") == 1
        view = await village.cases.view(move, owner)
        assert view.tasks == () and view.may == () and person.code not in str(view)
        for action in ("DENY_LEASE", "CONSENT"):
            with pytest.raises(Refused) as refused:
                await village.act(move, action, owner)
            assert refused.value.code == "case_closed"


async def test_a_feared_owner_does_not_hear_of_a_home_on_another_owners_lease(village):
    person = village.single()
    home, owners = await village.dwelling_of(2, but=[person.code])
    mari, juhan, anne = citizen(person), *(citizen(owner) for owner in owners)
    case = await village.cases.open_case("lease", juhan, key=village.key())
    new = {"which": ["new"], "dwelling": [home], "number": ["2026/20"], "person": [person.code]}
    await village.act(case, "SAY", juhan, {**new, "valid_from": [village.today().isoformat()]})
    await protect(village, person.code, owners[1])
    move = await village.sent(mari, home, [person.code], basis="lease")
    await village.decided(move)
    for owner in (juhan, anne):  # a case with an order says nothing by itself to anybody but who moves
        assert "lessor_told" not in await village.told(owner)
    with pytest.raises(Refused) as refused:
        await village.cases.view(move, anne)
    assert refused.value.code == "not_yours"


async def test_what_a_lease_lets_in_is_asked_of_the_register_again(village):
    """The notice was sent on a lease that is said to have ended before the office decided."""
    person = village.single()
    home, (owner,) = await village.dwelling_of(1, but=[person.code])
    mari, juhan = citizen(person), citizen(owner)
    case = await village.cases.open_case("lease", juhan, key=village.key())
    today = village.today()
    new = {"which": ["new"], "dwelling": [home], "number": ["15"], "person": [person.code]}
    await village.act(case, "SAY", juhan, {**new, "valid_from": [today.isoformat()]})
    later = (today + timedelta(days=10)).isoformat()
    move = await village.sent(mari, home, [person.code], basis="lease", valid_from=date.fromisoformat(later))
    end = await village.cases.open_case("lease", juhan, key=village.key())
    options = (await village.cases.fill(end, "lease.say", juhan)).options["leases"]
    (lease,) = [value for value, words in options if "15" in words and value != "new"]
    await village.act(end, "SAY", juhan, {"which": [lease], "last_day": [today.isoformat()]})
    await village.decided(move)
    assert await village.status(move, mari) == "ACCEPTED", "the register did not take it"
    assert (await village.home(person.code)).get("dwelling") != home
