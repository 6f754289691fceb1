"""J2 from the search for an address to "these bodies now know", over the registers themselves; every refusal on the way."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import pytest_asyncio

from sild.cases import Refused
from sild.decisions import bundle_of, render_bundle, verify_bundle
from sild.errors import CallerError

from .movers import MovingVillage, clerk, everybody
from .village import citizen
from .world import SHOWN

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def village(tmp_path_factory):
    MovingVillage.used.clear()
    async with MovingVillage(tmp_path_factory.mktemp("village")) as made:
        yield made


async def test_from_the_address_to_everybody_who_knows(village):
    person = village.single()
    mari = citizen(person)
    home, (owner,) = await village.dwelling_of(1, but=[person.code])
    case = await village.searched(mari, home)
    filled = await village.cases.fill(case, "move.notice", mari)
    assert f"dwelling:{home}" in dict(filled.options["places"])
    assert person.code in dict(filled.options["household"])
    assert filled.values["people"] == [person.code]
    done = await village.act(case, "SEND", mari, village.notice(f"dwelling:{home}", [person.code]))
    assert done.status == "SENT"
    assert await village.status(case, mari) == "ASKED"

    juhan = citizen(owner)
    assert "consent_asked" in await village.told(juhan)
    await village.act(case, "CONSENT", juhan)
    view = await village.cases.view(case, mari)
    assert view.status == "RECEIVED"
    read, registered = view.clocks
    assert read.promise == village.packs.profile.deadline("move.read", village.today())
    assert registered.promise is None  # what was sent is not yet received

    official = await village.office(case)
    assert case in [item.case for item in await village.cases.desk(official)]
    await village.act(case, "ACCEPT", official)
    read, registered = (await village.cases.view(case, mari)).clocks
    assert read.kept_on == village.today() and not read.late
    assert registered.promise == village.packs.profile.deadline("move.register", village.today())
    await village.act(case, "DECIDE", official)
    assert (await village.home(person.code))["dwelling"] == home

    village.later(minutes=10)
    await village.settle()
    view = await village.cases.view(case, mari)
    assert view.status == "CLOSED"
    assert view.results["bodies_know"] == ["GOV/70000001/portal", "GOV/70000005/education"]
    assert all(clock.kept_on is not None for clock in view.clocks)
    assert {"told", "registered", "accepted"} <= set(await village.told(mari))
    assert "owner_told" in await village.told(juhan)


async def test_a_notice_that_the_office_does_not_open_is_late_and_stands_before_fresh_work(village):
    """The office owes an answer from the day the notice is with it, and each time anew; none is owed once it is taken back."""
    person, _spouse = village.couple()
    mari = citizen(person)
    home, _owners = await village.dwelling_of(1, but=[person.code])
    case = await village.searched(mari, home)
    notice = {**village.notice(f"dwelling:{home}", [person.code]), "basis": ["lease"], "document": ["1"]}
    await village.act(case, "SEND", mari, notice)
    official, deadline = await village.office(case), village.packs.profile.deadline
    (read, _registered) = (await village.cases.view(case, mari)).clocks
    assert read.promise == deadline("move.read", village.today()) and not read.late
    assert (await village.cases.home(mari)).cases[0].promise == read.promise, "a person is told a day at once"
    village.later(days=100)

    async def stands() -> tuple:
        return next((one.late, one.promise) for one in await village.cases.desk(official) if one.case == case)

    assert await stands() == (True, read.promise)
    first = (await village.cases.desk(official))[0]
    assert first.late and first.tasks == ("move.desk",), "beneath nothing that came later"
    await village.act(case, "RETURN", official, {"defects": ["date_out_of_range"]})
    read, _registered = (await village.cases.view(case, mari)).clocks
    assert read.kept_on == village.today() and read.late
    village.later(days=30)
    day = village.today()
    again = village.notice(f"dwelling:{home}", [person.code], valid_from=day)
    await village.act(case, "SEND", mari, {**again, "basis": ["lease"], "document": ["1"]})
    read, registered = (await village.cases.view(case, mari)).clocks
    assert read.promise == deadline("move.read", day) and not read.late, "it came anew"
    assert {read.standing_for, registered.standing_for} == {None}, "the return is over"
    await village.act(case, "WITHDRAW", mari)
    (registered,) = (await village.cases.view(case, mari)).clocks
    assert registered.standing_for is None and registered.expected is None


async def test_what_has_no_promise_stands_by_its_age(village):
    """Owners who differ: an official's turn, which no clock counts; it stands before what came later, and what waits for others last."""
    (person, other), (third, _) = village.couple(), village.couple()
    home, owners = await village.dwelling_of(2, but=[person.code, other.code])
    case = await village.sent(citizen(person), home, [person.code])
    await village.act(case, "CONSENT", citizen(owners[0]))
    await village.act(case, "REFUSE", citizen(owners[1]))
    assert await village.status(case, citizen(person)) == "DISPUTED"
    official = await village.office(case)
    village.later(days=40)
    asked = await village.sent(citizen(other), home, [other.code])
    assert await village.status(asked, citizen(other)) == "ASKED"
    fresh = await village.searched(citizen(third), home)
    lease = {**village.notice(f"dwelling:{home}", [third.code]), "basis": ["lease"], "document": ["1"]}
    await village.act(fresh, "SEND", citizen(third), lease)
    mine = [one for one in await village.cases.desk(official) if one.case in (case, asked, fresh)]
    assert [one.case for one in mine if not one.late] == [case, fresh, asked]
    assert [one.promise is None for one in mine] == [True, False, True]


