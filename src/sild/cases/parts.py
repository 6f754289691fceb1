"""What the modules of the case system share, made once when it is opened."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Protocol

from sild.cases.abroad import EvidenceAbroad
from sild.cases.actor import Actor, Voucher
from sild.cases.assigning import Assigning
from sild.cases.assisted import AssistedMandates, ensure_no_party
from sild.cases.calls import Calls, PeopleAsking
from sild.cases.case import Case
from sild.cases.clocks import clocks_of, together
from sild.cases.codes import with_country
from sild.cases.consulting import Consulting
from sild.cases.deliveries import Deliveries
from sild.cases.files import CaseFiles
from sild.cases.ledger import Ledger, Sighting
from sild.cases.process import Asking, Part, Process, Rule
from sild.cases.refusals import Refused
from sild.cases.seen import SeenScreens
from sild.cases.signatures import Signatures
from sild.cases.store import Store
from sild.cases.views import ClockView, Options
from sild.cases.working import Jobs
from sild.catalogue import Profile, PublicService, Screen
from sild.clock import Clock

__all__ = ["MandateCheck", "Parts"]


class MandateCheck(Protocol):
    """Asks whoever keeps mandates, at each action: one may have ended since the log-in."""

    async def stands(self, actor: Actor) -> bool:
        """Whether `actor.mandate_id` still lets them act for the representee. Codes bear their country. Raises Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    store: Store
    calls: Calls
    ledger: Ledger
    jobs: Jobs
    deliveries: Deliveries
    assisted: AssistedMandates
    seen: SeenScreens
    files: CaseFiles
    signatures: Signatures
    services: Mapping[str, PublicService]
    screens: Mapping[str, Screen]
    concepts: frozenset[str]
    processes: Mapping[str, Process]
    consulting: Consulting
    assigning: Assigning
    abroad: EvidenceAbroad
    profile: Profile
    clock: Clock
    mandates: MandateCheck | None
    voucher: Voucher | None = None
    published: dict[str, datetime] = field(default_factory=dict)

    def today(self) -> date:
        return self.store.today(self.clock())

    def clocks(self, case: Case) -> tuple[ClockView, ...]:
        service, process = self.services[case.service], self.processes[case.service]
        return clocks_of(case, service, process, self.profile, self.store.today, self.today())

    def together(self, case: Case, clocks: Sequence[ClockView]) -> ClockView | None:
        return together(clocks, self.services[case.service], self.profile, self.today())

    @property
    def everywhere(self) -> tuple[Part, ...]:
        """Parts of every case, beside its own process."""
        return self.consulting, self.assigning, self.abroad

    def rule_everywhere(self, action: str) -> Rule | None:
        return next((rule for part in self.everywhere if (rule := part.rule(action)) is not None), None)

    def of_screen(self, case: Case, screen: str) -> Process:
        """Whose screen it is: the case's own process, or a part of every case."""
        own = self.processes[case.service]
        has = (part for part in self.everywhere if screen in {rule.screen for rule in part.rules})
        return next(has, own)

    async def options(self, case: Case, screen: Screen, actor: Actor, asking: Asking) -> Options:
        """Of every `options_from` of the screen."""
        process = self.of_screen(case, screen.id)
        if process is self.assigning:
            return self.assigning.choices(case)
        if process is self.abroad:
            return self.abroad.choices(case, actor)
        if process is not self.consulting:
            return await process.options(case, screen, actor, asking)
        seen = await asyncio.to_thread(self.seen.last, case.id, actor.acting_for)
        return self.consulting.choices(case, screen, actor, seen)

    def office(self, case: Case, actor: Actor) -> str | None:
        """For which an official looks in the case; people look for themselves."""
        named = actor.is_staff and self.processes[case.service].names_office(case)
        return actor.authority if named else None

    def asking(
        self, case_id: str | None, actor: Actor, role: str, *, office: str | None = None
    ) -> PeopleAsking:
        """office: for which it is asked."""

        async def vouch(address: str) -> str | None:
            return await self.vouched(actor, case_id, address, acts=False)

        return PeopleAsking(self.calls, case_id, actor.person, role, actor.representee, vouch, office)

    async def vouched(self, actor: Actor, case_id: str | None, *services: str, acts: bool) -> str | None:
        """The identity provider's word that this official looks or acts in the case. services: that are to believe it; none: all known.

        Raises Unavailable.
        """
        if case_id is None or not actor.is_staff or actor.is_assisting:
            return None
        return await self._vouch(actor, case_id, self.calls.systems(*services), acts=acts)

    async def vouched_saying(
        self, actor: Actor, case_id: str, says: Sequence[str], *, speaks_for: Sequence[str] = ()
    ) -> str | None:
        """As `vouched`, of whoever says something to registers for themselves, or for whom they speak. says: `Rule.says`.

        speaks_for: as `Process.speaks_for`. Raises Unavailable.
        """
        if actor.representee is None and speaks_for:
            whose = tuple(with_country(one, self.profile.country) for one in speaks_for)
            actor = replace(actor, speaks_for=whose)
        services = {one.partition("/")[0] for one in says}
        systems = self.calls.systems(*(() if "*" in services else sorted(services)))
        operations = sorted({one.partition("/")[2] for one in says})
        return await self._vouch(actor, case_id, systems, acts=True, operations=operations)

    async def vouched_to(self, actor: Actor, case_id: str, address: str, operation: str) -> str | None:
        """As `vouched_saying`, to a system that is no register here, `GOV/70000002/messagelog`. Raises Unavailable."""
        return await self._vouch(
            actor, case_id, self.calls.systems(address), acts=True, operations=[operation]
        )

    async def _vouch(
        self,
        actor: Actor,
        case_id: str,
        systems: Sequence[str],
        *,
        acts: bool,
        operations: Sequence[str] = (),
    ) -> str | None:
        if self.voucher is None:
            return None
        country = self.profile.country
        whole = replace(actor, person=with_country(actor.person, country))
        if actor.representee is not None:
            whole = replace(whole, representee=with_country(actor.representee, country))
        if actor.is_assisting:
            recorded = await asyncio.to_thread(self.assisted.sha256, str(actor.mandate_id))
            whole = replace(whole, mandate_sha256=recorded)
        return await self.voucher.vouch(whole, case_id, systems, acts=acts, operations=operations)

    def needs_signature(self, screen: str, action: str) -> bool:
        """As the screen or the country's profile says."""
        if f"{screen}.{action}" in self.profile.signatures:
            return True
        found = self.screens.get(screen)
        return found is not None and found.action(action).signature == "required"

    def service(self, service_id: str) -> PublicService:
        found = self.services.get(service_id)
        if found is None:
            raise Refused("there is no such service", code="unknown_service")
        return found

    def screen(self, screen_id: str) -> Screen:
        found = self.screens.get(screen_id)
        if found is None:
            raise Refused("there is no such screen", code="unknown_screen")
        return found

    def read(self, case_id: str) -> Case | None:
        with self.store.reading() as connection:
            return self.store.find(connection, case_id)

    def case_for(self, case_id: str, actor: Actor, *, acts: bool = False) -> tuple[Case, tuple[str, ...]]:
        """The case and what the actor is in it. Raises Refused (`not_yours`), whether it exists or not; oversight is told.

        A clerk on a one-off mandate has its one case, while the mandate stands (`mandate_ended`); acts: that is looked at later.
        """
        case = self.read(case_id) if len(case_id) <= 50 else None
        roles = roles_in(case, actor) if case is not None else ()
        if case is not None and roles and actor.is_assisting:
            roles = self._assisting(case, actor, roles, acts)
        if case is None or not roles:
            self.ledger.saw(
                Sighting(self.clock(), actor.person, "not_yours", case.id if case else None, None)
            )
            raise Refused("there is no such case among yours", code="not_yours")
        return case, roles

    def _assisting(self, case: Case, actor: Actor, roles: tuple[str, ...], acts: bool) -> tuple[str, ...]:
        if not self.assisted.is_for(actor, case):
            return ()
        ensure_no_party(actor, case)
        if not acts:
            with self.store.reading() as connection:
                if not self.assisted.stands(connection, actor, case.service, case.id, self.clock()):
                    raise Refused("the mandate has ended", code="mandate_ended")
        return roles


def roles_in(case: Case, actor: Actor) -> tuple[str, ...]:
    """Of a party, or of staff with the case's authority; a clerk has the role of the person they help."""
    if actor.roles & {"official", "supervisor"} and actor.representee is None:
        if actor.authority is None or actor.authority != case.office:
            return ()
        return tuple(role for role in ("supervisor", "official") if role in actor.roles)
    return case.roles_of(actor.acting_for)
