"""Facts through HTTP: as they were on a day, as they were known at a time; disputed, corrected, and who is told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sild.registries import PopulationRegister, population_app
from support.acting import serving

from ..asking import OFFICIAL, Asker, refused
from ..conftest import NOW, SetClock
from ..families import couple, man, single, young_family


def fact_of(population: Asker, code: str, name: str, **query: str) -> Any:
    asked = "&".join(f"{key}={quote(value)}" for key, value in query.items())
    facts = population.value(f"/persons/{code}/facts?{asked}")["items"]
    return next((fact for fact in facts if fact["name"] == name), None)


def test_a_disputed_fact_is_marked_corrected_and_told(
    population: Asker, either_register: PopulationRegister, hand_clock: SetClock
) -> None:
    either_register.kernel.outbox.subscribe("SILD/GOV/70000004/social", "events", ["fact.corrected"])
    person = single()
    before = hand_clock().isoformat()
    wrong = fact_of(population, person.code, "birth_place")
    body = {"reason": "I was born in Tartu", "proposed_value": "Tartu"}
    dispute = population.done(f"/facts/{wrong['fact']}/dispute", body, user=f"EE{person.code}")
    assert (dispute["state"], dispute["opened_by"], dispute["person"]) == (
        "OPEN",
        f"EE{person.code}",
        person.code,
    )
    assert (
        population.done(f"/facts/{wrong['fact']}/dispute", body, user=f"EE{person.code}")["id"]
        == dispute["id"]
    ), "one case"
    assert fact_of(population, person.code, "birth_place")["disputed"]
    assert [one["id"] for one in population.value("/disputes")["items"]] == [dispute["id"]]
    hand_clock.forward(days=2)
    better = {"value": "Tartu", "reason": "parish book", "dispute": dispute["id"]}
    corrected = population.done(f"/facts/{wrong['fact']}/correction", better)
    assert corrected["valid_from"] == wrong["valid_from"]
    now = fact_of(population, person.code, "birth_place")
    assert (now["value"], now["disputed"], now["message_id"]) == ("Tartu", False, corrected["message_id"])
    assert fact_of(population, person.code, "birth_place", known_at=before)["value"] == wrong["value"]
    assert population.value(f"/disputes/{dispute['id']}")["state"] == "CORRECTED"
    assert population.value("/disputes")["items"] == []
    (delivery,) = either_register.kernel.outbox.deliveries_about(person.code)
    assert delivery.event.data == {
        "fact": wrong["origin"],
        "name": "birth_place",
        "concept": "person.place_of_birth",
    }
    refused(
        population.post(f"/facts/{wrong['fact']}/correction", {"value": "Narva", "reason": "no"}),
        409,
        "superseded_fact",
    )
    refused(
        population.post(f"/facts/{wrong['fact']}/dispute", {"reason": "no"}, user=f"EE{person.code}"),
        409,
        "superseded_fact",
    )


def test_a_dispute_that_is_refused(population: Asker) -> None:
    fact = fact_of(population, single().code, "given_names")
    dispute = population.done(f"/facts/{fact['fact']}/dispute", {"reason": "ugly"}, user=f"EE{single().code}")
    path = f"/disputes/{dispute['id']}/refusal"
    refusal = population.done(path, {"reason": "it is your name"}, 200, user=OTHER)
    assert (refusal["state"], refusal["answer"]) == ("REFUSED", "it is your name")
    assert not fact_of(population, single().code, "given_names")["disputed"]
    refused(population.post(path, {"reason": "still"}, user=OTHER), 409, "dispute_is_closed")


def test_a_corrected_name_is_found(population: Asker) -> None:
    person = single()
    fact = fact_of(population, person.code, "family_name")
    population.done(f"/facts/{fact['fact']}/correction", {"value": "Öökull", "reason": "court"})
    found = population.value("/persons?family_name=ookull")["items"]
    assert [one["code"] for one in found] == [person.code]


@pytest.mark.parametrize(
    ("name", "value", "status", "code"),
    [
        ("born", "1900-01-01", 400, "invalid_value"),
        ("born", "soon", 400, "invalid_value"),
        ("sex", "X", 400, "invalid_value"),
        ("family_name", "R2D2", 400, "invalid_value"),
        ("family_name", {"a": 1}, 400, "invalid_value"),
        ("birth_place", "", 400, "invalid_value"),
        ("citizenship", False, 409, "not_correctable"),
    ],
)
def test_corrections_that_cannot_be(
    register: PopulationRegister, name: str, value: object, status: int, code: str
) -> None:
    with serving(population_app(register)) as site:
        population = Asker(site)
        fact = fact_of(population, single().code, name)
        body = {"value": value, "reason": "so"}
        refused(population.post(f"/facts/{fact['fact']}/correction", body), status, code)
        assert fact_of(population, single().code, name)["fact"] == fact["fact"]


def test_facts_one_may_not_see_are_no_facts(population: Asker) -> None:
    refused(population.post("/facts/999999/dispute", {"reason": "x"}), 404, "unknown_fact")
    wife, against = couple()[0].code, man().code
    order = {"protected": wife, "against": against, "valid_from": "2026-03-01", "order": "1"}
    population.done("/protection-orders", order)
    fact = fact_of(population, wife, "protection")["fact"]
    answer = population.post(f"/facts/{fact}/dispute", {"reason": "x"}, user=f"EE{against}")
    refused(answer, 404, "unknown_fact")
    agent = {"user": f"EE{single().code}", "X_Road_Represented_Party": f"EE{against}"}
    refused(population.post(f"/facts/{fact}/dispute", {"reason": "x"}, **agent), 404, "unknown_fact")


def test_people_dispute_what_is_said_of_them_and_of_whom_they_represent(
    population: Asker, either_register: PopulationRegister
) -> None:
    """Ids follow one another: of a fact of somebody else's nobody learns that there is one; whose it is sees the try."""
    wife, husband, stranger = couple()[0].code, couple()[1].code, man().code
    name = fact_of(population, wife, "given_names")["fact"]
    marriage = fact_of(population, wife, "spouse")
    for user, more in (
        (stranger, {}),
        (husband, {}),
        (OFFICIAL[2:], {}),
        (wife, {"X_Road_Represented_Party": f"EE{stranger}"}),
    ):
        answer = population.post(f"/facts/{name}/dispute", {"reason": "x"}, user=f"EE{user}", **more)
        unknown = population.post("/facts/999999/dispute", {"reason": "x"}, user=f"EE{user}", **more)
        assert (
            refused(answer, 404, "unknown_fact")["detail"] == refused(unknown, 404, "unknown_fact")["detail"]
        )
    tried = [one for one in either_register.kernel.usage_of(wife).entries if one.outcome == "unknown_fact"]
    assert len(tried) >= 4 and not population.value("/disputes")["items"]
    proxy = {"user": f"EE{stranger}", "X_Road_Represented_Party": f"EE{wife}"}
    first = population.done(f"/facts/{name}/dispute", {"reason": "x"}, **proxy)
    assert (first["person"], first["opened_by"]) == (wife, f"EE{stranger}")
    assert population.done(f"/facts/{marriage['fact']}/dispute", {"reason": "x"}, user=f"EE{marriage['key']}")
    parent, child = (one.code for one in young_family())
    born = fact_of(population, child, "born")["fact"]
    refused(
        population.post(f"/facts/{born}/dispute", {"reason": "x"}, user=f"EE{stranger}"), 404, "unknown_fact"
    )
    assert population.done(f"/facts/{born}/dispute", {"reason": "x"}, user=f"EE{parent}")["person"] == child