async def test_the_owner_is_shown_names_and_their_own_dwelling_and_no_more(village):
    person = village.single()
    home, (owner,) = await village.dwelling_of(1, but=[person.code])
    case = await village.sent(citizen(person), home, [person.code])
    juhan = citizen(owner)
    filled = await village.cases.fill(case, "move.consent", juhan)
    assert {line.concept for line in filled.facts} == {"move.dwelling", "move.valid_from", "move.mover"}
    names = [line.value for line in filled.facts if line.concept == "move.mover"]
    assert names == [f"{person.given_names} {person.family_name}"]
    view = await village.cases.view(case, juhan)
    assert person.code not in str(view)
    assert [party.role for party in view.parties] == ["owner"]
    for screen in ("move.notice", "move.desk"):
        with pytest.raises(Refused, match="not for you"):
            await village.cases.fill(case, screen, juhan)


async def test_a_registered_lease_is_known_and_no_paper_and_nobodys_word_is_asked_for(village):
    person = village.single()
    mari = citizen(person)
    home, (owner,) = await village.dwelling_of(1, but=[person.code])
    today = village.today()
    lease = {
        "number": "L-2026-17",
        "dwelling": home,
        "lessor": owner,
        "lessee": person.code,
        "valid_from": str(today),
    }
    with pytest.raises(CallerError, match="official"):
        await village.ask("residence", "POST", "/leases", lease)
    case = await village.searched(mari, home)
    notice = village.notice(f"dwelling:{home}", [person.code], basis="lease")
    with pytest.raises(Refused) as refused:
        await village.act(case, "SEND", mari, notice)
    assert [one.reason for one in refused.value.defects] == ["lease_missing"]
    await village.ask("residence", "POST", "/leases", lease, user="EE36805280109")
    filled = await village.cases.fill(case, "move.notice", mari)
    (line,) = [
        line for line in filled.facts if line.concept == "move.registered_lease" and "L-2026-17" in line.value
    ]
    assert line.ref is not None and line.source
    await village.act(case, "SEND", mari, notice)
    assert await village.status(case, mari) == "RECEIVED", "no owner is asked"
    await village.decided(case)
    assert (await village.home(person.code))["dwelling"] == home
    _steps, (record, *_) = await village.decisions(person.code)
    assert [one["says"] for one in record["record"]["words"]] == ["notice"]


async def test_an_owner_who_refuses_leaves_the_commune(village):
    """(a)"""
    person = village.single()
    home, (owner,) = await village.dwelling_of(1, but=[person.code])
    mari = citizen(person)
    case = await village.sent(mari, home, [person.code])
    await village.act(case, "REFUSE", citizen(owner))
    assert "commune_only" in await village.told(mari)
    await village.decided(case)
    view = await village.cases.view(case, mari)
    lives = await village.home(person.code)
    assert (lives["level"], view.results["level"]) == ("commune", "commune")
    assert "dwelling" not in lives
    steps, (record,) = await village.decisions(person.code)
    assert steps == [("registration", "partial")]
    assert [one["code"] for one in record["record"]["reasons"]][-1] == "owner_refused"
    assert (await village.decisions(owner))[0] == [], "the home is the resident's"


