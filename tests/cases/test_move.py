"""J2 from the search for an address to "these bodies now know", over the registers themselves."""

from __future__ import annotations

from datetime import timedelta

import pytest

from .movers import MovingVillage, couple, single, young_family
from .village import citizen


@pytest.fixture
async def village(tmp_path):
    async with MovingVillage(tmp_path) as made:
        yield made


async def test_from_the_address_to_everybody_who_knows(village):
    person = single()
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
    assert await village.told(juhan) == ["consent_asked"]
    await village.act(case, "CONSENT", juhan)
    view = await village.cases.view(case, mari)
    assert view.status == "RECEIVED"
    assert view.clocks[0].promise is None  # sent is not yet received

    village.later(days=1)
    official = await village.office(case)
    assert [item.case for item in await village.cases.desk(official)] == [case]
    await village.act(case, "ACCEPT", official)
    view = await village.cases.view(case, mari)
    assert view.clocks[0].promise is not None
    await village.act(case, "DECIDE", official)
    view = await village.cases.view(case, mari)
    assert (await village.home(person.code))["dwelling"] == home

    village.later(minutes=10)
    await village.settle()
    view = await village.cases.view(case, mari)
    assert view.status == "CLOSED"
    assert view.results["bodies_know"] == ["GOV/70000001/portal", "GOV/70000005/education"]
    assert view.clocks[0].kept_on is not None
    assert await village.told(mari) == ["told", "registered", "accepted"]
    assert await village.told(juhan) == ["owner_told", "consent_asked"]
