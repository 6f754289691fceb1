"""A hospital's notice becomes one child, whatever is sent twice; what a machine cannot tell is left to people."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

from sild.registries import PopulationRegister, parse_identity_code
from sild.registries.identity_codes import estonia

from ..asking import Asker, refused
from ..conftest import SetClock
from ..families import couple, dead, girl, man, single
from ..notices import bundle, notify, notify_death, recorded

OTHER_HOSPITAL = "urn:sild:hospital:90000002:birth-notices"


def told(register: PopulationRegister, subject: str) -> list[str]:
    return [delivery.event.type for delivery in register.kernel.outbox.deliveries_about(subject)]


def subscribed(register: PopulationRegister) -> PopulationRegister:
    register.kernel.outbox.subscribe("SILD/GOV/70000001/portal", "events", ["civil.*"])
    return register


def test_a_child_is_recorded_with_a_code_and_no_name(
    population: Asker, either_register: PopulationRegister
) -> None:
    subscribed(either_register)
    for country, sex in (("EE", "female"), ("VN", "male")):
        mother, father = couple(country)  # type: ignore[arg-type]
        child = recorded(population, bundle(mother.code, sex=sex))
        code = parse_identity_code(child)
        assert (code.country, code.birth_year, code.sex) == (country, 2026, sex[0].upper())
        person = population.value(f"/persons/{child}")
        assert (person["status"], person["full_name"], person["mother"]) == ("UNNAMED", "", mother.code)
        assert person["father"] == father.code, "her husband"
        assert person["birth_place"] == "Tartu linn"
        birth = population.value(f"/births/{child}")
        assert (birth["status"], birth["paternity"]["status"]) == ("UNNAMED", "NOT_NEEDED")
        assert birth["defects"] == []
        assert told(either_register, child) == ["civil.child.recorded"]
        assert child in [one["code"] for one in population.value(f"/persons/{mother.code}/children")["items"]]
        assert [one["child"] for one in population.value(f"/births?parent={father.code}")["items"]] == [child]


def test_codes_of_one_day_follow_one_another(population: Asker) -> None:
    first = recorded(population, bundle(single().code))
    second = recorded(population, bundle(couple()[0].code))
    assert first[:7] == second[:7]
    assert int(second[7:10]) == int(first[7:10]) + 1


def test_the_same_message_again(population: Asker) -> None:
    notice = bundle(single().code)
    child = recorded(population, notice, id="birth-1")
    again = notify(population, notice, id="birth-1")
    assert (again.status, again.json()) == (200, {"outcome": "REPEATED", "child": child})
    refused(
        notify_death(population, child, "2026-03-01", id="birth-1"),
        409,
        "message_id_reused",
    )


def test_the_same_notice_in_another_message(population: Asker) -> None:
    notice = bundle(single().code)
    child = recorded(population, notice)
    again = notify(population, {**notice, "timestamp": "2026-03-01T11:00:00+02:00"})
    assert (again.status, again.json()) == (200, {"outcome": "REPEATED", "child": child})


def test_the_same_notice_many_times_at_once(population: Asker, either_register: PopulationRegister) -> None:
    subscribed(either_register)
    mother, barrier = single().code, threading.Barrier(5)
    notice = bundle(mother)

    def send(number: int) -> dict[str, Any]:
        barrier.wait()
        answer: dict[str, Any] = notify(population, notice, id=f"at-once-{number % 2}").json()
        return answer

    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(send, range(5)))
    (child,) = {answer["child"] for answer in answers}
    assert sorted(answer["outcome"] for answer in answers) == ["RECORDED", *["REPEATED"] * 4]
    assert told(either_register, child) == ["civil.child.recorded"]


def test_twins_are_two_children(population: Asker) -> None:
    mother = couple()[0].code
    first = recorded(population, bundle(mother, order=1))
    second = recorded(population, bundle(mother, order=2))
    assert first != second
    assert population.value(f"/births/{second}")["multiple_birth"] == 2
    again = notify(population, bundle(mother, order=2))
    assert (again.status, again.json()["reasons"]) == (202, ["duplicate_suspected"])


def test_one_child_told_of_by_two_hospitals_is_left_to_people(population: Asker) -> None:
    mother = couple()[0].code
    child = recorded(population, bundle(mother, order=1))
    for notice in (
        bundle(mother, hospital=OTHER_HOSPITAL),
        bundle(mother, hospital=OTHER_HOSPITAL, order=2),
        bundle(mother, born="2026-02-27"),
    ):
        answer = notify(population, notice)
        assert (answer.status, answer.json()["outcome"]) == (202, "REVIEW")
        assert answer.json()["reasons"] == ["duplicate_suspected"]
        repeated = notify(population, notice)
        assert repeated.json()["review"] == answer.json()["review"], "sent again, it is the same case"
    reviews = population.value("/reviews")["items"]
    assert [review["candidates"] for review in reviews] == [[child]] * 3
    assert len(population.value(f"/births?parent={mother}")["items"]) == 1


def test_people_decide_on_a_review_once(population: Asker, either_register: PopulationRegister) -> None:
    subscribed(either_register)
    mother = couple()[0].code
    child = recorded(population, bundle(mother))
    same, other = bundle(mother, hospital=OTHER_HOSPITAL), bundle(mother, sex="male", hospital=OTHER_HOSPITAL)
    reviews = [notify(population, notice).json()["review"] for notice in (same, other)]
    refused(
        population.post(
            f"/reviews/{reviews[0]}/decision",
            {"decision": "SAME", "child": mother},
        ),
        400,
        "bad_request",
    )
    answer = population.post(f"/reviews/{reviews[0]}/decision", {"decision": "DISTINCT"}, login=None)
    refused(answer, 403, "acting_not_proven")
    population.done(
        f"/reviews/{reviews[0]}/decision",
        {"decision": "SAME", "child": child},
        200,
    )
    answer = {"decision": "DISTINCT", "words": "The hospital has two bracelets."}
    decided = population.done(f"/reviews/{reviews[1]}/decision", answer, 200)
    assert decided["words"] == answer["words"], "why stands with the review"
    assert decided["state"] == "CLOSED"
    assert decided["child"] not in (None, child)
    assert told(either_register, decided["child"]) == ["civil.child.recorded"]
    refused(
        population.post(f"/reviews/{reviews[1]}/decision", {"decision": "REFUSED"}),
        409,
        "review_is_closed",
    )
    assert population.value("/reviews")["items"] == []
    assert notify(population, same).json() == {"outcome": "REPEATED", "child": child}
    assert notify(population, other).json() == {"outcome": "REPEATED", "child": decided["child"]}


def test_a_changed_notice_is_left_to_people(population: Asker) -> None:
    mother = couple()[0].code
    notice = bundle(mother, number="7")
    recorded(population, notice)
    answer = notify(population, bundle(mother, number="7", sex="male"))
    assert (answer.status, answer.json()["reasons"]) == (202, ["notice_changed"])


def test_mothers_a_machine_should_not_decide_on(population: Asker) -> None:
    cases = [
        (None, "mother_without_code"),
        (estonia.make(date(1990, 1, 1), "F", 999), "unknown_mother"),
        (dead("F").code, "mother_died_before"),
        (girl().code, "age_of_mother"),
    ]
    for mother, reason in cases:
        answer = notify(population, bundle(mother))
        assert answer.status == 202, answer.text
        assert reason in answer.json()["reasons"]


def test_a_birth_of_the_future_or_long_ago(population: Asker) -> None:
    for day in ("2026-03-03", "2024-12-31"):
        refused(notify(population, bundle(single().code, born=day)), 400, "date_out_of_range")


def test_a_child_born_dead_gets_no_code_and_nobody_congratulates(
    population: Asker, either_register: PopulationRegister
) -> None:
    subscribed(either_register)
    mother = couple()[0].code
    notice = bundle(mother, stillborn=True)
    answer = notify(population, notice)
    assert (answer.status, answer.json()) == (201, {"outcome": "STILLBORN"})
    assert notify(population, notice).json() == {"outcome": "STILLBORN"}
    assert told(either_register, mother) == ["civil.stillbirth.recorded"]
    assert population.value(f"/births?parent={mother}")["items"] == []


def test_a_man_the_notice_names_sees_the_birth(population: Asker, hand_clock: SetClock) -> None:
    mother, father = single().code, man().code
    child = recorded(population, bundle(mother, father))
    (birth,) = population.value(f"/births?parent={father}")["items"]
    assert (birth["child"], birth["claimed_father"], birth.get("father")) == (child, father, None)
    assert birth["paternity"]["waiting_for"] == [mother, father]
    assert [defect["code"] for defect in birth["defects"]] == ["paternity_open"]