async def test_taken_back_after_it_was_sent(village):
    """Until a home is entered; whoever was asked hears of it, answers no more, and the desk has it no more."""
    person = village.single()
    mari = citizen(person)
    home, (owner,) = await village.dwelling_of(1, but=[person.code])
    case = await village.searched(mari, home)
    await village.act(case, "SEND", mari, village.notice(f"dwelling:{home}", [person.code]))
    view = await village.cases.view(case, mari)
    assert view.tasks == () and [one.screen for one in view.may] == ["move.withdraw"]
    assert "move.withdraw" not in [task.screen for task in (await village.cases.home(mari)).tasks]
    juhan = citizen(owner)
    await village.act(case, "CONSENT", juhan)
    official = await village.office(case)
    await village.act(case, "ACCEPT", official)
    with pytest.raises(Refused) as refused:
        await village.act(case, "WITHDRAW", juhan)
    assert refused.value.code == "not_yours"
    await village.act(case, "WITHDRAW", mari)
    view = await village.cases.view(case, mari)
    assert (view.status, view.is_closed, view.may) == ("WITHDRAWN", True, ())
    assert "withdrawn" in await village.told(juhan)
    for action, actor in (("DECIDE", official), ("CONSENT", juhan), ("WITHDRAW", mari)):
        with pytest.raises(Refused):
            await village.act(case, action, actor)
    assert (await village.home(person.code)).get("dwelling") != home


async def test_entered_it_is_taken_back_no_more(village):
    person = village.single()
    mari = citizen(person)
    home, (owner,) = await village.dwelling_of(1, but=[person.code])
    case = await village.searched(mari, home)
    await village.act(case, "SEND", mari, village.notice(f"dwelling:{home}", [person.code]))
    await village.act(case, "CONSENT", citizen(owner))
    official = await village.office(case)
    await village.act(case, "ACCEPT", official)
    await village.act(case, "DECIDE", official)
    assert (await village.cases.view(case, mari)).may == ()
    with pytest.raises(Refused) as refused:
        await village.act(case, "WITHDRAW", mari)
    assert refused.value.code in ("too_late", "case_closed")


async def test_an_owner_who_says_nothing_until_the_day_leaves_the_commune(village):
    person = village.single()
    home, (owner,) = await village.dwelling_of(1, but=[person.code])
    mari = citizen(person)
    case = await village.sent(mari, home, [person.code])
    village.later(days=10)
    await village.settle()
    assert await village.status(case, mari) == "ASKED"  # the last day counts
    assert (await village.told(citizen(owner))).count("consent_asked") == 2  # and a reminder before it
    village.later(days=1)
    await village.settle()
    assert await village.status(case, mari) == "RECEIVED"
    with pytest.raises(Refused) as refused:
        await village.act(case, "CONSENT", citizen(owner))
    assert refused.value.code in ("too_late", "already_done")
    await village.decided(case)
    assert (await village.home(person.code))["level"] == "commune"


async def test_owners_who_differ_stop_it_for_people(village):
    """(b)"""
    person = village.single()
    home, owners = await village.dwelling_of(2, but=[person.code])
    mari = citizen(person)
    case = await village.sent(mari, home, [person.code])
    await village.act(case, "CONSENT", citizen(owners[0]))
    await village.act(case, "REFUSE", citizen(owners[1]))
    assert await village.status(case, mari) == "DISPUTED"
    assert "owners_differ" in await village.told(citizen(owners[0]))
    official = await village.office(case)
    with pytest.raises(Refused) as early:
        await village.act(case, "ACCEPT", official)
    assert early.value.code == "too_late"
    with pytest.raises(Refused) as bare:
        await village.act(case, "SETTLE", official, {"level": ["dwelling"], "words": ["-"]})
    assert [(one.field, one.reason) for one in bare.value.defects] == [("document", "missing")]
    await village.act(
        case, "SETTLE", official, {"level": ["dwelling"], "document": ["2-26-100"], "words": ["A judgment."]}
    )
    await village.decided(case)
    assert (await village.home(person.code))["dwelling"] == home
    steps, (entry, dispute) = await village.decisions(person.code)
    assert steps == [("registration", "grant"), ("dispute", "grant")]
    for found in (entry, dispute):
        (step,) = found["record"]["human"]
        assert (step["device_posture"], found["record"]["case"]) == ("managed", case)
        assert village.registers["residence"].deciding.replay(found["record"]["id"]).result == "match"
    assert dispute["values"][dispute["record"]["considerations"][0]["text"]["sealed"]] == "A judgment."
    for owner in owners:
        assert (await village.decisions(owner))[0] == [("dispute", "grant")]


