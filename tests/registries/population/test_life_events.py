"""Death, stillbirth, protection, guardianship: relations end, what waits falls silent, who must not know does not."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from sild.registries import PopulationRegister
from sild.registries.population.records import grown_up
from sild.registries.synthetic import synthetic_people
from support.notices import signed_bundle

from ..asking import Asker, defects, refused
from ..conftest import SetClock
from ..families import couple, dead, man, single, young_family
from ..notices import bundle, died, notify, notify_death, notify_stillborn, recorded


@pytest.fixture
def waiting(either_register: PopulationRegister) -> Any:
    """What is still to be told about somebody, and what never will be."""
    outbox = either_register.kernel.outbox
    outbox.subscribe("SILD/GOV/70000001/portal", "events", ["*"])

    def waiting(subject: str) -> dict[str, str]:
        return {d.event.type: d.state.value for d in outbox.deliveries_about(subject)}

    return waiting


def test_a_death_ends_marriage_and_silences(population: Asker, waiting: Any) -> None:
    wife, husband = couple()
    told = notify_death(population, husband.code, "2026-02-27")
    assert (told.status, told.json()["recorded"]) == (201, True)
    again = notify_death(population, husband.code, "2026-02-27")
    assert (again.status, again.json()["recorded"]) == (200, False)
    refused(notify_death(population, husband.code, "2026-02-26"), 409, "already_dead")
    assert population.value(f"/persons/{husband.code}")["died"] == "2026-02-27"
    assert "spouse" not in population.value(f"/persons/{wife.code}")
    past = population.value(f"/persons/{wife.code}/facts?on=2026-02-27")["items"]
    assert [fact["valid_to"] for fact in past if fact["name"] == "spouse"] == ["2026-02-28"]
    assert waiting(husband.code) == {"civil.death.registered": "pending"}


def test_a_child_of_a_husband_who_died_is_still_his(population: Asker) -> None:
    wife, husband = couple()
    died(population, husband.code, "2026-01-10")
    child = recorded(population, bundle(wife.code))
    assert population.value(f"/persons/{child}")["father"] == husband.code
    parents = population.value(f"/persons/{child}/parents")["items"]
    assert [one["custody"] for one in parents] == [True, False]


def test_the_death_of_a_child_holds_back_the_news_of_its_birth(population: Asker, waiting: Any) -> None:
    mother, _ = couple()
    child = recorded(population, bundle(mother.code))
    assert waiting(child) == {"civil.child.recorded": "pending"}
    died(population, child, "2026-03-01")
    assert waiting(child) == {"civil.child.recorded": "refused", "civil.death.registered": "pending"}
    assert population.value(f"/births/{child}")["status"] == "DEAD"
    body = {"given_names": "Mari", "family_name": mother.family_name}
    problem = refused(population.post(f"/births/{child}/registration", body), 409, "birth_not_registrable")
    assert defects(problem) == ["child_is_dead"]
    father = couple()[1].code
    answer = population.post(
        f"/births/{child}/paternity",
        {"parent": father, "father": father, "answer": "ACKNOWLEDGED"},
        user=f"EE{father}",
    )
    refused(answer, 409, "person_is_dead")


def test_a_child_recorded_as_living_that_was_not(population: Asker, waiting: Any) -> None:
    mother, _ = couple()
    child = recorded(population, bundle(mother.code))
    for _ in range(2):
        assert notify_stillborn(population, mother.code, child).status == 201
    assert population.value(f"/births/{child}")["status"] == "STILLBORN"
    assert waiting(child) == {"civil.child.recorded": "refused", "civil.stillbirth.recorded": "pending"}
    refused(notify_stillborn(population, single().code, child), 404, "unknown_birth")
    refused(notify_stillborn(population, mother.code, child, "2026-02-28"), 404, "unknown_birth")


def test_only_a_newborn_without_a_name_was_born_dead(population: Asker, hand_clock: SetClock) -> None:
    """Not a child with a name, nor one that is older than seven days, nor anybody grown up: their life ends by a notice of death."""
    (mother, father), (other, _) = couple(), couple("VN")
    named = recorded(population, bundle(mother.code, father.code))
    late, newborn = recorded(population, bundle(other.code)), recorded(population, bundle(single().code))
    said = {"given_names": "Mari", "family_name": mother.family_name}
    population.done(f"/births/{named}/registration", said)
    refused(notify_stillborn(population, mother.code, named), 409, "not_a_newborn")
    grown, parent = young_family()[1], young_family()[0]
    refused(
        notify_stillborn(population, parent.code, grown.code, grown.born.isoformat()), 404, "unknown_birth"
    )
    hand_clock.forward(days=7)
    assert notify_stillborn(population, single().code, newborn).status == 201
    in_time = signed_bundle(bundle(other.code, stillborn=True, child=late), at=hand_clock())
    hand_clock.forward(days=1)
    refused(notify_stillborn(population, other.code, late), 409, "not_a_newborn")
    for one in (late, named):
        assert population.value(f"/persons/{one}")["code"] == one
        assert "died" not in population.value(f"/persons/{one}")
    for _ in range(2):
        assert notify(population, in_time, "/stillbirths").status == 201, "signed in time, long on its way"
    hand_clock.forward(days=60)
    assert notify_stillborn(population, other.code, late).status == 201, "known already"


def test_deaths_that_cannot_be(population: Asker) -> None:
    person = single()
    before = (person.born - timedelta(days=1)).isoformat()
    for who, day, status, code in (
        (person.code, before, 400, "date_out_of_range"),
        (person.code, "2026-03-02", 400, "date_out_of_range"),
        ("38001085717", "2026-02-01", 400, "invalid_death_notice"),
        ("38001085718", "2026-02-01", 404, "unknown_person"),
        (dead().code, "2026-02-01", 409, "already_dead"),
    ):
        refused(notify_death(population, who, day), status, code)


def test_whom_an_order_is_against_does_not_learn_of_it_here(population: Asker, waiting: Any) -> None:
    parent, child = young_family()
    against = man().code
    order = {
        "protected": parent.code,
        "against": against,
        "children": [child.code],
        "valid_from": "2026-03-01",
        "order": "2-26-123",
    }
    covered = population.done("/protection-orders", order)["protected"]
    assert covered[:2] == [parent.code, child.code] and len(covered) == len(set(covered))
    for person in (parent.code, child.code):
        assert waiting(person) == {"civil.protection.ordered": "pending"}
        path = f"/persons/{person}/facts"
        seen = {fact["name"] for fact in population.value(path)["items"]}
        assert "protection" in seen
        facts = population.value(path, user=f"EE{against}")["items"]
        assert "protection" not in {fact["name"] for fact in facts}
    refused(population.post("/protection-orders", {**order, "children": [single().code]}), 409, "not_a_child")
    for oneself in (parent.code, child.code):
        said = {**order, "against": oneself}
        refused(population.post("/protection-orders", said), 400, "bad_request")


def test_whom_an_order_keeps_from_a_parent_speaks_for_their_child_no_longer(population: Asker) -> None:
    """Though the order names no child: whoever speaks for one is told where it lives."""
    child = next(
        one
        for one in synthetic_people(400)
        if one.country == "EE" and one.born.year > 2012 and one.mother and one.father
        if one.died is one.mother.died is one.father.died is None
    )
    assert child.mother is not None and child.father is not None

    def custody(of: str) -> list[bool]:
        items = population.value(f"/persons/{of}/relations", user=f"EE{of}")["items"]
        return [one["custody"] for one in items if one["code"] == child.code]

    assert custody(child.father.code) == custody(child.mother.code) == [True]
    order = {"protected": child.mother.code, "against": child.father.code, "children": [], "valid_from": "2026-03-01", "order": "2-26-7"}  # fmt: skip
    population.done("/protection-orders", order)
    assert custody(child.father.code) == [False] and custody(child.mother.code) == [True]


@pytest.mark.parametrize("whose", ["mother", "father"])
def test_a_child_born_under_an_order_is_covered_though_no_order_can_have_named_it(
    population: Asker, waiting: Any, whose: str
) -> None:
    """And every register hears of it; of an order that is over, or of whom it names, it is not."""
    mother, father = couple()
    protected, other = (mother, father) if whose == "mother" else (father, mother)
    against, over = man().code, single().code
    order = {"protected": protected.code, "children": [], "valid_from": "2026-03-01", "order": "2-26-8"}
    population.done("/protection-orders", {**order, "against": against, "valid_to": "2026-04-01"})
    past = {**order, "valid_from": "2025-01-01", "valid_to": "2025-02-01"}
    population.done("/protection-orders", {**past, "against": over})
    population.done("/protection-orders", {**order, "protected": other.code, "against": over, "valid_from": "2026-05-01"})  # fmt: skip
    child = recorded(population, bundle(mother.code))
    assert waiting(child)["civil.protection.ordered"] == "pending"
    facts = population.value(f"/persons/{child}/facts?history=true")["items"]
    orders = {(one["key"], one["valid_from"], one.get("valid_to")) for one in facts if one["name"] == "protection"}  # fmt: skip
    born = date.fromisoformat(population.value(f"/persons/{child}")["born"])
    of_age = grown_up(born).isoformat()
    assert orders == {(against, "2026-03-01", "2026-04-01"), (over, "2026-05-01", of_age)}


def test_a_grown_child_is_covered_only_if_it_is_named_and_nobody_from_themselves(population: Asker) -> None:
    grown = next(
        one
        for one in synthetic_people(400)
        if one.country == "EE" and one.born.year < 2000 and one.died is None
        if one.mother is not None and one.mother.died is None and one.code != man().code
    )
    assert grown.mother is not None
    order = {"protected": grown.mother.code, "against": man().code, "valid_from": "2026-03-01", "order": "2-26-9"}  # fmt: skip
    assert grown.code not in population.done("/protection-orders", order)["protected"]
    named = {**order, "children": [grown.code]}
    assert grown.code in population.done("/protection-orders", named)["protected"]
    parent, child = young_family()
    feared = {**order, "protected": parent.code, "against": child.code}
    assert child.code not in population.done("/protection-orders", feared)["protected"]


def test_a_guardian(population: Asker) -> None:
    _, child = young_family()
    elder = single()
    body = {"ward": child.code, "guardian": elder.code, "kind": "guardian", "valid_from": "2026-02-01"}
    population.done("/guardianships", body)
    (guardian,) = population.value(f"/persons/{child.code}/guardians")["items"]
    assert (guardian["code"], guardian["relation"], guardian["since"]) == (
        elder.code,
        "guardian",
        "2026-02-01",
    )
    relations = population.value(f"/persons/{elder.code}/relations")["items"]
    assert (child.code, "ward") in [(one["code"], one["relation"]) for one in relations]
    died(population, elder.code, "2026-02-20")
    assert population.value(f"/persons/{child.code}/guardians")["total"] == 0
    refused(population.post("/guardianships", {**body, "guardian": dead().code}), 409, "person_is_dead")
    refused(population.post("/guardianships", {**body, "guardian": child.code}), 400, "bad_request")
    young = {**body, "guardian": man().code, "valid_from": (man().born + timedelta(days=9)).isoformat()}
    refused(population.post("/guardianships", young), 400, "bad_request")
