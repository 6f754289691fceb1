"""Member classes, members and their subsystems (UG-CS 4.1, 7)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    delete,
    exists,
    func,
    insert,
    null,
    or_,
    select,
    union_all,
    update,
)

from sild.central_server.administration import Administration
from sild.central_server.errors import Conflict
from sild.central_server.lookups import (
    client_of,
    find_member,
    find_member_class,
    find_subsystem,
    server_id_of,
)
from sild.central_server.parameters import read_service_provider
from sild.central_server.records import Client, Member, MemberClass, Page, Subsystem
from sild.central_server.tables import (
    member_classes,
    members,
    security_servers,
    server_clients,
    subsystems,
)
from sild.central_server.validation import ensure_code, ensure_text, optional_text
from sild.errors import CallerError
from sild.xroad.identifiers import ClientId, SecurityServerId

__all__ = ["Members"]


class Members(Administration):
    # --- member classes

    def member_classes(self) -> tuple[MemberClass, ...]:
        query = select(member_classes.c.code, member_classes.c.description).order_by(member_classes.c.code)
        with self._read() as connection:
            return tuple(MemberClass(*row) for row in connection.execute(query))

    def add_member_class(self, code: str, description: str) -> MemberClass:
        """Raises Conflict (`member_class_exists`)."""
        ensure_code(code)
        description = ensure_text(description, "description")
        with self._change("add_member_class", code=code, description=description) as change:
            if change.connection.scalar(select(exists().where(member_classes.c.code == code))):
                raise Conflict(f"member class {code} exists", code="member_class_exists")
            change.connection.execute(insert(member_classes).values(code=code, description=description))
        return MemberClass(code, description)

    def update_member_class(self, code: str, description: str) -> MemberClass:
        """Raises NotFound (`member_class_not_found`)."""
        description = ensure_text(description, "description")
        with self._change("edit_member_class", code=code, description=description) as change:
            key = find_member_class(change.connection, code)
            change.connection.execute(
                update(member_classes).where(member_classes.c.id == key).values(description=description)
            )
        return MemberClass(code, description)

    def delete_member_class(self, code: str) -> None:
        """Raises NotFound, Conflict (`member_class_is_in_use`)."""
        with self._change("delete_member_class", code=code) as change:
            key = find_member_class(change.connection, code)
            if change.connection.scalar(select(exists().where(members.c.member_class_id == key))):
                raise Conflict(f"member class {code} has members", code="member_class_is_in_use")
            change.connection.execute(delete(member_classes).where(member_classes.c.id == key))

    # --- members

    def add_member(self, member_class: str, member_code: str, name: str) -> ClientId:
        """Raises NotFound (`member_class_not_found`), Conflict (`member_exists`)."""
        ensure_code(member_code)
        name = ensure_text(name, "member name")
        identifier = ClientId(self.instance_identifier, member_class, member_code)
        with self._change("add_member", member=str(identifier), name=name) as change:
            key = find_member_class(change.connection, member_class)
            same = (members.c.member_class_id == key) & (members.c.member_code == member_code)
            if change.connection.scalar(select(exists().where(same))):
                raise Conflict(f"member {identifier} exists", code="member_exists")
            change.connection.execute(
                insert(members).values(
                    member_class_id=key,
                    member_code=member_code,
                    name=name,
                    created_at=change.at,
                    updated_at=change.at,
                )
            )
        return identifier

    def member(self, member_id: ClientId) -> Member:
        """Raises NotFound (`member_not_found`)."""
        with self._read() as connection:
            key = find_member(connection, member_id)
            row = connection.execute(
                select(members.c.name, members.c.created_at, members.c.updated_at).where(members.c.id == key)
            ).one()
        return Member(member_id.member, *row)

    def rename_member(self, member_id: ClientId, name: str) -> None:
        name = ensure_text(name, "member name")
        with self._change("edit_member_name", member=str(member_id), name=name) as change:
            key = find_member(change.connection, member_id)
            change.connection.execute(
                update(members).where(members.c.id == key).values(name=name, updated_at=change.at)
            )

    def delete_member(self, member_id: ClientId) -> None:
        """Delete it with its subsystems, servers, registrations and group memberships.

        Raises NotFound, Conflict (`management_service_provider_in_use`: appoint another one first).
        """
        with self._change("delete_member", member=str(member_id)) as change:
            key = find_member(change.connection, member_id)
            _refuse_provider(change.connection, member_id.member)
            change.connection.execute(delete(members).where(members.c.id == key))

    # --- subsystems

    def add_subsystem(self, subsystem_id: ClientId, name: str | None = None) -> ClientId:
        """Raises NotFound (`member_not_found`), Conflict (`subsystem_exists`)."""
        if subsystem_id.subsystem_code is None:
            raise CallerError(f"{subsystem_id} names no subsystem", code="invalid_subsystem_id")
        ensure_code(subsystem_id.subsystem_code)
        name = optional_text(name, "subsystem name")
        with self._change("add_subsystem", subsystem=str(subsystem_id), name=name) as change:
            member = find_member(change.connection, subsystem_id)
            same = (subsystems.c.member_id == member) & (
                subsystems.c.subsystem_code == subsystem_id.subsystem_code
            )
            if change.connection.scalar(select(exists().where(same))):
                raise Conflict(f"subsystem {subsystem_id} exists", code="subsystem_exists")
            change.connection.execute(
                insert(subsystems).values(
                    member_id=member,
                    subsystem_code=subsystem_id.subsystem_code,
                    name=name,
                    created_at=change.at,
                    updated_at=change.at,
                )
            )
        return subsystem_id

    def subsystems(self, member_id: ClientId) -> tuple[Subsystem, ...]:
        """The subsystems of one member, with the servers each is registered on."""
        with self._read() as connection:
            key = find_member(connection, member_id)
            rows = connection.execute(
                select(subsystems.c.id, subsystems.c.subsystem_code, subsystems.c.name)
                .where(subsystems.c.member_id == key)
                .order_by(subsystems.c.subsystem_code)
            ).all()
            owner = members.alias("owner")
            used: dict[int, list[tuple[SecurityServerId, bool]]] = {}
            for row in connection.execute(
                select(
                    server_clients.c.subsystem_id,
                    server_clients.c.enabled,
                    member_classes.c.code,
                    owner.c.member_code,
                    security_servers.c.server_code,
                )
                .join_from(server_clients, security_servers)
                .join(owner, owner.c.id == security_servers.c.owner_id)
                .join(member_classes, member_classes.c.id == owner.c.member_class_id)
                .where(server_clients.c.subsystem_id.in_([row.id for row in rows]))
            ):
                server = server_id_of(self.instance_identifier, *row[2:])
                used.setdefault(row[0], []).append((server, row[1]))
        owner_id = (member_id.instance_identifier, member_id.member_class, member_id.member_code)
        return tuple(
            Subsystem(ClientId(*owner_id, row.subsystem_code), row.name, tuple(used.get(row.id, ())))
            for row in rows
        )

    def rename_subsystem(self, subsystem_id: ClientId, name: str) -> None:
        """Raises NotFound (`subsystem_not_found`)."""
        name = ensure_text(name, "subsystem name")
        with self._change("edit_subsystem_name", subsystem=str(subsystem_id), name=name) as change:
            key = find_subsystem(change.connection, subsystem_id)
            change.connection.execute(
                update(subsystems).where(subsystems.c.id == key).values(name=name, updated_at=change.at)
            )

    def delete_subsystem(self, subsystem_id: ClientId) -> None:
        """Raises NotFound, CallerError (`subsystem_registered_and_cannot_be_deleted`), Conflict (management provider)."""
        with self._change("delete_subsystem", subsystem=str(subsystem_id)) as change:
            key = find_subsystem(change.connection, subsystem_id)
            if change.connection.scalar(select(exists().where(server_clients.c.subsystem_id == key))):
                raise CallerError(
                    f"subsystem {subsystem_id} is registered on a security server",
                    code="subsystem_registered_and_cannot_be_deleted",
                )
            _refuse_provider(change.connection, subsystem_id)
            change.connection.execute(delete(subsystems).where(subsystems.c.id == key))

    # --- lists

    def find_clients(
        self,
        query: str = "",
        *,
        member_class: str | None = None,
        subsystems_only: bool | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> Page[Client]:
        """Members and subsystems whose name or code contains `query`, without regard to case, ordered by identifier.

        subsystems_only: only subsystems, or with False only members.
        """
        found = union_all(
            select(
                member_classes.c.code.label("member_class"),
                members.c.member_code,
                null().label("subsystem_code"),
                members.c.name,
                null().label("subsystem_name"),
            )
            .join_from(members, member_classes)
            .where(_contains(query, members.c.name, members.c.member_code, member_classes.c.code)),
            select(
                member_classes.c.code,
                members.c.member_code,
                subsystems.c.subsystem_code,
                members.c.name,
                subsystems.c.name,
            )
            .join_from(subsystems, members)
            .join(member_classes)
            .where(
                _contains(
                    query,
                    members.c.name,
                    members.c.member_code,
                    member_classes.c.code,
                    subsystems.c.subsystem_code,
                    subsystems.c.name,
                )
            ),
        ).subquery()
        rows: Select[Any] = select(found)  # client_of's fields
        if member_class is not None:
            rows = rows.where(found.c.member_class == member_class)
        if subsystems_only is not None:
            rows = rows.where(
                found.c.subsystem_code.is_not(None) if subsystems_only else found.c.subsystem_code.is_(None)
            )
        order = (found.c.member_class, found.c.member_code, found.c.subsystem_code.nulls_first())
        with self._read() as connection:
            total = connection.scalar(select(func.count()).select_from(rows.subquery())) or 0
            page = connection.execute(rows.order_by(*order).limit(limit).offset(offset)).all()
        items = tuple(client_of(self.instance_identifier, *row) for row in page)
        return Page(items, total)


def _contains(query: str, *columns: ColumnElement[str] | ColumnElement[str | None]) -> ColumnElement[bool]:
    return or_(*(column.icontains(query, autoescape=True) for column in columns))


def _refuse_provider(connection: Connection, client_id: ClientId) -> None:
    provider = read_service_provider(connection)
    if provider is not None and client_id in (provider, provider.member):
        raise Conflict(
            f"{provider} provides the management services", code="management_service_provider_in_use"
        )
