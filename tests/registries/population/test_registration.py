"""Paternity and the name: who says what, once; two parents at once; what stands against a registration, all of it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sild.registries import PopulationRegister
from support.acting import EARLY, EVER, LogIn, proof

from ..asking import OFFICIAL, Asker, defects, refused
from ..families import couple, dead, man, single
from ..notices import bundle, recorded


@pytest.fixture
def told(either_register: PopulationRegister) -> Any:
    either_register.kernel.outbox.subscribe("SILD/GOV/70000001/portal", "events", ["*"])

    def told(subject: str) -> list[str]:
        return [d.event.type for d in either_register.kernel.outbox.deliveries_about(subject)]

    return told


def say(
    population: Asker, child: str, parent: str, father: str, answer: str = "ACKNOWLEDGED", **more: Any
) -> Any:
    body = {"parent": parent, "father": father, "answer": answer, **more}
    user = "EE" if len(parent) == 11 else "VN"
    return population.post(f"/births/{child}/paternity", body, user=f"{user}{parent}")


def test_unmarried_parents_both_acknowledge(population: Asker, told: Any) -> None:
    mother, father = single(), man()
    child = recorded(population, bundle(mother.code, father.code))
    waiting = say(population, child, mother.code, father.code).json()
    assert (waiting["status"], waiting["waiting_for"]) == ("WAITING", [father.code])
    assert say(population, child, mother.code, father.code).json() == waiting, "said again, nothing changes"
    done = say(population, child, father.code, father.code).json()
    assert (done["status"], done["father"], done["waiting_for"]) == ("ACKNOWLEDGED", father.code, [])
    person = population.value(f"/persons/{child}")
    assert person["father"] == father.code
    parents = population.value(f"/persons/{child}/parents")["items"]
    assert [(one["code"], one["custody"]) for one in parents] == [(mother.code, True), (father.code, True)]
    assert told(child) == ["civil.child.recorded", "civil.paternity.acknowledged"]


def test_both_parents_at_once(population: Asker, told: Any) -> None:
    mother, father, barrier = single(), man(), threading.Barrier(4)
    child = recorded(population, bundle(mother.code, father.code))

    def speak(parent: str) -> int:
        barrier.wait()
        status: int = say(population, child, parent, father.code).status
        return status

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(speak, [mother.code, father.code] * 2)) == {200}
    assert population.value(f"/births/{child}")["paternity"]["status"] == "ACKNOWLEDGED"
    assert told(child).count("civil.paternity.acknowledged") == 1


def test_a_mother_may_keep_custody_alone(population: Asker) -> None:
    mother, father = single(), man()
    child = recorded(population, bundle(mother.code, father.code))
    say(population, child, mother.code, father.code, custody="mother")
    say(population, child, father.code, father.code)
    parents = population.value(f"/persons/{child}/parents")["items"]
    assert [one["custody"] for one in parents] == [True, False]


def test_denied_this_branch_stops_and_the_others_go_on(population: Asker, told: Any) -> None:
    mother, father = single(), man()
    child = recorded(population, bundle(mother.code, father.code))
    say(population, child, mother.code, father.code)
    assert say(population, child, father.code, father.code, "DENIED").json()["status"] == "DENIED"
    refused(say(population, child, father.code, father.code), 409, "paternity_settled")
    body = {"given_names": "Mari", "family_name": mother.family_name}
    registered = population.done(f"/births/{child}/registration", body)
    assert "father" not in registered
    assert told(child) == ["civil.child.recorded", "civil.birth.registered"]


def test_who_may_not_say_it(population: Asker) -> None:
    mother, father, other = single(), man(), couple()[1]
    child = recorded(population, bundle(mother.code, father.code))
    path = f"/births/{child}/paternity"
    body = {"parent": mother.code, "father": father.code, "answer": "ACKNOWLEDGED"}
    refused(population.post(path, body, user="automatic"), 403, "acting_not_proven")
    for user in (f"EE{father.code}", "EE38001085718"):
        refused(population.post(path, {**body, "mandate": "mandate-1"}, user=user), 403, "not_the_parent")
    refused(say(population, child, other.code, father.code), 403, "not_the_parent")
    refused(say(population, child, other.code, other.code), 409, "fathers_differ")
    by_mandate = {**body, "mandate": "mandate-1"}
    said = population.post(path, by_mandate, X_Road_Represented_Party=f"EE{mother.code}")
    assert said.status == 200, "who is proved to represent her"
    refused(say(population, child, mother.code, father.code, "DENIED"), 409, "paternity_settled")


def test_a_man_nobody_named(population: Asker) -> None:
    mother = single()
    child = recorded(population, bundle(mother.code))
    assert population.value(f"/births/{child}")["paternity"]["status"] == "NONE_NAMED"
    refused(say(population, child, mother.code, dead("M").code), 409, "person_is_dead")
    refused(say(population, child, mother.code, couple()[0].code), 409, "fathers_differ")
    assert say(population, child, mother.code, man().code).json()["waiting_for"] == [man().code]


def test_of_the_married_nothing_is_asked(population: Asker) -> None:
    wife, husband = couple()
    child = recorded(population, bundle(wife.code, man().code))
    refused(say(population, child, husband.code, husband.code), 409, "paternity_not_needed")
    birth = population.value(f"/births/{child}")
    assert (birth["father"], birth["claimed_father"]) == (husband.code, man().code)
    assert [note["code"] for note in birth["notes"]] == ["another_father_named"]


def test_a_registration_names_everything_that_is_wrong(population: Asker, told: Any) -> None:
    mother = single()
    child = recorded(population, bundle(mother.code, man().code))
    path = f"/births/{child}/registration"
    problem = refused(
        population.post(path, {"given_names": "A1", "family_name": "Zzz"}), 409, "birth_not_registrable"
    )
    assert defects(problem) == ["paternity_open", "not_a_name", "not_a_parents_name"]
    assert [error["pointer"] for error in problem["errors"]] == ["", "/given_names", "/family_name"]
    problem = refused(
        population.post(
            path,
            {"given_names": "Anna Mari Liis Kai", "family_name": mother.family_name, "without_father": True},
        ),
        409,
        "birth_not_registrable",
    )
    assert defects(problem) == ["too_many_names"]
    assert told(child) == ["civil.child.recorded"]


def test_the_first_name_holds_and_the_second_sender_is_told(population: Asker, told: Any) -> None:
    mother, _ = couple()
    child = recorded(population, bundle(mother.code))
    path = f"/births/{child}/registration"
    body = {"given_names": "Mari", "family_name": mother.family_name}
    registered = population.done(path, body, 201, id="registration-1")
    assert population.done(path, body, 200, id="registration-1") == registered
    assert population.done(path, body, 200) == registered
    problem = refused(population.post(path, {**body, "given_names": "Liis"}), 409, "already_registered")
    assert "Mari" in problem["detail"]
    person = population.value(f"/persons/{child}")
    assert (person["given_names"], person["status"], person["citizenships"]) == ("Mari", "LIVING", ["EE"])
    found = population.value(f"/persons?family_name={mother.family_name}&given_names=mari&born=2026-03-01")
    assert [one["code"] for one in found["items"]] == [child]
    assert told(child) == ["civil.child.recorded", "civil.birth.registered"]


def test_two_names_sent_at_once(population: Asker, told: Any) -> None:
    mother, _ = couple("VN")
    child = recorded(population, bundle(mother.code))
    barrier, names = threading.Barrier(4), ["Lan", "Hoa", "Mai", "Vy"]

    def send(name: str) -> int:
        barrier.wait()
        body = {"given_names": name, "family_name": mother.family_name}
        return population.post(f"/births/{child}/registration", body).status

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(send, names)) == [201, 409, 409, 409]
    assert told(child).count("civil.birth.registered") == 1
    assert population.value(f"/persons/{child}")["given_names"] in names


def test_somebody_who_was_not_born_here(population: Asker) -> None:
    refused(population.get(f"/births/{couple()[0].code}"), 404, "unknown_birth")
    body = {"given_names": "Mari", "family_name": "Tamm"}
    refused(population.post(f"/births/{couple()[0].code}/registration", body), 404, "unknown_birth")


def before(population: Asker, child: str, parent: str, father: str, **more: Any) -> Any:
    said = {name: more.pop(name) for name in ("answer", "document", "custody") if name in more}
    body = {"parent": parent, "father": father, "answer": "ACKNOWLEDGED", "document": "passport", **said}
    return population.post(f"/births/{child}/paternity/before-official", body, **more)


def test_said_before_an_official_it_counts_on_the_officials_proof_alone(population: Asker, told: Any) -> None:
    """For this operation, in this case, once; by no clerk, no parent, no machine, nobody of the family, from no other device."""
    mother, father = single(), man()
    child = recorded(population, bundle(mother.code, father.code))
    other = recorded(population, bundle(mother.code, born="2025-06-01"))
    at, ours = EARLY, {"X_Road_Issue": "case-7"}

    def token(user: str = OFFICIAL, **how: Any) -> str:
        return proof(user, "case-7", at, **{"operations": ["recordPaternity"], "lifetime": EVER, **how})

    for wrong, status, code in (
        (token(operations=[]), 403, "acting_not_proven"),
        (token(operations=["answerPaternity"]), 403, "acting_not_proven"),
        (token(acts=False), 403, "acting_not_proven"),
        (
            proof(OFFICIAL, "case-8", at, operations=["recordPaternity"], lifetime=EVER),
            403,
            "acting_not_proven",
        ),
        (token(login=LogIn(posture="unmanaged")), 403, "officials_only"),
        (token(login=LogIn(acr="substantial")), 403, "officials_only"),
        (token(login=LogIn(roles=())), 403, "officials_only"),
        (token(login=LogIn(representee=f"EE{mother.code}", mandate="m-1")), 403, "acting_not_proven"),
        ("", 403, "acting_not_proven"),
    ):
        refused(before(population, child, father.code, father.code, Sild_Acting=wrong, **ours), status, code)
    refused(
        before(population, child, father.code, father.code, user=f"EE{mother.code}"), 403, "officials_only"
    )
    refused(before(population, child, father.code, father.code, user="automatic"), 403, "officials_only")
    refused(before(population, child, father.code, mother.code), 403, "not_the_parent")
    good = token()
    state = before(population, child, father.code, father.code, Sild_Acting=good, id="m-once").json()
    assert state["answers"][0]["before"] == {"official": OFFICIAL, "document": "passport"}
    again = before(population, child, father.code, father.code, Sild_Acting=good, id="m-once").json()
    assert again == state
    refused(before(population, other, father.code, father.code, Sild_Acting=good), 403, "acting_not_proven")
    done = say(population, child, mother.code, father.code).json()
    assert done["status"] == "ACKNOWLEDGED" and told(child)[-1] == "civil.paternity.acknowledged"


def test_before_an_official_nobody_says_other_than_was_said(population: Asker) -> None:
    mother, father = single(), man()
    child = recorded(population, bundle(mother.code, father.code))
    say(population, child, mother.code, father.code, "DENIED")
    refused(before(population, child, father.code, father.code), 409, "paternity_settled")
    refused(before(population, child, mother.code, father.code), 409, "paternity_settled")
    one, other = couple(), man()
    theirs = recorded(population, bundle(one[0].code))
    refused(before(population, theirs, other.code, other.code), 409, "paternity_not_needed")
