"""The school of a child's home follows it by itself: once, from its day, to children alone, and never during silence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from sild.registries import EducationRegister, parse_identity_code
from sild.registries.education.schools import EE_SCHOOLS, SCHOOL_GROUNDS, attendance, school_of
from sild.registries.synthetic import AS_OF
from sild.registries.synthetic.places import EE_PLACES, VN_PLACES
from sild.registries.tasks import TaskState

from .conftest import CHILD, FATHER, MOTHER, SISTER, USAGE, VN_CHILD, Others, SetClock, at, event
from .test_home_changed import RESIDENCE, home, news, outcomes, records, settle

TALLINN, TARTU = "0784", "0793"


@pytest.fixture
def register(directory: Path, database_url: str | None, clock: SetClock) -> Iterator[EducationRegister]:
    made = EducationRegister.open(directory, database_url, people=0, clock=clock)
    made.kernel.outbox.subscribe("SILD/GOV/70000001/portal", "events", ["education.*"])
    yield made
    made.close()


def school(register: EducationRegister, person: str, on: date | None = None) -> Any:
    with register.kernel.used("look", USAGE) as use:
        return use.facts.value(person, "school_district", on=on or use.today)


async def moved(register: EducationRegister, others: Others, person: str, number: str = "") -> None:
    register.apply_event(home(person, number), f"m-{person}-{number}")
    await settle(register, others)


def lives(others: Others, person: str, division: str, street: str, since: str = "2026-03-01") -> None:
    others.divisions[person], others.streets[person], others.since[person] = division, street, since


async def test_a_home_is_followed_once_from_its_day(register: EducationRegister, others: Others) -> None:
    """Of a child that is in no queue: the sister is of 2023, and first goes to school when she is seven."""
    lives(others, SISTER, TARTU, "Lai", "2025-05-01")
    for _ in range(2):
        register.apply_event(home(SISTER, "one"), "m-1")
    await settle(register, others)
    first = {"school": "Tartu Toome Kool", "division": TARTU, "attends_from": "2030-09-01"}
    assert school(register, SISTER) == school(register, SISTER, date(2025, 5, 1)) == first
    assert school(register, SISTER, date(2025, 4, 30)) is None
    assert school(register, SISTER, date(2039, 12, 31)) == first
    assert school(register, SISTER, date(2040, 1, 1)) is None, "at 17 nobody must attend any more"
    assert news(register, SISTER) == [
        {"outcome": "school_changed", "decision": None, "case": "case-7", "about": "school"}
    ]
    assert records(register, SISTER) == [("school_changed", RESIDENCE)]
    assert [(asked[0], asked[2].basis) for asked in others.asked] == [("residence", "PGS § 10")]
    await moved(register, others, SISTER, "again")
    lives(others, SISTER, TARTU, "Kase")
    await moved(register, others, SISTER, "third")
    assert school(register, SISTER)["school"] == "Tartu Emajõe Kool"
    assert school(register, SISTER, date(2026, 2, 28)) == first
    assert outcomes(register, SISTER) == ["school_changed", "no_change", "school_changed"]


async def test_nobody_is_asked_about_an_adult(register: EducationRegister, others: Others) -> None:
    for person in (MOTHER, FATHER):
        await moved(register, others, person)
        assert outcomes(register, person) == ["nothing_here"]
        assert records(register, person) == [] and school(register, person) is None
    assert others.asked == []


async def test_with_its_birth_a_child_has_a_school_and_no_letter(
    register: EducationRegister, others: Others
) -> None:
    """Where its mother lives, while its own home is not entered. Viet Nam: of the commune, from the year in which it is six."""
    lives(others, MOTHER, TARTU, "Pikk", "2020-01-01")
    for child in (CHILD, VN_CHILD):
        register.apply_event(event("civil.birth.registered", child), f"m-{child}")
        await settle(register, others)
        assert outcomes(register, child) == []
    assert school(register, CHILD)["school"] == "Tartu Toome Kool"
    assert school(register, CHILD, date(2026, 2, 28)) is None, "not before it was born"
    of_commune = {"school": "Trường TH&THCS Ba Đình", "division": "00004", "attends_from": "2032-09-05"}
    assert school(register, VN_CHILD) == of_commune
    await moved(register, others, CHILD)
    assert outcomes(register, CHILD) == ["no_change"], (
        "the queue's own word; of the school there is nothing new"
    )
    assert school(register, CHILD)["school"] == "Tartu Toome Kool"


async def test_a_home_that_begins_later_and_one_told_out_of_order(
    register: EducationRegister, others: Others, clock: SetClock
) -> None:
    lives(others, SISTER, TALLINN, "Punane", "2024-01-01")
    begins = register.kernel.today + timedelta(days=10)
    ahead = replace(home(SISTER, "ahead"), data={"valid_from": f"{begins}"})
    register.apply_event(ahead, "m-ahead")
    register.apply_event(home(SISTER, "of before"), "m-before")
    await settle(register, others)
    lives(others, SISTER, "0511", "Rahu", f"{begins}")
    clock.forward(days=10)
    await settle(register, others)
    assert school(register, SISTER, begins - timedelta(days=1))["school"] == "Tallinna Lasnamäe Põhikool"
    assert school(register, SISTER)["school"] == "Narva Jõekool"
    assert outcomes(register, SISTER) == ["school_changed", "no_change", "school_changed"]


async def test_abroad_no_school_here_serves_the_home(register: EducationRegister, others: Others) -> None:
    others.abroad.add(SISTER)
    del others.divisions[SISTER]
    await moved(register, others, SISTER, "of whom nothing is known")
    others.abroad.clear()
    lives(others, SISTER, TARTU, "Lai", "2025-05-01")
    await moved(register, others, SISTER, "back")
    others.abroad.add(SISTER)
    await moved(register, others, SISTER, "abroad")
    assert school(register, SISTER) is None
    assert school(register, SISTER, date(2025, 5, 1)) is not None
    assert outcomes(register, SISTER) == ["nothing_here", "school_changed", "school_ended"]


async def test_under_silence_nothing_is_said_and_what_was_known_stays(
    register: EducationRegister, others: Others
) -> None:
    lives(others, SISTER, TARTU, "Lai")
    await moved(register, others, SISTER, "first")
    register.apply_event(event("civil.protection.ordered", SISTER, reason="protection_order"), "m-order")
    lives(others, SISTER, TARTU, "Kase")  # even if somebody told it
    await moved(register, others, SISTER, "hidden")
    del others.divisions[SISTER]  # a machine is told nothing of it any more
    await moved(register, others, SISTER, "sealed")
    assert school(register, SISTER)["school"] == "Tartu Toome Kool"
    assert len(news(register, SISTER)) <= 1, "nothing more is said about a protected child"


async def test_the_dead_stand_in_it_until_their_day_and_the_stillborn_never(
    register: EducationRegister, others: Others, clock: SetClock
) -> None:
    lives(others, SISTER, TARTU, "Lai")
    await moved(register, others, SISTER)
    died = register.kernel.today
    clock.forward(days=3)
    others.people[SISTER]["died"] = died.isoformat()
    register.apply_event(event("civil.death.registered", SISTER), "m-death")
    await moved(register, others, SISTER, "late")
    assert school(register, SISTER, died) is not None and school(register, SISTER) is None
    register.apply_event(at(clock(), event("civil.death.annulled", SISTER)), "m-lives")
    await moved(register, others, SISTER, "later")
    assert school(register, SISTER) == school(register, SISTER, died), "the death was none"
    lives(others, CHILD, TARTU, "Lai")
    await moved(register, others, CHILD)
    assert school(register, CHILD) is not None
    register.apply_event(event("civil.stillbirth.recorded", CHILD), "m-still")
    await moved(register, others, CHILD, "late")
    assert school(register, CHILD) is None


@pytest.mark.parametrize(
    ("fell", "is_told"),
    [(("death",), True), (("order", "death"), False), (("death", "order"), False), (("stillbirth",), False),
     (("death", "stillbirth"), False), (("stillbirth", "order"), False)],
)  # fmt: skip
async def test_every_silence_counts_for_who_is_told(
    register: EducationRegister, others: Others, fell: tuple[str, ...], is_told: bool
) -> None:
    """A death lifts no order, and what was superseded says as much as what holds."""
    kinds = {"death": "civil.death.registered", "stillbirth": "civil.stillbirth.recorded", "order": "civil.protection.ordered"}  # fmt: skip
    lives(others, SISTER, TARTU, "Lai")
    await moved(register, others, SISTER, "first")
    lives(others, SISTER, TARTU, "Kase")
    await moved(register, others, SISTER, "second")
    for kind in fell:
        data = {"against": FATHER} if kind == "order" else {}
        register.apply_event(event(kinds[kind], SISTER, **data), f"m-{kind}")
    others.people[SISTER]["died"] = register.kernel.today.isoformat()
    await settle(register, others)
    with register.kernel.used("getFacts", replace(USAGE, user_id=f"EE{FATHER}")) as use:
        known = [one for one in use.facts.history(SISTER) if one.name == "school_district"]
        assert len(known) >= 2 and any(one.known_to is not None for one in known)
        assert bool(register.shown(use, known)) is is_told


async def test_while_the_residence_register_is_down_it_waits(
    register: EducationRegister, others: Others, clock: SetClock
) -> None:
    lives(others, SISTER, TARTU, "Lai")
    others.down.add("residence")
    await moved(register, others, SISTER)
    (task,) = register.tasks.about(SISTER)
    assert task.state is TaskState.WAITING and news(register, SISTER) == []
    others.down.clear()
    clock.forward(hours=1)
    await settle(register, others)
    assert outcomes(register, SISTER) == ["school_changed"]


@pytest.mark.parametrize(
    ("code", "since", "until"),
    [("51909300019", "2026-09-01", "2036-09-30"), ("51910010013", "2027-09-01", "2036-10-01"),
     ("52002290010", "2027-09-01", "2037-03-01"), ("001326000003", "2032-09-05", "2041-06-01")],
)  # fmt: skip
def test_from_when_to_when_a_child_must_attend(code: str, since: str, until: str) -> None:
    from sild.registries.identity_codes import estonia

    if len(code) == 11:
        born = date(2000 + int(code[1:3]), int(code[3:5]), int(code[5:7]))
        code = estonia.make(born, "M", 1)
    found = attendance(parse_identity_code(code))
    assert (found.since.isoformat(), found.until.isoformat()) == (since, until)


def test_every_synthetic_home_has_one_school_and_no_street_two() -> None:
    for place in EE_PLACES:
        assert all(school_of("EE", place.division, street, AS_OF) for street in (*place.streets, None))
    for place in VN_PLACES:
        assert school_of("VN", place.division, None, AS_OF)
    for schools in EE_SCHOOLS.values():
        streets = [street for of_school in schools.values() for street in of_school]
        assert len(streets) == len(set(streets))
        assert sum(not of_school for of_school in schools.values()) == 1
    assert school_of("EE", "9999", None, AS_OF) is None and school_of("VN", "01", None, AS_OF) is None
    assert SCHOOL_GROUNDS.keys() == {"EE", "VN"}


def test_a_new_register_is_filled_with_the_children(directory: Path) -> None:
    made = EducationRegister.open(directory, people=200)
    with made.kernel.used("look", USAGE) as use:
        known = use.facts.named("school_district", on=AS_OF)
    made.close()
    assert 10 < len(known) < 100
    assert all(attendance(parse_identity_code(one.entity)).until > AS_OF for one in known)