async def test_owners_who_differ_may_think_again(village):
    person = village.single()
    home, owners = await village.dwelling_of(2, but=[person.code])
    case = await village.sent(citizen(person), home, [person.code])
    await village.act(case, "REFUSE", citizen(owners[1]))
    await village.act(case, "CONSENT", citizen(owners[0]))
    await village.act(case, "CONSENT", citizen(owners[1]))
    assert await village.status(case, citizen(person)) == "RECEIVED"


async def test_who_is_in_no_register_is_corrected_there(village):
    """(c)"""
    from sild.registries.identity_codes import estonia

    code = estonia.make(village.today().replace(year=1990), "F", 77)
    mari = citizen(code)
    home, _owners = await village.dwelling_of(1)
    case = await village.sent(mari, home, [code])
    view = await village.cases.view(case, mari)
    assert view.status == "MISSING"
    filled = await village.cases.fill(case, "move.notice", mari)
    named = {line.register for line in filled.facts if line.concept == "move.missing_in"}
    assert named == {"population", "residence"}
    assert {"missing_population", "missing_residence"} <= set(await village.told(mari))
    for register in named:
        opened = (await village.ask(register, "GET", "/disputes"))["items"]
        assert [one["state"] for one in opened if one["person"] == code] == ["OPEN"]
    opened = next(entry for entry in view.timeline if entry.name == "REFER").data["opened"]
    assert len(opened) == 2


async def test_who_was_missing_is_found_and_the_notice_goes_on(village):
    """Both registers have to know them: after the first it stops again, after the second the owner is asked."""
    from sild.registries.identity_codes import estonia

    born = village.today().replace(year=1991)
    code = estonia.make(born, "F", 78)
    mari = citizen(code)
    home, (owner,) = await village.dwelling_of(1)
    case = await village.sent(mari, home, [code])
    assert await village.status(case, mari) == "MISSING"
    clerk = {"user": "EE36805280109"}

    async def dispute(register):
        opened = (await village.ask(register, "GET", "/disputes"))["items"]
        return next(one["id"] for one in opened if one["person"] == code and one["state"] == "OPEN")

    with pytest.raises(CallerError) as refused:  # nobody says so before it is true
        await village.ask(
            "population",
            "POST",
            f"/disputes/{await dispute('population')}/known",
            **clerk,
        )
    assert refused.value.code == "unknown_person"
    entered = {"given_names": "Uus", "family_name": "Inimene"}
    await village.ask(
        "population",
        "POST",
        f"/disputes/{await dispute('population')}/known",
        entered,
        **clerk,
    )
    await village.settle()
    view = await village.cases.view(case, mari)
    assert view.status == "MISSING" and [one.name for one in view.timeline].count("FOUND") == 1
    found = await village.ask(
        "residence",
        "POST",
        f"/disputes/{await dispute('residence')}/known",
        {},
        **clerk,
    )
    assert found["state"] == "CORRECTED"
    await village.settle()
    assert await village.status(case, mari) == "ASKED"
    assert "consent_asked" in await village.told(citizen(owner))


async def test_who_is_unknown_at_the_entry_is_the_one_the_register_names(village):
    """And not whoever stands first in the notice."""
    from sqlalchemy import delete

    from sild.registries.residence.tables import persons

    wife, husband = village.couple()
    home, (owner,) = await village.dwelling_of(1, but=[wife.code, husband.code])
    case = await village.sent(citizen(wife), home, [wife.code, husband.code])
    await village.act(case, "CONSENT", citizen(owner))
    await village.act(case, "JOIN", citizen(husband))
    with village.registers["residence"].kernel.filling() as filling:
        filling._connection.execute(delete(persons).where(persons.c.code == husband.code))
    await village.decided(case)
    view = await village.cases.view(case, citizen(wife))
    assert view.status == "MISSING"
    opened = (await village.ask("residence", "GET", "/disputes"))["items"]
    asked = {one["person"] for one in opened if one["state"] == "OPEN"}
    assert asked & {wife.code, husband.code} == {husband.code}


