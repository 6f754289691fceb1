"""Another kindergarten wish: what it comes to is said before it is sent, the queue's rule decides anew, and a place that was taken stays."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import insert, update

from registries.families import man, single
from sild.cases import Refused
from sild.registries.education.tables import groups, kindergartens
from support.acting import EARLY, EVER, proof

from .village import ACCOUNT, FORM, JAAN, MARI, MOTHER, citizen

COMMUNE = "0784"


async def refusal(doing) -> str:
    with pytest.raises(Refused) as caught:
        await doing
    return caught.value.code


def full(village, *kindergartens) -> None:
    """No place is free there any more."""
    with village.registers["education"].kernel.engine.begin() as connection:
        connection.execute(update(groups).where(groups.c.kindergarten.in_(kindergartens)).values(capacity=0))


@pytest.fixture(autouse=True)
def another_house(village):
    """The commune has two kindergartens."""
    house_in(village, COMMUNE)


def house_in(village, division):
    with village.registers["education"].kernel.engine.begin() as connection:
        made = insert(kindergartens).values(name="Kelluke", division=division).returning(kindergartens.c.id)
        group = {"kindergarten": connection.scalar(made), "capacity": 2}
        connection.execute(
            insert(groups), [{**group, "age_from": 0, "age_to": 3}, {**group, "age_from": 3, "age_to": 7}]
        )


async def houses(village) -> list[int]:
    places = await village.ask("education", "GET", f"/places?commune={COMMUNE}")
    return list(dict.fromkeys(one["kindergarten"] for one in places["items"]))


async def queued(village, wants="any", closed=False) -> tuple[str, str]:
    """A birth that is registered; nothing is offered yet, and the child waits."""
    child = await village.born(MOTHER.code)
    case = await village.case_of(MARI)
    await village.act(case, "DECLARE", MARI, {**FORM, "wants_place": ["yes"], "kindergarten": [wants]})
    await village.act(case, "COSIGN", JAAN)
    if closed:
        await village.act(case, "ACCEPT", MARI, {"choice": ["mother"], "account": [ACCOUNT]})
    return child, case


async def options(village, case, actor=MARI) -> dict[str, str]:
    return dict((await village.cases.fill(case, "birth.wish", actor)).options["wishes"])


async def test_before_it_is_sent_its_place_is_said_and_so_it_comes(village):
    first, second = await houses(village)
    full(village, *(await houses(village)))
    child, case = await queued(village, str(first))
    before = await village.ask("education", "GET", f"/children/{child}/queue")
    assert (before["state"], before["group"]["kindergarten"]) == ("waiting", first)
    shown = await village.cases.fill(case, "birth.wish", JAAN)
    (line,) = shown.facts
    assert before["group"]["name"] in line.value and line.decision == f"education/{before['decision']}"
    assert shown.values["kindergarten"] == [str(first)], "what stands is chosen at first"
    said = dict(shown.options["wishes"])
    assert set(said) == {"any", *map(str, await houses(village))}
    assert "place 1 of 1 in its queue" in said[str(second)]
    await village.act(case, "WISH", JAAN, {"kindergarten": [str(second)]})
    after = await village.ask("education", "GET", f"/children/{child}/queue")
    assert (after["state"], after["group"]["kindergarten"], after["place"]) == ("waiting", second, 1)
    assert after["joined_at"] == before["joined_at"] and after["decision"] != before["decision"]
    assert after["wanted_from"] == before["wanted_from"]
    view = await village.cases.view(case, JAAN)
    assert view.results["kindergarten"] == after["group"]["name"]
    (wish,) = [entry for entry in view.timeline if entry.name == "WISH"]
    assert (wish.by, wish.data["place"], wish.data["offered"]) == ("you", 1, False)
    assert "wish_changed" in await village.notices(MARI) and "wish_changed" not in await village.notices(JAAN)
    heard = [line[3] for line in village.wire.heard if line[2].endswith("/wish")][-1]
    assert heard["X-Road-UserId"] == JAAN.person and heard["X-Road-Issue"] == case
    assert (await village.cases.fill(case, "birth.wish", MARI)).values["kindergarten"] == [str(second)]


async def test_an_offered_place_goes_to_the_next_and_a_free_one_is_offered_at_once(village):
    first, second = await houses(village)
    child, case = await queued(village, str(first))
    assert (await village.cases.view(case, MARI)).results["kindergarten_state"] == "offered"
    assert "at once" in (await options(village, case))[str(second)]
    await village.act(case, "WISH", MARI, {"kindergarten": [str(second)]})
    queue = await village.ask("education", "GET", f"/children/{child}/queue")
    assert (queue["state"], queue["group"]["kindergarten"]) == ("offered", second)
    assert "birth.place" in [task.screen for task in (await village.cases.home(JAAN)).tasks]
    full(village, first, second)
    assert await options(village, case), "what is offered to the child stays for it"


async def test_in_a_case_that_is_closed_it_goes_on_until_the_register_has_answered(village):
    full(village, *(await houses(village)))
    child, case = await queued(village, "any", closed=True)
    view = await village.cases.view(case, MARI)
    assert view.status == "CLOSED" and [task.screen for task in view.may] == ["birth.wish"]
    await village.cases.save_draft(case, "birth.wish", MARI, {"kindergarten": ["any"]})
    last = (await houses(village))[-1]
    village.wire.down.add("education")
    assert await refusal(village.act(case, "WISH", MARI, {"kindergarten": [str(last)]})) == "register_down"
    village.wire.down.clear()
    village.wire.lost.add("education")
    await village.act(case, "WISH", MARI, {"kindergarten": [str(last)]})
    await village.try_again(case)
    view = await village.cases.view(case, MARI)
    assert (view.status, view.results["kindergarten_state"]) == ("CLOSED", "waiting")
    queue = await village.ask("education", "GET", f"/children/{child}/queue")
    assert queue["group"]["kindergarten"] == last


async def test_a_place_that_was_accepted_stays(village):
    first, second = await houses(village)
    _child, case = await queued(village, str(first), closed=True)
    sent = {"kindergarten": [str(second)]}
    await village.cases.act(case, "TAKE_PLACE", JAAN, {}, key="t" * 40)  # the register has not answered yet
    assert await refusal(village.act(case, "WISH", MARI, sent)) == "place_accepted"
    await village.settle()
    assert (await village.cases.view(case, MARI)).status == "CLOSED"
    assert (await village.cases.view(case, MARI)).may == ()
    assert await refusal(village.act(case, "WISH", MARI, sent)) == "place_accepted"
    assert await refusal(village.cases.fill(case, "birth.wish", MARI)) == "place_accepted"


def answering(headers):
    """The parent's word about the place, said elsewhere."""
    return proof(
        headers["X-Road-UserId"], headers["X-Road-Issue"], EARLY, operations=["answerPlace"], lifetime=EVER
    )


