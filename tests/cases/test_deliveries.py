"""That a decision reached somebody is told to the register that decided: by a notice, opened, once each, whoever is down or dies."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from sild.cases.delivery_plan import plan_delivery
from sild.cases.tables import deliveries, messages
from sild.decisions import bundle_of, deliveries_of, reached_at

from .test_birth_failures import FORM, citizen, couples
from .test_birth_payments import accepted
from .village import JAAN, MARI, Village


@pytest.fixture
async def village(tmp_path):
    async with Village(tmp_path) as village:
        yield village


async def registered(village):
    """A birth that a rule registers; its case, both parents, and the decision."""
    mother, father = couples(2)[1]
    await village.born(mother.code)
    case = await village.case_of(citizen(mother))
    await village.act(case, "DECLARE", citizen(mother), {**FORM, "family_name": [mother.family_name]})
    await village.act(case, "COSIGN", citizen(father))
    store = village.registers["population"].deciding.store
    with store.engine.connect() as connection:
        (decided,) = [one.record for one in store.listed(connection)]
    return case, mother, father, decided


def read(village, decision):
    with village.registers["population"].deciding.store.engine.connect() as connection:
        return deliveries_of(connection, decision.id)


def told(village, decision):
    """Person -> channel -> when it came, when it was opened, in which language, as the register that decided has them."""
    found = {}
    for one in read(village, decision):
        found.setdefault(one.to, {})[one.channel] = (one.delivered_at, one.opened_at, one.language)
    return found, village.registers["population"].deciding.store.pseudonym


def sent(village, decision):
    with village.cases._parts.store.reading() as connection:
        query = select(messages.c.message_id, messages.c.outcome).where(
            messages.c.path == f"/decisions/{decision.id}/deliveries"
        )
        return [tuple(row) for row in connection.execute(query)]


async def test_a_notice_delivers_the_decision_to_each_parent_and_opening_it_opens_it_for_one(village):
    _, mother, father, decided = await registered(village)
    await village.settle()
    found, name = told(village, decided)
    assert set(found) == {name(mother.code), name(father.code)}
    for one in found.values():
        assert one["portal"][0] is not None and one["portal"][1:] == (None, "mul")
    notice = (await village.cases.inbox(citizen(mother)))[0]
    await village.cases.read_notice(notice.id, citizen(mother), "vi")
    await village.cases.read_notice(notice.id, citizen(mother), "en")
    await village.settle()
    found, name = told(village, decided)
    assert found[name(mother.code)]["portal"][1:] == (village.clock(), "vi")
    assert found[name(father.code)]["portal"][1] is None
    assert len(sent(village, decided)) == 3, "two deliveries and one opening, once each"


async def test_a_wake_up_is_told_and_is_no_delivery_of_the_decision(village):
    _, mother, _, decided = await registered(village)
    await village.cases.pushed(f"EE{mother.code}", decided.decided_at.replace(year=2020))
    await village.settle()
    found, name = told(village, decided)
    assert found[name(mother.code)]["push"] == (village.clock(), None, "mul")
    everything = tuple(one for one in read(village, decided) if one.channel == "push")
    assert reached_at(everything, "delivered", name(mother.code)) is None
    assert reached_at(read(village, decided), "delivered", name(mother.code)) is not None


async def test_a_register_that_is_down_hears_it_when_it_is_back_as_the_same_message(village):
    _, mother, _, decided = await registered(village)
    notice = (await village.cases.inbox(citizen(mother)))[0]
    village.wire.down.add("population")
    await village.cases.read_notice(notice.id, citizen(mother), "et")
    await village.settle()
    village.wire.down.discard("population")
    village.wire.lost.add("population")  # it is told, and its answer is lost
    village.later(seconds=10)
    await village.settle()
    village.later(seconds=30)
    await village.settle()
    found, name = told(village, decided)
    assert found[name(mother.code)]["portal"][1] is not None
    tried = [message for message, outcome in sent(village, decided)][2:]
    assert len(tried) == 3 and len(set(tried)) == 1, "one message, however often it was tried"
    with village.registers["population"].deciding.store.engine.connect() as connection:
        entries = bundle_of(village.registers["population"].deciding.store, connection, decided.id)["entries"]
    assert [one["content"]["event"] for one in entries] == ["delivered", "delivered", "opened"]
    assert all(one["content"]["to"].startswith("p-") for one in entries)


async def test_what_was_to_be_told_is_told_by_the_case_system_that_comes_after(village):
    _, mother, _, decided = await registered(village)
    notice = (await village.cases.inbox(citizen(mother)))[0]
    village.wire.down.add("population")
    await village.cases.read_notice(notice.id, citizen(mother), "et")
    await village.cases.stop()
    village.wire.down.discard("population")
    village.later(minutes=1)
    await village.start()
    await village.settle()
    found, name = told(village, decided)
    assert found[name(mother.code)]["portal"][1] is not None


async def test_a_register_refuses_what_is_not_about_them_and_is_not_asked_again(village):
    case, _, _, decided = await registered(village)
    stranger = couples(3)[2][0]
    parts = village.cases._parts
    parts.store.write(
        lambda connection: plan_delivery(
            connection,
            case,
            stranger.code,
            "population",
            str(decided.id),
            "portal",
            "delivered",
            village.now,
            notice="n",
        )
    )
    parts.deliveries.wake()
    await village.settle()
    with parts.store.reading() as connection:
        (row,) = connection.execute(select(deliveries).where(deliveries.c.person == stranger.code))
    assert (row.state, row.reason) == ("refused", "not_about_you")
    assert name_of(village, stranger.code) not in told(village, decided)[0]


def name_of(village, code):
    return village.registers["population"].deciding.store.pseudonym(code)


async def test_every_decision_of_a_birth_reaches_both_parents(village):
    """Registration, cover, offer, grant, and the wait for a kindergarten: each told to the register that decided."""
    case = await accepted(village)
    view = await village.cases.view(case, MARI)
    shown = {decision for _, decision, _ in view.results["decisions"]}
    told_of = set()
    for register in ("population", "insurance", "social"):
        store = village.registers[register].deciding.store
        with store.engine.connect() as connection:
            parents = {store.pseudonym(one.person.removeprefix("EE")) for one in (MARI, JAAN)}
            for one in store.listed(connection):
                reached = {each.to for each in deliveries_of(connection, one.record.id) if each.delivered_at}
                if one.record.step in ("registration", "cover", "offer", "grant"):
                    assert reached == parents, one.record.step
                    told_of.add(str(one.record.id))
    assert shown <= told_of and len(told_of) >= 4
