"""A case system with everything real but the registers, whose exchange is the double of registers.py, and the clock."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

from sild.cases import (
    Actor,
    AskWhy,
    Assistance,
    Assisted,
    CaseSystem,
    Identified,
    OfflineConflict,
    load_packs,
)
from support.acting import Vouching
from support.pen import SIGNERS, VillagePen

from .permit import CONCEPTS, FORM, RETURN, SERVICE, Permit
from .registers import REGISTERS, Registers

KEEPER = "GOV/70000002/messagelog"
SYSTEM = "/SILD/GOV/70000001/portal"
MARI = Actor(person="EE38001085718", name="Mari", acr="high")
JUHAN = Actor(person="EE47101010033", name="Juhan", acr="substantial")
STRANGER = Actor(person="EE39901012239", name="Stranger", acr="high")
OFFICIAL = Actor(
    person="EE36805280109",
    acr="high",
    posture="managed",
    roles=frozenset({"official"}),
    authority="permit@0793",
)
SUPERVISOR = replace(OFFICIAL, person="EE37001010001", roles=frozenset({"official", "supervisor"}))
CLERK = Actor(person="EE48806260018", acr="high", posture="managed", roles=frozenset({"clerk"}))
SHOWN = Identified("counter", "passport", "K1234567")
GIVEN = {"colour": ["red"], "note": ["by the lake"]}


@cache
def packs_of(country):
    return load_packs(country)


class Mandates:
    """A double of whoever keeps mandates: those in `standing` stand."""

    def __init__(self) -> None:
        self.standing: set[str] = set()

    async def stands(self, actor) -> bool:
        return actor.mandate_id in self.standing


class World:
    permit = Permit
    evidence = ()
    """Who gives evidence in other countries."""

    def __init__(self, directory, url=None, signatures=()) -> None:
        """signatures: as the country's profile names actions that people sign."""
        self.directory, self.url = directory, url
        self.now = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
        self.registers = Registers()
        self.registers.holds(
            population=["person.given_names", "person.family_relations"],
            residence=["person.residence"],
            insurance=[],
            social=[],
            education=[],
            treasury=[],
        )
        self.registers.answers["population", "GET", "/persons/36805280109/relations"] = {"items": []}
        for code in ("38001085718", "47101010033"):
            self.registers.answers["population", "GET", f"/persons/{code}"] = {"full_name": "Mari Maasikas"}
        self.registers.answers["residence", "POST", "/permits"] = {"permit": "P-1"}
        self.registers.answers["population", "POST", "/nags"] = {}
        self.mandates = Mandates()
        self.pen = VillagePen(self.clock)
        packs = packs_of("EE")
        self.packs = replace(
            packs,
            profile=packs.profile.model_copy(update={"signatures": signatures}),
            services={**packs.services, "permit": SERVICE},
            screens={**packs.screens, "permit.form": FORM, "permit.return": RETURN},
            concepts=packs.concepts | CONCEPTS,
        )
        self.keys = iter(range(1_000_000))

    def clock(self) -> datetime:
        return self.now

    def later(self, **times) -> None:
        self.now += timedelta(**times)

    async def __aenter__(self):
        await self.start()
        await self.cases.publish()
        return self

    async def __aexit__(self, *raised):
        await self.cases.stop()

    async def start(self) -> None:
        self.open_system()
        await self.cases.start()

    def open_system(self) -> None:
        """Without what works by itself."""
        self.cases = CaseSystem.open(
            self.directory,
            self.url,
            system=SYSTEM,
            exchange=self.registers,
            packs=self.packs,
            processes=[self.permit(), AskWhy(), Assistance(), Assisted(self.packs), OfflineConflict()],
            registers=REGISTERS,
            mandates=self.mandates,
            voucher=Vouching(self.clock),
            clock=self.clock,
            first_pause=timedelta(milliseconds=20),
            pen=self.pen,
            signers=SIGNERS,
            log_keepers=(KEEPER,),
            evidence=self.evidence,
            name={"et": "Portaal", "vi": "Cổng", "en": "Portal"},
        )

    async def open(self, actor=MARI) -> str:
        return await self.cases.open_case("permit", actor, key=self.key())

    async def sent(self, actor=MARI) -> str:
        case = await self.open(actor)
        await self.act(case, "SEND", actor, GIVEN)
        return case

    def key(self) -> str:
        return f"key-{next(self.keys)}"

    async def act(self, case, action, actor, given=None):
        return await self.cases.act(case, action, actor, given or {}, key=self.key())

    async def until(self, case, status, actor=OFFICIAL, seconds=15):
        async with asyncio.timeout(seconds):
            while True:
                view = await self.cases.view(case, actor)
                if view.status == status:
                    return view
                await asyncio.sleep(0.02)
