"""Whom orders cover, and when one ends: no child is left without anybody who may speak for it, and no end lifts more than its own order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from sild.registries import PopulationRegister
from sild.registries.population.records import grown_up
from sild.registries.synthetic import synthetic_people

from ..asking import Asker, refused
from ..families import couple, man, single
from ..notices import bundle, died, recorded
from .test_deaths_annulled import annul

TODAY = date(2026, 3, 1)
LATER = "2026-09-01"
Told = Callable[[str], list[tuple[str, str, str, str | None, str | None]]]


@pytest.fixture
def told(either_register: PopulationRegister) -> Told:
    """What was told of somebody's orders: of which kind, against whom, the days, and through whom."""
    outbox = either_register.kernel.outbox
    outbox.subscribe("SILD/GOV/70000001/portal", "events", ["civil.protection.*"])

    def told(person: str) -> list[tuple[str, str, str, str | None, str | None]]:
        events = [delivery.event for delivery in outbox.deliveries_about(person)]
        return [
            (
                one.type.rpartition(".")[2],
                one.data["against"],
                one.data["valid_from"],
                one.data["valid_to"],
                one.data.get("through"),
            )
            for one in events
        ]

    return told


@pytest.fixture
def family() -> tuple[str, str, str]:
    """Mother, father and their child under age, alive."""
    child = next(
        one
        for one in synthetic_people(400)
        if one.country == "EE" and one.born.year > 2012 and one.mother and one.father
        if one.died is one.mother.died is one.father.died is None
    )
    assert child.mother is not None and child.father is not None
    return child.mother.code, child.father.code, child.code


def order(
    population: Asker,
    protected: str,
    against: str,
    *,
    number: str = "2-26-1",
    children: tuple[str, ...] = (),
    begins: str = TODAY.isoformat(),
    ends: str | None = LATER,
) -> dict[str, Any]:
    body = {"protected": protected, "against": against, "children": list(children), "order": number}
    answer: dict[str, Any] = population.done(
        "/protection-orders", {**body, "valid_from": begins, "valid_to": ends}
    )
    return answer


def end(protected: str, against: str, number: str = "2-26-1", **more: str) -> dict[str, str]:
    return {"protected": protected, "against": against, "order": number, **more}


def speakers(population: Asker, child: str) -> set[str]:
    """Who has custody of the child, as each of its parents is told."""
    parents = [one["code"] for one in population.value(f"/persons/{child}/parents")["items"]]
    return {
        parent
        for parent in parents
        for one in population.value(f"/persons/{parent}/children")["items"]
        if one["code"] == child and one["custody"]
    }


def kept(population: Asker, child: str) -> set[str]:
    """From whom the child is kept today, as its facts say."""
    items = population.value(f"/persons/{child}/facts")["items"]
    return {one["key"] for one in items if one["name"] == "protection"}


def of_age(population: Asker, child: str) -> str:
    return grown_up(date.fromisoformat(population.value(f"/persons/{child}")["born"])).isoformat()


# --- whom an order covers


def test_orders_in_both_directions_leave_a_child_with_both_who_may_speak_for_it(
    population: Asker, told: Told, family: tuple[str, str, str], hand_clock: Any
) -> None:
    """And whoever gives the second is told so: a court says whom the child stays with."""
    mother, father, child = family
    assert order(population, mother, father)["uncovered"] == []
    assert speakers(population, child) == {mother} and kept(population, child) == {father}
    second = order(population, father, mother, number="2-26-2", ends="2026-05-01")
    assert child in second["uncovered"] and child not in second["protected"]
    assert speakers(population, child) == {mother, father} and kept(population, child) == set()
    assert kept(population, mother) == {father} and kept(population, father) == {mother}
    assert told(child) == [
        ("ordered", father, "2026-03-01", LATER, mother),
        ("ended", father, "2026-03-01", "2026-05-01", mother),
    ]
    hand_clock.forward(days=61)  # the day after the last of the father's
    assert speakers(population, child) == {mother} and kept(population, child) == {father}


def test_mutual_orders_still_cover_a_child_against_anybody_else(
    population: Asker, family: tuple[str, str, str]
) -> None:
    mother, father, child = family
    order(population, mother, father)
    order(population, mother, man().code, number="2-26-3")
    order(population, father, mother, number="2-26-2")
    assert kept(population, child) == {man().code}


def test_what_a_court_says_of_a_child_by_name_holds_as_it_is_said(
    population: Asker, told: Told, family: tuple[str, str, str]
) -> None:
    mother, father, child = family
    order(population, mother, father)
    order(population, father, mother, number="2-26-2")
    named = order(population, mother, father, number="2-26-3", children=(child,))
    assert child in named["protected"] and child in named["uncovered"], "the father's covers it not"
    assert speakers(population, child) == {mother}
    assert told(child)[-1] == ("ordered", father, "2026-03-01", LATER, None)
    both = order(population, father, mother, number="2-26-4", children=(child,))
    assert child not in both["uncovered"] and speakers(population, child) == set()


def test_a_guardian_speaks_where_orders_keep_both_parents_away(
    population: Asker, family: tuple[str, str, str]
) -> None:
    mother, father, child = family
    order(population, mother, father)
    order(population, father, mother, number="2-26-2")
    body = {"ward": child, "guardian": single().code, "kind": "guardian", "valid_from": "2026-03-01"}
    population.done("/guardianships", body)
    assert kept(population, child) == {mother, father} and speakers(population, child) == set()


