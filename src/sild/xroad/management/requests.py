"""What a security server can ask of the central server, as values, and the table of their names (PR-MSERV 2, 3; WIRE 16)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from sild.xroad.identifiers import ClientId, SecurityServerId

__all__ = [
    "MAX_REQUEST_BYTES",
    "SERVICE_CODES",
    "AddressChange",
    "AuthCertDeletion",
    "AuthCertRegistration",
    "ClientDeletion",
    "ClientDisabling",
    "ClientEnabling",
    "ClientRegistration",
    "ClientRenaming",
    "MaintenanceModeDisabling",
    "MaintenanceModeEnabling",
    "ManagementRequest",
    "OwnerChange",
    "Signing",
    "service_code_of",
    "signing_of",
]

MAX_REQUEST_BYTES = 100_000
"""Of a whole body, SOAP and attachments together."""


@dataclass(frozen=True, slots=True)
class AuthCertRegistration:
    """`server` shall be known by this authentication certificate, and be reached at `address`.

    address: host name or IP address; empty when not said.  auth_certificate: DER; empty in a test of the connection.
    dry_run: check, and change nothing; answered with the number 0.
    """

    server: SecurityServerId
    address: str
    auth_certificate: bytes
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class AuthCertDeletion:
    """auth_certificate: DER."""

    server: SecurityServerId
    auth_certificate: bytes


@dataclass(frozen=True, slots=True)
class ClientRegistration:
    """subsystem_name: for people, of a subsystem; None leaves the name it has."""

    server: SecurityServerId
    client: ClientId
    subsystem_name: str | None = None


@dataclass(frozen=True, slots=True)
class ClientDeletion:
    server: SecurityServerId
    client: ClientId


@dataclass(frozen=True, slots=True)
class ClientDisabling:
    server: SecurityServerId
    client: ClientId


@dataclass(frozen=True, slots=True)
class ClientEnabling:
    server: SecurityServerId
    client: ClientId


@dataclass(frozen=True, slots=True)
class ClientRenaming:
    server: SecurityServerId
    client: ClientId
    subsystem_name: str


@dataclass(frozen=True, slots=True)
class OwnerChange:
    """client: the member that shall own `server`, of which it is a client now."""

    server: SecurityServerId
    client: ClientId


@dataclass(frozen=True, slots=True)
class AddressChange:
    server: SecurityServerId
    address: str


@dataclass(frozen=True, slots=True)
class MaintenanceModeEnabling:
    """message: for people."""

    server: SecurityServerId
    message: str | None = None


@dataclass(frozen=True, slots=True)
class MaintenanceModeDisabling:
    server: SecurityServerId


ManagementRequest = (
    AuthCertRegistration
    | AuthCertDeletion
    | ClientRegistration
    | ClientDeletion
    | ClientDisabling
    | ClientEnabling
    | ClientRenaming
    | OwnerChange
    | AddressChange
    | MaintenanceModeEnabling
    | MaintenanceModeDisabling
)

SERVICE_CODES: Mapping[str, type[ManagementRequest]] = MappingProxyType(
    {
        "authCertReg": AuthCertRegistration,
        "authCertDeletion": AuthCertDeletion,
        "clientReg": ClientRegistration,
        "clientDeletion": ClientDeletion,
        "clientDisable": ClientDisabling,
        "clientEnable": ClientEnabling,
        "clientRename": ClientRenaming,
        "ownerChange": OwnerChange,
        "addressChange": AddressChange,
        "maintenanceModeEnable": MaintenanceModeEnabling,
        "maintenanceModeDisable": MaintenanceModeDisabling,
    }
)
"""Service code, which is the name of the element in the Body, to what it asks."""

_CODES = {kind: code for code, kind in SERVICE_CODES.items()}


class Signing(Enum):
    """Which attachments stand behind the SOAP message, in this order."""

    AUTH_AND_OWNER = "two signatures, authentication certificate, owner's sign certificate, its OCSP response"
    CLIENT = "signature, client's sign certificate, its OCSP response"
    OWNER = "signature, owner's sign certificate, its OCSP response"
    NONE = "no attachment: the message's own signature counts"


_SIGNING: Mapping[type[ManagementRequest], Signing] = {
    AuthCertRegistration: Signing.AUTH_AND_OWNER,
    AuthCertDeletion: Signing.NONE,
    ClientRegistration: Signing.CLIENT,
    ClientDeletion: Signing.NONE,
    ClientDisabling: Signing.CLIENT,
    ClientEnabling: Signing.CLIENT,
    ClientRenaming: Signing.CLIENT,
    OwnerChange: Signing.CLIENT,
    AddressChange: Signing.OWNER,
    MaintenanceModeEnabling: Signing.OWNER,
    MaintenanceModeDisabling: Signing.OWNER,
}


def service_code_of(request: ManagementRequest | type[ManagementRequest]) -> str:
    """`clientReg` for a ClientRegistration."""
    return _CODES[request if isinstance(request, type) else type(request)]


def signing_of(request: ManagementRequest | type[ManagementRequest]) -> Signing:
    """Who must sign it, and with which attachments it travels."""
    return _SIGNING[request if isinstance(request, type) else type(request)]
