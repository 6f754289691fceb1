"""Who provides the management services, and on which server they are reached (UG-CS 4.2)."""

from __future__ import annotations

from sqlalchemy import exists, select, update

from sild.central_server.lookups import find_subsystem, server_id_of
from sild.central_server.parameters import read_parameters, read_service_provider, write_parameter
from sild.central_server.records import ManagementServices
from sild.central_server.server_clients import ServerClients
from sild.central_server.tables import (
    instance,
    member_classes,
    members,
    security_servers,
    server_clients,
    subsystems,
)
from sild.central_server.validation import parse_certificate
from sild.errors import CallerError
from sild.pki import certificate_hash, der
from sild.xroad.identifiers import ClientId, SecurityServerId

__all__ = ["ManagementServicesAdministration", "host_of"]


class ManagementServicesAdministration(ServerClients):
    def management_services(self) -> ManagementServices:
        with self._read() as connection:
            parameters = read_parameters(connection)
            provider = read_service_provider(connection)
            name: str | None = None
            servers: tuple[SecurityServerId, ...] = ()
            if provider is not None:
                key = find_subsystem(connection, provider)
                name = connection.scalar(
                    select(members.c.name).join_from(members, subsystems).where(subsystems.c.id == key)
                )
                rows = connection.execute(
                    select(member_classes.c.code, members.c.member_code, security_servers.c.server_code)
                    .join_from(server_clients, security_servers)
                    .join(members, members.c.id == security_servers.c.owner_id)
                    .join(member_classes)
                    .where(server_clients.c.subsystem_id == key, server_clients.c.enabled)
                    .order_by(security_servers.c.id)
                )
                servers = tuple(server_id_of(self.instance_identifier, *row) for row in rows)
        host = host_of(parameters["centralServerAddress"])
        return ManagementServices(
            service_provider_id=provider,
            service_provider_name=name,
            security_servers=servers,
            services_address=f"https://{host}:4002/managementservice/manage/",
            wsdl_address=f"http://{parameters['centralServerAddress']}/managementservices.wsdl",
            security_server_owners_global_group_code=parameters["securityServerOwnersGroup"],
        )

    def set_management_service_provider(self, subsystem_id: ClientId) -> None:
        """Appoint a subsystem. Without one no configuration can be generated. Raises NotFound (`subsystem_not_found`)."""
        with self._change("edit_provider_subsystem", provider=str(subsystem_id)) as change:
            find_subsystem(change.connection, subsystem_id)
            write_parameter(change, "managementServiceProviderClass", subsystem_id.member_class)
            write_parameter(change, "managementServiceProviderCode", subsystem_id.member_code)
            write_parameter(change, "managementServiceProviderSubsystem", subsystem_id.subsystem_code or "")

    def register_management_service_provider(self, server_id: SecurityServerId) -> None:
        """Register the appointed subsystem on its first server, without a request from that server.

        Raises CallerError (`management_service_provider_not_set`, `subsystem_already_registered_to_security_server`) and
        what `register_client` raises.
        """
        with self._change("register_management_service_provider", security_server=str(server_id)) as change:
            provider = read_service_provider(change.connection)
            if provider is None:
                raise CallerError(
                    "no provider of the management services is set",
                    code="management_service_provider_not_set",
                )
            key = find_subsystem(change.connection, provider)
            if change.connection.scalar(select(exists().where(server_clients.c.subsystem_id == key))):
                raise CallerError(
                    f"{provider} is registered", code="subsystem_already_registered_to_security_server"
                )
            self.register_client(server_id, provider)

    def management_service_certificate(self) -> bytes | None:
        """DER of the TLS certificate that servers pin when they register, if one is set."""
        with self._read() as connection:
            found: bytes | None = connection.scalar(select(instance.c.management_service_certificate))
        return found

    def set_management_service_certificate(self, certificate: bytes) -> None:
        """The TLS certificate (DER or PEM) of the registration service on port 4001, which servers pin.

        Raises CallerError (`invalid_certificate`).
        """
        parsed = parse_certificate(certificate)
        with self._change(
            "set_management_service_certificate", certificate=certificate_hash(parsed).hex()
        ) as change:
            change.connection.execute(update(instance).values(management_service_certificate=der(parsed)))


def host_of(address: str) -> str:
    """The host of `host` or `host:port`; an IPv6 address keeps its brackets."""
    if address.startswith("["):
        return address.partition("]")[0] + "]"
    return address.partition(":")[0] if address.count(":") == 1 else address
