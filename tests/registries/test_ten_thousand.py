"""Ten thousand synthetic people move into every register that knows people, and each of them answers about the same one."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from sild.registries import (
    DUTIES,
    CareRegister,
    EducationRegister,
    FollowingRegister,
    InsuranceRegister,
    PopulationRegister,
    ResidenceRegister,
    SocialRegister,
    care_app,
    education_app,
    following_app,
    insurance_app,
    population_app,
    residence_app,
    social_app,
)
from sild.registries.synthetic import AS_OF, SyntheticPerson, synthetic_people
from support.acting import serving
from support.clock import SetClock

from .asking import Asker

PEOPLE = 10_000
FOLLOWING = "/persons/{code}/standing"
REGISTERS: dict[str, tuple[Callable[..., Any], Callable[..., FastAPI], str]] = {
    "population": (PopulationRegister.open, population_app, "/persons/{code}"),
    "residence": (ResidenceRegister.open, residence_app, "/persons/{code}/residence"),
    "insurance": (InsuranceRegister.open, insurance_app, "/persons/{code}/cover"),
    "social": (SocialRegister.open, social_app, "/persons/{code}/contributions"),
    "education": (EducationRegister.open, education_app, "/places"),
    "care": (CareRegister.open, care_app, "/persons/{code}/practice"),
    "tax": (partial(FollowingRegister.open, DUTIES["tax"]), following_app, FOLLOWING),
    "electoral": (partial(FollowingRegister.open, DUTIES["electoral"]), following_app, FOLLOWING),
    "parking": (partial(FollowingRegister.open, DUTIES["parking"]), following_app, FOLLOWING),
}


@pytest.fixture(scope="module")
def somebody() -> SyntheticPerson:
    """Grown and alive, among the last who are."""
    grown = [
        one
        for one in synthetic_people(PEOPLE)
        if one.country == "EE" and one.died is None and one.born.year < AS_OF.year - 25
    ]
    return grown[-1]


@pytest.mark.parametrize("name", REGISTERS)
def test_ten_thousand_move_in_and_one_is_found(
    tmp_path: Path, hand_clock: SetClock, somebody: SyntheticPerson, name: str
) -> None:
    opened, app, path = REGISTERS[name]
    started = time.process_time()
    register = opened(tmp_path, system=f"/SILD/GOV/70000009/{name}", people=PEOPLE, clock=hand_clock)
    assert time.process_time() - started < 10  # 0.3 to 1.3 s; the bound is for busy machines
    with closing(register), serving(app(register)) as site:
        found = Asker(site).value(path.format(code=somebody.code))
    home = somebody.home
    assert home is not None
    match name:
        case "population":
            assert (found["family_name"], found["born"]) == (somebody.family_name, str(somebody.born))
            assert 0.9 * PEOPLE < register.count() <= PEOPLE
        case "residence":
            assert found["level"] == "dwelling" and found["address"]["division"] == home.division
        case "insurance":
            assert found["person"] == somebody.code and "insured" in found
        case "social":
            assert {month["state"] for month in found["items"]} == {"known"}
        case "education":
            assert sum(group["capacity"] for group in found["items"]) > 0
        case "care":
            assert found["now"]["division"] == home.division
        case "parking":  # whether they hold a permit is chance
            assert found["person"] == somebody.code
        case _:
            assert found["value"]["division"] == home.division
