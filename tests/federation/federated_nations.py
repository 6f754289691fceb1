"""Two whole instances, EE and FI, each with its own trust services, central server and security servers, over loopback.

async with Federation(tmp_path) as federation:
    await federation.trust_one_another()
    answer = await federation.call(federation.ee, federation.fi)      # EE's insurance desk asks FI's population register

Every part is real. Each instance has a clock that can be put forward.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from sild.clock import system_clock
from sild.http1 import Fetched, fetch
from sild.nation import DEMO, MemberPlan, Nation, NationPlan
from sild.registries import Transfer
from sild.security_server import PeerRoute, SecurityServer, SecurityServerSettings
from sild.xroad.identifiers import ClientId, ServiceId

SERVICE = "persons"
Allowed = str | tuple[str, ...]


class NationalClock:
    """Runs with the system's, ahead of it by what it was put forward."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)

    def __call__(self) -> datetime:
        return system_clock() + self._ahead

    def put_forward(self, **by: float) -> None:
        self._ahead += timedelta(**by)


def plan(instance: str, digit: str) -> NationPlan:
    """DEMO's members under other codes; its servers' names (ee1, ee2) differ from the other instance's."""

    def member(of: MemberPlan, number: int) -> MemberPlan:
        code = f"{of.member_code[:-2]}{digit}{number}"
        return MemberPlan(of.member_class, code, of.name, f"{instance.lower()}{number}", of.subsystems)

    return NationPlan(
        instance_identifier=instance,
        member_classes=DEMO.member_classes,
        operator=MemberPlan("GOV", f"7000000{digit}", "Authority", "", DEMO.operator.subsystems),
        provider=member(DEMO.provider, 1),
        consumer=member(DEMO.consumer, 2),
        people=500,
    )


class FederatedNation(Nation):
    """A nation whose servers know the way to the other nation's, and accept the instances in `allowed`."""

    allowed: Allowed = "all"
    routes: dict[str, PeerRoute]

    def settings_of(self, member: MemberPlan) -> SecurityServerSettings:
        settings = super().settings_of(member)
        self.routes.update(settings.peer_routes)
        changed: dict[str, object] = {"allowed_federations": self.allowed, "peer_routes": self.routes}
        return settings.model_copy(update=changed)

    @property
    def clock(self) -> NationalClock:
        assert isinstance(self._clock, NationalClock)
        return self._clock

    @property
    def servers(self) -> tuple[SecurityServer, SecurityServer]:
        return self.provider, self.consumer

    @property
    def desk(self) -> ClientId:
        return self.plan.subsystem_id(self.plan.consumer)

    @property
    def register_service(self) -> ServiceId:
        return ServiceId(self.plan.subsystem_id(self.plan.provider), SERVICE)

    @property
    def person(self) -> str:
        return str(self.register.some_people(1)[0]["code"])

    async def publish(self) -> None:
        await asyncio.to_thread(self.central.publish)

    async def follow(self) -> None:
        """Its security servers take up what is published."""
        for server in self.servers:
            await server.configuration.refresh()


class Federation:
    """Use as an asynchronous context manager. `allowed`: what each instance's servers accept."""

    def __init__(self, directory: Path, *, ee: Allowed = "all", fi: Allowed = "all") -> None:
        self.directory = directory
        self._allowed = {"EE": ee, "FI": fi}
        self._open = AsyncExitStack()
        self._routes: dict[str, PeerRoute] = {}

    async def __aenter__(self) -> Self:
        try:
            self.ee = await self._start("EE", "3")
            self.fi = await self._start("FI", "5")
        except BaseException:
            await self._open.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def _start(self, instance: str, digit: str) -> FederatedNation:
        class Started(FederatedNation):
            allowed = self._allowed[instance]
            routes = self._routes

        nation = await Started.start(
            self.directory / instance, plan=plan(instance, digit), clock=NationalClock()
        )
        assert isinstance(nation, Started)
        await self._open.enter_async_context(nation)
        return nation

    async def trust_one_another(self) -> None:
        """The authorities exchange external anchors, and each register grants the other's insurance desk, and has assessed that."""
        for one, other in ((self.ee, self.fi), (self.fi, self.ee)):
            one.central.add_trusted_anchor(other.central.anchor("EXTERNAL").file)
        await self.publish()
        for one, other in ((self.ee, self.fi), (self.fi, self.ee)):
            for method, path in one.plan.rights:
                one.provider.serverconf.grant(one.register_service, other.desk, method=method, path=path)
            instance, until = other.desk.instance_identifier, one.clock().date() + timedelta(days=365)
            one.register.kernel.transfers = [Transfer(instance, "GDPR 1(3), within the EEA", until, ("*",))]

    async def publish(self) -> None:
        """Both publish, then all servers follow."""
        for nation in (self.ee, self.fi):
            await nation.publish()
        for nation in (self.ee, self.fi):
            await nation.follow()

    async def call(self, of: FederatedNation, at: FederatedNation) -> Fetched:
        """The insurance desk of one instance asks the population register of one instance for a person."""
        url = f"http://127.0.0.1:{of.ports.consumer.client_http}/r1/{at.register_service.encode()}"
        headers = [
            (b"X-Road-Client", of.desk.encode().encode()),
            (b"X-Road-UserId", b"EE38001085718"),
            (b"X-Road-Issue", b"example"),
            (b"Sild-Legal-Basis", b"RaKS 11"),
        ]
        return await fetch(f"{url}/persons/{at.person}", headers=headers)
