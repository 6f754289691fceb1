"""A portal with its case system in the same process, joined: one way to open it, for `sild portal` and for a country in one process.

opened = open_portal(settings, case_options, client, records=..., stamp=..., signers=..., clock=...)
await opened.cases.start()
opened.portal.app, opened.events             # ASGI: for people; for the own security server alone
await opened.portal.run(), opened.portal.watch.run()     # beside them
await opened.cases.stop(); opened.portal.close()
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from cryptography import x509
from sqlalchemy import Engine
from starlette.applications import Starlette

from sild.adapter import AsyncXRoadClient
from sild.assistant import Assistant, load_passages
from sild.cases import (
    AlgorithmMatter,
    AskWhy,
    Assistance,
    Assisted,
    CaseSystem,
    Contest,
    EvidenceSource,
    Finding,
    OfflineConflict,
    Packs,
    Practice,
    Process,
    RegisterMatter,
    XRoadExchange,
    load_packs,
    shipped_models,
)
from sild.cases.birth import Birth
from sild.cases.lease import Lease
from sild.cases.move import Move
from sild.cases.plan import KindergartenPlan
from sild.cases.removal import Removal
from sild.clock import Clock
from sild.decisions import DecisionStore, Stamp
from sild.errors import CallerError, Unavailable
from sild.identity_client import RemotePen
from sild.oots import Agent, DataService, Directory
from sild.pki import Certificate
from sild.portal.consents import sealed_by_body
from sild.portal.events_door import events_app
from sild.portal.mandate_keeper import MandateKeeper
from sild.portal.over_cases import PortalCases, PortalExchange, PortalVoucher
from sild.portal.portal import Portal
from sild.portal.settings import CaseOptions, EvidenceService, PortalSettings

__all__ = ["OpenedPortal", "Signing", "open_portal", "packs_of"]

DEMAND = "kindergarten-demand"
UNREGISTERED = "urn:oasis:names:tc:ebcore:partyid-type:unregistered"


@dataclass(frozen=True)
class OpenedPortal:
    """cases: started by whoever opened it, stopped before the portal is closed. registers: whose events are taken, `INSTANCE/CLASS/CODE/SUBSYSTEM` by name."""

    cases: CaseSystem
    portal: Portal
    packs: Packs
    registers: Mapping[str, str]

    @cached_property
    def events(self) -> Starlette:
        """What the portal's subsystem offers on the exchange."""
        return events_app(self.cases, self.registers)


@dataclass(frozen=True, slots=True)
class Signing:
    """How people sign. stamp: of what they sign.  signers: authorities of their certificates and of time-stamps that are believed."""

    stamp: Stamp
    signers: Sequence[Certificate]


class OwnMessages:
    """Containers of the portal's own messages, from its security server's log."""

    def __init__(self, client: AsyncXRoadClient) -> None:
        self._client = client

    async def container(self, message_id: str) -> bytes:
        """Of the request, as it was sent. Raises CallerError (`not_found`), TrustError, Unavailable."""
        try:
            return await self._client.request_container(message_id)
        except CallerError as error:
            if error.code == "not_found":
                raise
            raise Unavailable(
                f"the security server gives none: {error.message}", code="http_error"
            ) from error


def open_portal(
    settings: PortalSettings,
    told: CaseOptions,
    client: AsyncXRoadClient,
    *,
    records: DecisionStore,
    signing: Signing | None,
    clock: Clock,
) -> OpenedPortal:
    """Nothing runs yet. client: of `told.system`, at its own security server; closed by whoever made it.

    records: of what is decided in cases, with the seal of the body that does. signing: None: what needs a signature cannot be done.
    Blocks. Raises CallerError (no such country, packs, settings), Unavailable (databases), TrustError (`key_unreadable`).
    """
    packs = packs_of(told.country)
    exchange = XRoadExchange(client)
    voucher = PortalVoucher()

    def store(engine: Engine) -> DecisionStore:
        return DecisionStore(engine, records.sealer, records.keys, clock=clock)

    cases = CaseSystem.open(
        settings.directory,
        told.database,
        system=f"/{told.system}",
        exchange=exchange,
        packs=packs,
        processes=_processes(packs, told),
        registers=told.registers,
        mandates=MandateKeeper(settings),
        voucher=voucher,
        decisions=store,
        clock=clock,
        waiting_bytes=settings.upload_waiting_bytes,
        pen=None if signing is None else _pen(settings, signing, clock),
        signers=() if signing is None else signing.signers,
        own_data_basis=settings.own_data_basis,
        log_keepers=told.log_keepers,
        evidence=evidence_sources(packs, told.evidence_services),
        name=dict.fromkeys(packs.profile.languages, settings.name),
    )
    try:
        portal = Portal(
            settings,
            PortalCases(cases, packs),
            PortalExchange(exchange, told.system.partition("/")[0]),
            packs.profile,
            clock,
            evidence=OwnMessages(client),
            controlled_by=told.decisions.rpartition("/")[0],
            seal=sealed_by_body(records.sealer),
            assistant=Assistant(
                load_passages(packs.profile, cases.services(), packs.screens, at=clock().date())
            ),
        )
    except BaseException:
        cases.close()
        raise
    voucher.portal = portal
    instance = told.system.partition("/")[0]
    registers = {name: f"{instance}/{address}" for name, address in told.registers.items()}
    return OpenedPortal(cases, portal, packs, registers)


def evidence_sources(packs: Packs, services: Sequence[EvidenceService]) -> list[EvidenceSource]:
    """Entries of the directory, with whose seals are believed. Raises CallerError (`unknown_evidence_type`; no certificate in a file)."""
    types = Directory(packs.requirements)
    found = []
    for one in services:
        kind = types.type_of(one.country, one.evidence_type)
        member = one.system.split("/")[2]
        agent = Agent(member, f"{UNREGISTERED}:{one.country}", one.name)
        entry = DataService(kind.classification, one.country, one.system, agent, one.preview)
        try:
            named = x509.load_pem_x509_certificates(one.authority.read_bytes())
        except (OSError, ValueError) as error:
            raise CallerError(f"evidence_services: {one.authority} holds no certificates in PEM") from error
        found.append(EvidenceSource(entry, named))
    return found


def packs_of(country: str) -> Packs:
    """Raises CallerError (`unknown_country`)."""
    try:
        return load_packs(country)
    except FileNotFoundError as error:
        raise CallerError(f"no country {country} ships: it has no profile", code="unknown_country") from error


def _processes(packs: Packs, told: CaseOptions) -> list[Process]:
    """One for each service there is."""
    demand = shipped_models().get(DEMAND)
    return [
        Birth(packs),
        Move(packs),
        Removal(packs),
        Lease(packs),
        Practice(packs),
        AskWhy(),
        Assistance(),
        Assisted(packs),
        Contest(),
        Finding(),
        RegisterMatter(packs),
        AlgorithmMatter(packs),
        OfflineConflict(),
        KindergartenPlan(packs, told.communes, demand, authority=told.decided_by),
    ]


def _pen(settings: PortalSettings, signing: Signing, clock: Clock) -> RemotePen:
    return RemotePen(
        f"{settings.issuer}/csc/v2",
        client_id=settings.client_id,
        client_secret=settings.client_secret.get_secret_value(),
        redirect_uri=f"{settings.url}/signed",
        stamp=signing.stamp,
        tls=settings.issuer_tls(),
        clock=clock,
    )
