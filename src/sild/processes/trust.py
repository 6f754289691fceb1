"""`sild trust --config FILE`: certification authority, OCSP responder and time-stamping authority in one process."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated

import click
from pydantic import Field, SecretStr, StringConstraints, model_validator

from sild.pki import CertificateProfile
from sild.processes.asgi import Listen, Listener, serve_asgi
from sild.settings import LogLevel, Settings, read_secret, read_settings
from sild.telemetry import configure_logging
from sild.trust_services import AcmeOptions, KeyKind, TrustOptions, TrustServices

__all__ = ["TrustSettings", "command"]

Sha256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
Body = Annotated[str, StringConstraints(pattern="^[^/]+/[^/]+/[^/]+$")]


class AcmeSettings(Settings):
    """base_url: what clients reach the ACME server by. See docs/acme.md."""

    base_url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s?#]*[^\s?#/]$")]
    external_account_required: bool = True
    challenge_port: int = Field(default=80, gt=0, lt=65_536)
    private_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    auth_profile_id: str = "auth"  # X-Road's authenticationCertificateProfileId
    sign_profile_id: str = "sign"
    certificate_profile: str | None = (
        None  # X-Road's class name, as the central server has it for this authority
    )
    terms_of_service: str | None = None

    @property
    def options(self) -> AcmeOptions:
        return AcmeOptions(
            base_url=self.base_url,
            external_account_required=self.external_account_required,
            challenge_port=self.challenge_port,
            private_networks=self.private_networks,
            profiles={
                self.sign_profile_id: CertificateProfile.SIGN,
                self.auth_profile_id: CertificateProfile.AUTH,
                "tls": CertificateProfile.TLS,
            },
            certificate_profile=self.certificate_profile,
            terms_of_service=self.terms_of_service,
        )


class TrustSettings(Settings):
    """`directory` holds keys and, without `database`, an SQLite file; relative paths start at the TOML file.

    `password`, or `password_file` whose first line it is, opens the keys; on the first start they are made.
    `name` and `key_kind` count on the first start alone.
    """

    directory: Path
    password: SecretStr | None = None
    password_file: Path | None = None
    database: str | None = None  # SQLAlchemy URL
    name: str = Field(default="Sild", min_length=1, max_length=60)
    key_kind: KeyKind = "ec-p256"
    certificate_validity_days: int = Field(default=730, gt=0)
    ocsp_validity_seconds: int | None = Field(default=86_400, gt=0)  # until nextUpdate
    ocsp_url: str | None = None  # into issued certificates, for example http://trust.example:8888/ocsp
    timestamp_policy: str = Field(default=TrustOptions().timestamp_policy, pattern=r"^[0-2](\.\d+)+$")
    signing_form: bool = False  # POST /testca/sign certifies for everybody: closed test networks only
    api_keys: dict[str, Sha256] = Field(default_factory=dict)  # holder to SHA-256 (hexadecimal) of the key
    seal_bodies: dict[str, Body] = Field(
        default_factory=dict
    )  # holders whose key is for one body's seals alone
    person_holders: tuple[str, ...] = ()  # holders whose key is for people's signing keys alone
    acme: AcmeSettings | None = None
    listen: tuple[Listen, ...] = (Listen(port=8888),)
    log_level: LogLevel = "INFO"

    @model_validator(mode="after")
    def _one_password(self) -> TrustSettings:
        if (self.password is None) == (self.password_file is None):
            raise ValueError("either password or password_file")
        return self

    @model_validator(mode="after")
    def _holders_have_keys(self) -> TrustSettings:
        if strangers := self.seal_bodies.keys() - self.api_keys.keys():
            raise ValueError(f"seal_bodies of {', '.join(sorted(strangers))}, who has no key in api_keys")
        if not set(self.person_holders) <= self.api_keys.keys() - self.seal_bodies.keys():
            raise ValueError("person_holders need a key in api_keys, and may hold no body's seals")
        return self

    @property
    def options(self) -> TrustOptions:
        seconds = self.ocsp_validity_seconds
        return TrustOptions(
            name=self.name,
            key_kind=self.key_kind,
            certificate_validity=timedelta(days=self.certificate_validity_days),
            ocsp_validity=None if seconds is None else timedelta(seconds=seconds),
            timestamp_policy=self.timestamp_policy,
            ocsp_url=self.ocsp_url,
            api_keys={holder: bytes.fromhex(digest) for holder, digest in self.api_keys.items()},
            seal_bodies=self.seal_bodies,
            person_holders=frozenset(self.person_holders),
            signing_form=self.signing_form,
            acme=None if self.acme is None else self.acme.options,
        )


@click.command()
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="Settings (TOML); see docs/trust_services.md.",
)
def command(config: Path) -> None:
    """Run certification, OCSP and time-stamping services."""
    settings = read_settings(TrustSettings, config)
    configure_logging(settings.log_level)
    asyncio.run(run(settings, base=config.parent.resolve()))


async def run(settings: TrustSettings, *, base: Path) -> None:
    """Open or create the services and serve them until the process is asked to end."""
    services = await asyncio.to_thread(_open, settings, base)
    try:
        app = services.app
        listeners = [Listener(app, listen.at(base)) for listen in settings.listen]
        await serve_asgi(listeners, name="trust")
    finally:
        services.close()


def _open(settings: TrustSettings, base: Path) -> TrustServices:
    directory = base / settings.directory
    start = TrustServices.open if TrustServices.exists(directory) else TrustServices.create
    return start(
        directory,
        password=read_secret(settings.password, settings.password_file and base / settings.password_file),
        options=settings.options,
        database_url=settings.database,
    )
