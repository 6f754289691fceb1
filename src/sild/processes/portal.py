"""`sild portal --config FILE`: a country's portal with its case system as a process of its own, beside a security server anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from pydantic import Field, SecretStr, model_validator

from sild.adapter import AsyncXRoadClient, ClientId
from sild.cases import CASE_DATABASE
from sild.clock import system_clock
from sild.database import sqlite_url
from sild.errors import CallerError, Unavailable
from sild.portal import (
    CaseOptions,
    OpenedPortal,
    PortalOptions,
    PortalSettings,
    Signing,
    open_portal,
    packs_of,
)
from sild.processes.asgi import ExchangeListen, Listen, Listener, serve_asgi
from sild.processes.health import Health
from sild.processes.own_server import OwnServer, OwnServerTls, ServiceName, service_named
from sild.processes.registry import OfficialSettings
from sild.processes.sealing import SealSettings, TimeStampSettings, certificates_of, certify_by, stamp_by
from sild.registries import (
    CaseDecisions,
    Grounds,
    Official,
    act,
    appoint,
    case_decisions_app,
    duties_without_case,
    published_keys,
)
from sild.settings import LogLevel, Settings, read_secret, read_settings
from sild.telemetry import configure_logging

__all__ = ["PortalProcessSettings", "command"]

MINUTE = timedelta(minutes=1)


class DecisionSettings(Settings):
    """What is decided in cases, sealed by the body that decides, and its door for others: as of a register that decides."""

    directory: Path = Path("decisions")  # of the body's seal and the keys of sealed values
    url: str | None = None  # the address given in the OpenAPI description
    listen: tuple[ExchangeListen, ...] = (ExchangeListen(port=8702),)
    security_server: OwnServer | None = None  # of that body; none: the portal's
    security_server_tls: OwnServerTls | None = None
    seal: SealSettings | None = None  # who certifies the key; none: the key itself
    mandates: ServiceName | None = None  # who knows what auditors may look at; none: no auditor looks here
    auditors_through: tuple[
        str, ...
    ] = ()  # information systems through which they look: INSTANCE/CLASS/CODE/SUBSYSTEM
    grounds: Mapping[str, tuple[str, ...]] | None = (
        None  # operation -> legal grounds; none: any that is named
    )
    without_case: Mapping[str, tuple[str, ...]] | None = None  # as a register's
    officials: tuple[OfficialSettings, ...] = ()  # who decides in cases, by name


class SigningSettings(Settings):
    """With this, people sign in cases, by the remote signing of the identity provider."""

    authorities: Path  # PEM: who certifies people's signing keys


class PortalProcessSettings(PortalOptions):
    """Relative paths start at the TOML file. `languages` and `time_zone` are the country's where they are not given."""

    client_secret: SecretStr | None = None
    client_secret_file: Path | None = None  # its first line
    key_password: SecretStr | None = None
    key_password_file: Path | None = None  # its first line
    listen: tuple[Listen, ...] = (Listen(port=8700),)
    events_listen: tuple[ExchangeListen, ...] = (ExchangeListen(port=8701),)
    health_listen: tuple[Listen, ...] = ()
    leave_delay: float = Field(default=0.0, ge=0.0)  # seconds
    security_server: OwnServer  # its own, for information systems
    security_server_tls: OwnServerTls | None = None
    cases: CaseOptions
    decisions: DecisionSettings = DecisionSettings()
    signing: SigningSettings | None = None  # none: what needs a signature cannot be done
    time_stamps: TimeStampSettings | None = None  # of what people sign, and of the log of decisions
    log_level: LogLevel = "INFO"

    @model_validator(mode="after")
    def _whole(self) -> PortalProcessSettings:
        for name in ("client_secret", "key_password"):
            if (getattr(self, name) is None) == (getattr(self, f"{name}_file") is None):
                raise ValueError(f"give either {name} or {name}_file")
        if (self.database is None) != (self.cases.database is None):
            raise ValueError(
                "database and cases.database go together: processes that share the one have to share the other"
            )
        if self.signing is not None and self.time_stamps is None:
            raise ValueError("signing needs time_stamps: what people sign is time-stamped")
        return self

    def placed_cases(self, base: Path) -> CaseOptions:
        """With paths that start at `base`."""
        services = tuple(
            one.model_copy(update={"authority": base / one.authority}) for one in self.cases.evidence_services
        )
        return self.cases.model_copy(update={"evidence_services": services})

    def placed(self, base: Path) -> PortalSettings:
        """With secrets read and paths that start at `base`. Raises CallerError."""
        of_files = ("certificate_authorities", "assistant_gateway_key_file")
        given: dict[str, Any] = {
            name: getattr(self, name) for name in PortalOptions.model_fields
        }  # of any type
        given |= {name: base / file for name in of_files if (file := given[name]) is not None}
        profile = packs_of(self.cases.country).profile
        if "time_zone" not in self.model_fields_set:
            given["time_zone"] = profile.zone
        if "languages" not in self.model_fields_set:
            given["languages"] = [name for name in profile.languages if name in ("et", "vi", "en")]
        return PortalSettings(
            **{**given, "directory": base / self.directory},
            client_secret=SecretStr(
                _secret("client_secret", self.client_secret, self.client_secret_file, base)
            ),
            key_password=SecretStr(_secret("key_password", self.key_password, self.key_password_file, base)),
        )


