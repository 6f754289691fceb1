"""What a portal is told: docs/portal.md explains each setting."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, field_validator, model_validator

from sild.errors import CallerError
from sild.http1 import ensure_guarded
from sild.identity_client import ProviderClient
from sild.oots import origin_of
from sild.settings import Settings

__all__ = [
    "CaseOptions",
    "DecisionSource",
    "EvidenceService",
    "FactSource",
    "Office",
    "PaperSource",
    "PortalOptions",
    "PortalSettings",
    "PreviewOptions",
]

Subsystem = Annotated[str, Field(pattern=r"^[^/]+/[^/]+/[^/]+$")]  # GOV/70000002/population
System = Annotated[str, Field(pattern=r"^[^/]+/[^/]+/[^/]+/[^/]+$")]  # INSTANCE/CLASS/CODE/SUBSYSTEM


class FactSource(Settings):
    """A register that shows people what it holds about them. path: `{person}` is their code; answers `facts` or a list, with what was
    before if it can. company_path: the same for `{company}`; none: the register holds nothing of companies."""

    subsystem: str  # GOV/70000002/population
    title: dict[str, str]  # by language
    path: str = "/persons/{person}/facts?history=true"
    company_path: str | None = None
    dispute_path: str | None = "/facts/{fact}/dispute"  # None: it takes no disputes

    @property
    def name(self) -> str:
        """In addresses: `population`."""
        return self.subsystem.rpartition("/")[2]


class DecisionSource(Settings):
    """A register that decides, and shows people what it decided about them."""

    subsystem: str  # GOV/70000004/social
    title: dict[str, str]  # by language

    @property
    def name(self) -> str:
        """In addresses: `social`."""
        return self.subsystem.rpartition("/")[2]


class WalletSource(Settings):
    """A paper that people can put in a wallet (OpenID4VCI). The register's `credential_issuer` is the paper's address here,
    `https://portal.example/papers/insurance-card`."""

    vct: str  # of the credential
    path: str  # `{person}` is their code; takes `proof` and `nonce`, answers `credential`; below it at `/end` what ends it
    operation: str  # of the register, as a person's word names it: bindCard
    end_operation: str  # unbindCard
    claims: tuple[str, ...]  # of the credential, in the order in which wallets show them


class PaperSource(Settings):
    """A register that gives people a paper with a code. path: `{person}` is their code; answers `presentation` and `state`, and
    below it at `/pdf?language=` the paper; the issuer's keys and status list at `/issuer` and `/status-list`.

    several: a person may have more than one: `path` answers `items` of `id`, `name` and `on`, and each stands below it, at its id."""

    name: str = Field(pattern=r"^[a-z][a-z-]*$")  # in addresses: insurance-card
    subsystem: str  # GOV/70000003/insurance
    title: dict[str, str]  # by language
    path: str
    several: bool = False
    wallet: WalletSource | None = None  # of papers of which people have one


class Office(Settings):
    """A role in the identity provider that opens a desk. authority: `birth@0793`, matter and division, as cases know it."""

    role: str
    organisation: str
    authority: str
    title: dict[str, str]  # by language
    kind: Literal["official", "supervisor", "clerk"] = (
        "official"  # clerk: acts for people who come to the counter
    )


class PreviewOptions(Settings):
    """People look here at evidence that another country asks of a register, before it is given. returns: origins that they are sent back
    to: of portals of other countries, and of nobody else."""

    subsystem: Subsystem
    returns: tuple[str, ...] = ()  # https://portal.example

    @field_validator("returns")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(origin_of(one) != one for one in value):
            raise ValueError("must be origins: https://host, and port if any")
        return value


class PortalOptions(Settings):
    """All but the secrets. `directory` holds, without `database`, an SQLite file."""

    directory: Path
    url: str  # https://portal.example, no slash at the end
    issuer: str  # of the identity provider
    client_id: str = "portal"
    database: str | None = None  # SQLAlchemy URL
    name: str = "Sild"
    languages: tuple[Literal["et", "vi", "en"], ...] = ("et", "vi", "en")
    time_zone: str = "Europe/Tallinn"
    offices: tuple[Office, ...] = ()
    fact_sources: tuple[FactSource, ...] = ()
    decision_sources: tuple[DecisionSource, ...] = ()
    paper_sources: tuple[PaperSource, ...] = ()
    bodies: dict[str, dict[str, str]] = Field(
        default={}
    )  # names by language: of a member `GOV/70000002`, or a subsystem
    previews: PreviewOptions | None = None  # none: nobody looks at evidence for other countries here
    mandates: bool = (
        False  # people give one another mandates here: the client has namespaces of them at the provider
    )
    own_data_basis: str = "GDPR 15"  # the ground on which people read their own data
    session_idle_seconds: int = Field(default=1_800, gt=0)
    session_seconds: int = Field(default=28_800, gt=0)
    login_seconds: int = Field(default=900, gt=0)
    upload_bytes: int = Field(
        default=10_000_000, gt=0, le=50_000_000
    )  # of one file that people add to a form
    upload_waiting_bytes: int = Field(
        default=100_000_000, gt=0
    )  # of one person's files that were not sent, and of those on their way in one process
    upload_seconds: int = Field(default=300, gt=0)  # for a form with files to arrive
    check_seconds: int = Field(
        default=240, gt=0
    )  # how long the identity provider's last word holds for reading
    check_mandate_seconds: int = Field(default=30, gt=0)  # the same, of who reads for somebody else
    push_contact: str = "mailto:portal@example.org"  # for the push services (RFC 8292 2.1)
    private_push_services: bool = False  # push to addresses inside the own network; tests alone
    certificate_authorities: Path | None = None  # PEM, for the issuer's TLS; none: the system's
    assistant_gateway_url: str | None = None  # of `sild ai-gateway`; none: quotes alone
    assistant_gateway_key_file: Path | None = None  # its first line

    @model_validator(mode="after")
    def _gateway_with_key(self) -> PortalOptions:
        if (self.assistant_gateway_url is None) != (self.assistant_gateway_key_file is None):
            raise ValueError("assistant_gateway_url and assistant_gateway_key_file go together")
        return self

    @field_validator("assistant_gateway_url")
    @classmethod
    def _guarded(cls, value: str | None) -> str | None:
        return None if value is None else ensure_guarded(value)

    @field_validator("url", "issuer")
    @classmethod
    def _origin(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.path or parts.query or parts.fragment or not parts.hostname:
            raise ValueError("must be an origin: https://host, and port if any")
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname == "localhost"):
            raise ValueError("must be https, or http://localhost")
        return value

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def issuer_tls(self) -> ssl.SSLContext | None:
        """For https to the issuer; None: the system's authorities. Raises CallerError: the file holds none."""
        if self.certificate_authorities is None:
            return None
        try:
            return ssl.create_default_context(cafile=str(self.certificate_authorities))
        except (OSError, ValueError) as error:
            raise CallerError(
                f"certificate_authorities: {self.certificate_authorities} holds no certificates in PEM"
            ) from error


