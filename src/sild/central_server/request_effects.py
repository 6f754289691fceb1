"""What management requests bring about, by the methods an administrator has for the same (WIRE 16)."""

from __future__ import annotations

from typing import assert_never

from sild.central_server.administration import Change
from sild.central_server.errors import Conflict, NotFound
from sild.central_server.lookups import find_member, find_security_server, find_subsystem
from sild.central_server.members import Members
from sild.central_server.records import RequestStatus
from sild.central_server.request_rows import of_client, of_server, read_requests, set_status, with_certificate
from sild.central_server.security_servers import SecurityServers
from sild.central_server.server_clients import ServerClients, registration_of
from sild.errors import CallerError
from sild.xroad.identifiers import ClientId, SecurityServerId
from sild.xroad.management import (
    AddressChange,
    AuthCertDeletion,
    AuthCertRegistration,
    ClientDeletion,
    ClientDisabling,
    ClientEnabling,
    ClientRegistration,
    ClientRenaming,
    MaintenanceModeDisabling,
    MaintenanceModeEnabling,
    ManagementRequest,
    OwnerChange,
)

__all__ = ["RequestEffects"]

_WAITING: tuple[RequestStatus, ...] = ("WAITING",)


class RequestEffects(Members, SecurityServers, ServerClients):
    def _act(self, change: Change, request: ManagementRequest) -> None:
        match request:
            case AuthCertRegistration():
                self._register_auth_certificate(change, request)
            case AuthCertDeletion():
                self._delete_auth_certificate(change, request)
            case ClientRegistration(server=server, client=client, subsystem_name=name):
                self._find_or_add_member(change, client)
                self.register_client(server, client, subsystem_name=name)
            case ClientDeletion():
                self._delete_client(change, request)
            case ClientDisabling(server=server, client=client):
                self.disable_client(server, client)
            case ClientEnabling(server=server, client=client):
                self.enable_client(server, client)
            case ClientRenaming():
                self._rename_client(change, request)
            case OwnerChange(server=server, client=client):
                self.change_owner(server, client)
            case AddressChange(server=server, address=address):
                self.change_address(server, address)
            case MaintenanceModeEnabling(server=server, message=message):
                self.enable_maintenance_mode(server, message)
            case MaintenanceModeDisabling(server=server):
                self.disable_maintenance_mode(server)
            case _:
                assert_never(request)

    def _register_auth_certificate(self, change: Change, request: AuthCertRegistration) -> None:
        """A server's first certificate brings the server into being; a further one may bring another address."""
        server = request.server
        self._find_or_add_member(change, server.owner)
        if self._server_key(change, server) is None:
            self.register_security_server(
                server.owner, server.server_code, request.address, request.auth_certificate
            )
            return
        if request.address and request.address != self.security_server(server).address:
            self.change_address(server, request.address)
        self.add_auth_certificate(server, request.auth_certificate)

    def _delete_auth_certificate(self, change: Change, request: AuthCertDeletion) -> None:
        """Of a registered certificate, or of a request to register it that nobody has complemented."""
        holder = self._server_of_auth_certificate(change, request.auth_certificate)
        if holder is not None:
            server_key, certificate_id = holder
            if server_key != self._server_key(change, request.server):
                raise NotFound(
                    f"the certificate is not registered for {request.server}",
                    code="security_server_not_found",
                )
            self.delete_auth_certificate(request.server, certificate_id)
            return
        waiting = read_requests(
            change.connection,
            self.instance_identifier,
            with_certificate(request.auth_certificate) & of_server(request.server),
            kind="AUTH_CERT_REGISTRATION_REQUEST",
            status=_WAITING,
        )
        if not waiting:
            raise Conflict(
                "the certificate is not registered", code="management_request_invalid_auth_certificate"
            )
        set_status(change, waiting[0].processing_id, "REVOKED")

    def _delete_client(self, change: Change, request: ClientDeletion) -> None:
        """Of a registration, or of a request for it; after a declined one the server may clean up without being refused."""
        server = self._server_key(change, request.server)
        if server is not None and registration_of(change.connection, server, request.client) is not None:
            self.unregister_client(request.server, request.client)
            return
        asked = read_requests(
            change.connection,
            self.instance_identifier,
            of_server(request.server) & of_client(request.client),
            kind="CLIENT_REGISTRATION_REQUEST",
            status=("WAITING", "DECLINED"),
        )
        if not asked:
            raise NotFound(
                f"{request.client} is not registered on {request.server}",
                code="management_request_client_registration_not_found",
            )
        for waiting in asked:
            if waiting.status == "WAITING":
                set_status(change, waiting.processing_id, "REVOKED")

    def _rename_client(self, change: Change, request: ClientRenaming) -> None:
        if request.client.subsystem_code is None:
            raise CallerError(
                f"{request.client} is no subsystem", code="management_request_only_subsystem_rename_allowed"
            )
        if not request.subsystem_name.strip():
            raise CallerError("the new name is empty", code="management_request_invalid_subsystem_name")
        server = self._server_key(change, request.server)
        if server is None or registration_of(change.connection, server, request.client) is None:
            raise Conflict(
                f"{request.client} is not a client of {request.server}",
                code="management_request_server_client_not_found",
            )
        self.rename_subsystem(request.client, request.subsystem_name)

    # --- looking

    def _server_key(self, change: Change, server: SecurityServerId) -> int | None:
        try:
            return find_security_server(change.connection, server)
        except NotFound:
            return None

    def _is_member(self, change: Change, client: ClientId) -> bool:
        try:
            find_member(change.connection, client)
        except NotFound:
            return False
        return True

    def _find_or_add_member(self, change: Change, client: ClientId) -> None:
        """Raises NotFound (`member_class_not_found`)."""
        if not self._is_member(change, client):
            self.add_member(client.member_class, client.member_code, client.member_code)

    def _subsystem_name(self, change: Change, client: ClientId) -> str | None:
        if client.subsystem_code is None:
            return None
        try:
            find_subsystem(change.connection, client)
        except NotFound:
            return None
        return next(found.name for found in self.subsystems(client) if found.id == client)
