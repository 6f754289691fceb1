"""Every register that holds facts of children takes a parent's word about them, said in the parent's own name: proved for that child, and for no other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from sild.registries import (
    DUTIES,
    CareRegister,
    EducationRegister,
    FollowingRegister,
    InsuranceRegister,
    PopulationRegister,
    ResidenceRegister,
    SocialRegister,
    TreasuryRegister,
    care_app,
    education_app,
    following_app,
    insurance_app,
    population_app,
    residence_app,
    social_app,
    treasury_app,
)
from sild.registries.kernel.facts import Provenance
from support.acting import EARLY, EVER, proof, serving

from ..asking import Asker, refused
from .conftest import CHILD, FATHER, MOTHER, SISTER, SetClock, day

Opened = Callable[..., Any]


def following(name: str) -> Opened:
    def open_(directory: Path, **more: Any) -> FollowingRegister:
        return FollowingRegister.open(DUTIES[name], directory, **more)

    return open_


REGISTERS: dict[str, tuple[Opened, Any, str, str, Any]] = {
    "insurance": (InsuranceRegister.open, insurance_app, "GOV/70000003/insurance", "insurance_cover", {}),
    "social": (SocialRegister.open, social_app, "GOV/70000004/social", "benefit", {"amount": "80.00"}),
    "education": (EducationRegister.open, education_app, "GOV/70000005/education", "kindergarten_queue", {}),
    "education of schools": (EducationRegister.open, education_app, "GOV/70000005/education", "school_district", {"school": "Tartu Toome Kool"}),
    "residence": (ResidenceRegister.open, residence_app, "GOV/70000006/residence", "residence", {"level": "commune", "division": "0784"}),
    "care": (CareRegister.open, care_app, "GOV/70000003/care", "practice", {}),
    "tax": (following("tax"), following_app, "GOV/70000008/tax", DUTIES["tax"].kind.name, {"country": "EE", "division": "0784"}),
    "electoral": (following("electoral"), following_app, "GOV/70000009/electoral", DUTIES["electoral"].kind.name, {"division": "0784"}),
    "treasury": (TreasuryRegister.open, treasury_app, "GOV/70000007/treasury", "payment", {"amount": "80.00"}),
    "population": (PopulationRegister.open, population_app, "GOV/70000002/population", "born", "2026-03-01"),
}  # fmt: skip


@pytest.fixture
def database_url() -> None:
    """SQLite: what differs between databases is tried with the kernel itself."""


@pytest.mark.parametrize("name", REGISTERS)
def test_a_parent_in_their_own_name(directory: Path, clock: SetClock, name: str) -> None:
    opened, app, address, fact, value = REGISTERS[name]
    system = f"SILD/{address}"
    people = {} if name == "treasury" else {"people": 0}
    register = opened(directory, system=f"/{system}", clock=clock, **people)
    said = Provenance("SILD/test", "test")
    with register.kernel.filling() as facts:
        own, sisters = (
            facts.record(one, fact, value, valid_from=day("2026-03-01"), provenance=said).id
            for one in (CHILD, SISTER)
        )
    with serving(app(register)) as site:
        asker = Asker(site)

        def disputes(
            number: int, who: str, *, whose: Sequence[str] | None, operation: str = "disputeFact"
        ) -> Any:
            token = proof(
                f"EE{who}",
                "case-7",
                EARLY,
                registers=(system,),
                operations=(operation,),
                by_law=None if whose is None else [f"EE{one}" for one in whose],
                lifetime=EVER,
            )
            body = {"reason": "That is not so."}
            return asker.post(f"/facts/{number}/dispute", body, user=f"EE{who}", Sild_Acting=token)

        refused(disputes(own, MOTHER, whose=None), 404, "unknown_fact")
        refused(disputes(own, MOTHER, whose=[SISTER]), 404, "unknown_fact")
        refused(disputes(sisters, FATHER, whose=[CHILD]), 404, "unknown_fact")
        refused(disputes(own, MOTHER, whose=[CHILD], operation="bindCard"), 403, "acting_not_proven")
        made = disputes(own, MOTHER, whose=[SISTER, CHILD])
        assert made.status == 201 and (made.json()["person"], made.json()["state"]) == (CHILD, "OPEN")
        assert made.json()["opened_by"] == f"EE{MOTHER}"
        waiting = asker.value("/disputes", user="automatic")["items"]
        assert [one["id"] for one in waiting] == [made.json()["id"]]
    register.close()
