"""Services of clients: by their address, their OpenAPI or their WSDL description."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from sild.errors import CallerError
from sild.security_server.openapi import parse_openapi
from sild.security_server.serverconf_changes import ConfChanges
from sild.security_server.serverconf_service_rows import (
    checked_endpoint,
    checked_operations,
    checked_url,
    drop_service,
    insert_endpoints,
    insert_service,
    wsdl_row,
)
from sild.security_server.snapshot import ServiceType
from sild.security_server.store import tables
from sild.xroad.identifiers import ClientId, ServiceId

__all__ = ["DEFAULT_SERVICE_TIMEOUT", "ServicesConf"]

DEFAULT_SERVICE_TIMEOUT = 60  # seconds, X-Road's default for a new service


class ServicesConf(ConfChanges):
    """See `ServerConf`."""

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
            insert_endpoints(change, client_row, service.service_code, sorted(wanted - known), generated=True)
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
        operations = checked_operations(wsdl)
        with self._change("ADD_WSDL", client, url=wsdl_url, services=len(operations)) as change:
            return tuple(
                insert_service(
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
        operations = {(one.code, one.version): one for one in checked_operations(wsdl)}
        with self._change("REFRESH_DESCRIPTION", client, url=wsdl_url) as change:
            row = wsdl_row(change, change.client_row(client), wsdl_url)
            if row is None:
                raise CallerError(f"{client} has no WSDL description {wsdl_url}", code="not_found")
            table = tables.service
            known = {
                (found.service_code, found.service_version)
                for found in change.connection.execute(sa.select(table).where(table.c.description_id == row))
            }
            for code, version in operations.keys() - known:
                insert_service(
                    change,
                    ServiceId(client, code, version),
                    ServiceType.WSDL,
                    wsdl_url,
                    operations[code, version].url,
                    timeout=DEFAULT_SERVICE_TIMEOUT,
                    verify_tls=None,
                )
            for code, version in known - operations.keys():
                drop_service(change, ServiceId(client, code, version))
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
            checked_url(url)
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
            drop_service(change, service)

    def add_endpoint(self, service: ServiceId, method: str, path: str) -> None:
        """method: an HTTP method or `*`.  path: a glob (see `access_rights`) that begins with `/`, or `**`."""
        method = checked_endpoint(method, path)
        with self._change("ADD_ENDPOINT", service, method=method, path=path) as change:
            _, _, client = change.service_row(service)
            insert_endpoints(change, client, service.service_code, [(method, path)], generated=False)

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
            return insert_service(
                change,
                service,
                kind,
                description_url,
                url,
                timeout=timeout,
                verify_tls=verify_tls,
                endpoints=endpoints,
            )

    def _set_notice(self, service: ServiceId, notice: str | None, event: str) -> None:
        with self._change(event, service, notice=notice) as change:
            _, description, _ = change.service_row(service)
            change.connection.execute(
                sa.update(tables.description)
                .where(tables.description.c.id == description)
                .values(disabled_notice=notice)
            )
