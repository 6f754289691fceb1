"""A hospital's ward as a part of `sild registry`: what its settings say, and who may notify a population register."""

from __future__ import annotations

import ssl
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from sild.errors import CallerError
from sild.identity_client import ProviderClient, RemotePen
from sild.processes.asgi import Listen
from sild.processes.sealing import TimeStampSettings, certificates_of, stamp_by
from sild.registries import Notifier, Notifying, WardSettings
from sild.settings import Settings, read_secret

__all__ = ["NotifierSettings", "WardProcessSettings", "notifying_of", "ward_of"]


class WardProcessSettings(Settings):
    """The ward's pages: a client of an identity provider at which midwives and doctors log in and sign."""

    url: str  # the origin at which midwives open it: https://ward.hospital.example
    issuer: str  # of the identity provider
    client_id: str = "ward"
    client_secret_file: Path  # its first line
    roles: tuple[str, ...] = Field(
        default=("midwife", "doctor"), min_length=1
    )  # of the hospital, at the provider
    death_roles: tuple[str, ...] = ("doctor",)  # of them, who may write notices of death
    certificate_authorities: Path | None = None  # PEM, for the issuer's TLS; none: the system's
    listen: tuple[Listen, ...] = (Listen(port=8001),)  # on the ward's own network

    @field_validator("url", "issuer")
    @classmethod
    def _origin(cls, value: str) -> str:
        parts = urlsplit(value)
        local = parts.scheme == "http" and parts.hostname == "localhost"
        if parts.path or parts.query or parts.fragment or not (parts.scheme == "https" or local):
            raise ValueError("must be an origin: https://host, or http://localhost, and port if any")
        return value


class NotifierSettings(Settings):
    """Somebody who may sign notices for a hospital, as the register of health professionals has them."""

    person: str = Field(max_length=20)  # identity code
    name: str = Field(max_length=200)
    hospital: str = Field(pattern=r"^[^/]+/[^/]+/[^/]+$")  # its member: INSTANCE/CLASS/CODE
    profession: str = Field(default="midwife", max_length=50)  # as the country's profile names it
    licence: str | None = Field(default=None, max_length=50)
    since: date = date.min
    until: date | None = None  # the last day


def ward_of(
    settings: WardProcessSettings, time_stamps: TimeStampSettings | None, system: str, base: Path
) -> WardSettings:
    """system: of the hospital. Raises CallerError."""
    if time_stamps is None:
        raise CallerError("ward needs time_stamps: what midwives sign is time-stamped")
    secret = read_secret(None, base / settings.client_secret_file)
    authorities = settings.certificate_authorities
    tls = None if authorities is None else ssl.create_default_context(cafile=str(base / authorities))
    provider = ProviderClient(
        issuer=settings.issuer,
        client_id=settings.client_id,
        client_secret=secret,
        redirect_uri=f"{settings.url}/ward/callback",
        logged_out_uri=f"{settings.url}/ward/logged-out",
        tls=tls,
    )
    stamp, _interval = stamp_by(time_stamps, base)
    pen = RemotePen(
        f"{settings.issuer}/csc/v2",
        client_id=settings.client_id,
        client_secret=secret,
        redirect_uri=f"{settings.url}/ward/signed",
        stamp=stamp,
        tls=tls,
    )
    _instance, _member_class, organisation, _subsystem = system.split("/")
    return WardSettings(
        settings.url, provider, organisation, pen, roles=settings.roles, death_roles=settings.death_roles
    )


def notifying_of(listed: tuple[NotifierSettings, ...], signers: Path | None, base: Path) -> Notifying:
    """signers: PEM, whose certificates of people and time-stamps count. Raises CallerError."""
    named = () if signers is None else certificates_of(base / signers)
    return Notifying([Notifier(**one.model_dump()) for one in listed], named)
