"""J2, step 10: bodies act by themselves when a home has changed; the case says what each did, also after it was closed."""

from __future__ import annotations

import pytest
import pytest_asyncio

from .movers import ActingVillage, MovingVillage
from .village import FORM, JAAN, MARI, MOTHER, citizen

pytestmark = pytest.mark.asyncio(loop_scope="module")

FOLLOWING = {
    "insurance": "GOV/70000003/insurance",
    "social": "GOV/70000004/social",
    "education": "GOV/70000005/education",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def village(tmp_path_factory):
    MovingVillage.used.clear()
    async with ActingVillage(tmp_path_factory.mktemp("village")) as made:
        yield made


def did(view) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for line in view.results.get("followed", ()):
        found.setdefault(line["body"], set()).add(line["outcome"])
    return found


async def test_each_body_says_what_it_did(village):
    """A mother with a newborn in the queue, covered and offered benefits, moves with the child."""
    child = await village.born(MOTHER.code)
    birth = await village.case_of(MARI)
    await village.act(birth, "DECLARE", MARI, FORM)
    await village.act(birth, "COSIGN", JAAN)
    home, (owner,) = await village.dwelling_of(1, but=[MOTHER.code])
    people = [MOTHER.code, child]
    case = await village.sent(MARI, home, people)
    await village.act(case, "CONSENT", citizen(owner))
    await village.act(case, "ALLOW", JAAN)
    await village.decided(case)
    view = await village.cases.view(case, MARI)
    assert set(did(view)) == set(FOLLOWING.values()), view.results
    assert did(view)[FOLLOWING["insurance"]] == {"no_change"}
    assert did(view)[FOLLOWING["education"]] <= {"queue_moved", "no_change", "school_changed"}
    of_school = "school_changed" in did(view)[FOLLOWING["education"]]
    assert did(view)[FOLLOWING["social"]] <= {"recomputed", "no_change"}
    told = [entry.name for entry in view.timeline]
    assert told.count("FOLLOW") == 6 + of_school, (
        "three bodies, two people; of the child's school, if it is another"
    )
    looked = {
        (register, headers["X-Road-Issue"])
        for register, method, path, headers in village.wire.heard
        if headers.get("X-Road-Issue") == case
        and "/persons/" in path
        and "social" in headers["X-Road-Client"]
    }
    assert ("population", case) in looked, "its questions belong to the case of the move"
    assert "followed" not in (await village.cases.view(case, JAAN)).results, (
        "the other parent is told by the bodies"
    )


async def test_a_body_that_was_away_says_so_later(village):
    person = village.single()
    mari = citizen(person)
    home, (owner,) = await village.dwelling_of(1, but=[person.code])
    case = await village.sent(mari, home, [person.code])
    await village.act(case, "CONSENT", citizen(owner))
    village.wire.down.add("insurance")
    await village.decided(case)
    village.later(minutes=1)  # asked at once, the register may not have told anybody yet
    await village.settle()
    view = await village.cases.view(case, mari)
    assert [one.body for one in view.failed_bodies] == [FOLLOWING["insurance"]]
    assert FOLLOWING["insurance"] not in did(view)
    village.wire.down.clear()
    village.later(hours=2)
    await village.settle()
    view = await village.cases.view(case, mari)
    assert view.status == "CLOSED" and FOLLOWING["insurance"] in view.results["bodies_know"]
    assert FOLLOWING["insurance"] in did(view), "also in a case that was closed"
