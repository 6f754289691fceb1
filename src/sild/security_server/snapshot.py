"""The server configuration as the message path sees it: immutable, in memory, one dictionary look-up per question.

A change in the database makes a new snapshot and swaps it in; a message keeps the snapshot it began with.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from sild.security_server.access_rights import AccessRights
from sild.xroad.identifiers import ClientId, SecurityServerId, ServiceId

__all__ = [
    "ClientConf",
    "ClientStatus",
    "ConnectionType",
    "RequestOutcome",
    "SentRequest",
    "ServerConfSnapshot",
    "ServiceConf",
    "ServiceType",
]


class ClientStatus(Enum):
    """X-Road's spelling of a client's state at its security server (UG-SS 4)."""

    SAVED = "saved"
    REGISTRATION_IN_PROGRESS = "registration in progress"
    REGISTERED = "registered"
    DELETION_IN_PROGRESS = "deletion in progress"
    GLOBAL_ERROR = "global error"
    DISABLING_IN_PROGRESS = "disabling in progress"
    DISABLED = "disabled"
    ENABLING_IN_PROGRESS = "enabling in progress"


class ConnectionType(Enum):
    """How a client's information system must connect (WIRE 11.4)."""

    HTTP = "NOSSL"
    HTTPS_NO_AUTH = "SSLNOAUTH"
    HTTPS = "SSLAUTH"


class ServiceType(Enum):
    WSDL = "WSDL"
    REST = "REST"
    OPENAPI3 = "OPENAPI3"


@dataclass(frozen=True, slots=True)
class ClientConf:
    """certificates: DER, of the client's information systems; also those its https services may present."""

    status: ClientStatus
    connection_type: ConnectionType
    certificates: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class ServiceConf:
    """url: base address.  timeout: seconds to wait for each piece of an answer, 0 for ever."""

    service_id: ServiceId
    service_type: ServiceType
    url: str
    description_url: str
    timeout: int
    verify_tls: bool
    disabled_notice: str | None
    endpoints: tuple[tuple[str, str], ...]
    rights: AccessRights


class RequestOutcome(Enum):
    """Of a management request. UNANSWERED is written before it leaves, so it is also what a dying process leaves behind."""

    UNANSWERED = "unanswered"
    SUBMITTED = "submitted"
    REFUSED = "refused"
    IN_EFFECT = "in effect"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class SentRequest:
    """A management request this server made (WIRE 16).

    service_code: `clientReg`, ...  subject: a client in REST form, a certificate's SHA-1 in hex, or "" for the server itself.
    value: the new name, address or message.  request_id: the central server's.  code, message: of its fault.
    """

    id: int
    at: str
    actor: str
    service_code: str
    subject: str
    value: str | None
    outcome: RequestOutcome
    request_id: int | None = None
    code: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class ServerConfSnapshot:
    """pending_requests: management requests, oldest first, whose effect the global configuration does not show yet.
    change: counts changes of the database, so that another process's change is noticed."""

    server_id: SecurityServerId
    change: int = 0
    minimum_client_version: str | None = None
    clients: dict[ClientId, ClientConf] = field(default_factory=dict)
    services: dict[ServiceId, ServiceConf] = field(default_factory=dict)
    timestamping_services: tuple[tuple[str, str], ...] = ()
    pending_requests: tuple[SentRequest, ...] = ()

    def service_type_of(self, service: ServiceId) -> str:
        """X-Road's name of it for REST calls; a service that is not ours is taken for REST."""
        conf = self.services.get(service)
        return "REST" if conf is None else conf.service_type.value

    def is_registered(self, client: ClientId) -> bool:
        conf = self.clients.get(client)
        return conf is not None and conf.status is ClientStatus.REGISTERED
