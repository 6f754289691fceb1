"""The country's portal: cases, screens for people, and the door through which events come from the exchange."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sild.adapter import AsyncXRoadClient
from sild.assistant import Assistant, load_passages
from sild.cases import (
    AlgorithmMatter,
    AskWhy,
    Assistance,
    Assisted,
    CaseSystem,
    Contest,
    Finding,
    OfflineConflict,
    Packs,
    Practice,
    Process,
    RegisterMatter,
    RemotePen,
    XRoadExchange,
    load_packs,
)
from sild.cases.birth import Birth
from sild.cases.move import Move
from sild.cases.plan import KindergartenPlan
from sild.cases.plan_models import shipped_models
from sild.cases.removal import Removal
from sild.clock import Clock
from sild.decisions import DecisionStore, Stamp
from sild.errors import CallerError, PlatformError, Unavailable
from sild.events import parse_event
from sild.http1 import fetch
from sild.nation.countries import languages_of
from sild.nation.identity import IdentityAddresses
from sild.nation.people import TestPerson, desk_title
from sild.nation.plan import NationPlan
from sild.nation.portal_cases import PortalCases, PortalExchange, PortalVoucher
from sild.pki import Certificate
from sild.portal import (
    DecisionSource,
    FactSource,
    MandateKeeper,
    Office,
    PaperSource,
    Portal,
    PortalSettings,
)
from sild.telemetry import get_logger
from sild.xroad import ClientId

__all__ = ["CountryPortal", "events_app", "open_portal"]

log = get_logger("nation")

DEMAND = "kindergarten-demand"
ASKED = (
    "population",
    "residence",
    "insurance",
    "social",
    "education",
    "treasury",
    "archive",
    "tax",
    "electoral",
    "care",
    "business",
)
KNOWING = (
    "population",
    "residence",
    "insurance",
    "social",
    "education",
    "treasury",
    "tax",
    "electoral",
    "care",
    "business",
)
ABOUT_COMPANIES = {
    "business": "/companies/{company}/facts?history=true",
    "residence": "/companies/{company}/facts?history=true",
}
"""Registers that hold something of companies, and where."""
DECIDING = ("population", "residence", "social", "insurance", "education", "cases")

CERTIFICATE = {"et": "Sünnitõend", "vi": "Giấy khai sinh", "en": "Birth certificate"}
CARD = {"et": "Ravikindlustuskaart", "vi": "Thẻ bảo hiểm y tế", "en": "Health insurance card"}


@dataclass(frozen=True, slots=True)
class CountryPortal:
    """cases: started by whoever opened it, stopped before the portal is closed."""

    cases: CaseSystem
    portal: Portal
    packs: Packs


class Evidence:
    """Containers of the portal's own messages, from its security server's log."""

    def __init__(self, client_url: str, client: ClientId) -> None:
        self._url = client_url
        self._client = client

    async def container(self, message_id: str) -> bytes:
        """Of the request, as it was sent. Raises CallerError (`not_found`), Unavailable."""
        names = ("xRoadInstance", "memberClass", "memberCode", "subsystemCode")
        who = "&".join(
            f"{name}={quote(value)}" for name, value in zip(names, self._client.parts, strict=True)
        )
        url = f"{self._url}/asic?unique&requestOnly&force&queryId={quote(message_id)}&{who}"
        answer = await fetch(url, headers=[(b"X-Road-Client", self._client.encode().encode())])
        if answer.status == 404:
            raise CallerError("the log holds no such message", code="not_found")
        if answer.status != 200:
            raise Unavailable(f"the security server answered {answer.status}", code="http_error")
        return answer.body


def open_portal(
    plan: NationPlan,
    cases_directory: Path,
    client: AsyncXRoadClient,
    client_url: str,
    addresses: IdentityAddresses,
    people: Mapping[str, TestPerson],
    *,
    key_password: str,
    client_secret: str,
    gateway_url: str,
    gateway_key: Path,
    records: DecisionStore,
    stamp: Stamp,
    signers: Sequence[Certificate],
    clock: Clock,
) -> CountryPortal:
    """Nothing runs yet. records: of what is decided in cases, with the seal of the body that does. gateway_url, gateway_key: of the AI gateway, for the assistant. stamp, signers: of what people sign. Blocks. Raises CallerError (packs, settings), Unavailable."""
    about = plan.about
    packs = load_packs(about.country)
    exchange = XRoadExchange(client)
    addressed = {name: _subsystem(plan, name) for name in ASKED}
    models = shipped_models()
    municipality = plan.body("municipality")  # decides what is decided in the cases themselves
    deciding = plan.member_id(municipality).encode()
    processes: list[Process] = [
        Birth(packs),
        Move(packs),
        Removal(packs),
        Practice(packs),
        AskWhy(),
        Assistance(),
        Assisted(packs),
        Contest(),
        Finding(),
        RegisterMatter(packs),
        AlgorithmMatter(packs),
        OfflineConflict(),
        KindergartenPlan(packs, [about.town.code], models.get(DEMAND), authority=deciding),
    ]
    settings = PortalSettings(
        directory=cases_directory,
        url=addresses.portal,
        issuer=addresses.issuer,
        client_secret=SecretStr(client_secret),
        key_password=SecretStr(key_password),
        offices=tuple(
            Office(
                role=desk.role,
                organisation=desk.organisation,
                authority=desk.authority,
                title=desk_title(desk, about),
                kind=desk.kind,
            )
            for one in people.values()
            if one.official is not None
            for desk in one.official.desks
        ),
        fact_sources=tuple(
            FactSource(
                subsystem=addressed[name],
                title=dict(about.systems[name]),
                company_path=ABOUT_COMPANIES.get(name),
            )
            for name in KNOWING
        ),
        decision_sources=tuple(
            DecisionSource(subsystem=_subsystem(plan, name), title=dict(about.systems[name]))
            for name in DECIDING
        ),
        paper_sources=(
            PaperSource(
                name="insurance-card",
                subsystem=addressed["insurance"],
                title=CARD,
                path="/persons/{person}/card",
            ),
            PaperSource(
                name="birth-certificate",
                subsystem=addressed["population"],
                title=CERTIFICATE,
                path="/persons/{person}/birth-certificates",
                several=True,
            ),
        ),
        mandates=True,
        assistant_gateway_url=gateway_url,
        assistant_gateway_key_file=gateway_key,
        bodies={
            f"{member.member_class}/{member.member_code}": dict(about.bodies[member.kind])
            for member in plan.members
            if member.kind is not None
        }
        | {addressed[name]: dict(about.systems[name]) for name in ASKED},
        languages=languages_of(packs.profile),
        own_data_basis=about.own_data,
        time_zone=packs.profile.zone,
    )
    voucher = PortalVoucher()
    cases = CaseSystem.open(
        cases_directory,
        system=f"/{plan.system_id('portal').encode()}",
        exchange=exchange,
        packs=packs,
        processes=processes,
        registers=addressed,
        mandates=MandateKeeper(settings),
        voucher=voucher,
        decisions=lambda engine: DecisionStore(engine, records.sealer, records.keys, clock=clock),
        clock=clock,
        waiting_bytes=settings.upload_waiting_bytes,
        pen=RemotePen(
            f"{addresses.issuer}/csc/v2",
            client_id=settings.client_id,
            client_secret=client_secret,
            redirect_uri=f"{addresses.portal}/signed",
            stamp=stamp,
            clock=clock,
        ),
        signers=signers,
        own_data_basis=about.own_data,
    )
    evidence = Evidence(client_url, plan.system_id("portal"))
    asking = PortalExchange(exchange, plan.instance_identifier)
    portal = Portal(
        settings,
        PortalCases(cases, packs),
        asking,
        packs.profile,
        clock,
        evidence=evidence,
        assistant=Assistant(load_passages(packs.profile, cases.services(), packs.screens, at=clock().date())),
    )
    voucher.portal = portal
    return CountryPortal(cases, portal, packs)


def _subsystem(plan: NationPlan, name: str) -> str:
    """As cases name it: `GOV/70000002/population`."""
    system = next(system for system in plan.systems if system.kind == name)
    return f"{system.member.member_class}/{system.member.member_code}/{system.subsystem}"


def events_app(cases: CaseSystem) -> Starlette:
    """What the portal's subsystem offers on the exchange: `POST /events`. 204 taken, 4xx never, 503 later."""

    async def take(request: Request) -> Response:
        sender, message_id = (request.headers.get(name, "") for name in ("x-road-client", "x-road-id"))
        try:
            event = parse_event(await request.body())
            if not message_id or event.source.removeprefix("/") != sender:
                raise CallerError("an event comes from the system that sends it", code="invalid_event")
            await cases.take_event(event, message_id)
        except PlatformError as error:
            log.refusal("portal.event_refused", error)
            refused = isinstance(error, CallerError) or error.code == "invalid_event"
            status = 404 if error.code == "event_not_taken" else 400 if refused else 503
            return JSONResponse({"type": f"urn:sild:portal:{error.code}", "status": status}, status)
        return Response(status_code=204)

    return Starlette(routes=[Route("/events", take, methods=["POST"])])
