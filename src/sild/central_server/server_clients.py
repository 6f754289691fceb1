"""Which members and subsystems are registered on which security server, and whether they are enabled there (UG-CS 6)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, delete, insert, select, update

from sild.central_server.administration import Administration, Change, Plain
from sild.central_server.errors import Conflict, NotFound
from sild.central_server.lookups import (
    ClientRow,
    client_columns,
    client_of,
    clients_of,
    find_member,
    find_security_server,
    try_client,
)
from sild.central_server.parameters import read_service_provider
from sild.central_server.records import ServerClient
from sild.central_server.tables import (
    member_classes,
    members,
    server_clients,
    subsystems,
)
from sild.central_server.validation import ensure_code, optional_text
from sild.errors import CallerError
from sild.xroad.identifiers import ClientId, SecurityServerId

__all__ = ["ServerChanges", "ServerClients", "insert_client", "registration_of"]


class ServerChanges(Administration):
    @contextmanager
    def _server_change(
        self,
        event: str,
        server_id: SecurityServerId,
        *,
        code: str = "security_server_not_found",
        **detail: Plain,
    ) -> Iterator[tuple[Change, int]]:
        """One change of one server: the change, and the server's key. Raises NotFound (`code`)."""
        with self._change(event, security_server=str(server_id), **detail) as change:
            yield change, find_security_server(change.connection, server_id, code=code)


class ServerClients(ServerChanges):
    def register_client(
        self, server_id: SecurityServerId, client_id: ClientId, *, subsystem_name: str | None = None
    ) -> None:
        """Register a member or subsystem on a server (clientReg). A subsystem that does not exist yet comes into being.

        Raises CallerError (`management_request_cannot_register_owner`),
        NotFound (`management_request_server_not_found`, `management_request_member_not_found`),
        Conflict (`management_request_client_already_registered`).
        """
        if client_id == server_id.owner:
            raise CallerError(
                f"{client_id} owns {server_id}", code="management_request_cannot_register_owner"
            )
        name = optional_text(subsystem_name, "subsystem name")
        with self._server_change(
            "client_registration",
            server_id,
            code="management_request_server_not_found",
            client=str(client_id),
            subsystem_name=name,
        ) as (change, key):
            member = find_member(change.connection, client_id, code="management_request_member_not_found")
            client = _find_or_add_client(change, member, client_id, name)
            if registration_of(change.connection, key, client_id) is not None:
                raise Conflict(
                    f"{client_id} is registered", code="management_request_client_already_registered"
                )
            insert_client(change, key, client)

    def unregister_client(self, server_id: SecurityServerId, client_id: ClientId) -> None:
        """Raises NotFound (`management_request_client_registration_not_found`)."""
        with self._server_change("client_deletion", server_id, client=str(client_id)) as (change, key):
            registration = registration_of(change.connection, key, client_id)
            if registration is None:
                raise NotFound(
                    f"{client_id} is not registered on {server_id}",
                    code="management_request_client_registration_not_found",
                )
            change.connection.execute(delete(server_clients).where(server_clients.c.id == registration))

    def disable_client(self, server_id: SecurityServerId, client_id: ClientId) -> None:
        """Leave the client out of the configuration, without unregistering it.

        Raises Conflict (`management_request_server_client_not_found`, `mr_forbidden_disable_management_service_client`).
        """
        with self._server_change("client_disable", server_id, client=str(client_id)) as (change, key):
            if client_id == read_service_provider(change.connection):
                raise Conflict(
                    f"{client_id} provides the management services",
                    code="mr_forbidden_disable_management_service_client",
                )
            _set_enabled(change, key, server_id, client_id, enabled=False)

    def enable_client(self, server_id: SecurityServerId, client_id: ClientId) -> None:
        with self._server_change("client_enable", server_id, client=str(client_id)) as (change, key):
            _set_enabled(change, key, server_id, client_id, enabled=True)

    def clients(self, server_id: SecurityServerId) -> tuple[ServerClient, ...]:
        """The registered clients of a server; its owner is not among them."""
        with self._read() as connection:
            key = find_security_server(connection, server_id)
            rows = connection.execute(
                select(server_clients.c.enabled, *client_columns)
                .select_from(clients_of(server_clients))
                .where(server_clients.c.security_server_id == key)
                .order_by(member_classes.c.code, members.c.member_code, subsystems.c.subsystem_code)
            ).all()
        return tuple(
            ServerClient(client_of(self.instance_identifier, *client), enabled) for enabled, *client in rows
        )


def registration_of(connection: Connection, server: int, client_id: ClientId) -> int | None:
    """The key of the client's registration on the server, if it is registered."""
    client = try_client(connection, client_id)
    if client is None:
        return None
    found = connection.scalar(
        select(server_clients.c.id).where(
            server_clients.c.security_server_id == server,
            server_clients.c.member_id.is_not_distinct_from(client.member_id),
            server_clients.c.subsystem_id.is_not_distinct_from(client.subsystem_id),
        )
    )
    return None if found is None else int(found)


def insert_client(change: Change, server: int, client: ClientRow) -> None:
    change.connection.execute(
        insert(server_clients).values(
            security_server_id=server, enabled=True, created_at=change.at, **client.values
        )
    )


def _find_or_add_client(change: Change, member: int, client_id: ClientId, name: str | None) -> ClientRow:
    """The client's row; a subsystem is added, or renamed when another name is given."""
    if client_id.subsystem_code is None:
        return ClientRow(member, None)
    found = try_client(change.connection, client_id)
    if found is None:
        ensure_code(client_id.subsystem_code)
        added = change.connection.execute(
            insert(subsystems).values(
                member_id=member,
                subsystem_code=client_id.subsystem_code,
                name=name,
                created_at=change.at,
                updated_at=change.at,
            )
        ).inserted_primary_key
        assert added is not None
        return ClientRow(None, added[0])
    if name is not None:
        change.connection.execute(
            update(subsystems)
            .where(subsystems.c.id == found.subsystem_id, subsystems.c.name.is_distinct_from(name))
            .values(name=name, updated_at=change.at)
        )
    return found


def _set_enabled(
    change: Change, server: int, server_id: SecurityServerId, client_id: ClientId, *, enabled: bool
) -> None:
    registration = registration_of(change.connection, server, client_id)
    if registration is None:
        raise Conflict(
            f"{client_id} is not a client of {server_id}", code="management_request_server_client_not_found"
        )
    change.connection.execute(
        update(server_clients).where(server_clients.c.id == registration).values(enabled=enabled)
    )
