"""Management requests as rows: X-Road's names of the kinds, columns to values and back, finding them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, get_args

from sqlalchemy import ColumnElement, Connection, Select, cast, exists, func, insert, or_, select, update
from sqlalchemy import String as SqlString

from sild.central_server.administration import Change
from sild.central_server.errors import NotFound
from sild.central_server.records import (
    ManagementRequestRecord,
    Page,
    RequestKind,
    RequestOrigin,
    RequestStatus,
)
from sild.central_server.tables import management_requests as rows
from sild.central_server.tables import member_classes, members, request_processings
from sild.pki import certificate_hash
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

__all__ = [
    "KINDS",
    "PENDING",
    "complement_of",
    "find_requests",
    "insert_request",
    "is_repeated",
    "kind_of",
    "of_client",
    "of_server",
    "read_request",
    "read_requests",
    "set_status",
    "with_certificate",
]

KINDS: Mapping[RequestKind, type[ManagementRequest]] = dict(
    zip(
        get_args(RequestKind),
        (
            AuthCertRegistration,
            AuthCertDeletion,
            ClientRegistration,
            ClientDeletion,
            ClientDisabling,
            ClientEnabling,
            ClientRenaming,
            OwnerChange,
            AddressChange,
            MaintenanceModeEnabling,
            MaintenanceModeDisabling,
        ),
        strict=True,
    )
)
_NAMES = {kind: name for name, kind in KINDS.items()}

PENDING: tuple[RequestStatus, ...] = ("WAITING", "SUBMITTED FOR APPROVAL")


def kind_of(request: ManagementRequest | type[ManagementRequest]) -> RequestKind:
    """X-Road's name of the kind, in the administration API and in the database."""
    return _NAMES[request if isinstance(request, type) else type(request)]


# --- writing


def insert_request(
    change: Change,
    request: ManagementRequest,
    *,
    origin: RequestOrigin,
    status: RequestStatus,
    complements: ManagementRequestRecord | None = None,
    comments: str | None = None,
    message_digest: bytes | None = None,
) -> int:
    """Record a request, in the processing of the one it complements or in one of its own. Answers its number."""
    if complements is not None:
        processing = complements.processing_id
        set_status(change, processing, status)
    else:
        processing = _inserted(
            change.connection.execute(insert(request_processings).values(status=status)).inserted_primary_key
        )
    values = {
        **_values(request),
        "processing_id": processing,
        "origin": origin,
        "comments": comments,
        "message_digest": message_digest,
        "created_at": change.at,
    }
    return _inserted(change.connection.execute(insert(rows).values(values)).inserted_primary_key)


def _inserted(key: Any) -> int:  # a row of one column, or nothing
    assert key is not None
    return int(key[0])


def set_status(change: Change, processing: int, status: RequestStatus) -> None:
    change.connection.execute(
        update(request_processings).where(request_processings.c.id == processing).values(status=status)
    )


def _values(request: ManagementRequest) -> dict[str, str | bytes | None]:
    owner = request.server.owner
    values: dict[str, str | bytes | None] = {
        "kind": kind_of(request),
        "owner_class": owner.member_class,
        "owner_code": owner.member_code,
        "server_code": request.server.server_code,
    }
    for name in ("address", "auth_certificate", "subsystem_name", "message"):
        values[name] = getattr(request, name, None)
    client = getattr(request, "client", None)
    if isinstance(client, ClientId):
        values["client_class"] = client.member_class
        values["client_code"] = client.member_code
        values["client_subsystem"] = client.subsystem_code
    certificate = values["auth_certificate"]
    if isinstance(certificate, bytes):
        values["auth_certificate_sha256"] = certificate_hash(certificate)
    return values


# --- reading


def _records() -> Select[Any]:
    return (
        select(rows, request_processings.c.status, members.c.name.label("owner_name"))
        .join_from(rows, request_processings)
        .outerjoin(member_classes, member_classes.c.code == rows.c.owner_class)
        .outerjoin(
            members,
            (members.c.member_class_id == member_classes.c.id) & (members.c.member_code == rows.c.owner_code),
        )
    )


