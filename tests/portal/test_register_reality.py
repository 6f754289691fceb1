"""The algorithm register against what runs: each kind of difference is found; the gateway's report told, silent, or nonsense."""

from __future__ import annotations

from importlib.resources import as_file, files
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from sild.decisions import load_algorithms
from sild.portal.egress import Egress
from sild.portal.reality import Published, compare
from support.asgi import serving
from support.identity_world import Clock

with as_file(files("sild") / "packs") as _packs:
    ENTRIES = load_algorithms(_packs)
RULES: dict[str, Any] = {
    "automation": {"4": 10},
    "humans": 0,
    "packages": [{"package": "ee-family-benefits", "version": "1.0.0", "sha256": "a" * 64, "decisions": 10,
                  "first_at": "2026-03-01T00:00:00Z", "last_at": "2026-03-02T00:00:00Z"}],
    "models": [],
    "loaded": [{"package": "ee-family-benefits", "version": "1.0.0", "sha256": "a" * 64}],
}  # fmt: skip
MODEL: dict[str, Any] = {
    "automation": {"2": 4, "0": 1},
    "humans": 5,
    "packages": [],
    "models": [{"model": "kindergarten-demand", "version": "2", "sha256": "b" * 64, "provider": "sild", "location": "own process", "calls": 4}],
    "loaded": [],
}  # fmt: skip
ROW = {
    "algorithm": "family-benefits",
    "purpose": "draft a letter",
    "place": "local",
    "class": "personal",
    "askings": 3,
}


def verdicts(entry: str, running: dict[str, Any], egress: list[dict[str, Any]] | None = None, today: str = "2026-11-23") -> dict[str, str]:  # fmt: skip
    models = {"kindergarten-demand": Published(2, "b" * 64)}
    lines = compare(ENTRIES[entry], running, egress, models, today=today)
    return {line.what: line.verdict for line in lines}


def test_what_is_as_it_says() -> None:
    found = verdicts("family-benefits", RULES, [])
    assert {what for what, verdict in found.items() if verdict == "same"} == {
        "status", "start_date", "package", "package_hash", "models", "egress",
    }  # fmt: skip
    assert found["alone"] == "unknown", "words are left to people"
    found = verdicts("kindergarten-demand", MODEL, [])
    assert set(found.values()) == {"same"}


@pytest.mark.parametrize(
    ("entry", "running", "egress", "what"),
    [
        ("family-benefits", {**RULES, "loaded": []}, [], "package_hash"),
        ("family-benefits", {**RULES, "packages": [{**RULES["packages"][0], "package": "ee-other"}]}, [], "package"),
        ("family-benefits", {**RULES, "packages": [{**RULES["packages"][0], "first_at": "2025-12-31T00:00:00Z"}]}, [], "start_date"),
        ("family-benefits", {**RULES, "models": MODEL["models"]}, [], "models"),
        ("family-benefits", RULES, [ROW], "egress"),
        ("family-benefits", RULES, [{**ROW, "place": "abroad"}], "abroad"),
        ("kindergarten-demand", {**MODEL, "automation": {"4": 5}}, [], "alone"),
        ("kindergarten-demand", {**MODEL, "humans": 4}, [], "humans"),
        ("kindergarten-demand", {**MODEL, "models": [{**MODEL["models"][0], "sha256": "c" * 64}]}, [], "model_hash"),
        ("kindergarten-demand", {**MODEL, "models": [{**MODEL["models"][0], "location": "abroad"}]}, [], "location"),
    ],
)  # fmt: skip
def test_each_difference_is_named(
    entry: str, running: dict[str, Any], egress: list[dict[str, Any]], what: str
) -> None:
    assert verdicts(entry, running, egress)[what] == "differs"


def test_what_cannot_be_told_is_not_called_the_same() -> None:
    assert verdicts("family-benefits", RULES, None)["egress"] == "unknown"
    nothing = {**RULES, "automation": {}, "packages": []}
    assert verdicts("family-benefits", nothing)["status"] == "unknown"
    earlier = {**MODEL, "models": [{**MODEL["models"][0], "version": "1", "sha256": "c" * 64}]}
    assert verdicts("kindergarten-demand", earlier)["model_hash"] == "same", "decisions of the version before"
    unpublished = {**MODEL, "models": [{**MODEL["models"][0], "model": "other"}]}
    assert verdicts("kindergarten-demand", unpublished)["model_hash"] == "unknown"


async def test_the_gateways_report_of_seven_days() -> None:
    asked: list[str] = []

    async def report(request: Request) -> Response:
        day = request.path_params["day"]
        asked.append(day)
        if day == "2026-11-22":
            return JSONResponse(
                {"egress": [ROW, {**ROW, "class": "public", "askings": 2}, {**ROW, "algorithm": "other"}]}
            )
        if day == "2026-11-21":
            return JSONResponse({"egress": [ROW]})
        return PlainTextResponse("none", 404)

    clock = Clock()
    with serving(Starlette(routes=[Route("/egress/{day}.json", report)])) as site:
        egress = Egress(site.url, clock)
        assert await egress.by_class("family-benefits") == {"personal": 6, "public": 2}
        assert await egress.by_class("kindergarten-demand") == {}
        assert len(asked) == 7, "kept a while"
    assert await Egress(None, clock).by_class("family-benefits") is None
    assert await Egress("http://127.0.0.1:9", clock).by_class("family-benefits") is None, "down"


async def test_a_gateway_that_answers_nonsense_tells_nothing() -> None:
    async def nonsense(_request: Request) -> Response:
        return PlainTextResponse("<html>")

    with serving(Starlette(routes=[Route("/egress/{day}.json", nonsense)])) as site:
        assert await Egress(site.url, Clock()).rows() is None
