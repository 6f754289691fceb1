"""All SQL of the server configuration: the tables, the snapshot read from them, and one write transaction with its audit row.

Identifiers are stored in REST form (each part percent-encoded, joined by `/`), the only text form that holds any identifier
a peer may use. The audit row refers by value and is written in the transaction of the change it tells of.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from sild.clock import Clock, xml_datetime
from sild.database import open_database
from sild.errors import CallerError, Unavailable
from sild.security_server.access_rights import AccessRights, EndpointRule
from sild.security_server.snapshot import (
    ClientConf,
    ClientStatus,
    ConnectionType,
    RequestOutcome,
    SentRequest,
    ServerConfSnapshot,
    ServiceConf,
    ServiceType,
)
from sild.xroad.identifiers import ClientId, GlobalGroupId, SecurityServerId, ServiceId

__all__ = ["AuditRow", "Change", "Store", "tables"]

MIGRATIONS = Path(__file__).parent / "migrations"


class tables:
    """A namespace: `tables.client`."""

    metadata = sa.MetaData()
    server = sa.Table(
        "server",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("owner", sa.Text),
        sa.Column("server_code", sa.Text),
        sa.Column("minimum_client_version", sa.Text),
        sa.Column("change", sa.Integer),
        sa.Column("founding_owner", sa.Text),
    )
    client = sa.Table(
        "client",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("identifier", sa.Text),
        sa.Column("status", sa.Text),
        sa.Column("connection_type", sa.Text),
    )
    description = sa.Table(
        "service_description",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("client_id", sa.Integer),
        sa.Column("type", sa.Text),
        sa.Column("url", sa.Text),
        sa.Column("disabled_notice", sa.Text),
        sa.Column("refreshed_at", sa.Text),
    )
    service = sa.Table(
        "service",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("description_id", sa.Integer),
        sa.Column("service_code", sa.Text),
        sa.Column("service_version", sa.Text),
        sa.Column("url", sa.Text),
        sa.Column("timeout_seconds", sa.Integer),
        sa.Column("verify_tls", sa.Boolean),
    )
    endpoint = sa.Table(
        "endpoint",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("client_id", sa.Integer),
        sa.Column("service_code", sa.Text),
        sa.Column("method", sa.Text),
        sa.Column("path", sa.Text),
        sa.Column("generated", sa.Boolean),
    )
    access_right = sa.Table(
        "access_right",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("endpoint_id", sa.Integer),
        sa.Column("subject_type", sa.Text),
        sa.Column("subject", sa.Text),
        sa.Column("granted_at", sa.Text),
    )
    local_group = sa.Table(
        "local_group",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("client_id", sa.Integer),
        sa.Column("group_code", sa.Text),
        sa.Column("description", sa.Text),
    )
    local_group_member = sa.Table(
        "local_group_member",
        metadata,
        sa.Column("group_id", sa.Integer, primary_key=True),
        sa.Column("identifier", sa.Text, primary_key=True),
        sa.Column("added_at", sa.Text),
    )
    certificate = sa.Table(
        "information_system_certificate",
        metadata,
        sa.Column("client_id", sa.Integer, primary_key=True),
        sa.Column("sha256", sa.Text, primary_key=True),
        sa.Column("der", sa.LargeBinary),
    )
    timestamping_service = sa.Table(
        "timestamping_service",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text),
        sa.Column("url", sa.Text),
    )
    management_request = sa.Table(
        "management_request",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.Text),
        sa.Column("actor", sa.Text),
        sa.Column("service_code", sa.Text),
        sa.Column("subject", sa.Text),
        sa.Column("value", sa.Text),
        sa.Column("outcome", sa.Text),
        sa.Column("request_id", sa.Integer),
        sa.Column("code", sa.Text),
        sa.Column("message", sa.Text),
    )
    audit = sa.Table(
        "audit",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.Text),
        sa.Column("actor", sa.Text),
        sa.Column("event", sa.Text),
        sa.Column("values", sa.Text),
    )


class AuditRow:
    """One change: when, by whom, what, and the values it was made with."""

    def __init__(self, at: str, actor: str, event: str, values: dict[str, object]) -> None:
        self.at, self.actor, self.event, self.values = at, actor, event, values


class Change:
    """An open write transaction. `now` is its one point in time."""

    def __init__(self, connection: sa.Connection, now: datetime) -> None:
        self.connection = connection
        self.now = xml_datetime(now, milliseconds=True)

    def insert(self, table: sa.Table, **values: object) -> int:
        """Insert a row and return its id."""
        key = self.connection.execute(sa.insert(table).values(**values)).inserted_primary_key
        return int(key[0]) if key else 0

    def client_row(self, client: ClientId) -> int:
        row = self._one(tables.client.c.id, tables.client.c.identifier == client.encode())
        if row is None:
            raise CallerError(f"{client} is no client of this security server", code="not_found")
        return row

    def has_service(self, service: ServiceId) -> bool:
        return self._service_row(service) is not None

    def service_row(self, service: ServiceId) -> tuple[int, int, int]:
        """(service id, description id, client id)."""
        row = self._service_row(service)
        if row is None:
            raise CallerError(f"{service} is no service of this security server", code="not_found")
        return row

    def _service_row(self, service: ServiceId) -> tuple[int, int, int] | None:
        client = self.client_row(service.client_id)
        row = self.connection.execute(
            sa.select(tables.service.c.id, tables.description.c.id)
            .join(tables.description, tables.description.c.id == tables.service.c.description_id)
            .where(
                tables.description.c.client_id == client,
                tables.service.c.service_code == service.service_code,
                tables.service.c.service_version.is_not_distinct_from(service.service_version),
            )
        ).first()
        return None if row is None else (int(row[0]), int(row[1]), client)

    def endpoint_row(self, client_row: int, service_code: str, method: str, path: str) -> int | None:
        return self._one(
            tables.endpoint.c.id,
            tables.endpoint.c.client_id == client_row,
            tables.endpoint.c.service_code == service_code,
            tables.endpoint.c.method == method,
            tables.endpoint.c.path == path,
        )

    def group_row(self, client: ClientId, group_code: str) -> int:
        row = self._one(
            tables.local_group.c.id,
            tables.local_group.c.client_id == self.client_row(client),
            tables.local_group.c.group_code == group_code,
        )
        if row is None:
            raise CallerError(f"{client} has no local group {group_code!r}", code="not_found")
        return row

    def _one(self, column: sa.Column[int], *where: sa.ColumnElement[bool]) -> int | None:
        return self.connection.execute(sa.select(column).where(*where)).scalar()


class Store:
    """The database of one security server's configuration."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._engine = open_database(url, MIGRATIONS)
        self._clock = clock

    @contextmanager
    def change(self, actor: str, event: str, values: dict[str, object]) -> Iterator[Change]:
        """A write transaction that ends with its audit row. Raises CallerError (exists already), Unavailable (`database_error`)."""
        now = self._clock()
        try:
            with self._engine.begin() as connection:
                change = Change(connection, now)
                yield change
                change.insert(
                    tables.audit,
                    at=change.now,
                    actor=actor,
                    event=event,
                    values=json.dumps(values, ensure_ascii=False, sort_keys=True),
                )
                connection.execute(sa.update(tables.server).values(change=tables.server.c.change + 1))
        except sa.exc.IntegrityError as error:
            raise CallerError(_there_already(event, values), code="bad_request") from error
        except DBAPIError as error:
            raise Unavailable(f"server configuration: {error.orig}", code="database_error") from error

    def initialise(self, server_id: SecurityServerId) -> None:
        """Write down whose server this is, once. Raises CallerError when the database belongs to another server.

        After a change of owner the settings may still name the one the server was founded with.
        """
        with self._reading() as connection:
            row = connection.execute(sa.select(tables.server)).first()
        if row is None:
            try:
                self._found(server_id)
            except CallerError:  # another process has done it since
                self.initialise(server_id)
        elif (
            server_id.owner.encode() not in (row.owner, row.founding_owner)
            or row.server_code != server_id.server_code
        ):
            raise CallerError(
                f"the database is of the server {row.owner}/{row.server_code}", code="malformed_server_conf"
            )

    def _found(self, server_id: SecurityServerId) -> None:
        with self.change("system", "INITIALISE", {"server": server_id.encode()}) as change:
            change.insert(
                tables.server,
                id=1,
                owner=server_id.owner.encode(),
                founding_owner=server_id.owner.encode(),
                server_code=server_id.server_code,
                change=0,
            )

    def change_count(self) -> int:
        with self._reading() as connection:
            return int(connection.execute(sa.select(tables.server.c.change)).scalar() or 0)

    def audit_rows(self) -> list[AuditRow]:
        with self._reading() as connection:
            rows = connection.execute(sa.select(tables.audit).order_by(tables.audit.c.id)).all()
        return [AuditRow(row.at, row.actor, row.event, json.loads(row._mapping["values"])) for row in rows]

    def management_requests(self) -> tuple[SentRequest, ...]:
        with self._reading() as connection:
            return _requests(connection)

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect() as connection:
                if connection.dialect.name == "postgresql":  # what several statements read belongs together
                    connection.execution_options(isolation_level="REPEATABLE READ")
                else:
                    connection.exec_driver_sql("BEGIN")
                yield connection
        except DBAPIError as error:
            raise Unavailable(f"server configuration: {error.orig}", code="database_error") from error

    def read_snapshot(self) -> ServerConfSnapshot:
        """Everything the message path asks for, in one read transaction."""
        with self._reading() as connection:
            server = connection.execute(sa.select(tables.server)).one()
            clients = _clients(connection)
            return ServerConfSnapshot(
                server_id=SecurityServerId(ClientId.decode(server.owner), server.server_code),
                change=server.change,
                minimum_client_version=server.minimum_client_version,
                clients=dict(clients.values()),
                services=_services(connection, {row: identifier for row, (identifier, _) in clients.items()}),
                timestamping_services=tuple(
                    (row.name, row.url)
                    for row in connection.execute(
                        sa.select(tables.timestamping_service).order_by(tables.timestamping_service.c.id)
                    )
                ),
                pending_requests=_requests(connection, RequestOutcome.UNANSWERED, RequestOutcome.SUBMITTED),
            )


