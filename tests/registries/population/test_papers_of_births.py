"""An office's paper at the population register: whose word it is, on which ground of whose law, and that it is one child however often it is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sild.registries import PopulationRegister
from sild.registries.kernel import Usage
from sild.registries.population import one_child
from sild.registries.synthetic import synthetic_people
from support.acting import LogIn

from ..asking import Asker, refused
from ..families import couple, man, single
from ..notices import bundle, notify, recorded

BORN = "2026-03-01"


def paper(mother: Any, number: str = "S-2026-000101", **more: Any) -> dict[str, Any]:
    named = {"code": mother.code, "given_names": mother.given_names, "family_name": mother.family_name}
    said = {"number": number, "country": "EE", "sex": "F", "born": BORN, "place": "Prangli", "mother": named}
    return {**said, "ground": "medical", "attended_by": "Mai Saar", "given_names": "Liis", **more}


def children(population: Asker, mother: Any) -> list[str]:
    return [one["child"] for one in population.value(f"/births?parent={mother.code}")["items"]]


def test_only_an_official_of_none_of_the_family_hands_it_in(population: Asker) -> None:
    mother, father = couple()
    for login in (LogIn(acr="substantial"), LogIn(posture="unmanaged"), LogIn(roles=())):
        refused(population.post("/birth-papers", paper(mother), login=login), 403, "officials_only")
    refused(population.post("/birth-papers", paper(mother), login=None), 403, "acting_not_proven")
    refused(population.post("/birth-papers", paper(mother), user="automatic"), 403, "officials_only")
    kin = {**paper(mother), "father": {"code": father.code}}
    refused(population.post("/birth-papers", kin, user=f"EE{father.code}"), 403, "officials_only")
    assert children(population, mother) == []


def test_grounds_are_those_of_the_offices_country(population: Asker) -> None:
    mother, vietnamese = couple()[0], couple("VN")[0]
    refused(population.post("/birth-papers", paper(mother, ground="witness")), 400, "unknown_ground")
    wrong = {**paper(mother), "mother": {"code": man().code}}
    refused(population.post("/birth-papers", wrong), 400, "invalid_birth_notice")
    theirs = paper(vietnamese, country="VN", ground="witness")
    assert population.done("/birth-papers", theirs)["outcome"] == "RECORDED"
    for number in ("1", "s-2026-000101", "S-2026-0001012"):
        assert population.post("/birth-papers", paper(mother, number)).status == 400
    refused(population.get("/birth-papers/S-2026-000777"), 404, "unknown_paper")


@pytest.mark.parametrize("first", ["paper", "hospital"])
def test_the_hospital_and_the_office_tell_of_one_child(population: Asker, first: str) -> None:
    mother = couple()[0]
    if first == "hospital":
        child = recorded(population, bundle(mother.code))
        told = population.done("/birth-papers", paper(mother), status=200)
    else:
        child = population.done("/birth-papers", paper(mother))["child"]
        told = notify(population, bundle(mother.code)).json()
    assert (told["outcome"], told["child"], children(population, mother)) == ("JOINED", child, [child])
    birth = population.value(f"/births/{child}")
    assert birth["hospital"] == "Tartu Ülikooli Kliinikum"
    again = population.done("/birth-papers", paper(mother), status=200)
    assert (again["outcome"], again["child"]) == ("REPEATED", child)
    assert population.value("/birth-papers/S-2026-000101")["child"] == child


@pytest.mark.parametrize(
    "other",
    [{"born": "2026-02-28"}, {"sex": "male"}, {"order": 2}, {"father": True}],
    ids=["another day", "a boy", "one of twins", "another man"],
)
def test_what_is_near_is_for_people(population: Asker, other: dict[str, Any]) -> None:
    mother, father = single(), man()
    said = {**paper(mother), "father": {"code": father.code}}
    child = population.done("/birth-papers", said)["child"]
    said_otherwise = {"father": man("VN").code} if "father" in other else other
    told = notify(population, bundle(mother.code, **said_otherwise)).json()
    assert (told["outcome"], told["reasons"]) == ("REVIEW", ["duplicate_suspected"])
    assert children(population, mother) == [child]


def test_a_paper_without_a_code_finds_the_mother_by_a_name_written_a_letter_wrong(population: Asker) -> None:
    mother = couple()[0]
    child = recorded(population, bundle(mother.code))
    named = {"given_names": mother.given_names[:-1], "family_name": mother.family_name.upper()}
    told = population.done("/birth-papers", {**paper(mother), "mother": named}, status=200)
    assert told["reasons"] == ["mother_without_code"]
    (review,) = population.value("/reviews")["items"]
    assert child in review["candidates"]
    population.done(f"/reviews/{review['id']}/decision", {"decision": "SAME", "child": child}, status=200)
    assert population.value("/birth-papers/S-2026-000101") == {"outcome": "REPEATED", "child": child}
    kept = [
        one for one in population.value(f"/persons/{child}/facts")["items"] if one["name"] == "birth_notice"
    ]
    assert len(kept) == 2, "what stood on the paper is kept beside the hospital's notice"


def test_a_code_of_a_woman_with_another_name_opens_nothing(population: Asker) -> None:
    mother, other = couple()[0], single()
    named = {"code": other.code, "given_names": mother.given_names, "family_name": mother.family_name}
    told = population.done("/birth-papers", {**paper(mother), "mother": named}, status=200)
    assert told["reasons"] == ["mother_name_differs"] and children(population, other) == []


def test_of_many_born_about_that_day_the_nearest_are_looked_at(
    register: PopulationRegister, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_child, "NEAR", timedelta(days=200))
    people = synthetic_people(400)
    day = sorted(one.born for one in people)[len(people) // 2]
    near = [(abs((day - one.born).days), one.code) for one in people if abs((day - one.born).days) <= 200]
    assert len(near) > 2
    for most in (500, 2):
        monkeypatch.setattr(one_child, "MOST_LOOKED_AT", most)
        with register.kernel.used("look", Usage("SILD/GOV/70000001/portal", f"m-{most}")) as use:
            assert one_child._born_near(use, day) == [code for _days, code in sorted(near)][:most]