async def test_filed_twice_it_is_one_move(village):
    """(e) Husband and wife each send the same; the second ends when the first is registered."""
    wife, husband = village.couple()
    home, (owner,) = await village.dwelling_of(1, but=[wife.code, husband.code])
    both = [wife.code, husband.code]
    first = await village.sent(citizen(wife), home, both)
    second = await village.sent(citizen(husband), home, both)
    await village.act(first, "CONSENT", citizen(owner))
    await village.act(first, "JOIN", citizen(husband))
    await village.decided(first)
    assert (await village.home(husband.code))["dwelling"] == home
    assert await village.status(second, citizen(husband)) == "MERGED"
    assert "merged" in await village.told(citizen(husband))


async def test_what_an_office_registered_meanwhile_is_merged(village):
    """Not heard of in time: the register itself says that the entry was there."""
    person = village.single()
    home, (owner,) = await village.dwelling_of(1, but=[person.code])
    mari = citizen(person)
    case = await village.sent(mari, home, [person.code])
    await village.act(case, "CONSENT", citizen(owner))
    official = await village.office(case)
    await village.act(case, "ACCEPT", official)
    village.deaf = True
    day = village.today().isoformat()
    body = {
        "people": [person.code],
        "to": {"dwelling": home},
        "consent": {"kind": "lease", "document": "L-1"},
    }
    await village.ask("residence", "POST", "/moves", {**body, "valid_from": day, "sent_on": day})
    await village.act(case, "DECIDE", official)
    village.deaf = False
    await village.settle()
    view = await village.cases.view(case, mari)
    assert view.results["merged"]
    assert "merged" in await village.told(mari)
    assert len((await village.ask("residence", "GET", f"/persons/{person.code}/residences"))["items"]) == 2


async def test_an_adult_moves_by_their_own_will(village):
    wife, husband = village.couple()
    home, (owner,) = await village.dwelling_of(1, but=[wife.code, husband.code])
    before = (await village.home(husband.code))["dwelling"]
    case = await village.sent(citizen(wife), home, [wife.code, husband.code])
    await village.act(case, "DECLINE", citizen(husband))
    await village.act(case, "CONSENT", citizen(owner))
    await village.decided(case)
    assert (await village.home(wife.code))["dwelling"] == home
    assert (await village.home(husband.code))["dwelling"] == before


def represented(village, record) -> dict[str, str]:
    """By which right each was represented, in a record whose names are pseudonyms."""
    named = record["representation"]
    if named is None:
        return {}
    store = village.registers["residence"].deciding.store
    codes = {store.pseudonym(one.code): one.code for one in everybody()}
    assert named["proof"] and all(
        len(one["chain_sha256"]) == 64 for one in (named, *named.get("further", ()))
    )
    return {codes[one["representee"]]: one["basis"] for one in (named, *named.get("further", ()))}


async def test_a_parents_children_each_have_their_mandate_in_the_record(village):
    """Both who move; not the one who stays, nor anybody who was asked themselves."""
    mother, father, theirs = village.large_family()
    home, (owner,) = await village.dwelling_of(1, but=[mother.code, father.code])
    mari = citizen(mother)
    case = await village.sent(mari, home, [mother.code, father.code, *(one.code for one in theirs)])
    await village.act(case, "CONSENT", citizen(owner))
    await village.act(case, "JOIN", citizen(father))
    await village.act(case, "ALLOW", citizen(father))
    official = await village.office(case)
    await village.act(case, "ACCEPT", official)
    await village.act(case, "DECIDE", official)
    assert (await village.home(theirs[0].code))["dwelling"] == home
    steps, (found,) = await village.decisions(mother.code)
    assert steps == [("registration", "grant")]
    record = found["record"]
    assert represented(village, record) == {one.code: "PARENT" for one in theirs}
    store = village.registers["residence"].deciding.store
    assert record["representation"]["delegate"] == store.pseudonym(mother.code), (
        "who sent it, in her own name"
    )
    with store.engine.connect() as connection:
        evidence = bundle_of(store, connection, record["id"])
    said = [one.text for one in verify_bundle(render_bundle(evidence)) if "acted for another" in one.text]
    assert len(said) == len(theirs) and all("a parent, by law; for: resident" in one for one in said)
    for one in theirs:
        read = await village.decisions(one.code)
        assert read[0] == steps