def _requests(connection: sa.Connection, *outcomes: RequestOutcome) -> tuple[SentRequest, ...]:
    """Oldest first; of any outcome when none is given."""
    table = tables.management_request
    query = sa.select(table).order_by(table.c.id)
    if outcomes:
        query = query.where(table.c.outcome.in_([outcome.value for outcome in outcomes]))
    return tuple(
        SentRequest(**{**row._mapping, "outcome": RequestOutcome(row.outcome)})
        for row in connection.execute(query)
    )


def _clients(connection: sa.Connection) -> dict[int, tuple[ClientId, ClientConf]]:
    certificates: dict[int, set[bytes]] = {}
    for row in connection.execute(sa.select(tables.certificate.c.client_id, tables.certificate.c.der)):
        certificates.setdefault(row.client_id, set()).add(bytes(row.der))
    return {
        row.id: (
            ClientId.decode(row.identifier),
            ClientConf(
                ClientStatus(row.status),
                ConnectionType(row.connection_type),
                frozenset(certificates.get(row.id, ())),
            ),
        )
        for row in connection.execute(sa.select(tables.client))
    }


def _services(connection: sa.Connection, clients: dict[int, ClientId]) -> dict[ServiceId, ServiceConf]:
    endpoints: dict[tuple[int, str], list[tuple[str, str]]] = {}
    for row in connection.execute(sa.select(tables.endpoint).order_by(tables.endpoint.c.id)):
        endpoints.setdefault((row.client_id, row.service_code), []).append((row.method, row.path))
    rights = _rights(connection)
    services = {}
    for row in connection.execute(
        sa.select(tables.service, tables.description)
        .join(tables.description, tables.description.c.id == tables.service.c.description_id)
        .order_by(tables.service.c.id)
        .with_only_columns(
            tables.description.c.client_id,
            tables.description.c.type,
            tables.description.c.disabled_notice,
            tables.description.c.url.label("description_url"),
            tables.service.c.service_code,
            tables.service.c.service_version,
            tables.service.c.url,
            tables.service.c.timeout_seconds,
            tables.service.c.verify_tls,
        )
    ):
        service = ServiceId(clients[row.client_id], row.service_code, row.service_version)
        key = (row.client_id, row.service_code)
        services[service] = ServiceConf(
            service_id=service,
            service_type=ServiceType(row.type),
            url=row.url,
            description_url=row.description_url,
            timeout=row.timeout_seconds,
            verify_tls=row.verify_tls,
            disabled_notice=row.disabled_notice,
            endpoints=tuple(endpoints.get(key, ())),
            rights=rights.get(key, AccessRights()),
        )
    return services


