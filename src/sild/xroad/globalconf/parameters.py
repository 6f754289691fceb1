"""What a global configuration says, as frozen values (PR-GCONF 4).

Certificates are DER bytes here, exactly as they stand in the files (PEM text inside base64 is turned into DER on reading):
a configuration must stay readable although one of its certificates is not. `GlobalConf` gives them parsed.
Times are aware UTC; hashes are raw bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sild.xroad.identifiers import ClientId, SecurityServerId, ServiceId

__all__ = [
    "CURRENT_VERSION",
    "MINIMUM_VERSION",
    "AcmeServer",
    "AnchorSource",
    "ApprovedCA",
    "ApprovedTSA",
    "CaInfo",
    "CentralService",
    "ConfigurationAnchor",
    "ConfigurationSource",
    "CostType",
    "CsrFormat",
    "GlobalGroup",
    "MaintenanceMode",
    "ManagementService",
    "Member",
    "MemberClass",
    "OcspInfo",
    "PrivateParameters",
    "SecurityServer",
    "SharedParameters",
    "Subsystem",
]

MINIMUM_VERSION = 2
CURRENT_VERSION = 6

CostType = Literal["FREE", "PAID", "UNDEFINED"]
CsrFormat = Literal["PEM", "DER"]


@dataclass(frozen=True, slots=True)
class ConfigurationSource:
    """Where the instance's own configuration is published, and the certificates its keys stand in (v3+)."""

    address: str
    internal_verification_certs: tuple[bytes, ...] = ()
    external_verification_certs: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class OcspInfo:
    """An OCSP responder of one CA; `certificate` is its own, when it does not answer with the CA's key."""

    url: str
    certificate: bytes | None = None
    cost_type: CostType | None = None


@dataclass(frozen=True, slots=True)
class CaInfo:
    certificate: bytes
    ocsp: tuple[OcspInfo, ...] = ()


@dataclass(frozen=True, slots=True)
class AcmeServer:
    directory_url: str
    ip_address: str | None = None
    authentication_certificate_profile_id: str | None = None
    signing_certificate_profile_id: str | None = None


@dataclass(frozen=True, slots=True)
class ApprovedCA:
    """`certificate_profile_info` is a Java class name: the only identifier there is (see `certificate_profiles`)."""

    name: str
    top_ca: CaInfo
    certificate_profile_info: str
    intermediate_cas: tuple[CaInfo, ...] = ()
    authentication_only: bool | None = None
    default_csr_format: CsrFormat | None = None
    acme_server: AcmeServer | None = None


@dataclass(frozen=True, slots=True)
class ApprovedTSA:
    name: str
    url: str
    certificate: bytes
    cost_type: CostType | None = None


@dataclass(frozen=True, slots=True)
class MemberClass:
    code: str
    description: str


@dataclass(frozen=True, slots=True)
class Subsystem:
    id: ClientId
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """`class_description` is set only where a member's differs from the one in the list of member classes."""

    id: ClientId
    name: str
    subsystems: tuple[Subsystem, ...] = ()
    class_description: str | None = None


@dataclass(frozen=True, slots=True)
class MaintenanceMode:
    message: str | None = None


@dataclass(frozen=True, slots=True)
class SecurityServer:
    """`auth_cert_hashes`: SHA-256 of the DER (version 2: SHA-1), see `auth_cert_hash`. `clients` does not name the owner."""

    id: SecurityServerId
    address: str | None = None
    auth_cert_hashes: tuple[bytes, ...] = ()
    clients: tuple[ClientId, ...] = ()
    maintenance: MaintenanceMode | None = None


@dataclass(frozen=True, slots=True)
class GlobalGroup:
    group_code: str
    description: str
    members: tuple[ClientId, ...] = ()


@dataclass(frozen=True, slots=True)
class CentralService:
    """Gone from X-Road 7, still in its schemas: read and written, not used."""

    service_code: str
    implementing_service: ServiceId | None = None


@dataclass(frozen=True, slots=True)
class SharedParameters:
    """shared-params.xml. `version` tells which schema it was read by, or is meant for."""

    instance_identifier: str
    version: int = CURRENT_VERSION
    sources: tuple[ConfigurationSource, ...] = ()
    approved_cas: tuple[ApprovedCA, ...] = ()
    approved_tsas: tuple[ApprovedTSA, ...] = ()
    members: tuple[Member, ...] = ()
    security_servers: tuple[SecurityServer, ...] = ()
    global_groups: tuple[GlobalGroup, ...] = ()
    central_services: tuple[CentralService, ...] = ()
    member_classes: tuple[MemberClass, ...] = ()
    ocsp_freshness_seconds: int = 3600


@dataclass(frozen=True, slots=True)
class AnchorSource:
    """One place to download a signed directory from, and the certificates (DER) its signature may come from."""

    download_url: str
    verification_certs: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ConfigurationAnchor:
    """The root of trust of one instance: an anchor file, or an element of the private parameters (federation)."""

    instance_identifier: str
    sources: tuple[AnchorSource, ...]
    generated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ManagementService:
    auth_cert_reg_service_address: str
    management_request_service_provider_id: ClientId
    auth_cert_reg_service_cert: bytes | None = None


@dataclass(frozen=True, slots=True)
class PrivateParameters:
    """private-params.xml: version 2, or 3 for every later one."""

    instance_identifier: str
    management_service: ManagementService
    timestamping_interval_seconds: int
    version: int = 3
    anchors: tuple[ConfigurationAnchor, ...] = ()