async def test_a_child_moves_when_both_custodians_agree(village):
    child, mother, father = village.family()
    home, (owner,) = await village.dwelling_of(1, but=[mother.code, father.code])
    mari = citizen(mother)
    case = await village.sent(mari, home, [mother.code, child.code])
    await village.act(case, "CONSENT", citizen(owner))
    assert await village.status(case, mari) == "ASKED"
    filled = await village.cases.fill(case, "move.custody", citizen(father))
    assert any(line.concept == "move.child" for line in filled.facts)
    await village.act(case, "FORBID", citizen(father))
    official = await village.office(case)
    await village.act(case, "ACCEPT", official)
    with pytest.raises(Refused) as refused:
        await village.act(case, "DECIDE", official)
    assert [one.reason for one in refused.value.defects] == ["custodian_missing"]
    await village.act(case, "RETURN", official, {"defects": ["custodian_missing", "date_out_of_range"]})
    view = await village.cases.view(case, mari)
    assert (view.status, view.clocks[-1].standing_for) == ("RETURNED", "returned")
    steps, (returned,) = await village.decisions(mother.code)
    assert steps == [("return", "demand")]
    codes = {one["code"] for one in returned["record"]["reasons"]}
    assert codes >= {"not_custody_agrees", "returned", "custodian_missing", "date_out_of_range"}
    assert represented(village, returned["record"]) == {child.code: "PARENT"}
    filled = await village.cases.fill(case, "move.notice", mari)
    assert [line.value for line in filled.facts if line.concept == "move.returned"] == [
        "A custodian's agreement is missing.",
        "The day does not fit.",
    ]
    village.later(days=3)
    day = village.today()
    notice = village.notice(f"dwelling:{home}", [mother.code, child.code], valid_from=day)
    await village.act(
        case, "SEND", mari, notice
    )  # mended in the same screen: another day, so all are asked again
    assert await village.status(case, mari) == "ASKED"
    assert [clock.standing_for for clock in (await village.cases.view(case, mari)).clocks] == [None, None]
    await village.act(case, "CONSENT", citizen(owner))
    await village.act(case, "ALLOW", citizen(father))
    assert await village.status(case, mari) == "ACCEPTED"  # received before: its clock went on
    await village.act(case, "DECIDE", official)
    assert (await village.home(child.code))["dwelling"] == home
    sent_on = (await village.ask("residence", "GET", f"/persons/{child.code}/facts"))["items"]
    assert sent_on


async def test_a_child_with_its_parents_sent_again_unchanged_keeps_the_answers(village):
    child, mother, father = village.family()
    home, (owner,) = await village.dwelling_of(1, but=[mother.code, father.code])
    mari, people = citizen(mother), [mother.code, father.code, child.code]
    case = await village.sent(mari, home, people)
    await village.act(case, "CONSENT", citizen(owner))
    await village.act(case, "JOIN", citizen(father))
    await village.act(case, "ALLOW", citizen(father))
    official = await village.office(case)
    await village.act(case, "RETURN", official, {"defects": ["address_unclear"], "words": ["Which flat?"]})
    await village.act(case, "SEND", mari, village.notice(f"dwelling:{home}", people))
    assert await village.status(case, mari) == "RECEIVED"
    await village.decided(case)
    assert {(await village.home(code))["household"] for code in people} != {None}
    assert len({(await village.home(code))["household"] for code in people}) == 1


async def test_abroad_there_are_thirty_days(village):
    """(f)"""
    person = village.single()
    mari = citizen(person)
    case = await village.cases.open_case("move", mari, key=village.key())
    given = {"where": ["abroad"], "country": ["FI"], "address": ["Mannerheimintie 1, Helsinki"]}
    await village.act(case, "FIND", mari, given)
    filled = await village.cases.fill(case, "move.notice", mari)
    assert [line.value for line in filled.facts if line.concept == "move.duty"] == ["30 days"]
    long_ago = village.today() - timedelta(days=31)
    notice = {"place": ["abroad:FI"], "people": [person.code], "valid_from": [long_ago.isoformat()]}
    with pytest.raises(Refused) as late:
        await village.act(case, "SEND", mari, notice)
    assert [(one.field, one.reason) for one in late.value.defects] == [("valid_from", "duty_is_over")]
    lately = village.today() - timedelta(days=29)
    await village.act(case, "SEND", mari, {**notice, "valid_from": [lately.isoformat()]})
    assert await village.status(case, mari) == "RECEIVED"  # nobody's consent is needed
    await village.decided(case)
    lives = await village.home(person.code)
    assert (lives["level"], lives["country"]) == ("abroad", "FI")


