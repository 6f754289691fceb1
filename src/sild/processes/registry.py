"""`sild registry --config FILE`: one register as a process of its own."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import click
from pydantic import Field, model_validator

from sild.adapter import AsyncXRoadClient, ClientId
from sild.oots import origin_of
from sild.processes.asgi import Listen, Listener, serve_asgi
from sild.processes.own_server import ServiceName, service_named
from sild.processes.sealing import SealSettings, TimeStampSettings, certify_by, stamp_by
from sild.processes.ward import NotifierSettings, WardProcessSettings, notifying_of, ward_of
from sild.registries import (
    DUTIES,
    ArchiveRegister,
    BusinessRegister,
    CareRegister,
    Certify,
    EducationRegister,
    EvidenceOffer,
    FollowingRegister,
    Grounds,
    HospitalRegister,
    InsuranceRegister,
    Official,
    PopulationRegister,
    ResidenceRegister,
    SocialRegister,
    Transfer,
    TreasuryRegister,
    act,
    appoint,
    archive_app,
    business_app,
    care_app,
    duties_without_case,
    education_app,
    following_app,
    hospital_app,
    insurance_app,
    population_app,
    profile_named,
    published_keys,
    residence_app,
    social_app,
    stamp_decisions,
    treasury_app,
    ward_app,
)
from sild.settings import LogLevel, Settings, read_settings
from sild.telemetry import configure_logging

if TYPE_CHECKING:
    from fastapi import FastAPI

    from sild.adapter import IssuerKeys
    from sild.registries import HasKernel

__all__ = ["OfficialSettings", "RegistrySettings", "command"]


MINUTE = timedelta(minutes=1)


class SubscriptionSettings(Settings):
    """Who gets which of the register's events: `types` with `*`, at the subscriber's service."""

    subscriber: str = Field(pattern=r"^[^/]+/[^/]+/[^/]+/[^/]+$")  # INSTANCE/CLASS/CODE/SUBSYSTEM
    service: str = "events"
    types: tuple[str, ...]


class IdentitySettings(Settings):
    """The identity provider that vouches for officials."""

    issuer: str
    jwks_url: str | None = None  # none: `/jwks` of the issuer
    certificate_authorities: Path | None = None  # PEM, for https; none: the system's


class OfficialSettings(Settings):
    """Somebody who decides for the body: what a record says of them. What is left out the country's profile says of their desk."""

    person: str = Field(max_length=20)  # identity code
    desk: str = Field(pattern=r"^[a-z_]+@[^@]+$")  # birth@0793
    qualification: str | None = None
    order: str | None = None  # by which they decide
    since: date = date.min
    until: date | None = None  # the last day


class TransferSettings(Settings):
    """What bodies of another X-Road instance may get, and by which assessment."""

    instance: str = Field(min_length=1, max_length=255)
    assessment: str = Field(min_length=1, max_length=255)  # CTIA-2026-17; GDPR 1(3), within the EEA
    until: date  # the last day
    operations: tuple[str, ...] = Field(min_length=1)  # operationId, or `tell ` and an event's type; with `*`


class EvidenceSettings(Settings):
    """Population: evidence for procedures of other countries (OOTS), which people look at first in this country's portal."""

    preview: str  # https://portal.example/preview
    name: Mapping[str, str]  # of the body that gives it
    minutes: int = Field(default=60, ge=5, le=1_440)  # how long a request waits for the person

    @model_validator(mode="after")
    def _address(self) -> EvidenceSettings:
        if origin_of(self.preview) is None or self.preview.endswith("/") or "?" in self.preview:
            raise ValueError("preview: must be https, or http://localhost, without / at its end")
        if set(self.name) != {"et", "vi", "en"}:
            raise ValueError("name: in et, vi and en")
        return self


