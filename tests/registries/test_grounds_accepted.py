"""Every operation of every register on people's data has a closed list of legal grounds: what is not on it opens nothing, and the try is recorded."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from sild import registries
from sild.registries import Grounds, HasKernel
from sild.registries.kernel.asking import grounds_are_asked
from support.asgi import Site, serving

PERSON = "49001010005"
LAW = "PKTS § 22"
SYSTEM = "/SILD/GOV/70000002/register"
OPENED: dict[str, tuple[Any, Any]] = {
    "population": (registries.PopulationRegister, registries.population_app),
    "residence": (registries.ResidenceRegister, registries.residence_app),
    "insurance": (registries.InsuranceRegister, registries.insurance_app),
    "social": (registries.SocialRegister, registries.social_app),
    "education": (registries.EducationRegister, registries.education_app),
    "treasury": (registries.TreasuryRegister, registries.treasury_app),
    "archive": (registries.ArchiveRegister, registries.archive_app),
}
WITHOUT_PEOPLE = ("treasury", "archive")


@pytest.fixture(params=OPENED)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def register(kind: str, tmp_path: Path) -> Any:
    people = {} if kind in WITHOUT_PEOPLE else {"people": 100}
    register = OPENED[kind][0].open(tmp_path, system=SYSTEM, **people)
    yield register
    register.kernel.close()


def ask(site: Site, method: str, path: str, ground: str, **more: str) -> Any:
    headers = {
        "X-Road-Client": "SILD/GOV/70000001/portal",
        "X-Road-Id": "m-1",
        "X-Road-UserId": "EE38001085718",
        "X-Road-Issue": "case-7",
        "Sild-Legal-Basis": ground.encode().decode("latin-1"),
        "Content-Type": "application/json",
        **more,
    }
    return site.request(method, path, headers=headers, body=b"{}" if method == "POST" else None)


def on_people(app: FastAPI) -> list[tuple[str, str, str]]:
    """method, path with something in every place, operation."""
    return [
        (method, re.sub(r"\{[^}]+\}", PERSON, route.path_format), str(route.operation_id))
        for route in app.routes
        if isinstance(route, APIRoute) and grounds_are_asked(route)
        for method in route.methods
    ]


def test_no_operation_takes_another_ground(kind: str, register: HasKernel) -> None:
    app = OPENED[kind][1](register)
    operations = on_people(app)
    assert operations and all(operation for _, _, operation in operations)
    register.kernel.grounds = Grounds({"*": [LAW]})
    with serving(app) as site:
        described = site.get("/openapi.json").json()["paths"]
        named = [one["x-legal-grounds"] for path in described.values() for one in path.values() if "x-legal-grounds" in one]  # fmt: skip
        assert named == [[LAW]] * len(operations), "each says which it accepts"
        for method, path, operation in operations:
            for ground in ("KarS § 1", "PKTS § 22 ", "pkts § 22", "*", "PKTS § 2"):
                answer = ask(site, method, path, ground)
                problem = answer.json()
                if ground == "PKTS § 22 " and answer.status != 403:
                    continue  # HTTP itself takes the blank off
                assert (answer.status, problem["type"].rpartition(":")[2]) == (403, "ground_not_accepted"), (
                    operation
                )
                assert LAW in problem["detail"] and operation in problem["detail"], "what would be right"
            answer = ask(site, method, path, LAW)
            if answer.status == 403:
                assert answer.json()["type"].rpartition(":")[2] != "ground_not_accepted", operation
    tried = [one for one in register.kernel.usage_of(PERSON).entries if one.outcome == "ground_not_accepted"]
    assert {one.operation for one in tried} <= {operation for _, _, operation in operations}
    if kind not in WITHOUT_PEOPLE:
        assert {"getFacts", "getDeliveries"} <= {one.operation for one in tried}, "the person sees the try"


@pytest.mark.parametrize("kind", ["social"])
def test_an_operation_has_those_of_every_pattern(kind: str, register: HasKernel) -> None:
    register.kernel.grounds = Grounds({"getFacts": ["GDPR 15"], "get*": [LAW], "nothing": ["X"]})
    assert register.kernel.grounds.of("getFacts") == ["GDPR 15", LAW]
    with serving(OPENED[kind][1](register)) as site:
        assert ask(site, "GET", f"/persons/{PERSON}/benefits", "GDPR 15").status == 403
        closed = ask(site, "POST", f"/offers/{PERSON}/acceptance", LAW)
        assert (closed.status, "none" in closed.json()["detail"]) == (403, True), "closed by default"
        own = ask(site, "GET", f"/persons/{PERSON}/facts", "own law", **{"X-Road-Client": SYSTEM.strip("/")})
        assert own.status == 400, "what the body does with its own data"
