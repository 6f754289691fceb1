"""The country's information systems, running: registers behind their security servers, events on their way, work that waits.

Each has its own database and its own client of the exchange, and knows the others by their service codes alone. They share the
nation's process; each could be one of its own (`sild registry`), and nothing here would have to change for the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sild import registries
from sild.adapter import AsyncXRoadClient
from sild.cases import CASE_DATABASE
from sild.clock import Clock
from sild.database import sqlite_url
from sild.decisions import DecisionStore, Stamp
from sild.nation.bank import run_bank
from sild.nation.people import TestPerson
from sild.nation.plan import NationPlan, SystemKind, SystemPlan
from sild.nation.running import Running
from sild.registries import Certify, HasKernel, PopulationRegister
from sild.rule_engine import RuleEngine
from sild.xroad import ServiceId

if TYPE_CHECKING:
    from fastapi import FastAPI


__all__ = ["REGISTERS", "OpenRegister", "Systems"]

CHECKPOINTS = timedelta(seconds=2)
"""Of a country to look at: nobody should have to wait to check a decision."""
REGISTERS: tuple[SystemKind, ...] = (
    "population",
    "residence",
    "insurance",
    "social",
    "education",
    "hospital",
    "treasury",
    "cases",
    "archive",
    "tax",
    "electoral",
    "parking",
    "care",
    "business",
)


@dataclass(frozen=True, slots=True)
class OpenRegister:
    """application: its REST interface, for its security server alone.  ward: the hospital's page for midwives."""

    register: HasKernel
    application: FastAPI
    ward: FastAPI | None = None


def open_register(
    kind: SystemKind,
    directory: Path,
    plan: NationPlan,
    *,
    system: str,
    clock: Clock,
    ward: registries.WardSettings,
    rules: RuleEngine,
    certify: Certify,
    case_database: Path,
    portal_url: str,
) -> OpenRegister:
    """A register other than population's, filled when it is new. system: `/INSTANCE/CLASS/CODE/SUBSYSTEM`.  portal_url: where wallets
    find who issued a card. Blocks."""
    people, zone = plan.people, ZoneInfo(plan.profile.zone)
    match kind:
        case "residence":
            residence = registries.ResidenceRegister.open(
                directory,
                system=system,
                people=people,
                zone=zone,
                clock=clock,
                rules=rules,
                certify=certify,
            )
            return OpenRegister(residence, registries.residence_app(residence))
        case "insurance":
            insurance = registries.InsuranceRegister.open(
                directory,
                system=system,
                people=people,
                issuer=f"{portal_url}/papers/insurance-card",
                zone=zone,
                clock=clock,
                rules=rules,
                certify=certify,
            )
            return OpenRegister(insurance, registries.insurance_app(insurance))
        case "social":
            social = registries.SocialRegister.open(
                directory,
                system=system,
                people=people,
                zone=zone,
                clock=clock,
                rules=rules,
                certify=certify,
            )
            return OpenRegister(social, registries.social_app(social))
        case "education":
            education = registries.EducationRegister.open(
                directory,
                system=system,
                people=people,
                zone=zone,
                clock=clock,
                rules=rules,
                certify=certify,
            )
            return OpenRegister(education, registries.education_app(education))
        case "hospital":
            town = plan.about.town
            hospital = registries.HospitalRegister.open(
                directory, system=system, name=town.hospital, place=town.place, zone=zone, clock=clock
            )
            return OpenRegister(
                hospital, registries.hospital_app(hospital), registries.ward_app(hospital, ward)
            )
        case "treasury":
            pays_on = plan.profile.ground("treasury")
            treasury = registries.TreasuryRegister.open(
                directory, system=system, basis=pays_on, zone=zone, clock=clock
            )
            return OpenRegister(treasury, registries.treasury_app(treasury))
        case "archive":
            archive = registries.ArchiveRegister.open(
                directory, system=system, zone=zone, clock=clock, certify=certify
            )
            return OpenRegister(archive, registries.archive_app(archive))
        case "tax" | "electoral" | "parking":
            follower = registries.FollowingRegister.open(
                registries.DUTIES[kind], directory, system=system, people=people, zone=zone, clock=clock
            )
            return OpenRegister(follower, registries.following_app(follower))
        case "care":
            care = registries.CareRegister.open(
                directory, system=system, people=people, zone=zone, clock=clock
            )
            return OpenRegister(care, registries.care_app(care))
        case "business":
            business = registries.BusinessRegister.open(
                directory, system=system, people=people, zone=zone, clock=clock
            )
            return OpenRegister(business, registries.business_app(business))
        case "cases":
            of_cases = registries.CaseDecisions.open(
                directory,
                sqlite_url(case_database),
                system=system,
                exchanged_by=plan.system_id("portal").encode(),
                zone=zone,
                clock=clock,
                rules=rules,
                certify=certify,
            )
            return OpenRegister(of_cases, registries.case_decisions_app(of_cases))
        case _:
            raise KeyError(kind)