# --- bitemporal answers through HTTP, against the obvious: a dictionary of days

OTHER = "EE36805280109"
"""An official who did not open the dispute."""
DAYS = [date(2020, 1, 1) + timedelta(days=day) for day in range(10)]


@pytest.fixture(scope="module")
def module_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Asker, SetClock]]:
    clock = SetClock(NOW)
    register = PopulationRegister.open(
        tmp_path_factory.mktemp("days"), system="/SILD/GOV/70000002/population", people=400, clock=clock
    )
    with serving(population_app(register)) as site:
        yield Asker(site), clock
    register.close()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from(["Tartu", "Narva", "Võru"]), st.integers(0, 8), st.integers(1, 5)),
        min_size=1,
        max_size=4,
    )
)
def test_asked_for_a_day_and_a_time_it_answers_as_it_knew(
    module_site: tuple[Asker, SetClock], sayings: list[tuple[str, int, int]]
) -> None:
    population, clock = module_site
    code = single().code
    known: dict[str, dict[date, str]] = {}
    table = {day: fact_of(population, code, "birth_place", on=day.isoformat())["value"] for day in DAYS}
    for value, start, length in sayings:
        clock.forward(hours=1)
        begin, end = DAYS[start], DAYS[start] + timedelta(days=length)
        standing = fact_of(population, code, "birth_place", on=begin.isoformat())["fact"]
        body = {
            "value": value,
            "reason": "so",
            "valid_from": begin.isoformat(),
            "valid_to": end.isoformat(),
        }
        population.done(f"/facts/{standing}/correction", body)
        table = {day: value if begin <= day < end else said for day, said in table.items()}
        known[clock().isoformat()] = table
        clock.forward(hours=1)
    for moment, days in known.items():
        for day, said in days.items():
            fact = fact_of(population, code, "birth_place", on=day.isoformat(), known_at=moment)
            assert fact["value"] == said