async def test_a_clerk_acts_on_a_mandate_for_this_once(village):
    """(g)"""
    person = village.single()
    home, (owner,) = await village.dwelling_of(1, but=[person.code])
    at_the_counter = clerk()
    mandate = await village.cases.record_mandate(
        at_the_counter, f"EE{person.code}", "move", "Signed on paper, card seen", identified=SHOWN
    )
    acting = replace(at_the_counter, representee=f"EE{person.code}", mandate_id=mandate)
    case = await village.sent(acting, home, [person.code])
    taken = village.cases._parts.read(case).last("SEND")
    assert (taken.person, taken.acting_for) == ("48806260018", person.code)
    said = [
        headers
        for _register, _method, _path, headers in village.wire.heard
        if headers.get("X-Road-UserId") == "EE48806260018"
    ]
    assert {
        headers.get("X-Road-Represented-Party") for headers in said if headers["X-Road-Issue"] == case
    } == {f"EE{person.code}"}
    await village.act(case, "CONSENT", citizen(owner))
    await village.decided(case)
    assert (await village.home(person.code))["dwelling"] == home
    steps, (found,) = await village.decisions(person.code)
    said = found["record"]["representation"]
    assert steps == [("registration", "grant")] and (said["mandate"], said["basis"]) == (mandate, "RECORDED")
    assert said["representee"] in {one["ref"] for one in found["record"]["subjects"]}
    assert said["chain_sha256"] == village.cases._parts.assisted.sha256(mandate) and said["proof"]
    with pytest.raises(Refused) as ended:
        await village.cases.open_case("move", acting, key=village.key())
    assert ended.value.code == "mandate_ended"


async def test_every_defect_of_a_notice_at_once(village):
    person = village.single()
    mari = citizen(person)
    home, _owners = await village.dwelling_of(1, but=[person.code])
    case = await village.searched(mari, home)
    far = village.today() + timedelta(days=31)
    notice = village.notice(f"dwelling:{home}", [person.code], valid_from=far)
    for basis, more in (("owner", ("basis", "not_an_owner")), ("lease", ("lease", "lease_missing"))):
        with pytest.raises(Refused) as refused:
            await village.act(case, "SEND", mari, {**notice, "basis": [basis]})
        assert [(one.field, one.reason) for one in refused.value.defects] == [
            ("valid_from", "too_far_ahead"),
            more,
        ]
    stranger = village.single()
    with pytest.raises(Refused) as refused:
        await village.act(case, "SEND", mari, village.notice("dwelling:EE-D9999999", [stranger.code]))
    assert {(one.field, one.reason) for one in refused.value.defects} == {
        ("place", "not_an_option"),
        ("people", "not_an_option"),
    }


async def test_an_own_home_and_a_lease_need_nobody_asked(village):
    person = village.single()
    home, _owners = await village.dwelling_of(1, but=[person.code])
    case = await village.sent(citizen(person), home, [person.code], basis="lease", document="lease 7")
    assert await village.status(case, citizen(person)) == "RECEIVED"
    await village.decided(case)
    assert (await village.home(person.code))["dwelling"] == home

    home, (owner,) = await village.dwelling_of(1)
    case = await village.sent(citizen(owner), home, [owner], basis="owner")
    assert await village.status(case, citizen(owner)) == "RECEIVED"
    await village.decided(case)
    assert (await village.home(owner))["dwelling"] == home