def read_request(connection: Connection, instance: str, request_id: int) -> ManagementRequestRecord:
    """Raises NotFound (`management_request_not_found`)."""
    row = connection.execute(_records().where(rows.c.id == request_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no management request {request_id}", code="management_request_not_found")
    return _record(instance, row)


def read_requests(
    connection: Connection,
    instance: str,
    *conditions: ColumnElement[bool],
    kind: RequestKind,
    status: Collection[RequestStatus],
) -> list[ManagementRequestRecord]:
    """Requests of one kind in one of `status`, the oldest first."""
    query = _records().where(rows.c.kind == kind, request_processings.c.status.in_(status), *conditions)
    return [_record(instance, row) for row in connection.execute(query.order_by(rows.c.id))]


def complement_of(
    connection: Connection, instance: str, record: ManagementRequestRecord
) -> ManagementRequestRecord | None:
    """The other request of the same processing, if there is one."""
    query = _records().where(rows.c.processing_id == record.processing_id, rows.c.id != record.id)
    row = connection.execute(query).first()
    return None if row is None else _record(instance, row)


def is_repeated(connection: Connection, message_digest: bytes) -> bool:
    return bool(connection.scalar(select(exists().where(rows.c.message_digest == message_digest))))


def of_server(server: SecurityServerId) -> ColumnElement[bool]:
    return (
        (rows.c.owner_class == server.owner.member_class)
        & (rows.c.owner_code == server.owner.member_code)
        & (rows.c.server_code == server.server_code)
    )


def of_client(client: ClientId) -> ColumnElement[bool]:
    return (
        (rows.c.client_class == client.member_class)
        & (rows.c.client_code == client.member_code)
        & rows.c.client_subsystem.is_not_distinct_from(client.subsystem_code)
    )


def with_certificate(der: bytes) -> ColumnElement[bool]:
    return rows.c.auth_certificate_sha256 == certificate_hash(der)


def find_requests(
    connection: Connection,
    instance: str,
    query: str,
    *,
    kinds: Collection[RequestKind],
    status: Collection[RequestStatus],
    origin: RequestOrigin | None,
    server: SecurityServerId | None,
    limit: int | None,
    offset: int,
) -> Page[ManagementRequestRecord]:
    found = _records()
    if query:
        columns = (
            cast(rows.c.id, SqlString),
            rows.c.owner_class,
            rows.c.owner_code,
            rows.c.server_code,
            rows.c.client_code,
            rows.c.client_subsystem,
            members.c.name,
        )
        found = found.where(or_(*(column.icontains(query, autoescape=True) for column in columns)))
    if kinds:
        found = found.where(rows.c.kind.in_(kinds))
    if status:
        found = found.where(request_processings.c.status.in_(status))
    if origin is not None:
        found = found.where(rows.c.origin == origin)
    if server is not None:
        found = found.where(of_server(server))
    total = connection.scalar(select(func.count()).select_from(found.with_only_columns(rows.c.id).subquery()))
    page = connection.execute(found.order_by(rows.c.id.desc()).limit(limit).offset(offset))
    return Page(tuple(_record(instance, row) for row in page), total or 0)


def _record(instance: str, row: Any) -> ManagementRequestRecord:  # one row of `_records`
    return ManagementRequestRecord(
        id=row.id,
        kind=row.kind,
        request=_request(instance, row),
        origin=row.origin,
        status=row.status,
        comments=row.comments,
        owner_name=row.owner_name,
        processing_id=row.processing_id,
        created_at=row.created_at,
    )


def _request(instance: str, row: Any) -> ManagementRequest:  # one row of `_records`
    server = SecurityServerId(ClientId(instance, row.owner_class, row.owner_code), row.server_code)
    kind = KINDS[row.kind]
    if kind is AuthCertRegistration:
        return AuthCertRegistration(server, row.address or "", row.auth_certificate)
    if kind is AuthCertDeletion:
        return AuthCertDeletion(server, row.auth_certificate)
    if kind is AddressChange:
        return AddressChange(server, row.address)
    if kind is MaintenanceModeEnabling:
        return MaintenanceModeEnabling(server, row.message)
    if kind is MaintenanceModeDisabling:
        return MaintenanceModeDisabling(server)
    client = ClientId(instance, row.client_class, row.client_code, row.client_subsystem)
    if kind is ClientRegistration:
        return ClientRegistration(server, client, row.subsystem_name)
    if kind is ClientRenaming:
        return ClientRenaming(server, client, row.subsystem_name)
    if kind is ClientDeletion:
        return ClientDeletion(server, client)
    if kind is ClientDisabling:
        return ClientDisabling(server, client)
    if kind is ClientEnabling:
        return ClientEnabling(server, client)
    return OwnerChange(server, client)