class RegistrySettings(Settings):
    """`directory` holds, without `database`, an SQLite file; relative paths start at the TOML file."""

    kind: Literal[
        "population",
        "residence",
        "insurance",
        "social",
        "education",
        "hospital",
        "treasury",
        "archive",
        "tax",
        "electoral",
        "parking",
        "care",
        "business",
    ] = "population"
    system: str = Field(
        pattern=r"^[^/]+/[^/]+/[^/]+/[^/]+$"
    )  # INSTANCE/CLASS/CODE/SUBSYSTEM, the source of its events
    directory: Path
    database: str | None = None  # SQLAlchemy URL
    people: int = Field(default=4_000, ge=100, le=1_000_000)  # about how many move into an empty register
    url: str | None = None  # the address given in the OpenAPI description
    listen: tuple[Listen, ...] = (Listen(port=8000),)
    security_server: str | None = None  # its own, for information systems; none: sends no events, asks nobody
    services: Mapping[str, ServiceName] = {}  # it asks, by register: INSTANCE/CLASS/CODE/SUBSYSTEM/SERVICE
    subscriptions: tuple[SubscriptionSettings, ...] = ()
    seal: SealSettings | None = None  # who certifies the key under its decisions; none: the key itself
    time_stamps: TimeStampSettings | None = None  # of the log of its decisions; none: sealed, not stamped
    mandates: ServiceName | None = None  # who knows what auditors may look at; none: no auditor looks here
    auditors_through: tuple[
        str, ...
    ] = ()  # information systems through which they look: INSTANCE/CLASS/CODE/SUBSYSTEM
    grounds: Mapping[str, tuple[str, ...]] | None = (
        None  # operation -> legal grounds; none: any that is named
    )
    without_case: Mapping[str, tuple[str, ...]] | None = (
        None  # operation -> grounds on which machines need no case; none: the duties of registers
    )
    transfers: tuple[TransferSettings, ...] = ()  # what may leave the country; none: nothing
    credential_issuer: str | None = Field(
        default=None, pattern=r"^https?://[^?#]*[^/?#]$"
    )  # population, insurance: URL of the issuer of its papers, https://portal.example/papers/insurance-card
    evidence: EvidenceSettings | None = None  # population: for other countries; none: gives none
    identity: IdentitySettings | None = (
        None  # whose word about who acts is taken; none: no official acts here
    )
    country: str = Field(default="EE", pattern=r"^[A-Z]{2}$")  # whose offices its officials' are
    officials: tuple[OfficialSettings, ...] = ()  # who decides in it, by name
    events_url: str | None = None  # nats://, when several processes send events; none: the database alone
    ward: WardProcessSettings | None = None  # hospital: the ward's pages; none: they write elsewhere
    notifiers: tuple[
        NotifierSettings, ...
    ] = ()  # population: who may sign notices of births and deaths; none: nobody
    signers: Path | None = None  # population, PEM: who certifies people's signing keys and time-stamps
    log_level: LogLevel = "INFO"


@dataclass(frozen=True, slots=True)
class Opened:
    """A register and its application."""

    register: HasKernel
    application: FastAPI
    close: Callable[[], None]


def _population(settings: RegistrySettings, directory: Path, certify: Certify | None = None) -> Opened:
    register = PopulationRegister.open(
        directory,
        settings.database,
        system=f"/{settings.system}",
        people=settings.people,
        certify=certify,
        issuer=_issuer(settings),
    )
    if settings.evidence is not None:
        register.evidence.offer = EvidenceOffer(
            settings.country,
            settings.evidence.name,
            settings.evidence.preview,
            timedelta(minutes=settings.evidence.minutes),
        )
    return Opened(register, population_app(register, url=settings.url), register.close)


def _residence(settings: RegistrySettings, directory: Path, certify: Certify | None = None) -> Opened:
    register = ResidenceRegister.open(
        directory,
        settings.database,
        system=f"/{settings.system}",
        people=settings.people,
        certify=certify,
    )
    return Opened(register, residence_app(register, url=settings.url), register.close)


def _insurance(settings: RegistrySettings, directory: Path, certify: Certify | None = None) -> Opened:
    register = InsuranceRegister.open(
        directory,
        settings.database,
        system=f"/{settings.system}",
        people=settings.people,
        certify=certify,
        issuer=_issuer(settings),
    )
    return Opened(register, insurance_app(register, url=settings.url), register.close)


def _social(settings: RegistrySettings, directory: Path, certify: Certify | None = None) -> Opened:
    register = SocialRegister.open(
        directory,
        settings.database,
        system=f"/{settings.system}",
        people=settings.people,
        certify=certify,
    )
    return Opened(register, social_app(register, url=settings.url), register.close)


def _education(settings: RegistrySettings, directory: Path, certify: Certify | None = None) -> Opened:
    register = EducationRegister.open(
        directory,
        settings.database,
        system=f"/{settings.system}",
        people=settings.people,
        certify=certify,
    )
    return Opened(register, education_app(register, url=settings.url), register.close)


def _hospital(settings: RegistrySettings, directory: Path, _certify: Certify | None = None) -> Opened:
    register = HospitalRegister.open(directory, settings.database, system=f"/{settings.system}")
    return Opened(register, hospital_app(register, url=settings.url), register.close)


def _treasury(settings: RegistrySettings, directory: Path, _certify: Certify | None = None) -> Opened:
    register = TreasuryRegister.open(directory, settings.database, system=f"/{settings.system}")
    return Opened(register, treasury_app(register, url=settings.url), register.close)


def _archive(settings: RegistrySettings, directory: Path, certify: Certify | None = None) -> Opened:
    register = ArchiveRegister.open(
        directory, settings.database, system=f"/{settings.system}", certify=certify
    )
    return Opened(register, archive_app(register, url=settings.url), register.close)


def _business(settings: RegistrySettings, directory: Path, _certify: Certify | None = None) -> Opened:
    register = BusinessRegister.open(
        directory, settings.database, system=f"/{settings.system}", people=settings.people
    )
    return Opened(register, business_app(register, url=settings.url), register.close)