class PortalSettings(PortalOptions):
    """`key_password` opens the portal's keys in the database."""

    client_secret: SecretStr
    key_password: SecretStr

    def provider_client(self) -> ProviderClient:
        """Raises CallerError: `certificate_authorities` holds none."""
        return ProviderClient(
            issuer=self.issuer,
            client_id=self.client_id,
            client_secret=self.client_secret.get_secret_value(),
            redirect_uri=self.url + "/callback",
            logged_out_uri=self.url + "/logged-out",
            tls=self.issuer_tls(),
        )


class EvidenceService(Settings):
    """Who gives evidence in another country: an entry of the Data Service Directory (docs/oots.md). It is asked as `system`, whose service
    has the subsystem's code."""

    country: str = Field(pattern=r"^[A-Z]{2}$")
    evidence_type: str = "birth_extract"  # of the packs' requirements
    system: System  # VN/GOV/70000002/population
    name: dict[str, str]  # of the body, by language
    preview: str  # origin of the portal where people look first: https://portal.example
    authority: Path  # PEM: who certifies the body's seal, or its own certificate

    @field_validator("preview")
    @classmethod
    def _origin(cls, value: str) -> str:
        if origin_of(value) != value:
            raise ValueError("must be an origin: https://host, and port if any")
        return value


class CaseOptions(Settings):
    """The case system behind a portal: whose law and services it has, as whom it sends, and where its registers are."""

    country: str = Field(default="EE", pattern=r"^[A-Z]{2}$")
    system: System  # as which it sends
    registers: dict[str, Subsystem] = Field(min_length=1)  # by name: population, residence ...
    decisions: System  # of the body that decides in cases: under which others read what it decided
    log_keepers: tuple[
        Subsystem, ...
    ] = ()  # who says what message logs say about a person: GOV/70000002/messagelog
    communes: tuple[str, ...] = ()  # codes of divisions whose kindergarten places it plans
    evidence_services: tuple[EvidenceService, ...] = ()  # none: nobody is asked in other countries
    database: str | None = (
        None  # SQLAlchemy URL, of cases and workflows; none: SQLite in the portal's `directory`
    )

    @property
    def decided_by(self) -> str:
        """The member: `SILD/GOV/70000005`."""
        return self.decisions.rpartition("/")[0]
