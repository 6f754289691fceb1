"""Global groups (UG-CS 9). The group of security server owners keeps itself: nobody edits it."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import delete, exists, func, insert, select, update

from sild.central_server.administration import Administration, Change
from sild.central_server.errors import Conflict, NotFound
from sild.central_server.lookups import (
    client_columns,
    client_of,
    clients_of,
    find_client,
    find_global_group,
)
from sild.central_server.parameters import read_parameters
from sild.central_server.records import GlobalGroup, GroupMember
from sild.central_server.tables import global_group_members, global_groups, security_servers
from sild.central_server.validation import ensure_code, ensure_text
from sild.errors import CallerError
from sild.xroad.identifiers import ClientId

__all__ = ["GlobalGroups", "add_owners_group", "keep_owners_group"]


class GlobalGroups(Administration):
    def global_groups(self) -> tuple[GlobalGroup, ...]:
        query = (
            select(
                global_groups.c.group_code,
                global_groups.c.description,
                func.count(global_group_members.c.id),
                global_groups.c.created_at,
                global_groups.c.updated_at,
            )
            .outerjoin_from(global_groups, global_group_members)
            .group_by(global_groups.c.id)
            .order_by(global_groups.c.group_code)
        )
        with self._read() as connection:
            return tuple(GlobalGroup(*row) for row in connection.execute(query))

    def add_global_group(self, code: str, description: str) -> None:
        """Raises Conflict (`global_group_exists`)."""
        ensure_code(code)
        description = ensure_text(description, "description")
        with self._change("add_global_group", code=code, description=description) as change:
            if change.connection.scalar(select(exists().where(global_groups.c.group_code == code))):
                raise Conflict(f"global group {code} exists", code="global_group_exists")
            _insert_group(change, code, description)

    def update_global_group(self, code: str, description: str) -> None:
        description = ensure_text(description, "description")
        with self._change("edit_global_group_description", code=code, description=description) as change:
            key = find_global_group(change.connection, code)
            change.connection.execute(
                update(global_groups)
                .where(global_groups.c.id == key)
                .values(description=description, updated_at=change.at)
            )

    def delete_global_group(self, code: str) -> None:
        """Raises NotFound, CallerError (`owners_global_group_cannot_be_deleted`)."""
        with self._change("delete_global_group", code=code) as change:
            key = find_global_group(change.connection, code)
            _refuse_owners_group(change, code, "owners_global_group_cannot_be_deleted")
            change.connection.execute(delete(global_groups).where(global_groups.c.id == key))

    def global_group_members(self, code: str) -> tuple[GroupMember, ...]:
        with self._read() as connection:
            key = find_global_group(connection, code)
            rows = connection.execute(
                select(global_group_members.c.id, global_group_members.c.created_at, *client_columns)
                .select_from(clients_of(global_group_members))
                .where(global_group_members.c.global_group_id == key)
                .order_by(global_group_members.c.id)
            ).all()
        return tuple(
            GroupMember(key, client_of(self.instance_identifier, *client), created_at)
            for key, created_at, *client in rows
        )

    def add_global_group_members(self, code: str, clients: Iterable[ClientId]) -> tuple[ClientId, ...]:
        """Add members and subsystems; those in the group already are left alone. Answers the new ones.

        Raises NotFound, CallerError (`cannot_add_member_to_owners_group`).
        """
        wanted = list(dict.fromkeys(clients))
        added: list[ClientId] = []
        with self._change(
            "add_members_to_global_group", code=code, members=[str(client) for client in wanted]
        ) as change:
            group = find_global_group(change.connection, code)
            _refuse_owners_group(change, code, "cannot_add_member_to_owners_group")
            for client_id in wanted:
                client = find_client(change.connection, client_id)
                same = (
                    (global_group_members.c.global_group_id == group)
                    & global_group_members.c.member_id.is_not_distinct_from(client.member_id)
                    & global_group_members.c.subsystem_id.is_not_distinct_from(client.subsystem_id)
                )
                if not change.connection.scalar(select(exists().where(same))):
                    change.connection.execute(
                        insert(global_group_members).values(
                            global_group_id=group, created_at=change.at, **client.values
                        )
                    )
                    added.append(client_id)
        return tuple(added)

    def remove_global_group_member(self, code: str, client_id: ClientId) -> None:
        """Raises NotFound (`member_not_found`), CallerError (`owners_global_group_member_cannot_be_deleted`)."""
        with self._change("remove_members_from_global_group", code=code, members=[str(client_id)]) as change:
            group = find_global_group(change.connection, code)
            _refuse_owners_group(change, code, "owners_global_group_member_cannot_be_deleted")
            client = find_client(change.connection, client_id)
            removed = change.connection.execute(
                delete(global_group_members).where(
                    global_group_members.c.global_group_id == group,
                    global_group_members.c.member_id.is_not_distinct_from(client.member_id),
                    global_group_members.c.subsystem_id.is_not_distinct_from(client.subsystem_id),
                )
            )
            if removed.rowcount == 0:
                raise NotFound(f"{client_id} is not in the group {code}", code="member_not_found")


def _insert_group(change: Change, code: str, description: str) -> int:
    key = change.connection.execute(
        insert(global_groups).values(
            group_code=code, description=description, created_at=change.at, updated_at=change.at
        )
    ).inserted_primary_key
    assert key is not None
    return int(key[0])


def _refuse_owners_group(change: Change, code: str, error_code: str) -> None:
    owners = read_parameters(change.connection)["securityServerOwnersGroup"]
    if code.casefold() == owners.casefold():
        raise CallerError(f"the group {code} follows the security servers by itself", code=error_code)


def add_owners_group(change: Change) -> int:
    code = read_parameters(change.connection)["securityServerOwnersGroup"]
    return _insert_group(change, code, "Security server owners")


def keep_owners_group(change: Change, *owners: int) -> None:
    """Put each of these members into the group of security server owners when it owns one, else out of it."""
    connection = change.connection
    code = read_parameters(connection)["securityServerOwnersGroup"]
    group = connection.scalar(select(global_groups.c.id).where(global_groups.c.group_code == code))
    if group is None:
        group = add_owners_group(change)
    for owner in owners:
        same = (global_group_members.c.global_group_id == group) & (global_group_members.c.member_id == owner)
        owns = connection.scalar(select(exists().where(security_servers.c.owner_id == owner)))
        present = connection.scalar(select(exists().where(same)))
        if owns and not present:
            connection.execute(
                insert(global_group_members).values(
                    global_group_id=group, member_id=owner, created_at=change.at
                )
            )
        elif present and not owns:
            connection.execute(delete(global_group_members).where(same))
