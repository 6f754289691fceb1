"""A correction reaches every decision that rests on the fact, whoever's it is; what no rule can make again is listed, never dropped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sild.decisions import list_ripples
from sild.registries.deciding import rests_on
from sild.registries.social.register import SocialRegister
from sild.rules import shipped_packages

from .conftest import CHILD, FATHER, MOTHER, SISTER, USAGE, Others, SetClock, event
from .test_ripple import declare, settle

BROTHER = "52001010011"
PARENTS = {"fact": 9, "name": "parent", "concept": "person.parents"}
BORN = {"fact": 7, "name": "born", "concept": "person.date_of_birth"}
HOME = {"fact": 3, "name": "residence", "concept": "person.residence"}


@pytest.fixture
def social(directory: Path, clock: SetClock) -> Iterator[SocialRegister]:
    register = SocialRegister.open(directory, people=0, clock=clock)
    declare(register, MOTHER, "2000")
    declare(register, FATHER, "1500")
    yield register
    register.close()


@pytest.fixture
def database_url() -> None:
    """SQLite."""


def states(register: Any) -> list[tuple[str, str | None, str]]:
    with register.kernel.engine.connect() as connection:
        return [(one.state, one.reason, one.concept) for one in list_ripples(connection)]


async def offered(register: SocialRegister, others: Others, clock: SetClock) -> str:
    register.apply_event(event("civil.birth.registered", CHILD), "m-born")
    await settle(register, others, clock)
    (offer,) = register.offers_of(CHILD, USAGE)
    return offer.id


@pytest.mark.parametrize("told", [BORN, HOME], ids=["born", "home"])
async def test_a_sisters_fact_reaches_the_offer_for_her_brother(
    social: SocialRegister, others: Others, clock: SetClock, told: dict[str, Any]
) -> None:
    """She is no subject of that decision: her parents are."""
    others.person(BROTHER, "2020-01-01", mother=MOTHER, father=FATHER)
    others.divisions[BROTHER] = "0784"
    offer = await offered(social, others, clock)
    if told is BORN:
        others.people[SISTER]["born"] = "2006-01-01"  # no child any more
    else:
        others.divisions[SISTER] = "0793"  # she lives elsewhere
    for message in ("m-1", "m-2"):
        social.apply_event(event("fact.corrected", SISTER, number="e-1", **told), message)
        await settle(social, others, clock)
    assert states(social) == [("redecided", None, told["concept"])]
    assert social.offer(offer, USAGE).version == 2


async def test_where_the_father_is_another_people_see_to_it(
    social: SocialRegister, others: Others, clock: SetClock
) -> None:
    await offered(social, others, clock)
    others.people[CHILD]["father"] = None
    social.apply_event(event("fact.corrected", CHILD, **PARENTS), "m-1")
    await settle(social, others, clock)
    assert states(social) == [("listed", "parties", "person.parents")]


def test_what_decisions_rest_on_is_what_their_packages_ask_for() -> None:
    found = rests_on(shipped_packages().values(), {"child": ("child",), "parent": ("mother", "father")})
    assert "persons/child/born/%" in found["person.date_of_birth"]["child"]
    assert set(found["person.contributions"]["parent"]) >= {
        "persons/mother/income/%",
        "persons/father/income/%",
    }
    assert "persons/child/born/%" not in found["person.date_of_birth"]["parent"]
    assert "families/%/older_siblings/%" in found["person.residence"]["parent"]
    assert "families/%/father" in found["person.parents"]["child"]