def _care(settings: RegistrySettings, directory: Path, _certify: Certify | None = None) -> Opened:
    register = CareRegister.open(
        directory, settings.database, system=f"/{settings.system}", people=settings.people
    )
    return Opened(register, care_app(register, url=settings.url), register.close)


def _following(settings: RegistrySettings, directory: Path, _certify: Certify | None = None) -> Opened:
    register = FollowingRegister.open(
        DUTIES[settings.kind],
        directory,
        settings.database,
        system=f"/{settings.system}",
        people=settings.people,
    )
    return Opened(register, following_app(register, url=settings.url), register.close)


def _issuer(settings: RegistrySettings) -> str:
    """None given: a name that no wallet can look up."""
    return settings.credential_issuer or f"https://{settings.kind}.sild.example"


class Opening(Protocol):
    def __call__(
        self, settings: RegistrySettings, directory: Path, certify: Certify | None = None, /
    ) -> Opened: ...


KINDS: Mapping[str, Opening] = {
    "population": _population,
    "residence": _residence,
    "insurance": _insurance,
    "social": _social,
    "education": _education,
    "hospital": _hospital,
    "treasury": _treasury,
    "archive": _archive,
    "care": _care,
    "business": _business,
    "tax": _following,
    "electoral": _following,
    "parking": _following,
}


@click.command("registry")
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="Settings (TOML); see docs/registries.md.",
)
def command(config: Path) -> None:
    """Run one register until SIGTERM or SIGINT. Prints one JSON line with its addresses when it serves."""
    settings = read_settings(RegistrySettings, config)
    configure_logging(settings.log_level)
    asyncio.run(run(settings, base=config.parent.resolve()))


async def run(settings: RegistrySettings, *, base: Path) -> None:
    """Open the register, serve it and let it act until the process is asked to end."""
    certify = None if settings.seal is None else certify_by(settings.seal, base)
    offices = profile_named(settings.country)
    opened = await asyncio.to_thread(KINDS[settings.kind], settings, base / settings.directory, certify)
    if settings.grounds is not None:
        opened.register.kernel.grounds = Grounds(settings.grounds)
    duties = {"*": duties_without_case()} if settings.without_case is None else settings.without_case
    opened.register.kernel.without_case = Grounds(duties)
    opened.register.kernel.transfers = [Transfer(**one.model_dump()) for one in settings.transfers]
    listed = [Official(**one.model_dump()) for one in settings.officials]
    appoint(opened.register, listed, offices)
    if settings.identity is not None:
        opened.register.kernel.take_word_of(settings.identity.issuer, _keys_of(settings.identity, base))
    opened.register.kernel.tellers = {
        name: service_named(text).client_id.encode() for name, text in settings.services.items()
    }
    if isinstance(opened.register, PopulationRegister):
        opened.register.notifying = notifying_of(settings.notifiers, settings.signers, base)
    at_work = asyncio.create_task(_act(settings, opened.register, base))
    try:
        listeners = [Listener(opened.application, listen.at(base)) for listen in settings.listen]
        if settings.ward is not None and isinstance(opened.register, HospitalRegister):
            ward = ward_app(
                opened.register, ward_of(settings.ward, settings.time_stamps, settings.system, base)
            )
            listeners += [Listener(ward, listen.at(base)) for listen in settings.ward.listen]
        await serve_asgi(listeners, name="registry")
    finally:
        at_work.cancel()
        await asyncio.gather(at_work, return_exceptions=True)
        opened.close()


async def _act(settings: RegistrySettings, register: HasKernel, base: Path) -> None:
    stamp, checkpoints = stamp_by(settings.time_stamps, base) if settings.time_stamps else (None, MINUTE)
    for wanted in settings.subscriptions:
        outbox = register.kernel.outbox
        await asyncio.to_thread(outbox.subscribe, wanted.subscriber, wanted.service, wanted.types)
    if settings.security_server is None:
        await stamp_decisions(register, stamp, checkpoints=checkpoints)
        return
    services = {name: service_named(text) for name, text in settings.services.items()}
    client = ClientId(*settings.system.split("/"))
    async with AsyncXRoadClient(settings.security_server, client) as xroad:
        await act(
            register,
            xroad,
            services=services,
            events_url=settings.events_url,
            stamp=stamp,
            checkpoints=checkpoints,
            keeper=None if settings.mandates is None else service_named(settings.mandates),
            askers=settings.auditors_through,
        )


def _keys_of(identity: IdentitySettings, base: Path) -> IssuerKeys:
    authorities = identity.certificate_authorities
    tls = None if authorities is None else ssl.create_default_context(cafile=str(base / authorities))
    return published_keys(identity.jwks_url or f"{identity.issuer}/jwks", tls=tls)