def _rights(connection: sa.Connection) -> dict[tuple[int, str], AccessRights]:
    """By (client row, service code). A local group's right becomes its members' right."""
    members: dict[tuple[int, str], list[ClientId]] = {}
    for row in connection.execute(
        sa.select(
            tables.local_group.c.client_id,
            tables.local_group.c.group_code,
            tables.local_group_member.c.identifier,
        ).join(tables.local_group_member, tables.local_group_member.c.group_id == tables.local_group.c.id)
    ):
        members.setdefault((row.client_id, row.group_code), []).append(ClientId.decode(row.identifier))

    by_client: dict[tuple[int, str], dict[ClientId, list[EndpointRule]]] = {}
    by_group: dict[tuple[int, str], dict[GlobalGroupId, list[EndpointRule]]] = {}
    for row in connection.execute(
        sa.select(tables.endpoint, tables.access_right.c.subject_type, tables.access_right.c.subject)
        .join(tables.access_right, tables.access_right.c.endpoint_id == tables.endpoint.c.id)
        .order_by(tables.access_right.c.id)
    ):
        key = (row.client_id, row.service_code)
        rule = EndpointRule(row.method, row.path)
        clients = by_client.setdefault(key, {})
        if row.subject_type == "GLOBALGROUP":
            instance, _, code = row.subject.partition("/")
            group = GlobalGroupId(instance, code)
            by_group.setdefault(key, {}).setdefault(group, []).append(rule)
        elif row.subject_type == "LOCALGROUP":
            for member in members.get((row.client_id, row.subject), ()):
                clients.setdefault(member, []).append(rule)
        else:
            clients.setdefault(ClientId.decode(row.subject), []).append(rule)
    return {
        key: AccessRights(
            {client: tuple(rules) for client, rules in clients.items()},
            tuple((group, tuple(rules)) for group, rules in by_group.get(key, {}).items()),
        )
        for key, clients in by_client.items()
    }


def _there_already(event: str, values: dict[str, object]) -> str:
    about = values.get("service") or values.get("client") or values.get("name")
    return f"{event} of {about}: it is here already" if about else f"{event}: it is here already"
