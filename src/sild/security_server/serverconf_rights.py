"""Access rights on services and endpoints, and the local groups they can be given to."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from sild.security_server.serverconf_changes import ConfChanges
from sild.security_server.serverconf_service_rows import checked_endpoint
from sild.security_server.store import Change, tables
from sild.xroad.identifiers import ClientId, GlobalGroupId, LocalGroupId, ServiceId

__all__ = ["RightsConf", "Subject"]

Subject = ClientId | GlobalGroupId | LocalGroupId


class RightsConf(ConfChanges):
    """See `ServerConf`."""

    def grant(self, service: ServiceId, subject: Subject, *, method: str = "*", path: str = "**") -> None:
        """Allow `subject` to call an endpoint, without a method and path the whole service; twice is once.

        An endpoint that is not there yet is added.
        """
        right = (subject, checked_endpoint(method, path), path)
        with self._change("GRANT", service, **_said(right)) as change:
            _grant(change, service, [right])

    def grant_all(self, service: ServiceId, rights: Iterable[tuple[Subject, str, str]]) -> None:
        """As `grant`, for many subjects, methods and paths in one change: all of them or none."""
        checked = [(subject, checked_endpoint(method, path), path) for subject, method, path in rights]
        if checked:
            with self._change("GRANT_ALL", service, rights=[_said(right) for right in checked]) as change:
                _grant(change, service, checked)

    def revoke(self, service: ServiceId, subject: Subject, *, method: str = "*", path: str = "**") -> None:
        method = checked_endpoint(method, path)
        kind, text = _subject(subject)
        with self._change("REVOKE", service, subject=text, kind=kind, method=method, path=path) as change:
            _, _, client = change.service_row(service)
            endpoint = change.endpoint_row(client, service.service_code, method, path)
            table = tables.access_right
            change.connection.execute(
                sa.delete(table).where(
                    table.c.endpoint_id == endpoint, table.c.subject_type == kind, table.c.subject == text
                )
            )

    def add_local_group(
        self, client: ClientId, group_code: str, description: str, members: Iterable[ClientId] = ()
    ) -> LocalGroupId:
        added = list(members)
        with self._change("ADD_LOCAL_GROUP", client, group=group_code, members=_texts(added)) as change:
            row = change.insert(
                tables.local_group,
                client_id=change.client_row(client),
                group_code=group_code,
                description=description,
            )
            _add_members(change, row, added)
        return LocalGroupId(group_code)

    def add_local_group_members(
        self, client: ClientId, group: LocalGroupId, members: Iterable[ClientId]
    ) -> None:
        added = list(members)
        with self._change(
            "ADD_LOCAL_GROUP_MEMBERS", client, group=group.group_code, members=_texts(added)
        ) as change:
            _add_members(change, change.group_row(client, group.group_code), added)

    def remove_local_group_members(
        self, client: ClientId, group: LocalGroupId, members: Iterable[ClientId]
    ) -> None:
        removed = _texts(members)
        with self._change(
            "REMOVE_LOCAL_GROUP_MEMBERS", client, group=group.group_code, members=removed
        ) as change:
            table = tables.local_group_member
            row = change.group_row(client, group.group_code)
            change.connection.execute(
                sa.delete(table).where(table.c.group_id == row, table.c.identifier.in_(removed))
            )


def _said(right: tuple[Subject, str, str]) -> dict[str, str]:
    """As the audit has it."""
    subject, method, path = right
    kind, text = _subject(subject)
    return {"subject": text, "kind": kind, "method": method, "path": path}


def _grant(change: Change, service: ServiceId, rights: Iterable[tuple[Subject, str, str]]) -> None:
    _, _, client = change.service_row(service)
    table = tables.access_right
    for subject, method, path in rights:
        kind, text = _subject(subject)
        if isinstance(subject, LocalGroupId):
            change.group_row(service.client_id, subject.group_code)
        endpoint = change.endpoint_row(client, service.service_code, method, path)
        if endpoint is None:
            endpoint = change.insert(
                tables.endpoint,
                client_id=client,
                service_code=service.service_code,
                method=method,
                path=path,
                generated=False,
            )
        same = (table.c.endpoint_id == endpoint, table.c.subject_type == kind, table.c.subject == text)
        if change.connection.execute(sa.select(table.c.id).where(*same)).first() is None:
            change.insert(table, endpoint_id=endpoint, subject_type=kind, subject=text, granted_at=change.now)


def _subject(subject: Subject) -> tuple[str, str]:
    match subject:
        case ClientId():
            return ("MEMBER" if subject.subsystem_code is None else "SUBSYSTEM"), subject.encode()
        case GlobalGroupId():
            return "GLOBALGROUP", f"{subject.instance_identifier}/{subject.group_code}"
        case LocalGroupId():
            return "LOCALGROUP", subject.group_code


def _texts(clients: Iterable[ClientId]) -> list[str]:
    return [client.encode() for client in clients]


def _add_members(change: Change, group_row: int, members: Iterable[ClientId]) -> None:
    for member in members:
        change.insert(
            tables.local_group_member, group_id=group_row, identifier=member.encode(), added_at=change.now
        )
