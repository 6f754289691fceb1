"""Finding rows by their X-Road identifiers, and back. Every finder raises NotFound with X-Road's code, unless told another."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Join, Table, func, select

from sild.central_server.errors import NotFound
from sild.central_server.records import Client
from sild.central_server.tables import (
    global_groups,
    instance,
    member_classes,
    members,
    security_servers,
    subsystems,
)
from sild.xroad.identifiers import ClientId, SecurityServerId

__all__ = [
    "ClientRow",
    "client_columns",
    "client_of",
    "clients_of",
    "find_client",
    "find_global_group",
    "find_member",
    "find_member_class",
    "find_security_server",
    "find_subsystem",
    "server_id_of",
    "try_client",
]


@dataclass(frozen=True, slots=True)
class ClientRow:
    """The key of a member or of a subsystem: exactly one is set, as in the tables that refer to clients."""

    member_id: int | None
    subsystem_id: int | None

    @property
    def values(self) -> dict[str, int | None]:
        return {"member_id": self.member_id, "subsystem_id": self.subsystem_id}


def find_member_class(connection: Connection, code: str) -> int:
    found = connection.scalar(select(member_classes.c.id).where(member_classes.c.code == code))
    if found is None:
        raise NotFound(f"member class {code} does not exist", code="member_class_not_found")
    return int(found)


def find_member(connection: Connection, client_id: ClientId, *, code: str = "member_not_found") -> int:
    """The key of the member, also when a subsystem of it is given."""
    found = connection.scalar(
        select(members.c.id)
        .join_from(members, member_classes)
        .join(instance, instance.c.id == 1)
        .where(
            instance.c.instance_identifier == client_id.instance_identifier,
            member_classes.c.code == client_id.member_class,
            members.c.member_code == client_id.member_code,
        )
    )
    if found is None:
        raise NotFound(f"member {client_id.member} does not exist", code=code)
    return int(found)


def find_subsystem(connection: Connection, client_id: ClientId, *, code: str = "subsystem_not_found") -> int:
    member = find_member(connection, client_id, code=code)
    found = connection.scalar(
        select(subsystems.c.id).where(
            subsystems.c.member_id == member, subsystems.c.subsystem_code == client_id.subsystem_code
        )
    )
    if found is None:
        raise NotFound(f"subsystem {client_id} does not exist", code=code)
    return int(found)


def find_client(connection: Connection, client_id: ClientId) -> ClientRow:
    if client_id.subsystem_code is None:
        return ClientRow(find_member(connection, client_id), None)
    return ClientRow(None, find_subsystem(connection, client_id))


def try_client(connection: Connection, client_id: ClientId) -> ClientRow | None:
    try:
        return find_client(connection, client_id)
    except NotFound:
        return None


def find_security_server(
    connection: Connection, server_id: SecurityServerId, *, code: str = "security_server_not_found"
) -> int:
    owner = find_member(connection, server_id.owner, code=code)
    found = connection.scalar(
        select(security_servers.c.id).where(
            security_servers.c.owner_id == owner, security_servers.c.server_code == server_id.server_code
        )
    )
    if found is None:
        raise NotFound(f"security server {server_id} does not exist", code=code)
    return int(found)


def find_global_group(connection: Connection, code: str) -> int:
    found = connection.scalar(select(global_groups.c.id).where(global_groups.c.group_code == code))
    if found is None:
        raise NotFound(f"global group {code} does not exist", code="global_group_not_found")
    return int(found)


def clients_of(table: Table) -> Join:
    """`table` (with `member_id` and `subsystem_id`) joined with the clients it names; read `client_columns` from it."""
    return (
        table.outerjoin(subsystems, subsystems.c.id == table.c.subsystem_id)
        .join(members, members.c.id == func.coalesce(table.c.member_id, subsystems.c.member_id))
        .join(member_classes, member_classes.c.id == members.c.member_class_id)
    )


client_columns = (
    member_classes.c.code,
    members.c.member_code,
    subsystems.c.subsystem_code,
    members.c.name,
    subsystems.c.name,
)
"""What `client_of` reads, in its order."""


def client_of(
    instance_identifier: str,
    member_class: str,
    member_code: str,
    subsystem_code: str | None,
    member_name: str,
    subsystem_name: str | None,
) -> Client:
    identifier = ClientId(instance_identifier, member_class, member_code, subsystem_code)
    return Client(identifier, member_name, subsystem_name)


def server_id_of(
    instance_identifier: str, member_class: str, member_code: str, server_code: str
) -> SecurityServerId:
    return SecurityServerId(ClientId(instance_identifier, member_class, member_code), server_code)
