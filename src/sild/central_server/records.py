"""What the administration answers with: one frozen record per resource of X-Road's central server administration API."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from sild.xroad.globalconf import CostType, CsrFormat
from sild.xroad.identifiers import ClientId, SecurityServerId
from sild.xroad.management import ManagementRequest

__all__ = [
    "CONFIGURATION_TYPES",
    "Anchor",
    "AuditRow",
    "AuthCertificate",
    "AutomaticApproval",
    "CertificateAuthority",
    "CertificationService",
    "Client",
    "ConfigurationPart",
    "ConfigurationType",
    "CostType",
    "CsrFormat",
    "GlobalGroup",
    "GroupMember",
    "KeyAlgorithm",
    "ManagementRequestRecord",
    "ManagementServices",
    "Member",
    "MemberClass",
    "OcspResponder",
    "Page",
    "RequestKind",
    "RequestOrigin",
    "RequestStatus",
    "SecurityServer",
    "ServerClient",
    "SigningKey",
    "Subsystem",
    "TimestampingService",
    "Token",
    "TrustedAnchor",
]

Item = TypeVar("Item")


ConfigurationType = Literal["INTERNAL", "EXTERNAL"]
"""For whom a configuration source is: the instance's own servers, or partner instances."""

CONFIGURATION_TYPES: tuple[ConfigurationType, ...] = ("INTERNAL", "EXTERNAL")

KeyAlgorithm = Literal["RSA", "EC"]
"""RSA means 2048 bits and EC the curve P-256, as X-Road's signer makes them."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some of `total_items` found."""

    items: tuple[Item, ...]
    total_items: int


@dataclass(frozen=True, slots=True)
class MemberClass:
    code: str
    description: str


@dataclass(frozen=True, slots=True)
class Member:
    id: ClientId
    name: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Subsystem:
    """`used_security_servers`: where it is registered, with whether it is enabled there."""

    id: ClientId
    name: str | None
    used_security_servers: tuple[tuple[SecurityServerId, bool], ...]


@dataclass(frozen=True, slots=True)
class Client:
    """A member or subsystem in a list; `name` is the member's."""

    id: ClientId
    member_name: str
    subsystem_name: str | None


@dataclass(frozen=True, slots=True)
class SecurityServer:
    id: SecurityServerId
    owner_name: str
    address: str
    in_maintenance_mode: bool
    maintenance_mode_message: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ServerClient:
    """A registered client of one security server; a disabled one is left out of the configuration."""

    client: Client
    enabled: bool


@dataclass(frozen=True, slots=True)
class AuthCertificate:
    """`certificate`: DER."""

    id: int
    certificate: bytes


@dataclass(frozen=True, slots=True)
class GlobalGroup:
    code: str
    description: str
    member_count: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class GroupMember:
    id: int
    client: Client
    created_at: datetime


@dataclass(frozen=True, slots=True)
class OcspResponder:
    """`certificate`: DER of the responder, or nothing when the CA itself or a delegate it issued answers."""

    id: int
    url: str
    certificate: bytes | None
    cost_type: CostType


@dataclass(frozen=True, slots=True)
class CertificateAuthority:
    """A top or intermediate CA; `certificate`: DER."""

    id: int
    certificate: bytes


@dataclass(frozen=True, slots=True)
class CertificationService:
    """`tls_auth`: only for authentication certificates. `acme_server_ip_address`: one or more, separated by commas."""

    id: int
    name: str
    certificate: bytes
    tls_auth: bool
    certificate_profile_info: str
    default_csr_format: CsrFormat | None
    acme_server_directory_url: str | None
    acme_server_ip_address: str | None
    authentication_certificate_profile_id: str | None
    signing_certificate_profile_id: str | None


@dataclass(frozen=True, slots=True)
class TimestampingService:
    id: int
    name: str
    url: str
    certificate: bytes
    cost_type: CostType


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A configuration signing key. `available`: its token is logged in and holds it."""

    id: str
    source_type: ConfigurationType
    label: str | None
    key_algorithm: KeyAlgorithm
    certificate: bytes
    generated_at: datetime
    active: bool
    available: bool


@dataclass(frozen=True, slots=True)
class Token:
    """The software token; X-Road names it "0"."""

    id: str
    logged_in: bool
    keys: tuple[SigningKey, ...]


@dataclass(frozen=True, slots=True)
class Anchor:
    """`file`: XML. `hash`: SHA-224 of it, upper-case hex in pairs joined by colons, as people compare it."""

    file: bytes
    hash: str
    generated_at: datetime
    file_name: str


@dataclass(frozen=True, slots=True)
class TrustedAnchor:
    """A partner instance's external configuration anchor."""

    instance_identifier: str
    hash: str
    generated_at: datetime | None
    file: bytes


@dataclass(frozen=True, slots=True)
class ConfigurationPart:
    """`updated_at` is nothing while an optional part was never uploaded, or a required one never generated."""

    content_identifier: str
    file_name: str
    optional: bool
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class ManagementServices:
    service_provider_id: ClientId | None
    service_provider_name: str | None
    security_servers: tuple[SecurityServerId, ...]
    services_address: str
    wsdl_address: str
    security_server_owners_global_group_code: str


RequestOrigin = Literal["SECURITY_SERVER", "CENTER"]
"""Who asked: a security server by its message, or a registrar here."""

RequestStatus = Literal["WAITING", "SUBMITTED FOR APPROVAL", "APPROVED", "DECLINED", "REVOKED"]
"""WAITING: one side asked. SUBMITTED FOR APPROVAL: both did. What needs no approval is APPROVED from the beginning."""

RequestKind = Literal[
    "AUTH_CERT_REGISTRATION_REQUEST",
    "AUTH_CERT_DELETION_REQUEST",
    "CLIENT_REGISTRATION_REQUEST",
    "CLIENT_DELETION_REQUEST",
    "CLIENT_DISABLE_REQUEST",
    "CLIENT_ENABLE_REQUEST",
    "CLIENT_RENAME_REQUEST",
    "OWNER_CHANGE_REQUEST",
    "ADDRESS_CHANGE_REQUEST",
    "MAINTENANCE_MODE_ENABLE_REQUEST",
    "MAINTENANCE_MODE_DISABLE_REQUEST",
]


@dataclass(frozen=True, slots=True)
class AutomaticApproval:
    """Which requests of security servers need no registrar, provided that the member exists (UG-SYSPAR, auto-approve-*)."""

    auth_cert_registration: bool = False
    client_registration: bool = False
    owner_change: bool = False


@dataclass(frozen=True, slots=True)
class ManagementRequestRecord:
    """A management request and where it stands. `owner_name`: of the server's owner, if it is a member now.

    `processing_id` is the same for two requests that complement one another.
    """

    id: int
    kind: RequestKind
    request: ManagementRequest
    origin: RequestOrigin
    status: RequestStatus
    comments: str | None
    owner_name: str | None
    processing_id: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class AuditRow:
    """Who changed what, when, and which revision of the instance it made."""

    id: int
    at: datetime
    revision: int
    actor: str
    event: str
    detail: Any  # plain JSON, its keys depend on the event
