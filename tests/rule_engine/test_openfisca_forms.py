"""OpenFisca's /calculate and /trace, as functions and over HTTP: null is asked, and null stays where nobody knows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from sild.errors import CallerError
from sild.rule_engine import RuleEngine, calculate_document, rules_app, trace_document
from sild.rules import RulePackage
from support.asgi import Site, serving
from support.rules import AT, FAMILY, PACKAGES, family

BASE = f"/{FAMILY.name}/{FAMILY.version}"


def asking() -> dict[str, dict[str, dict[str, object]]]:
    document = family()
    document["persons"]["mother"]["parental_benefit"] = {"ETERNITY": None}
    document["persons"]["father"]["parental_benefit"] = {"ETERNITY": None}
    document["families"]["family"]["child_allowance"] = {"ETERNITY": None}
    return document


@pytest.fixture(scope="module")
def engine() -> Iterator[RuleEngine]:
    with RuleEngine(workers=1) as engine:
        yield engine


@pytest.fixture(scope="module")
def site(engine: RuleEngine) -> Iterator[Site]:
    packages: dict[str, RulePackage] = {package.sha256: package for package in PACKAGES.values()}
    with serving(rules_app(engine, packages, lambda: datetime(2026, 4, 1, tzinfo=UTC))) as site:
        yield site


def test_calculate_fills_what_is_null(engine: RuleEngine) -> None:
    answered = calculate_document(engine, FAMILY, asking(), at=AT)

    assert answered["persons"]["mother"]["parental_benefit"] == {"ETERNITY": "1200.00"}
    assert answered["persons"]["father"]["parental_benefit"] == {"ETERNITY": None}
    assert answered["families"]["family"]["child_allowance"] == {"ETERNITY": "80.00"}
    assert answered["persons"]["mother"]["income"] == family()["persons"]["mother"]["income"]


def test_trace_has_the_values_of_all_and_what_they_come_from(engine: RuleEngine) -> None:
    told = trace_document(engine, FAMILY, asking(), at=AT)

    assert told["entitiesDescription"] == {"persons": ["child", "mother", "father"], "families": ["family"]}
    assert set(told["requestedCalculations"]) == {"parental_benefit<ETERNITY>", "child_allowance<ETERNITY>"}
    nodes = told["trace"]
    assert nodes["parental_benefit<ETERNITY>"]["value"] == [None, "1200.00", None]
    assert nodes["parental_benefit<ETERNITY>"]["dependencies"] == [
        "begins<ETERNITY>",
        "income_total<ETERNITY>",
    ]
    assert nodes["child_allowance<ETERNITY>"]["parameters"]["allowance.first_two<2023-01-01>"] == "80"
    assert len(told["unknowns"]) == 12


def test_nothing_asked_is_refused(engine: RuleEngine) -> None:
    with pytest.raises(CallerError) as refused:
        calculate_document(engine, FAMILY, family(), at=AT)

    assert refused.value.code == "invalid_outputs"


def test_over_http(site: Site) -> None:
    packages = site.get("/packages").json()
    assert {(p["name"], p["sha256"]) for p in packages} == {(p.name, p.sha256) for p in PACKAGES.values()}

    answer = site.post(f"{BASE}/calculate", asking())
    assert answer.status == 200
    assert answer.json()["persons"]["mother"]["parental_benefit"] == {"ETERNITY": "1200.00"}
    assert len(site.post(f"{BASE}/trace?at=2026-04-01", asking()).json()["trace"]) > 15
    floor = site.get(f"{BASE}/parameters").json()["parental.floor"]
    assert floor["2026-01-01"] == {"value": "886", "reference": "PHS § 39 (1)"}
    variables = site.get(f"{BASE}/variables").json()
    assert variables["facts"]["income"]["class"] == "income"
    assert variables["outputs"]["parental_benefit"]["rounding"]["mode"] == "half_up"


@pytest.mark.parametrize(
    ("path", "document", "status", "code"),
    [
        ("/no-such/1.0.0/calculate", {}, 404, "unknown_package"),
        (f"{BASE}/calculate", [], 400, "invalid_situation"),
        (f"{BASE}/calculate", {"persons": 3}, 400, "invalid_situation"),
        (f"{BASE}/calculate", {"persons": {"a": 3}}, 400, "invalid_situation"),
        (
            f"{BASE}/calculate",
            {"persons": {"a": {"parental_benefit": {"soon": None}}}},
            400,
            "invalid_situation",  # and a person without a family
        ),
        (f"{BASE}/trace?at=soon", {}, 400, "bad_request"),
        (f"{BASE}/calculate", {"persons": {"a" * (1 << 20): {}}}, 400, "invalid_situation"),
    ],
)
def test_what_is_wrong_gets_an_answer(
    site: Site, path: str, document: object, status: int, code: str
) -> None:
    answer = site.post(path, document)

    assert (answer.status, answer.json()["type"]) == (status, code)
