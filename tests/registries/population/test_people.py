"""Asking for people: one, by name, their families; who asks is kept, in vain or not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import quote

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from sild.errors import CallerError, Unavailable
from sild.registries import PopulationRegister
from sild.registries.population.tables import metadata
from sild.registries.synthetic import synthetic_people

from ..asking import CLIENT, Asker, refused
from ..conftest import SYSTEM
from ..families import couple, dead, young_family

ABSENT = "38001085718"


def test_everybody_is_as_the_synthetic_people_are(population: Asker) -> None:
    for known in synthetic_people(400)[::23]:
        person = population.value(f"/persons/{known.code}")
        assert (person["family_name"], person["given_names"]) == (known.family_name, known.given_names)
        assert (person["sex"], person["born"]) == (known.sex, known.born.isoformat())
        assert person.get("died") == (known.died.isoformat() if known.died else None)
        assert person.get("mother") == (known.mother.code if known.mother else None)
        assert person["citizenships"] == [known.country]
        assert person["status"] == ("DEAD" if known.died else "LIVING")


def test_names_stand_in_the_order_of_the_country(population: Asker) -> None:
    for country in ("EE", "VN"):
        wife, husband = couple(country)  # type: ignore[arg-type]
        person = population.value(f"/persons/{wife.code}")
        names = [wife.given_names, wife.family_name]
        assert person["full_name"] == " ".join(names if country == "EE" else names[::-1])
        assert person["spouse"] == husband.code


def test_a_married_name_is_a_fact_with_its_days(population: Asker) -> None:
    wife = next(p for p in synthetic_people(400) if p.birth_name not in (None, p.family_name) and not p.died)
    assert wife.married_on is not None
    day = wife.married_on.isoformat()
    facts = population.value(f"/persons/{wife.code}/facts?on={wife.born.isoformat()}")["items"]
    (maiden,) = [fact for fact in facts if fact["name"] == "family_name"]
    assert (maiden["value"], maiden["valid_to"], maiden["concept"]) == (
        wife.birth_name,
        day,
        "person.family_name",
    )
    assert (maiden["source"], maiden["basis"]) == (SYSTEM[1:], "synthetic")
    facts = population.value(f"/persons/{wife.code}/facts?on={day}")["items"]
    assert [fact["value"] for fact in facts if fact["name"] == "family_name"] == [wife.family_name]


def test_family_relations_agree_from_both_sides(population: Asker) -> None:
    parent, child = young_family()
    children = population.value(f"/persons/{parent.code}/children")["items"]
    (found,) = [one for one in children if one["code"] == child.code]
    assert (found["relation"], found["custody"]) == ("child", True)
    assert [one["born"] for one in children] == sorted(one["born"] for one in children)
    parents = population.value(f"/persons/{child.code}/parents")["items"]
    assert parent.code in [one["code"] for one in parents if one["custody"]]
    relations = {
        one["code"]: one["relation"] for one in population.value(f"/persons/{child.code}/relations")["items"]
    }
    assert relations[parent.code] == ("mother" if parent.sex == "F" else "father")
    for sibling in [one["code"] for one in children if one["code"] != child.code]:
        assert relations[sibling] == "sibling"


def test_names_are_found_without_case_and_accents(population: Asker) -> None:
    page = population.value("/persons?family_name=nguyen&limit=100")
    assert page["total"] > 20
    assert {person["family_name"] for person in page["items"]} == {"Nguyễn"}
    some = page["items"][0]
    query = f"family_name={quote('NGUYỄN')}&given_names={quote(some['given_names'].lower())}&born={some['born']}&country=VN"
    assert some in population.value(f"/persons?{query}")["items"]
    assert population.value("/persons?family_name=nguyen&country=EE")["total"] == 0
    assert population.value("/persons?family_name=%25")["total"] == 0
    paged = [
        person
        for offset in range(0, page["total"], 7)
        for person in population.value(f"/persons?family_name=nguyen&limit=7&offset={offset}")["items"]
    ]
    assert paged[: len(page["items"])] == page["items"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"/persons/{ABSENT}", 404, "unknown_person"),
        ("/persons/38001085717", 400, "invalid_identity_code"),
        (f"/persons/{ABSENT}/children", 404, "unknown_person"),
        (f"/persons/{ABSENT}/facts", 404, "unknown_person"),
        ("/persons", 400, "too_broad"),
        ("/persons?given_names=Mari", 400, "too_broad"),
        ("/persons?born=yesterday", 400, "bad_request"),
        ("/persons?family_name=Tamm&limit=1000", 400, "bad_request"),
        (f"/births/{ABSENT}", 404, "unknown_person"),
        ("/reviews/none", 404, "unknown_review"),
        ("/disputes/none", 404, "unknown_dispute"),
    ],
)
def test_problems(population: Asker, path: str, status: int, code: str) -> None:
    problem = refused(population.get(path), status, code)
    assert "yesterday" not in json.dumps(problem)


def test_find_usage_tells_every_read_with_its_ground(
    population: Asker, either_register: PopulationRegister
) -> None:
    parent, child = young_family()
    for path in ("", "/children", "/facts", "/relations"):
        population.value(f"/persons/{parent.code}{path}")
    refused(population.get(f"/persons/{ABSENT}"), 404, "unknown_person")
    page = either_register.kernel.usage_of(parent.code)
    assert [entry.operation for entry in page.entries] == [
        "getRelations",
        "getFacts",
        "getChildren",
        "getPerson",
    ]
    assert {(e.usage.basis, e.usage.issue, e.usage.client) for e in page.entries} == {
        ("RRS 5", "case-7", CLIENT)
    }
    assert either_register.kernel.usage_of(child.code).total == 2, "as a child, and as a relation"
    (in_vain,) = either_register.kernel.usage_of(ABSENT).entries
    assert in_vain.outcome == "unknown_person"
    told = population.value(f"/findUsage?userCode=EE{parent.code}")
    assert told["totalUsages"] == 4
    assert told["usages"][0]["action"] == "Family relations were looked up"


def test_without_who_acts_and_why_nothing_is_told(population: Asker) -> None:
    code = couple()[0].code
    for missing in ("X_Road_UserId", "Sild_Legal_Basis"):
        headers = {name: value for name, value in population.headers().items() if name != missing}
        refused(population.site.get(f"/persons/{code}", **headers), 400, "missing_legal_basis")
    headers = population.headers()
    headers["X_Road_Legal_Ground"] = headers.pop("Sild_Legal_Basis")
    assert population.site.get(f"/persons/{code}", **headers).status == 200, "as the adapter writes it"
    answer = population.site.get(f"/persons/{code}", **headers, Sild_Legal_Basis="another")
    refused(answer, 400, "missing_legal_basis")


def test_a_database_that_fails(population: Asker, either_register: PopulationRegister) -> None:
    with either_register.kernel.engine.begin() as connection:
        connection.execute(text("ALTER TABLE persons RENAME TO elsewhere"))
    answer = population.get(f"/persons/{couple()[0].code}")
    assert answer.status in (500, 503)
    assert "elsewhere" not in answer.text


def test_the_description(population: Asker) -> None:
    description = population.value("/openapi.json")
    assert description["openapi"].startswith("3.1")
    assert description["info"]["title"] == "Population register"
    assert description["servers"] == [{"url": "http://population:8000"}]
    operations = {
        operation["operationId"]
        for methods in description["paths"].values()
        for operation in methods.values()
    }
    assert {
        "getPerson",
        "findPersons",
        "getFacts",
        "takeBirthNotice",
        "registerBirth",
        "findUsage",
    } <= operations
    references = set(re.findall(r'"#/components/schemas/([\w-]+)"', json.dumps(description)))
    assert references <= set(description["components"]["schemas"])
    concepts = population.value("/description")["@graph"][0]["dcat:theme"]
    assert {"person.date_of_birth", "person.family_relations", "child.birth_notice"} <= {
        concept["skos:notation"] for concept in concepts
    }


def test_the_migrations_make_the_schema_the_code_believes_in(either_register: PopulationRegister) -> None:
    with either_register.kernel.engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table": "population_revision",
                "include_name": lambda name, kind, _: kind != "table" or name in metadata.tables,
            },
        )
        assert compare_metadata(context, metadata) == []


def test_people_move_in_once(tmp_path: Path) -> None:
    first = PopulationRegister.open(tmp_path, system=SYSTEM, people=200)
    people, some = first.count(), first.some_people(5)
    first.close()
    again = PopulationRegister.open(tmp_path, system=SYSTEM, people=400)
    assert (again.count(), again.some_people(5)) == (people, some)
    assert [person["country"] for person in some] == ["EE", "VN", "EE", "VN", "EE"]
    again.close()


def test_a_register_of_an_earlier_version_is_refused_with_what_to_do(tmp_path: Path) -> None:
    import sqlite3

    with sqlite3.connect(tmp_path / "population.db") as old:
        old.execute("CREATE TABLE residences (id INTEGER)")
    old.close()
    with pytest.raises(CallerError, match="remove it and start again") as refusal:
        PopulationRegister.open(tmp_path, system=SYSTEM, people=200)
    assert refusal.value.code == "outdated_database"


def test_a_database_that_cannot_be_reached(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="database_error"):
        PopulationRegister.open(tmp_path, f"postgresql://nobody@/nothing?host={tmp_path}", system=SYSTEM)


def test_the_dead_are_dead(population: Asker) -> None:
    assert population.value(f"/persons/{dead().code}")["status"] == "DEAD"
