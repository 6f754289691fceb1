"""A home changed: each body does its own part by itself, once, with a record of its own, and says so to the case of the move."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from sild.events import Event
from sild.registries import EducationRegister, InsuranceRegister, SocialRegister
from sild.registries.education.tables import groups, kindergartens
from sild.registries.tasks import TaskState

from .conftest import CHILD, FATHER, MOTHER, SISTER, USAGE, VN_CHILD, VN_MOTHER, Others, SetClock, event
from .test_social import IBAN, by, declare, offered

RESIDENCE = "/SILD/GOV/70000006/residence"
TALLINN, TARTU = "0784", "0793"


def home(person: str, number: str = "") -> Event:
    return event("residence.changed", person, source=RESIDENCE, number=number, valid_from="2026-03-02")


def news(register: Any, person: str) -> list[dict[str, Any]]:
    found = register.kernel.outbox.deliveries_about(person)
    return [dict(d.event.data) for d in found if d.event.type.endswith("home.followed")]


def outcomes(register: Any, person: str) -> list[str]:
    return [one["outcome"] for one in news(register, person)]


def records(register: Any, person: str) -> list[tuple[str, str]]:
    """What it keeps of it: the outcome, and who caused it."""
    with register.kernel.used("look", USAGE) as use:
        found = use.facts.current(person, ["home_change"], on=use.today)
    return [(fact.value["outcome"], fact.provenance.source) for fact in found]


async def settle(register: Any, others: Others) -> None:
    worker = register.worker(others)
    while await worker.work():
        pass


@pytest.fixture
def bodies(
    directory: Path, database_url: str | None, clock: SetClock, request: pytest.FixtureRequest
) -> Iterator[dict[str, Any]]:
    kinds = {"social": SocialRegister, "insurance": InsuranceRegister, "education": EducationRegister}
    with ExitStack() as opened:
        found: dict[str, Any] = {}
        for name, kind in kinds.items():
            url = database_url and opened.enter_context(request.getfixturevalue("postgresql").schema())
            found[name] = kind.open(directory / name, url, people=0, clock=clock)  # type: ignore[attr-defined]  # all have it
            opened.callback(found[name].close)
            found[name].kernel.outbox.subscribe("SILD/GOV/70000001/portal", "events", [f"{name}.*"])
        yield found


async def born(register: Any, others: Others, child: str = CHILD) -> None:
    register.apply_event(event("civil.birth.registered", child), f"m-{child}")
    await settle(register, others)


async def test_who_is_unknown_to_a_body_leaves_no_trace_in_it(bodies: dict[str, Any], others: Others) -> None:
    for register in bodies.values():
        register.apply_event(home(FATHER), "m-1")
        await settle(register, others)
        assert news(register, FATHER) == [{"outcome": "nothing_here", "decision": None, "case": "case-7"}]
        assert records(register, FATHER) == []
    assert others.asked == [], "nobody asks about somebody whom nothing concerns"


async def test_a_child_in_the_queue_is_placed_by_its_new_home(
    bodies: dict[str, Any], others: Others, clock: SetClock
) -> None:
    education: EducationRegister = bodies["education"]
    with education.kernel.engine.begin() as connection:
        connection.execute(insert(kindergartens).values(id=1, name="Päike", division=TARTU))
        connection.execute(insert(groups).values(id=1, kindergarten=1, age_from=1, age_to=8, capacity=0))
    await born(education, others)
    clock.forward(days=500)
    education.wish(CHILD, 1, None, replace(USAGE, message_id="wish"))
    before = education.standing(CHILD, USAGE).child
    others.divisions[CHILD] = TARTU
    for _ in range(2):
        education.apply_event(home(CHILD, "moved"), "m-1")
    await settle(education, others)
    after = education.standing(CHILD, USAGE).child
    assert (before.division, after.division) == (TALLINN, TARTU)
    assert after.decision is not None and after.decision != before.decision, "a decision of its own"
    told = sorted(news(education, CHILD), key=lambda one: one["outcome"])  # two tasks, in either order
    assert told == [
        {"outcome": "queue_moved", "decision": after.decision, "case": "case-7"},
        {"outcome": "school_changed", "decision": None, "case": "case-7", "about": "school"},
    ]
    assert sorted(records(education, CHILD)) == [("queue_moved", RESIDENCE), ("school_changed", RESIDENCE)]
    assert after.joined_at == before.joined_at, "the time of joining stays"


async def test_moving_within_the_commune_changes_nothing_in_the_queue(
    bodies: dict[str, Any], others: Others
) -> None:
    education = bodies["education"]
    await born(education, others)
    education.apply_event(home(CHILD), "m-1")
    await settle(education, others)
    assert outcomes(education, CHILD) == ["no_change"]


async def test_an_open_offer_is_worked_out_anew(bodies: dict[str, Any], others: Others) -> None:
    social = bodies["social"]
    declare(social, MOTHER, "2000")
    others.person("61901010019", "2019-01-01", mother=MOTHER)
    others.divisions["61901010019"] = TARTU
    offer = await offered(social, others)
    others.divisions["61901010019"] = TALLINN  # a third child joins the household
    social.apply_event(home(MOTHER), "m-1")
    await settle(social, others)
    (renewed,) = social.offers_of(CHILD, USAGE)
    assert renewed.version == offer.version + 1
    assert news(social, MOTHER) == [{"outcome": "recomputed", "decision": renewed.decision, "case": "case-7"}]
    assert records(social, MOTHER) == [("recomputed", RESIDENCE)]


async def test_what_was_granted_stands_until_people_have_looked(
    bodies: dict[str, Any], others: Others
) -> None:
    social = bodies["social"]
    declare(social, MOTHER, "2000")
    offer = await offered(social, others)
    social.accept(offer.id, "mother", IBAN, by(MOTHER, "accept"))
    await settle(social, others)
    social.apply_event(home(CHILD, "same"), "m-1")
    await settle(social, others)
    assert outcomes(social, CHILD) == ["no_change"]
    granted = social.benefits(MOTHER, USAGE)
    others.person("61901010019", "2019-01-01", mother=MOTHER)
    others.divisions["61901010019"] = TALLINN
    social.apply_event(home(MOTHER, "more"), "m-2")
    await settle(social, others)
    assert outcomes(social, MOTHER) == ["review"]
    assert ("look", "household_changed") in {
        (task.kind, task.reason) for task in social.tasks.in_state(TaskState.HELD)
    }
    assert social.benefits(MOTHER, USAGE) == granted, "nothing is taken away by a machine"


async def test_abroad_people_look(bodies: dict[str, Any], others: Others) -> None:
    social, insurance = bodies["social"], bodies["insurance"]
    declare(social, MOTHER, "2000")
    offer = await offered(social, others)
    await born(insurance, others)
    others.abroad = {MOTHER, CHILD}
    del others.divisions[MOTHER]
    social.apply_event(home(MOTHER), "m-1")
    insurance.apply_event(home(CHILD), "m-1")
    for register in (social, insurance):
        await settle(register, others)
    assert outcomes(social, MOTHER) == ["held"] and outcomes(insurance, CHILD) == ["review"]
    assert social.offer(offer.id, USAGE).reason == "lives_abroad"
    assert insurance.cover(CHILD, USAGE) is not None


async def test_cards_of_viet_nam_come_to_the_office_of_the_new_home(
    bodies: dict[str, Any], others: Others
) -> None:
    insurance = bodies["insurance"]
    await born(insurance, others, VN_CHILD)
    before = insurance.card(VN_CHILD, USAGE).office
    others.divisions |= dict.fromkeys((VN_CHILD, VN_MOTHER), "00070")
    insurance.apply_event(home(VN_CHILD), "m-1")
    await settle(insurance, others)
    after = insurance.card(VN_CHILD, USAGE).office
    assert before is not None and after is not None and before["unit"] != after["unit"]
    assert outcomes(insurance, VN_CHILD) == ["office_changed"]


async def test_a_register_that_is_away_is_asked_again(
    bodies: dict[str, Any], others: Others, clock: SetClock
) -> None:
    social = bodies["social"]
    declare(social, MOTHER, "2000")
    await offered(social, others)
    others.down = {"residence"}
    social.apply_event(home(SISTER), "m-0")
    social.apply_event(home(MOTHER), "m-1")
    await settle(social, others)
    assert outcomes(social, MOTHER) == []
    others.down = set()
    clock.forward(minutes=20)
    await settle(social, others)
    assert outcomes(social, MOTHER) == ["no_change"]


async def test_silence_is_kept(bodies: dict[str, Any], others: Others) -> None:
    """What is done about a home is done; but after a protection order nobody is told of it by a machine."""
    for register in bodies.values():
        await born(register, others)
        order = event("civil.protection.ordered", CHILD, against=FATHER, valid_from="2026-03-01")
        register.apply_event(order, "m-order")
        register.apply_event(home(CHILD), "m-1")
        await settle(register, others)
        assert outcomes(register, CHILD) == []