@click.command("portal")
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="Settings (TOML); see docs/portal.md.",
)
def command(config: Path) -> None:
    """Run a portal with its case system until SIGTERM or SIGINT. Prints one JSON line with its addresses when it serves."""
    settings = read_settings(PortalProcessSettings, config)
    configure_logging(settings.log_level)
    asyncio.run(run(settings, base=config.parent.resolve()))


async def run(settings: PortalProcessSettings, *, base: Path) -> None:
    """Open the cases' decisions, cases and portal; serve, and let them work, until the process is asked to end."""
    placed = settings.placed(base)
    async with AsyncExitStack() as running:
        client = await running.enter_async_context(_client(settings, settings.cases.system, base))
        decided = await asyncio.to_thread(_open_decisions, settings, placed, base)
        running.callback(decided.close)
        opened = await asyncio.to_thread(
            open_portal,
            placed,
            settings.placed_cases(base),
            client,
            records=decided.deciding.store,
            signing=_signing(settings, base),
            clock=system_clock,
        )
        running.callback(opened.portal.close)
        running.push_async_callback(opened.cases.stop)
        await opened.cases.start()
        works = {
            "wake-ups": opened.portal.run(),
            "watch over algorithms": opened.portal.watch.run(),
            "records of decisions": _decide(settings, decided, base),
            "serving": _serve(settings, opened, decided, base),
        }
        await _first_to_end([asyncio.create_task(work, name=name) for name, work in works.items()])


async def _first_to_end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Until the last of them, serving, has ended as it was asked to. Raises Unavailable: another ended by itself; what serving raised."""
    *others, serving = tasks
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        ended = next((task for task in others if task.done()), None)
        if ended is not None and not serving.done():
            reason = ended.exception() or "by itself"
            raise Unavailable(f"{ended.get_name()} has ended: {reason}", code="internal_error")
        await serving
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _serve(
    settings: PortalProcessSettings, opened: OpenedPortal, decided: CaseDecisions, base: Path
) -> None:
    health = Health({"portal": opened.portal.ensure_alive, "cases": opened.cases.ensure_alive})
    served = (
        (opened.portal.app, settings.listen),
        (opened.events, settings.events_listen),
        (case_decisions_app(decided, url=settings.decisions.url), settings.decisions.listen),
        (health.app, settings.health_listen),
    )
    listeners = [Listener(app, listen.at(base)) for app, addresses in served for listen in addresses]
    await serve_asgi(listeners, name="portal", leaving=health.leave, leave_delay=settings.leave_delay)


def _open_decisions(settings: PortalProcessSettings, placed: PortalSettings, base: Path) -> CaseDecisions:
    """The register of what is decided in cases, on their database. Blocks. Raises CallerError, Unavailable."""
    told = settings.decisions
    decided = CaseDecisions.open(
        base / told.directory,
        settings.cases.database or sqlite_url(placed.directory / CASE_DATABASE),
        system=f"/{settings.cases.decisions}",
        exchanged_by=settings.cases.system,
        zone=placed.zone,
        certify=None if told.seal is None else certify_by(told.seal, base),
    )
    if told.grounds is not None:
        decided.kernel.grounds = Grounds(told.grounds)
    decided.kernel.without_case = Grounds(
        {"*": duties_without_case()} if told.without_case is None else told.without_case
    )
    appoint(
        decided,
        [Official(**one.model_dump()) for one in told.officials],
        packs_of(settings.cases.country).profile,
    )
    decided.kernel.take_word_of(
        placed.issuer, published_keys(f"{placed.issuer}/jwks", tls=placed.issuer_tls())
    )
    return decided


async def _decide(settings: PortalProcessSettings, decided: CaseDecisions, base: Path) -> None:
    """Heads of the log of decisions, replays, what auditors may see. Until cancelled."""
    told = settings.decisions
    stamp, checkpoints = stamp_by(settings.time_stamps, base) if settings.time_stamps else (None, MINUTE)
    async with _client(settings, settings.cases.decisions, base) as client:
        await act(
            decided,
            client,
            stamp=stamp,
            checkpoints=checkpoints,
            keeper=None if told.mandates is None else service_named(told.mandates),
            askers=told.auditors_through,
        )


def _client(settings: PortalProcessSettings, system: str, base: Path) -> AsyncXRoadClient:
    """Of the portal's subsystem, or of the one of the body that decides. Raises CallerError."""
    server, tls = settings.security_server, settings.security_server_tls
    if system == settings.cases.decisions and settings.decisions.security_server is not None:
        server, tls = settings.decisions.security_server, settings.decisions.security_server_tls
    return AsyncXRoadClient(server, ClientId(*system.split("/")), tls=None if tls is None else tls.at(base))


def _signing(settings: PortalProcessSettings, base: Path) -> Signing | None:
    """Raises CallerError."""
    if settings.signing is None or settings.time_stamps is None:
        return None
    stamp, _interval = stamp_by(settings.time_stamps, base)
    files = (settings.signing.authorities, settings.time_stamps.certificates)
    return Signing(stamp, [one for file in files for one in certificates_of(base / file)])


def _secret(name: str, value: SecretStr | None, file: Path | None, base: Path) -> str:
    """Raises CallerError: it cannot be read, or there is nothing in it."""
    secret = read_secret(value, None if file is None else base / file)
    if not secret.strip():
        raise CallerError(f"{name}: {'the value' if file is None else base / file} is empty")
    return secret
