"""The watch over the register of algorithms: differences and alarms are told, who is silent ends nothing, a failure does not end it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from sild.cases import MatterOfAlgorithms
from sild.decisions import load_algorithms
from sild.errors import Unavailable
from sild.portal.algorithm_watch import AlgorithmWatch
from sild.portal.egress import Egress
from sild.portal.reality import Published
from support.asgi import serving
from support.identity_world import Clock

from .test_register_reality import MODEL, RULES

with as_file(files("sild") / "packs") as _packs:
    ENTRIES = {name: entry for name, entry in load_algorithms(_packs).items() if name == "family-benefits"}
SOCIAL, INSURANCE = "GOV/70000004/social", "GOV/70000003/insurance"
NOTHING: dict[str, Any] = {"automation": {}, "humans": 0, "packages": [], "models": [], "loaded": []}
ALARM = {
    "id": "a1", "at": "2026-11-23T08:00:00+00:00", "stage": "answer", "class": "tax", "algorithm": "assistant",
    "purpose": "say quotes again", "template": "assistant-answer", "provider": "openai-eu", "switched_off": None,
}  # fmt: skip


@dataclass
class Told:
    """What cases hear."""

    matters: list[MatterOfAlgorithms] = field(default_factory=list)
    standing: list[Sequence[str]] = field(default_factory=list)

    async def tell_of_algorithms(self, found: Sequence[MatterOfAlgorithms]) -> None:
        self.matters += found

    async def differences_are(self, keys: Sequence[str]) -> None:
        self.standing.append(keys)


@dataclass
class Registers:
    """None: it does not answer."""

    running: dict[str, Any]
    specimens: dict[str, Any] = field(default_factory=dict)

    async def call(self, service: str, method: str, path: str, **_said: Any) -> Any:
        if self.running[service] is None:
            raise Unavailable("down", code="register_down")
        if path.endswith("/specimen"):
            return SimpleNamespace(json=self.specimens.get(service))
        assert (method, path) == ("GET", "/algorithms/family-benefits/running")
        return SimpleNamespace(json=self.running[service])


def watch(told: Told, registers: Registers, egress: Egress) -> AlgorithmWatch:
    models = {"kindergarten-demand": Published(2, "b" * 64)}
    packs = {"family-benefits": "health"}
    return AlgorithmWatch(ENTRIES, told, registers, [SOCIAL, INSURANCE], egress, models, Clock(), packs)  # type: ignore[arg-type]  # of cases what it asks


@pytest.fixture
def no_gateway() -> Egress:
    return Egress(None, Clock())


async def test_a_difference_is_told_and_when_it_is_gone_that_too(no_gateway: Egress) -> None:
    told, registers = Told(), Registers({SOCIAL: {**RULES, "loaded": []}, INSURANCE: NOTHING})
    watching = watch(told, registers, no_gateway)
    assert await watching.look()
    (matter,) = told.matters
    assert matter.kind == "difference" and matter.lines["what"] == "package_hash"
    assert matter.lines["algorithm"] == "family-benefits" and told.standing == [[matter.key]]
    found = watching.compared["family-benefits"]
    assert found.differing == 1 and found.silent == []
    registers.running[SOCIAL] = RULES
    assert await watching.look() and told.standing[-1] == [] and len(told.matters) == 1
    assert watching.compared["family-benefits"].differing == 0


async def test_a_number_that_grows_is_the_same_difference(no_gateway: Egress) -> None:
    keys = set()
    for calls in (1, 2):
        told = Told()
        models = {**RULES, "models": MODEL["models"] * calls, "automation": {"4": 10 * calls}}
        early = {**models, "packages": [{**RULES["packages"][0], "first_at": "2025-12-31T00:00:00Z"}]}
        await watch(told, Registers({SOCIAL: early, INSURANCE: NOTHING}), no_gateway).look()
        keys |= {one.key for one in told.matters if one.lines["what"] == "start_date"}
    assert len(keys) == 1


@pytest.mark.parametrize("answer", [None, {"automation": "nonsense"}, [], {"packages": []}])
async def test_who_does_not_answer_ends_nothing_and_stands_on_the_page(
    answer: Any, no_gateway: Egress
) -> None:
    told = Told()
    watching = watch(told, Registers({SOCIAL: RULES, INSURANCE: answer}), no_gateway)
    assert not await watching.look() and told.standing == []
    assert watching.compared["family-benefits"].silent == [INSURANCE]


async def test_the_specimen_is_of_the_body_that_decides_and_stays_while_nobody_answers(
    no_gateway: Egress,
) -> None:
    def shown(by: str, kind: str = "specimen", **more: Any) -> dict[str, Any]:
        return {"statement": {"kind": kind, "authority": by}, "seal": {"value": "x"}, **more}

    registers = Registers({SOCIAL: RULES, INSURANCE: NOTHING})
    registers.specimens = {
        SOCIAL: shown("social", decides=True),
        INSURANCE: shown("insurance", decides=False),
    }
    watching = watch(Told(), registers, no_gateway)
    await watching.look()
    assert set(watching.specimens) == {"ee-family-benefits", "vn-birth-benefits"}
    assert watching.specimens["ee-family-benefits"]["statement"]["authority"] == "social"
    registers.specimens = {SOCIAL: shown("social", kind="decision"), INSURANCE: {"statement": "nonsense"}}
    await watching.look()
    registers.running[SOCIAL] = NOTHING
    undecided = watch(Told(), registers, no_gateway)
    registers.specimens = {SOCIAL: shown("social"), INSURANCE: shown("insurance")}
    await undecided.look()
    assert undecided.specimens["ee-family-benefits"]["statement"]["authority"] == "insurance", "of the field"
    assert watching.specimens["ee-family-benefits"]["statement"]["kind"] == "specimen"


async def test_a_gateway_that_is_down_ends_nothing() -> None:
    told = Told()
    watching = watch(
        told, Registers({SOCIAL: RULES, INSURANCE: NOTHING}), Egress("http://127.0.0.1:9", Clock())
    )
    assert not await watching.look() and told.standing == []
    assert watching.compared["family-benefits"].silent == ["gateway"]
    await watching.listen()
    assert told.matters == []


async def test_alarms_of_the_gateway_are_told() -> None:
    async def report(request: Request) -> Response:
        if request.path_params["day"] == "2026-01-05":
            return PlainTextResponse("[]")
        return JSONResponse({"egress": [], "alarms": [ALARM]})

    told = Told()
    with serving(Starlette(routes=[Route("/egress/{day}.json", report)])) as site:
        await watch(told, Registers({}), Egress(site.url, Clock())).listen()
    assert {(one.kind, one.key) for one in told.matters} == {("canary", "a1")}
    lines = told.matters[0].lines
    assert lines["data_class"] == "tax" and lines["provider"] == "openai-eu" and "switched_off" not in lines
