"""What an identity provider is told: docs/identity_provider.md explains each setting."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, StringConstraints, field_validator, model_validator

from sild.openid import Client, LevelOfAssurance, SigningAlgorithm
from sild.settings import Settings

__all__ = ["ClientSettings", "IdentityProviderSettings", "MandateRole", "TestPerson"]

Sha256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
Subject = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}[A-Za-z0-9:._/+-]{1,254}$")]
Level = Literal["low", "substantial", "high"]


class ClientSettings(Settings):
    """A client registered at the start. `secret_sha256`: of its secret (32 characters or more), for client_secret_basic."""

    client_id: str
    name: str
    redirect_uris: tuple[str, ...] = ()
    secret_sha256: Sha256 | None = None
    jwks: str | None = None  # JSON Web Key Set, for private_key_jwt
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str | None = None
    scopes: tuple[str, ...] = ("openid",)
    audiences: tuple[str, ...] = ()
    id_token_signed_response_alg: SigningAlgorithm = "ES256"  # noqa: S105  an algorithm
    minimum_level: Level = "low"
    refresh_tokens: bool = False
    introspection: bool = False
    mandate_namespaces: tuple[str, ...] = ()
    system: str | None = None  # the information system it is: INSTANCE/CLASS/CODE/SUBSYSTEM
    registers: tuple[str, ...] = ()  # to which it may prove who acts

    @model_validator(mode="after")
    def _one_way(self) -> ClientSettings:
        if self.secret_sha256 is not None and self.jwks is not None:
            raise ValueError("either secret_sha256 or jwks")
        return self

    @property
    def client(self) -> Client:
        values = self.model_dump(exclude={"secret_sha256", "minimum_level"})
        has_secret = self.secret_sha256 is not None
        return Client(
            **values,
            authentication="client_secret_basic"
            if has_secret
            else "private_key_jwt"
            if self.jwks
            else "none",
            minimum_level=LevelOfAssurance.from_acr(self.minimum_level),
        )


class TestPerson(Settings):
    """Somebody who does not exist and may log in by name alone. Every token about them says `test_person`."""

    __test__ = False  # pytest: no test class

    subject: Subject
    given_name: str
    family_name: str
    level: Level = "high"
    note: str | dict[str, str] = ""  # shown beside the name: who this is in the story; or by language
    device_of: str = ""  # an organisation's member code: they log in from a device it has registered
    works_at: str = ""  # client_id of a service whose log-in lists them first


class MandateRole(Settings):
    """A role people may give one another. code: `NAMESPACE:ROLE`."""

    code: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_-]*:[^\s/]+$", max_length=100)]
    title: dict[str, str]  # by language
    sub_delegation: bool = False


class IdentityProviderSettings(Settings):
    """`directory` holds, without `database`, an SQLite file. `key_password` opens the signing keys in the database."""

    directory: Path
    issuer: str  # https://login.example, no slash at the end
    key_password: SecretStr
    database: str | None = None  # SQLAlchemy URL
    name: str = "Sild"  # shown to people, also by passkeys
    languages: tuple[Literal["et", "vi", "en"], ...] = ("et", "vi", "en")
    time_zone: str = "Europe/Tallinn"  # whose midnight ends a mandate's last day
    clients: tuple[ClientSettings, ...] = ()
    certificate_authorities: tuple[
        Path, ...
    ] = ()  # PEM: who may certify people for the card and for mutual TLS
    certificate_status: Literal["ocsp", "off"] = "ocsp"
    ocsp_url: str | None = None  # instead of the certificate's own
    certificate_url: str | None = None  # the mutual TLS address of the same host; none: no such way to log in
    test_people: tuple[TestPerson, ...] = ()  # demo only
    mandate_roles: tuple[MandateRole, ...] = ()
    code_seconds: int = Field(default=60, gt=0, le=600)
    token_seconds: int = Field(default=300, gt=0, le=3600)  # access and identity tokens
    acting_seconds: int = Field(
        default=604_800, gt=0, le=2_592_000
    )  # how long after a person acted a register may still be told
    saying_seconds: int = Field(
        default=7_776_000, gt=0, le=15_552_000
    )  # the same of what people say for themselves, which may wait for others: a name for both parents to agree on
    session_idle_seconds: int = Field(default=900, gt=0)
    session_seconds: int = Field(default=28_800, gt=0)
    login_seconds: int = Field(default=600, gt=0)  # from /authorize to the end of the log-in
    login_attempts: int = Field(default=5, gt=0)  # failures after which a log-in has to start again
    lock_failures: int = Field(default=10, gt=0)  # of one person or client within lock_seconds
    lock_seconds: int = Field(default=900, gt=0)
    requests_per_minute: int = Field(default=240, gt=0)  # of one address
    key_rotation_days: int = Field(default=90, gt=0)

    @field_validator("issuer", "certificate_url")
    @classmethod
    def _origin(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.path or parts.query or parts.fragment or parts.username or not parts.hostname:
            raise ValueError("must be an origin: https://host, and port if any")
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname == "localhost"):
            raise ValueError("must be https, or http://localhost")
        return value

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("no such time zone") from error
        return value

    @model_validator(mode="after")
    def _same_host(self) -> IdentityProviderSettings:
        if self.certificate_url is not None and urlsplit(self.certificate_url).hostname != self.host:
            raise ValueError(
                "certificate_url must be another port of the issuer's host: the cookies are the host's"
            )
        return self

    @property
    def host(self) -> str:
        return urlsplit(self.issuer).hostname or ""

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)
