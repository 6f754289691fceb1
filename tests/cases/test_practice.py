"""The family doctor: one choice, entered by the register; a list that fills meanwhile, a register that is down, a kill between."""

from __future__ import annotations

import pytest
import pytest_asyncio
from sqlalchemy import update

from sild.cases import Refused
from sild.cases.practice import Practice
from sild.registries.care.tables import practices
from sild.registries.synthetic import synthetic_people

from .village import Village, citizen

pytestmark = pytest.mark.asyncio(loop_scope="module")


class CareVillage(Village):
    def processes(self):
        return [*super().processes(), Practice(self.packs)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def village(tmp_path_factory):
    async with CareVillage(tmp_path_factory.mktemp("village")) as made:
        yield made


@pytest.fixture(scope="module")
def people(village):
    """Each test has somebody of its own, listed and at home."""
    return iter(
        [
            one
            for one in synthetic_people(village.offices.PEOPLE)
            if one.country == "EE" and one.home is not None and one.died is None and one.born.year < 1990
        ]
    )


async def begun(village, actor):
    case = await village.cases.open_case("practice", actor, key=village.key())
    filled = await village.cases.fill(case, "practice.choose", actor)
    return case, filled.options["practices"]


async def listing(village, person):
    return await village.ask("care", "GET", f"/persons/{person.code}/practice")


def room(village, number, free):
    with village.registers["care"].kernel.engine.begin() as connection:
        connection.execute(
            update(practices).where(practices.c.id == number).values(capacity=practices.c.listed + free)
        )


async def test_a_practice_near_home_is_chosen(village, people):
    person = next(people)
    actor = citizen(person)
    before = await listing(village, person)
    case, options = await begun(village, actor)
    numbers = [number for number, _words in options]
    assert numbers and before["now"]["practice"] not in numbers
    assert all("room for" in words for _number, words in options)
    await village.act(case, "CHOOSE", actor, {"practice": [numbers[0]]})
    after = await listing(village, person)
    assert after["later"]["practice"] == numbers[0]
    view = await village.cases.view(case, actor)
    assert view.status == "CLOSED"
    assert view.results == {"name": after["later"]["name"], "since": after["later"]["valid_from"]}
    told = await village.cases.inbox(actor)
    assert [notice.text for notice in told] == ["practice.notice.listed"]


async def test_what_stands_now_is_shown_with_its_source(village, people):
    person = next(people)
    actor = citizen(person)
    case, _options = await begun(village, actor)
    filled = await village.cases.fill(case, "practice.choose", actor)
    (line,) = filled.facts
    assert line.concept == "practice.now"
    assert line.value == [(await listing(village, person))["now"]["name"]]
    assert line.source and line.valid_from
    await village.act(case, "WITHDRAW", actor)
    assert (await village.cases.view(case, actor)).status == "CLOSED"


async def test_whoever_comes_second_to_the_last_place_chooses_again(village, people, monkeypatch):
    actor = citizen(next(people))
    case, options = await begun(village, actor)
    wanted, send = options[0][0], village.wire.send

    async def too_late(register, method, path, **more):
        if (register, method) == ("care", "POST"):
            room(village, wanted, 0)
        return await send(register, method, path, **more)

    monkeypatch.setattr(village.wire, "send", too_late)
    await village.act(case, "CHOOSE", actor, {"practice": [wanted]})
    monkeypatch.undo()
    room(village, wanted, 30)
    assert (await village.cases.view(case, actor)).status == "REFUSED"
    filled = await village.cases.fill(case, "practice.choose", actor)
    assert [line.value for line in filled.facts if line.concept == "practice.refused"] == [
        "Somebody else had the last place in that list."
    ]
    await village.act(case, "CHOOSE", actor, {"practice": [wanted]})
    assert (await village.cases.view(case, actor)).status == "CLOSED"
    told = {notice.text for notice in await village.cases.inbox(actor)}
    assert told == {"practice.notice.listed", "practice.notice.refused"}


async def test_an_answer_that_is_lost_is_asked_for_again_and_counts_once(village, people):
    person = next(people)
    actor = citizen(person)
    case, options = await begun(village, actor)
    village.wire.lost.add("care")
    await village.act(case, "CHOOSE", actor, {"practice": [options[0][0]]})
    assert (await village.cases.view(case, actor)).status == "CLOSED"
    sent = [one for one in village.wire.heard if one[:2] == ("care", "POST") and person.code in one[2]]
    assert len(sent) == 2
    assert len({headers["X-Road-Id"] for *_, headers in sent}) == 1


async def test_only_what_is_offered_can_be_chosen(village, people):
    person = next(people)
    actor = citizen(person)
    case, options = await begun(village, actor)
    room(village, options[0][0], 0)
    try:
        for number in (options[0][0], (await listing(village, person))["now"]["practice"], "EE-0784-99"):
            with pytest.raises(Refused) as caught:
                await village.act(case, "CHOOSE", actor, {"practice": [number]})
            assert [defect.field for defect in caught.value.defects] == ["practice"]
    finally:
        room(village, options[0][0], 30)


async def test_nobody_elses_case(village, people):
    person, other = next(people), next(people)
    case, options = await begun(village, citizen(person))
    with pytest.raises(Refused):
        await village.act(case, "CHOOSE", citizen(other), {"practice": [options[0][0]]})
    assert "later" not in await listing(village, person)