async def test_taken_at_the_municipality_meanwhile_they_are_told(village):
    first, second = await houses(village)
    child, case = await queued(village, str(first))
    await options(village, case)
    real = village.wire.send

    async def taken_first(register, method, path, **how):
        if path.endswith("/wish") and register == "education":
            await real("education", "POST", f"/children/{child}/place", headers=how["headers"] | {"X-Road-Id": "counter", "Sild-Acting": answering(how["headers"])}, body={"accept": True})  # fmt: skip
        return await real(register, method, path, **how)

    village.wire.send = taken_first
    await village.act(case, "WISH", MARI, {"kindergarten": [str(second)]})
    view = await village.cases.view(case, MARI)
    assert view.results["kindergarten_state"] == "attending"
    assert "wish_refused" in await village.notices(MARI)


async def test_both_at_once_one_counts_and_the_other_may_wish_then(village):
    full(village, *(await houses(village)))
    first, second = await houses(village)
    child, case = await queued(village)
    answers, real = asyncio.Event(), village.wire.send

    async def slow(register, method, path, **how):
        if (register, method) == ("education", "POST"):
            await answers.wait()
        return await real(register, method, path, **how)

    village.wire.send = slow
    sent = [{"kindergarten": [str(first)]}, {"kindergarten": [str(second)]}]
    said = await asyncio.gather(
        village.cases.act(case, "WISH", MARI, sent[0], key="p" * 40),
        village.cases.act(case, "WISH", JAAN, sent[1], key="q" * 40),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in said) == ["Acted", "Refused"]
    assert [one.code for one in said if isinstance(one, Refused)] == ["too_late"]
    answers.set()
    await village.settle()
    wished = first if not isinstance(said[0], Refused) else second
    queue = await village.ask("education", "GET", f"/children/{child}/queue")
    assert queue["group"]["kindergarten"] == wished
    await village.act(case, "WISH", JAAN, {"kindergarten": ["any"]})


async def test_a_parent_without_custody_does_not_wish(village):
    woman, father = single(), man()
    her, him = citizen(woman), citizen(father)
    child = await village.born(woman.code, father.code)
    case = await village.case_of(her)
    form = {**FORM, "family_name": [woman.family_name], "wants_place": ["yes"], "kindergarten": ["any"]}
    await village.act(case, "ACKNOWLEDGE", her, {"custody": ["mother"]})
    await village.act(case, "ACKNOWLEDGE", him)
    await village.act(case, "DECLARE", her, form)
    await village.act(case, "COSIGN", him)
    house_in(village, (await village.ask("education", "GET", f"/children/{child}/queue"))["division"])
    other = list(await options(village, case, her))[-1]
    assert await refusal(village.act(case, "WISH", him, {"kindergarten": [other]})) == "no_custody"
    await village.act(case, "WISH", her, {"kindergarten": [other]})
    assert "wish_changed" in await village.notices(him)