async def test_owners_hear_of_a_lease_that_no_register_has_and_can_say_that_there_is_none(village):
    """A number that somebody made up lets nobody in behind the owner's back; a good lease waits for nobody."""
    person = village.single()
    mari = citizen(person)
    home, (owner,) = await village.dwelling_of(1, but=[person.code])
    case = await village.sent(mari, home, [person.code], basis="lease", document="made-up 1")
    assert await village.status(case, mari) == "RECEIVED", "nobody is waited for"
    assert "move.notice.lease_said" in await village.notices(citizen(owner))
    view = await village.cases.view(case, citizen(owner))
    assert view.tasks == () and [task.screen for task in view.may] == ["move.no_lease"]
    filled = await village.cases.fill(case, "move.no_lease", citizen(owner))
    assert {line.concept for line in filled.facts} == {"move.dwelling", "move.valid_from", "move.mover"}, (
        "the name only"
    )
    with pytest.raises(CallerError) as nobodys:
        await village.act(case, "DENY_LEASE", mari)
    assert nobodys.value.code == "not_yours"
    with pytest.raises(CallerError) as no_consent:
        await village.act(case, "CONSENT", citizen(owner))
    assert no_consent.value.code == "too_late", "they are not asked for consent"

    await village.act(case, "DENY_LEASE", citizen(owner))
    assert "move.notice.lease_denied" in await village.notices(mari)
    desk = await village.cases.fill(case, "move.desk", await village.office(case))
    assert [line.value for line in desk.facts if line.concept == "move.lease_denied"] == [
        "There is no such lease"
    ]
    await village.decided(case)  # the official has seen a lease, and says so
    assert "move.notice.landlord_told" in await village.notices(citizen(owner))


async def test_who_moves_to_the_commune_alone_needs_nobody(village):
    person = village.single()
    mari = citizen(person)
    home, _owners = await village.dwelling_of(1, but=[person.code])
    case = await village.searched(mari, home)
    places = dict((await village.cases.fill(case, "move.notice", mari)).options["places"])
    commune = next(value for value in places if value.startswith("division:"))
    await village.act(case, "SEND", mari, village.notice(commune, [person.code]))
    await village.decided(case)
    assert (await village.home(person.code))["level"] == "commune"


async def test_another_persons_case_is_no_ones(village):
    person = village.single()
    home, _owners = await village.dwelling_of(1, but=[person.code])
    case = await village.sent(citizen(person), home, [person.code])
    with pytest.raises(CallerError) as refused:
        await village.act(case, "CONSENT", citizen(village.single()))
    assert refused.value.code == "not_yours"
    with pytest.raises(CallerError) as refused:  # the mover does not answer for the owner
        await village.act(case, "CONSENT", citizen(person))
    assert refused.value.code == "not_yours"


async def test_who_was_asked_about_another_dwelling_is_asked_no_more(village):
    person = village.single()
    mari = citizen(person)
    home, (owner,) = await village.dwelling_of(1, but=[person.code])
    case = await village.sent(mari, home, [person.code])
    await village.act(case, "CONSENT", citizen(owner))
    official = await village.office(case)
    await village.act(case, "RETURN", official, {"defects": ["address_unclear"]})
    other, (another,) = await village.dwelling_of(1, but=[person.code])
    await village.searched(mari, other, case)
    await village.act(case, "SEND", mari, village.notice(f"dwelling:{other}", [person.code]))
    assert await village.status(case, mari) == "ASKED"
    view = await village.cases.view(case, citizen(owner))
    assert not view.tasks
    assert (await village.cases.fill(case, "move.consent", citizen(owner))).facts == ()
    with pytest.raises(Refused) as refused:
        await village.act(case, "REFUSE", citizen(owner))
    assert refused.value.code == "too_late"
    await village.act(case, "CONSENT", citizen(another))
    assert await village.status(case, mari) == "RECEIVED"


async def test_a_dispute_settled_while_a_custodian_is_silent_does_not_wait_for_ever(village):
    child, mother, father = village.family()
    home, owners = await village.dwelling_of(2, but=[mother.code, father.code])
    mari = citizen(mother)
    case = await village.sent(mari, home, [mother.code, child.code])
    await village.act(case, "CONSENT", citizen(owners[0]))
    await village.act(case, "REFUSE", citizen(owners[1]))
    village.later(days=12)
    await village.settle()
    assert await village.status(case, mari) == "DISPUTED"
    assert (await village.told(mari)).count("disputed") == 1
    await village.act(
        case, "SETTLE", await village.office(case), {"level": ["commune"], "words": ["No paper."]}
    )
    assert await village.status(case, mari) == "RECEIVED"
