"""The server configuration's Python interface: what an administrator may change, each call one audited transaction.

The message path never comes here; it reads `snapshot`. Methods are synchronous and short (a local database); an
asynchronous caller with a distant one calls them in a thread.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from urllib.parse import urlsplit

import sqlalchemy as sa

from sild.clock import Clock, system_clock
from sild.errors import CallerError
from sild.security_server.access_rights import compile_path_glob
from sild.security_server.openapi import parse_openapi
from sild.security_server.snapshot import (
    ClientStatus,
    ConnectionType,
    SentRequest,
    ServerConfSnapshot,
    ServiceType,
)
from sild.security_server.store import AuditRow, Change, Store, tables
from sild.security_server.wsdl import WsdlOperation, parse_wsdl
from sild.xroad.identifiers import (
    ClientId,
    GlobalGroupId,
    LocalGroupId,
    SecurityServerId,
    ServiceId,
    ensure_new_identifier,
)

__all__ = ["DEFAULT_SERVICE_TIMEOUT", "ServerConf", "Subject"]

DEFAULT_SERVICE_TIMEOUT = 60  # seconds, X-Road's default for a new service
METHODS = frozenset(("*", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"))
Subject = ClientId | GlobalGroupId | LocalGroupId


class ServerConf:
    """Clients, services, rights, groups and certificates of one security server.

    Every changing method raises CallerError (`not_found`, `bad_request`) or Unavailable (`database_error`) and then has
    changed nothing. After it returns, `snapshot` holds the change.
    """

    def __init__(
        self, url: str, server_id: SecurityServerId, *, clock: Clock = system_clock, actor: str = "system"
    ) -> None:
        self._store = Store(url, clock)
        self._store.initialise(server_id)
        self._current = [self._store.read_snapshot()]
        self._actor = actor

    @property
    def snapshot(self) -> ServerConfSnapshot:
        return self._current[0]

    def acting_as(self, actor: str) -> ServerConf:
        """The same configuration, its changes audited under another name."""
        other = object.__new__(ServerConf)
        other._store, other._current, other._actor = self._store, self._current, actor
        return other

    def reload_if_changed(self) -> bool:
        """Take up what another process has changed in the database."""
        if self._store.change_count() == self.snapshot.change:
            return False
        self._current[0] = self._store.read_snapshot()
        return True

    def ensure_database(self) -> None:
        """Raises Unavailable (`database_error`). Blocks."""
        self._store.change_count()

    def audit_rows(self) -> list[AuditRow]:
        return self._store.audit_rows()

    def management_requests(self) -> tuple[SentRequest, ...]:
        """All this server ever made, oldest first."""
        return self._store.management_requests()

    @property
    def actor(self) -> str:
        return self._actor

    def change(
        self, event: str, about: ClientId | None = None, **values: object
    ) -> AbstractContextManager[Change]:
        """One audited transaction, for `registration`, which keeps its own tables here."""
        return self._change(event, about, **values)

    def close(self) -> None:
        self._store.close()

    # Clients

    def add_client(
        self,
        client: ClientId,
        *,
        status: ClientStatus = ClientStatus.SAVED,
        connection_type: ConnectionType = ConnectionType.HTTPS,
    ) -> None:
        """A member or subsystem whose information systems use this server. Only a REGISTERED one exchanges messages."""
        with self._change(
            "ADD_CLIENT", client, status=status.value, connection=connection_type.value
        ) as change:
            change.insert(
                tables.client,
                identifier=client.encode(),
                status=status.value,
                connection_type=connection_type.value,
            )

    def set_client_status(self, client: ClientId, status: ClientStatus) -> None:
        with self._change("SET_CLIENT_STATUS", client, status=status.value) as change:
            self._update_client(change, client, status=status.value)

    def set_connection_type(self, client: ClientId, connection_type: ConnectionType) -> None:
        with self._change("SET_CONNECTION_TYPE", client, connection=connection_type.value) as change:
            self._update_client(change, client, connection_type=connection_type.value)

    def remove_client(self, client: ClientId) -> None:
        """Removes its services, rights, groups and certificates with it."""
        with self._change("REMOVE_CLIENT", client) as change:
            row = change.client_row(client)
            change.connection.execute(sa.delete(tables.client).where(tables.client.c.id == row))

    def add_certificate(self, client: ClientId, der: bytes) -> None:
        """A certificate of the client's information system, or of an https service of it."""
        fingerprint = hashlib.sha256(der).hexdigest()
        with self._change("ADD_CERTIFICATE", client, sha256=fingerprint) as change:
            change.insert(
                tables.certificate, client_id=change.client_row(client), sha256=fingerprint, der=der
            )

    def remove_certificate(self, client: ClientId, der: bytes) -> None:
        fingerprint = hashlib.sha256(der).hexdigest()
        with self._change("REMOVE_CERTIFICATE", client, sha256=fingerprint) as change:
            change.connection.execute(
                sa.delete(tables.certificate).where(
                    tables.certificate.c.client_id == change.client_row(client),
                    tables.certificate.c.sha256 == fingerprint,
                )
            )

    # Services

    def add_rest_service(
        self,
        client: ClientId,
        service_code: str,
        url: str,
        *,
        timeout: int = DEFAULT_SERVICE_TIMEOUT,
        verify_tls: bool | None = None,
    ) -> ServiceId:
        """A REST service by its base address. verify_tls: None means yes for https."""
        return self._add_service(
            client, service_code, ServiceType.REST, url, url, timeout=timeout, verify_tls=verify_tls
        )

    def add_openapi_service(
        self,
        client: ClientId,
        service_code: str,
        description_url: str,
        description: bytes,
        *,
        url: str | None = None,
        timeout: int = DEFAULT_SERVICE_TIMEOUT,
        verify_tls: bool | None = None,
    ) -> ServiceId:
        """A REST service by its OpenAPI 3 description, whose endpoints rights can then be granted for.

        description: the bytes fetched from `description_url`.  url: base address instead of the description's own.
        """
        parsed = parse_openapi(description, description_url=description_url)
        return self._add_service(
            client,
            service_code,
            ServiceType.OPENAPI3,
            description_url,
            url or parsed.base_url,
            timeout=timeout,
            verify_tls=verify_tls,
            endpoints=parsed.endpoints,
        )

    def refresh_openapi_service(self, service: ServiceId, description: bytes) -> None:
        """Take over a newer description: endpoints that are gone lose their rights, those given by hand stay."""
        with self._change("REFRESH_DESCRIPTION", service) as change:
            _, description_row, client_row = change.service_row(service)
            url = change.connection.execute(
                sa.select(tables.description.c.url).where(tables.description.c.id == description_row)
            ).scalar_one()
            wanted = set(parse_openapi(description, description_url=url).endpoints)
            table = tables.endpoint
            mine = (table.c.client_id == client_row, table.c.service_code == service.service_code)
            rows = change.connection.execute(sa.select(table).where(*mine)).all()
            for row in rows:
                if row.generated and row.path != "**" and (row.method, row.path) not in wanted:
                    change.connection.execute(sa.delete(table).where(table.c.id == row.id))
            known = {(row.method, row.path) for row in rows}
            self._insert_endpoints(
                change, client_row, service.service_code, sorted(wanted - known), generated=True
            )
            change.connection.execute(
                sa.update(tables.description)
                .where(tables.description.c.id == description_row)
                .values(refreshed_at=change.now)
            )

    def add_soap_service(
        self,
        client: ClientId,
        service_code: str,
        service_version: str | None,
        wsdl_url: str,
        url: str,
        *,
        timeout: int = DEFAULT_SERVICE_TIMEOUT,
        verify_tls: bool | None = None,
    ) -> ServiceId:
        """One operation of a WSDL description; a second one of the same `wsdl_url` joins that description."""
        return self._add_service(
            client,
            service_code,
            ServiceType.WSDL,
            wsdl_url,
            url,
            service_version=service_version,
            timeout=timeout,
            verify_tls=verify_tls,
        )

    def add_wsdl(
        self, client: ClientId, wsdl_url: str, wsdl: bytes, *, timeout: int = DEFAULT_SERVICE_TIMEOUT
    ) -> tuple[ServiceId, ...]:
        """Every operation of a WSDL description, all or none. wsdl: the bytes fetched from `wsdl_url`.

        Raises CallerError (`bad_request`) too for one that is no WSDL, has no operations or whose names may not stand in an
        identifier, and `service_malformed_url` for an operation without a usable address.
        """
        operations = _checked_operations(wsdl)
        with self._change("ADD_WSDL", client, url=wsdl_url, services=len(operations)) as change:
            return tuple(
                self._insert_service(
                    change,
                    ServiceId(client, operation.code, operation.version),
                    ServiceType.WSDL,
                    wsdl_url,
                    operation.url,
                    timeout=timeout,
                    verify_tls=None,
                )
                for operation in operations
            )

    def refresh_wsdl(self, client: ClientId, wsdl_url: str, wsdl: bytes) -> None:
        """Take over a newer description: new operations are added, those that are gone go with their rights.

        The address, timeout and rights of those that stay are the administrator's and stay too.
        """
        operations = {(one.code, one.version): one for one in _checked_operations(wsdl)}
        with self._change("REFRESH_DESCRIPTION", client, url=wsdl_url) as change:
            row = self._wsdl_row(change, change.client_row(client), wsdl_url)
            if row is None:
                raise CallerError(f"{client} has no WSDL description {wsdl_url}", code="not_found")
            table = tables.service
            known = {
                (found.service_code, found.service_version)
                for found in change.connection.execute(sa.select(table).where(table.c.description_id == row))
            }
            for code, version in operations.keys() - known:
                self._insert_service(
                    change,
                    ServiceId(client, code, version),
                    ServiceType.WSDL,
                    wsdl_url,
                    operations[code, version].url,
                    timeout=DEFAULT_SERVICE_TIMEOUT,
                    verify_tls=None,
                )
            for code, version in known - operations.keys():
                self._drop_service(change, ServiceId(client, code, version))
            change.connection.execute(
                sa.update(tables.description)
                .where(tables.description.c.id == row)
                .values(refreshed_at=change.now)
            )

    def update_service(
        self,
        service: ServiceId,
        *,
        url: str | None = None,
        timeout: int | None = None,
        verify_tls: bool | None = None,
    ) -> None:
        given = {"url": url, "timeout_seconds": timeout, "verify_tls": verify_tls}
        values = {name: value for name, value in given.items() if value is not None}
        if url is not None:
            _checked_url(url)
        with self._change("UPDATE_SERVICE", service, **values) as change:
            row, _, _ = change.service_row(service)
            change.connection.execute(
                sa.update(tables.service).where(tables.service.c.id == row).values(**values)
            )

    def disable_service(self, service: ServiceId, notice: str) -> None:
        """Disable the service's whole description; callers see `notice`."""
        self._set_notice(service, notice, "DISABLE_SERVICE")

    def enable_service(self, service: ServiceId) -> None:
        self._set_notice(service, None, "ENABLE_SERVICE")

    def remove_service(self, service: ServiceId) -> None:
        """Its rights go with it, unless another version of it stays: rights are on the service code."""
        with self._change("REMOVE_SERVICE", service) as change:
            self._drop_service(change, service)

    def add_endpoint(self, service: ServiceId, method: str, path: str) -> None:
        """method: an HTTP method or `*`.  path: a glob (see `access_rights`) that begins with `/`, or `**`."""
        method = _checked_endpoint(method, path)
        with self._change("ADD_ENDPOINT", service, method=method, path=path) as change:
            _, _, client = change.service_row(service)
            self._insert_endpoints(change, client, service.service_code, [(method, path)], generated=False)

    # Rights and groups

    def grant(self, service: ServiceId, subject: Subject, *, method: str = "*", path: str = "**") -> None:
        """Allow `subject` to call an endpoint, without a method and path the whole service; twice is once.

        An endpoint that is not there yet is added.
        """
        method = _checked_endpoint(method, path)
        kind, text = _subject(subject)
        with self._change("GRANT", service, subject=text, kind=kind, method=method, path=path) as change:
            _, _, client = change.service_row(service)
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
            table = tables.access_right
            same = (table.c.endpoint_id == endpoint, table.c.subject_type == kind, table.c.subject == text)
            if change.connection.execute(sa.select(table.c.id).where(*same)).first() is None:
                change.insert(
                    table, endpoint_id=endpoint, subject_type=kind, subject=text, granted_at=change.now
                )

    def revoke(self, service: ServiceId, subject: Subject, *, method: str = "*", path: str = "**") -> None:
        method = _checked_endpoint(method, path)
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

    # The server itself

    def add_timestamping_service(self, name: str, url: str) -> None:
        """One of the approved TSAs; those chosen here are tried in the order they were added."""
        with self._change("ADD_TIMESTAMPING_SERVICE", name=name, url=url) as change:
            change.insert(tables.timestamping_service, name=name, url=url)

    def set_minimum_client_version(self, version: str | None) -> None:
        """Oldest X-Road version a calling server may have: `7.3.0`."""
        with self._change("SET_MINIMUM_CLIENT_VERSION", version=version) as change:
            change.connection.execute(sa.update(tables.server).values(minimum_client_version=version))

    # What the above share

    @contextmanager
    def _change(
        self, event: str, about: ClientId | ServiceId | None = None, **values: object
    ) -> Iterator[Change]:
        """One audited transaction, and the new snapshot swapped in once it stands."""
        if about is not None:
            values["service" if isinstance(about, ServiceId) else "client"] = about.encode()
        with self._store.change(self._actor, event, values) as change:
            yield change
        self._current[0] = self._store.read_snapshot()

    def _update_client(self, change: Change, client: ClientId, **values: str) -> None:
        row = change.client_row(client)
        change.connection.execute(sa.update(tables.client).where(tables.client.c.id == row).values(**values))

    def _add_service(
        self,
        client: ClientId,
        service_code: str,
        kind: ServiceType,
        description_url: str,
        url: str,
        *,
        timeout: int,
        verify_tls: bool | None,
        service_version: str | None = None,
        endpoints: Iterable[tuple[str, str]] = (),
    ) -> ServiceId:
        if not service_code or "/" in service_code:
            raise CallerError(f"{service_code!r} is no service code", code="bad_request")
        service = ServiceId(client, service_code, service_version)
        with self._change("ADD_SERVICE", service, type=kind.value, url=url) as change:
            return self._insert_service(
                change,
                service,
                kind,
                description_url,
                url,
                timeout=timeout,
                verify_tls=verify_tls,
                endpoints=endpoints,
            )

    def _insert_service(
        self,
        change: Change,
        service: ServiceId,
        kind: ServiceType,
        description_url: str,
        url: str,
        *,
        timeout: int,
        verify_tls: bool | None,
        endpoints: Iterable[tuple[str, str]] = (),
    ) -> ServiceId:
        scheme = _checked_url(url)
        client_row = change.client_row(service.client_id)
        if change.has_service(service):
            raise CallerError(f"{service} exists already", code="bad_request")
        change.insert(
            tables.service,
            description_id=self._description(change, client_row, kind, description_url),
            service_code=service.service_code,
            service_version=service.service_version,
            url=url,
            timeout_seconds=timeout,
            verify_tls=scheme == "https" if verify_tls is None else verify_tls,
        )
        wanted = [("*", "**"), *endpoints]
        if change.endpoint_row(client_row, service.service_code, "*", "**") is not None:
            wanted.remove(("*", "**"))
        self._insert_endpoints(change, client_row, service.service_code, wanted, generated=True)
        return service

    def _drop_service(self, change: Change, service: ServiceId) -> None:
        row, description, client = change.service_row(service)
        table = tables.service
        change.connection.execute(sa.delete(table).where(table.c.id == row))
        left = sa.select(table.c.id).where(table.c.description_id == description)
        if change.connection.execute(left).first() is None:
            change.connection.execute(
                sa.delete(tables.description).where(tables.description.c.id == description)
            )
        versions = (
            sa.select(table.c.id)
            .join(tables.description, tables.description.c.id == table.c.description_id)
            .where(tables.description.c.client_id == client, table.c.service_code == service.service_code)
        )
        if change.connection.execute(versions).first() is None:
            change.connection.execute(
                sa.delete(tables.endpoint).where(
                    tables.endpoint.c.client_id == client,
                    tables.endpoint.c.service_code == service.service_code,
                )
            )

    def _description(self, change: Change, client_row: int, kind: ServiceType, url: str) -> int:
        row = self._wsdl_row(change, client_row, url) if kind is ServiceType.WSDL else None
        if row is not None:
            return row
        return change.insert(
            tables.description, client_id=client_row, type=kind.value, url=url, refreshed_at=change.now
        )

    def _wsdl_row(self, change: Change, client_row: int, url: str) -> int | None:
        table = tables.description
        return change.connection.execute(
            sa.select(table.c.id).where(
                table.c.client_id == client_row, table.c.url == url, table.c.type == ServiceType.WSDL.value
            )
        ).scalar()

    def _set_notice(self, service: ServiceId, notice: str | None, event: str) -> None:
        with self._change(event, service, notice=notice) as change:
            _, description, _ = change.service_row(service)
            change.connection.execute(
                sa.update(tables.description)
                .where(tables.description.c.id == description)
                .values(disabled_notice=notice)
            )

    def _insert_endpoints(
        self,
        change: Change,
        client_row: int,
        service_code: str,
        endpoints: Iterable[tuple[str, str]],
        *,
        generated: bool,
    ) -> None:
        for method, path in endpoints:
            change.insert(
                tables.endpoint,
                client_id=client_row,
                service_code=service_code,
                method=method,
                path=path,
                generated=generated,
            )


def _checked_operations(wsdl: bytes) -> tuple[WsdlOperation, ...]:
    operations = parse_wsdl(wsdl)
    if not operations:
        raise CallerError("the WSDL description has no SOAP operations", code="bad_request")
    for operation in operations:
        ensure_new_identifier(operation.code)
        if operation.version is not None:
            ensure_new_identifier(operation.version)
    return operations


def _checked_url(url: str) -> str:
    parsed = urlsplit(url)
    if parsed.scheme not in ("http", "https") or not parsed.hostname:
        raise CallerError(f"{url!r} is no http or https address", code="service_malformed_url")
    return parsed.scheme


def _checked_endpoint(method: str, path: str) -> str:
    method = method.upper()
    if method not in METHODS:
        raise CallerError(f"{method!r} is no HTTP method", code="bad_request")
    if path != "**" and not path.startswith("/"):
        raise CallerError(f"the path {path!r} does not begin with a slash", code="bad_request")
    compile_path_glob(path)
    return method


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
