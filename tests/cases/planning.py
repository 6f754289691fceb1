"""A municipality that plans kindergarten places: the case system with decision records, its education register a double."""

from __future__ import annotations

import asyncio
import importlib.util
import json
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from sild.cases import Actor, CaseSystem
from sild.cases.plan import KindergartenPlan
from sild.cases.plan_models import shipped_models
from sild.cases.store import derived_id
from sild.decisions import BodyKeys, DecisionStore
from sild.registries.education.statistics import statistics_of

from .registers import REGISTERS
from .world import SYSTEM, World

AUTHORITY = "SILD/GOV/70000005"
MODEL = shipped_models()["kindergarten-demand"]
PLANNER = Actor(
    person="EE36805280109",
    acr="high",
    posture="managed",
    roles=frozenset({"official"}),
    authority="kindergarten@0793",
)
COLLEAGUE = replace(PLANNER, person="EE37001010001")
VIEW = {"places": ["3 850"], "reason": ["A new quarter is being built"]}
DECISION = {"decision": ["confirm"], "reason": ["agree"], "considerations": ["Both numbers are near"]}
ROWS = [json.loads(json.dumps(asdict(row))) for row in statistics_of(2026)]


def _deciding():
    """tests/decisions/world.py, which is a file of another package of tests."""
    path = Path(__file__).parents[1] / "decisions" / "world.py"
    spec = importlib.util.spec_from_file_location("decisions_world", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def statistics(call):
    """As the register answers."""
    query = parse_qs(urlsplit(call.path).query)
    years, commune = int(query["years"][0]), query.get("commune", [None])[0]
    items = [row for row in ROWS if row["year"] > 2026 - years and commune in (None, row["commune"])]
    return {"items": items, "counted_on": "2026-01-01"}


class Planning(World):
    model = MODEL

    def __init__(self, directory, url=None) -> None:
        super().__init__(directory, url)
        self.registers.holds(education=["commune.kindergarten_statistics"])
        self.case = derived_id("calendar", "kindergarten_plan", "0793/2027")
        self.registers.answers["education", "GET", "/places/statistics"] = statistics
        self.sealer = _deciding().Root().sealer(AUTHORITY)

    async def start(self) -> None:
        self.cases = CaseSystem.open(
            self.directory,
            self.url,
            system=SYSTEM,
            exchange=self.registers,
            packs=self.packs,
            processes=[KindergartenPlan(self.packs, ["0793"], self.model, authority=AUTHORITY)],
            registers=REGISTERS,
            decisions=lambda engine: DecisionStore(
                engine, self.sealer, BodyKeys(b"k" * 32), clock=self.clock
            ),
            clock=self.clock,
            first_pause=timedelta(milliseconds=20),
        )
        await self.cases.start()

    @property
    def records(self):
        store = self.cases._parts.store
        with store.reading() as connection:
            return [one.record for one in store._decisions.of_case(connection, self.case)]

    async def fill(self, screen, actor=PLANNER):
        return await self.cases.fill(self.case, f"kindergarten_plan.{screen}", actor)

    async def ready(self):
        async with asyncio.timeout(15):
            while not await self.cases.desk(PLANNER):  # the calendar opens it
                await asyncio.sleep(0.02)
        return await self.until(self.case, "READY", PLANNER)
