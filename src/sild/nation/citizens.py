"""What citizens and officials meet: the identity provider, the AI gateway and the portal, on a country whose systems run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sild.ai_gateway import gateway_app
from sild.cases import CaseSystem
from sild.clock import Clock
from sild.identity_provider import BoardRights, FamilyRelations, IdentityProvider, mandates_door
from sild.nation.ai_gateway import CountryGateway, open_gateway, tell_of_fields
from sild.nation.canaries import plant_canaries, rotate_canaries
from sild.nation.country import NEEDS
from sild.nation.grounds import accepted_grounds
from sild.nation.identity import IdentityAddresses, open_identity_provider
from sild.nation.layout import Secrets
from sild.nation.portal import case_options, portal_settings
from sild.portal import Signing, open_portal
from sild.registries import Grounds, HasKernel, published_keys

if TYPE_CHECKING:
    from sild.nation.nation import Nation

__all__ = ["Citizens", "open_to_citizens"]


@dataclass(frozen=True, slots=True)
class Citizens:
    identity: IdentityProvider
    ai_gateway: CountryGateway
    cases: CaseSystem


async def open_to_citizens(
    nation: Nation, secrets: Secrets, clock: Clock, *, is_new: bool, progress: Callable[[str], None]
) -> Citizens:
    """One after the other; they end when the nation stops."""
    progress("identity provider")
    identity = await _start_identity_provider(nation, secrets, clock, is_new)
    progress("AI gateway")
    gateway = await _start_ai_gateway(nation, clock)
    progress("portal")
    cases = await _start_portal(nation, secrets, clock, gateway)
    return Citizens(identity, gateway, cases)


async def _start_identity_provider(
    nation: Nation, secrets: Secrets, clock: Clock, is_new: bool
) -> IdentityProvider:
    assert nation.systems is not None
    about, systems = nation.plan.about, nation.systems
    client, loop = systems.clients["identity"], asyncio.get_running_loop()
    sources = (
        FamilyRelations(client, systems.service_of("population"), loop, about.representation),
        BoardRights(client, systems.service_of("business"), loop, about.boards),
    )
    provider = await asyncio.to_thread(
        open_identity_provider,
        nation.layout.system("identity"),
        IdentityAddresses(nation.issuer, nation.portal_url, nation.ward_url),
        tuple(nation.people.values()),
        sources,
        key_password=secrets.identity,
        client_secret=secrets.portal_client,
        ward_secret=secrets.ward_client,
        hospital=nation.plan.system_id("hospital").member_code,
        hospital_name=nation.plan.about.town.hospital,
        profile=nation.plan.profile,
        oversight=nation.plan.about.oversight,
        is_new=is_new,
        certify=nation.certify_person,
        system=nation.plan.system_id("portal").encode(),
        registers=[
            *(nation.plan.system_id(kind).encode() for kind in nation.systems.registers),
            *(keeper.encode() for keeper in nation.plan.log_keepers),
        ],
        clock=clock,
    )
    for opened in nation.systems.registers.values():
        opened.register.kernel.take_word_of(nation.issuer, published_keys(f"{nation.issuer}/jwks"))
    running, ports = nation.running, nation.ports.systems
    running.opened.callback(provider.close)
    await running.serve("the identity provider", provider.app, ports["identity"])
    await running.serve("the door to mandates", mandates_door(provider), ports["mandates"])
    running.run("the identity provider's maintenance", provider.run())
    return provider


async def _start_ai_gateway(nation: Nation, clock: Clock) -> CountryGateway:
    directory = nation.layout.system("ai-gateway")
    opened = await asyncio.to_thread(open_gateway, directory, clock=clock)
    running = nation.running
    assert nation.systems is not None
    held: dict[str, HasKernel] = {kind: one.register for kind, one in nation.systems.registers.items()}
    concepts = [name for one in nation.systems.registers.values() for name in one.application.state.concepts]
    tell_of_fields(opened.gateway, concepts)
    planted = opened.gateway, held, directory / "backup.key", nation.plan.about.country
    await asyncio.to_thread(plant_canaries, *planted)
    running.run("the canaries' rotation", rotate_canaries(*planted))
    running.opened.push_async_callback(opened.gateway.close)
    running.run("the AI gateway's switches", opened.gateway.run())
    await running.serve("the AI gateway", gateway_app(opened.gateway), nation.ports.systems["ai-gateway"])
    return opened


async def _start_portal(
    nation: Nation, secrets: Secrets, clock: Clock, gateway: CountryGateway
) -> CaseSystem:
    assert nation.systems is not None
    settings = portal_settings(
        nation.plan,
        nation.layout.system("portal"),
        IdentityAddresses(nation.issuer, nation.portal_url, nation.ward_url),
        nation.people.values(),
        key_password=secrets.portal,
        client_secret=secrets.portal_client,
        gateway_url=nation.ai_gateway_url,
        gateway_key=gateway.assistant_key,
    )
    authorities = (nation.trust.ca_certificate, nation.trust.tsa_certificate)
    opened = await asyncio.to_thread(
        open_portal,
        settings,
        case_options(nation.plan),
        nation.systems.clients["portal"],
        records=nation.systems.case_decisions,
        signing=Signing(nation.systems.stamp, authorities),
        clock=clock,
    )
    for kind, register in nation.systems.registers.items():
        askers = [asker for asker, asked in NEEDS if asked == kind]
        grounds = accepted_grounds(nation.plan.about, opened.packs, kind, askers)
        register.register.kernel.grounds = Grounds(grounds)
    running, ports = nation.running, nation.ports.systems
    running.opened.callback(opened.portal.close)
    await opened.cases.start()
    running.opened.push_async_callback(opened.cases.stop)
    await running.serve("the portal's door for events", opened.events, ports["portal"])
    await running.serve("the portal", opened.portal.app, ports["portal screens"])
    running.run("the portal's wake-ups", opened.portal.run())
    running.run("the portal's watch over algorithms", opened.portal.watch.run())
    return opened.cases
