"""A covert inquiry: its reads are counted and not listed until its end, and nobody can hide what was read before, or for ever."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from sild.registries import PopulationRegister

from ..asking import Asker, refused
from ..conftest import SetClock
from ..families import couple

POLICE = {
    "X_Road_Client": "SILD/GOV/70000009/police",
    "X_Road_Issue": "KRIM-1",
    "Sild_Legal_Basis": "KrMS 126-1",
}
AHEAD = timedelta(days=30)


def mark(asker: Asker, person: str, ends: datetime, **said: str) -> Any:
    body = {"person": person, "ends": ends.isoformat(), "order": "2-26/77"}
    return asker.post("/withholdings", body, **{**POLICE, **said})


def now(register: PopulationRegister) -> datetime:
    return register.kernel.now


def seen(asker: Asker, person: str) -> tuple[int, int, list[str]]:
    found = asker.value(f"/findUsage?userCode=EE{person}")
    assert found["totalUsages"] == len(found["usages"])
    return found["totalUsages"], found["withheldUsages"], [use["receiverSystem"] for use in found["usages"]]


def test_reads_of_the_inquiry_are_counted_and_not_listed(
    population: Asker, either_register: PopulationRegister, hand_clock: SetClock
) -> None:
    person, other = couple()[0].code, couple()[1].code
    population.value(f"/persons/{person}")
    population.value(f"/persons/{person}", **POLICE)  # before the mark: everybody's to see
    hand_clock.forward(seconds=1)
    ends = now(either_register) + AHEAD
    assert mark(population, person, ends).status == 201
    population.value(f"/persons/{person}", **POLICE)
    population.value(f"/persons/{person}/children", **POLICE)
    population.value(f"/persons/{person}")
    assert seen(population, person) == (3, 3, ["portal", "police", "portal"])
    population.value(
        f"/persons/{person}", **{**POLICE, "X_Road_Issue": "KRIM-2"}
    )  # another inquiry of theirs
    assert seen(population, person)[:2] == (4, 3)
    population.value(f"/persons/{other}", **POLICE)  # the mark is about one person
    assert seen(population, other)[1] == 0


def test_pages_and_periods_leave_no_gap(population: Asker, either_register: PopulationRegister) -> None:
    """Neither an offset, nor a narrower period, shows where a withheld read lies between the others."""
    person = couple()[0].code
    mark(population, person, now(either_register) + AHEAD)
    for _ in range(3):
        population.value(f"/persons/{person}")
        population.value(f"/persons/{person}", **POLICE)
    pages = [population.value(f"/findUsage?userCode=EE{person}&limit=1&offset={n}") for n in range(4)]
    assert [len(page["usages"]) for page in pages] == [1, 1, 1, 0]
    assert {page["usages"][0]["receiverSystem"] for page in pages[:3]} == {"portal"}


def test_it_comes_to_light_by_itself(
    population: Asker, either_register: PopulationRegister, hand_clock: SetClock
) -> None:
    person = couple()[0].code
    mark(population, person, now(either_register) + AHEAD)
    population.value(f"/persons/{person}", **POLICE)
    assert seen(population, person)[:2] == (0, 2)
    hand_clock.forward(days=30)
    assert seen(population, person) == (2, 0, ["police", "police"])


@pytest.mark.parametrize("days", [-1, 0, 367, 40_000])
def test_an_end_that_has_passed_or_never_comes(
    population: Asker, either_register: PopulationRegister, days: int
) -> None:
    person = couple()[0].code
    refused(mark(population, person, now(either_register) + timedelta(days=days)), 400, "end_out_of_range")
    assert seen(population, person)[1] == 0


def test_nobody_hides_what_another_body_reads(population: Asker, either_register: PopulationRegister) -> None:
    person = couple()[0].code
    mark(population, person, now(either_register) + AHEAD, X_Road_Issue="case-7")
    population.value(f"/persons/{person}")  # the same case number, of somebody else
    assert seen(population, person) == (1, 1, ["portal"])


def test_without_case_ground_or_person(population: Asker, either_register: PopulationRegister) -> None:
    person, ends = couple()[0].code, now(either_register) + AHEAD
    body = {"person": person, "ends": ends.isoformat(), "order": "1"}
    headers = population.headers(**POLICE)
    for missing, code in (("X_Road_Issue", "missing_case"), ("Sild_Legal_Basis", "missing_legal_basis")):
        less = {name: value for name, value in headers.items() if name != missing}
        refused(
            population.site.post("/withholdings", body, **{**less, "X_Road_Id": f"w-{missing}"}), 400, code
        )
    refused(mark(population, "38001085718", ends), 404, "unknown_person")


def test_the_database_keeps_marks_as_they_were_made(
    population: Asker, either_register: PopulationRegister
) -> None:
    person = couple()[0].code
    mark(population, person, now(either_register) + AHEAD)
    for change in ("UPDATE withholdings SET ends = begins", "DELETE FROM withholdings"):
        with pytest.raises(DBAPIError), either_register.kernel.engine.begin() as connection:
            connection.execute(text(change))