def test_a_parent_left_alone_by_the_others_death_speaks_again(
    population: Asker, told: Told, family: tuple[str, str, str]
) -> None:
    mother, father, child = family
    order(population, mother, father)
    died(population, mother, "2026-02-28")
    assert speakers(population, child) == {father} and kept(population, child) == set()
    assert told(child)[-1] == ("ended", father, "2026-03-01", LATER, mother)


def test_a_parent_who_had_not_died_is_kept_by_their_order_again(
    population: Asker, family: tuple[str, str, str]
) -> None:
    mother, father, child = family
    order(population, mother, father)
    died(population, mother, "2026-02-28")
    assert speakers(population, child) == {father}
    annul(population, mother)
    assert speakers(population, child) == {mother} and kept(population, child) == {father}


def acknowledge(population: Asker, child: str, mother: str, father: str) -> None:
    for parent in (mother, father):
        body = {"parent": parent, "father": father, "answer": "ACKNOWLEDGED", "custody": "joint"}
        population.done(f"/births/{child}/paternity", body, 200, user=f"EE{parent}")


def test_nobody_keeps_a_newborn_from_its_mother_by_acknowledging_it(population: Asker, told: Told) -> None:
    mother, father = single(), man()
    order(population, father.code, mother.code, ends=None)
    child = recorded(population, bundle(mother.code))
    acknowledge(population, child, mother.code, father.code)
    assert speakers(population, child) == {mother.code, father.code}
    assert kept(population, child) == set() and told(child) == []
    order(population, mother.code, father.code, number="2-26-2", ends=None)
    assert speakers(population, child) == {mother.code}, "hers keeps him away"


def test_nobody_keeps_a_newborn_from_its_mother_by_being_her_husband(population: Asker, told: Told) -> None:
    wife, husband = couple()
    order(population, husband.code, wife.code, ends=None)
    child = recorded(population, bundle(wife.code))
    assert wife.code in speakers(population, child) and told(child) == []


def test_a_grown_child_speaks_and_is_spoken_of_as_if_there_were_no_order(population: Asker) -> None:
    grown = next(
        one
        for one in synthetic_people(400)
        if one.country == "EE" and one.born.year < 2000 and one.died is None and one.birth_place
        if one.mother is not None and one.mother.died is None and one.code != man().code
    )
    assert grown.mother is not None
    order(population, grown.mother.code, man().code)
    seen = population.value(f"/persons/{grown.code}", user=f"EE{man().code}")
    assert seen["birth_place"] == grown.birth_place


# --- an order that ends before its last day


def test_the_authority_that_gave_an_order_ends_it(
    population: Asker, told: Told, family: tuple[str, str, str], hand_clock: Any
) -> None:
    mother, father, child = family
    order(population, mother, father, ends=None)
    path, said = "/protection-orders/end", end(mother, father)
    refused(population.post(path, said, X_Road_Client="SILD/GOV/70000009/police"), 409, "not_your_order")
    refused(population.post(path, {**said, "order": "2-26-9"}), 404, "unknown_order")
    refused(population.post(path, {**said, "protected": father, "against": mother}), 404, "unknown_order")
    refused(population.post(path, {**said, "valid_to": "2026-02-28"}), 400, "end_out_of_range")
    assert kept(population, child) == {father}
    ended = population.done(path, {**said, "valid_to": "2026-03-03"}, id="ends")
    assert ended["valid_to"] == "2026-03-03" and child in ended["protected"]
    assert population.done(path, {**said, "valid_to": "2026-03-03"}, id="ends") == ended, "once"
    grown = of_age(population, child)
    assert told(mother)[1:] == [("ended", father, "2026-03-03", None, None)]
    assert told(child)[1:] == [("ended", father, "2026-03-03", grown, mother)]
    hand_clock.forward(days=1)
    assert kept(population, child) == {father}, "its last day"
    hand_clock.forward(days=1)
    assert kept(population, child) == set() and speakers(population, child) == {mother, father}
    refused(population.post(path, said), 400, "end_out_of_range")


def test_an_end_lifts_no_other_order(population: Asker, told: Told, family: tuple[str, str, str]) -> None:
    """Neither a longer one under which it was given, nor one that has come since, whichever is ended."""
    mother, father, child = family
    order(population, mother, father, children=(child,), ends="2026-12-01")
    order(population, mother, father, number="2-26-2", begins="2026-04-01", ends="2026-06-01")
    before = told(child)
    population.done("/protection-orders/end", end(mother, father, "2-26-2"))
    assert told(child) == before and kept(population, child) == {father}
    order(population, mother, father, number="2-26-3", begins="2026-03-01", ends="2027-06-01")
    population.done("/protection-orders/end", end(mother, father))
    assert kept(population, child) == {father} == kept(population, mother)
    population.done("/protection-orders/end", end(mother, father, "2-26-3"))
    assert kept(population, child) == set() == kept(population, mother)


def test_when_one_of_two_orders_ends_the_other_covers_the_child_again(
    population: Asker, told: Told, family: tuple[str, str, str]
) -> None:
    mother, father, child = family
    order(population, mother, father)
    order(population, father, mother, number="2-26-2")
    ended = population.done("/protection-orders/end", end(mother, father))
    assert ended["uncovered"] == [] and speakers(population, child) == {father}
    assert told(child)[-1] == ("ordered", mother, "2026-03-01", LATER, father)


def test_an_order_that_has_not_begun_is_ended_whole(
    population: Asker, told: Told, family: tuple[str, str, str], hand_clock: Any
) -> None:
    mother, father, child = family
    order(population, mother, father, begins="2026-04-01")
    population.done("/protection-orders/end", end(mother, father))
    assert told(child)[-1] == ("ended", father, "2026-04-01", LATER, mother)
    hand_clock.forward(days=40)
    assert kept(population, child) == set()
