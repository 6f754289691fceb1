"""What waits for the population register's officials: doubtful notices, people who are missing, disputed facts."""

from __future__ import annotations

from typing import Any

from sild.registries import PopulationRegister
from sild.registries.identity_codes import estonia

from ..asking import Asker, refused
from ..conftest import NOW
from ..families import couple, single
from ..notices import bundle, notify, recorded
from .test_birth_notices import OTHER_HOSPITAL

CLERK = "EE36805280109"


def listening(register: PopulationRegister) -> PopulationRegister:
    register.kernel.outbox.subscribe("SILD/GOV/70000001/portal", "events", ["matter.*", "person.known"])
    return register


def told(register: PopulationRegister, subject: str) -> list[str]:
    return [
        f"{one.event.type} {one.event.data.get('kind', '')}".strip()
        for one in register.kernel.outbox.deliveries_about(subject)
    ]


def facts(matter: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: one["value"] for one in matter["facts"]}


def test_a_doubtful_notice(population: Asker, either_register: PopulationRegister) -> None:
    listening(either_register)
    mother = couple()[0].code
    child = recorded(population, bundle(mother))
    review = notify(population, bundle(mother, hospital=OTHER_HOSPITAL)).json()["review"]
    assert told(either_register, mother) == ["matter.opened review"]
    matter = population.value(f"/matters/review/{review}", user=CLERK)
    said = facts(matter)
    assert (said["review_because"], said["candidate"], said["notice_born"]) == (
        "duplicate_suspected", child, "2026-03-01",
    )  # fmt: skip
    assert mother in said["mother"] and set(matter["persons"]) == {mother, child}
    (line,) = population.value("/matters", user=CLERK)["items"]
    assert (line["kind"], line["due"]) == ("review", "2026-03-13")
    decision, path = (
        {"decision": "SAME", "child": child},
        f"/reviews/{review}/decision",
    )
    refused(population.post(path, decision, user=f"EE{mother}"), 403, "officials_only")
    refused(population.post(path, decision, user="automatic"), 403, "officials_only")
    population.done(path, decision, 200, user=CLERK)
    assert told(either_register, mother)[1:] == ["matter.settled review"]
    assert population.value(f"/matters/review/{review}", user=CLERK)["state"] == "ended"


def test_somebody_missing_is_entered_by_the_official(
    population: Asker, either_register: PopulationRegister
) -> None:
    listening(either_register)
    code = estonia.make(NOW.date().replace(year=1991), "F", 78)
    resident = f"EE{single().code}"
    missing = {"person": code, "reason": "moving home, case S-1"}
    dispute = population.done("/unknown-persons", missing, user=resident)["id"]
    assert told(either_register, code) == ["matter.opened missing_person"]
    matter = population.value(f"/matters/missing_person/{dispute}", user=CLERK)
    assert (matter["said"], facts(matter)) == ("moving home, case S-1", {"person": code})
    path = f"/disputes/{dispute}/known"
    names = {"given_names": "Uus", "family_name": "Inimene", "words": "Her passport."}
    refused(population.post(path, {}, user=CLERK), 400, "invalid_value")
    refused(population.post(path, {**names, "given_names": "U2"}, user=CLERK), 400, "invalid_value")
    refused(population.post(path, {**names, "born": "1990-03-01"}, user=CLERK), 400, "invalid_value")
    refused(population.post(path, names, user=resident), 403, "officials_only")
    refused(population.get(f"/persons/{code}"), 404, "unknown_person")
    done = population.done(path, names, 200, user=CLERK, id="once")
    assert population.done(path, names, 200, user=CLERK, id="once") == done
    assert done["answer"] == "Her passport."
    person = population.value(f"/persons/{code}")
    assert (person["full_name"], person["sex"], person["born"]) == ("Uus Inimene", "F", "1991-03-01")
    found = population.value("/persons?family_name=inimene")["items"]
    assert code in [one["code"] for one in found]
    assert told(either_register, code)[1:] == ["matter.settled missing_person", "person.known"]


def test_a_disputed_name_is_corrected_by_what_the_official_writes(population: Asker) -> None:
    person = single().code
    (name,) = [
        one
        for one in population.value(f"/persons/{person}/facts", user=f"EE{person}")["items"]
        if one["name"] == "given_names"
    ]
    said = {"reason": "My name is Öö.", "proposed_value": "Öö"}
    dispute = population.done(f"/facts/{name['fact']}/dispute", said, user=f"EE{person}")["id"]
    shown = facts(population.value(f"/matters/dispute/{dispute}", user=CLERK))
    assert shown == {"fact": name["value"], "proposed": "Öö"}
    correction = {"text": "Öö", "reason": "Birth certificate."}
    population.done(f"/disputes/{dispute}/correction", correction, user=CLERK)
    assert population.value(f"/persons/{person}")["given_names"] == "Öö"
    refused(
        population.post(f"/disputes/{dispute}/correction", correction, user=CLERK),
        409,
        "dispute_is_closed",
    )


def test_what_has_a_procedure_of_its_own_is_not_corrected_here(population: Asker) -> None:
    mother = couple()[0].code
    spouse = next(
        one
        for one in population.value(f"/persons/{mother}/facts", user=f"EE{mother}")["items"]
        if one["name"] == "spouse"
    )
    dispute = population.done(f"/facts/{spouse['fact']}/dispute", {"reason": "Not him."}, user=f"EE{mother}")
    correction = {"text": "wife", "reason": "No."}
    refused(
        population.post(f"/disputes/{dispute['id']}/correction", correction, user=CLERK),
        409,
        "not_correctable",
    )
