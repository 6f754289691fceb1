"""J1 from the hospital's notice to the money, the card and the place, over the registers themselves."""

from __future__ import annotations

import pytest

from registries.families import couple

from .village import Village, citizen


@pytest.fixture
async def village(tmp_path):
    async with Village(tmp_path) as made:
        yield made


NAME = {"given_names": ["Linda"], "wants_place": ["no"], "address": ["mother"]}


async def test_from_the_notice_to_the_money(village):
    mother, father = couple()
    mari, jaan = citizen(mother), citizen(father)
    await village.born(mother.code)
    assert await village.notices(mari) == ["child_recorded"] == await village.notices(jaan)
    case = await village.case_of(mari)
    filled = await village.cases.fill(case, "birth.check_and_name", mari)
    print(filled.options, [(f.concept, f.value, f.unknown_reason) for f in filled.facts])
    print(
        village.wire.send and await village.ask("residence", "GET", f"/persons/{mother.code}/residence"),
        await village.ask("education", "GET", "/places?commune=0784"),
    )
    place = filled.options["kindergartens"][1][0]
    given = {**NAME, "family_name": [mother.family_name], "wants_place": ["yes"], "kindergarten": [place]}
    done = await village.act(case, "DECLARE", mari, given)
    assert done.status == "DECLARED"
    done = await village.act(case, "COSIGN", jaan)
    view = await village.cases.view(case, mari)
    print(view.status, [e.name for e in view.timeline], view.results, view.clocks)
    offer = await village.cases.fill(case, "birth.offer", jaan)
    print(offer.options, offer.facts)
    await village.act(case, "ACCEPT", jaan, {"choice": ["mother"], "account": ["EE382200221020145685"]})
    view = await village.cases.view(case, mari)
    print(view.status, [e.name for e in view.timeline], view.results, view.failed_bodies)
    print(await village.notices(mari))
    assert view.status == "CLOSED"