class Systems:
    """`clients`: of the exchange, by system; a portal and an identity provider have one, too."""

    def __init__(
        self,
        plan: NationPlan,
        running: Running,
        client_url: Callable[[SystemPlan], str],
        certify: Certify,
        stamp: Stamp,
        portal_url: str,
    ) -> None:
        self._plan = plan
        self._running = running
        self._client_url = client_url
        self._certify = certify
        self.stamp = stamp
        self._portal_url = portal_url
        self.registers: dict[SystemKind, OpenRegister] = {}
        self.clients: dict[SystemKind, AsyncXRoadClient] = {}

    async def open(
        self,
        population: PopulationRegister,
        application: FastAPI,
        directory: Callable[[SystemKind], Path],
        clock: Clock,
        people: Mapping[str, TestPerson],
        ward: registries.WardSettings,
    ) -> None:
        """Open what the plan has, the population register being open already; nothing serves yet."""
        rules = self._running.opened.enter_context(RuleEngine())
        for plan in self._plan.systems:
            if plan.kind == "population":
                self.registers[plan.kind] = OpenRegister(population, application)
                self._appoint(population, people)
            elif plan.kind in REGISTERS:
                found = await asyncio.to_thread(
                    open_register,
                    plan.kind,
                    directory(plan.kind),
                    self._plan,
                    system=self.source_of(plan.kind),
                    clock=clock,
                    ward=ward,
                    rules=rules,
                    certify=self._certify,
                    case_database=directory("portal") / CASE_DATABASE,
                    portal_url=self._portal_url,
                )
                self.registers[plan.kind] = found
                self._appoint(found.register, people)
                self._running.opened.callback(found.register.kernel.close)

    def _appoint(self, register: HasKernel, people: Mapping[str, TestPerson]) -> None:
        """Who decides in it, by name, as the desks are: a record says their office and the law it decides by."""
        listed = [
            registries.Official(one.code, one.official.authority) for one in people.values() if one.official
        ]
        registries.appoint(register, listed, self._plan.profile)

    @property
    def case_decisions(self) -> DecisionStore:
        """Where the portal's cases keep what was decided in them."""
        register = self.registers["cases"].register
        assert isinstance(register, registries.CaseDecisions)
        return register.deciding.store

    async def serve(self, port_of: Callable[[str], int]) -> None:
        for kind, opened in self.registers.items():
            if kind != "population":
                await self._running.serve(f"the {kind} register", opened.application, port_of(kind))
            if opened.ward is not None:
                await self._running.serve("the ward's page", opened.ward, port_of("ward"))

    def source_of(self, kind: SystemKind) -> str:
        return f"/{self._plan.system_id(kind).encode()}"

    def service_of(self, kind: SystemKind) -> ServiceId:
        """The register's own service: its code is the subsystem's."""
        client = self._plan.system_id(kind)
        return ServiceId(client, self._plan.system(kind).subsystem)

    async def begin(self) -> None:
        """The security servers serve: events go out, and what waited is done."""
        services: dict[str, ServiceId] = {kind: self.service_of(kind) for kind in self.registers}
        for plan in self._plan.systems:
            client = AsyncXRoadClient(self._client_url(plan), self._plan.system_id(plan.kind))
            self.clients[plan.kind] = await self._running.opened.enter_async_context(client)
        for kind, opened in self.registers.items():
            await asyncio.to_thread(self._subscribe, kind)
            work = registries.act(
                opened.register,
                self.clients[kind],
                services=services,
                stamp=self.stamp,
                checkpoints=CHECKPOINTS,
                keeper=ServiceId(self._plan.system_id("identity"), "mandates"),
                askers=(self._plan.system_id("portal").encode(),),
            )
            self._running.run(f"the work of the {kind} register", work)
            if isinstance(opened.register, registries.TreasuryRegister):
                self._running.run("the demonstration's bank", run_bank(opened.register))

    def _subscribe(self, source: SystemKind) -> None:
        """A nation of an earlier day may have had fewer."""
        for plan in self._plan.subscriptions:
            if plan.source == source:
                subscriber = self._plan.system_id(plan.subscriber).encode()
                self.registers[source].register.kernel.outbox.subscribe(subscriber, "events", plan.types)
