"""Rows of services, their descriptions and endpoints, within a change; and what may stand in them."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

import sqlalchemy as sa

from sild.errors import CallerError
from sild.security_server.access_rights import compile_path_glob
from sild.security_server.snapshot import ServiceType
from sild.security_server.store import Change, tables
from sild.security_server.wsdl import WsdlOperation, parse_wsdl
from sild.xroad.identifiers import ServiceId, ensure_new_identifier

__all__ = [
    "checked_endpoint",
    "checked_operations",
    "checked_url",
    "drop_service",
    "insert_endpoints",
    "insert_service",
    "wsdl_row",
]

METHODS = frozenset(("*", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"))


def insert_service(
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
    scheme = checked_url(url)
    client_row = change.client_row(service.client_id)
    if change.has_service(service):
        raise CallerError(f"{service} exists already", code="bad_request")
    change.insert(
        tables.service,
        description_id=_description(change, client_row, kind, description_url),
        service_code=service.service_code,
        service_version=service.service_version,
        url=url,
        timeout_seconds=timeout,
        verify_tls=scheme == "https" if verify_tls is None else verify_tls,
    )
    wanted = [("*", "**"), *endpoints]
    if change.endpoint_row(client_row, service.service_code, "*", "**") is not None:
        wanted.remove(("*", "**"))
    insert_endpoints(change, client_row, service.service_code, wanted, generated=True)
    return service


def drop_service(change: Change, service: ServiceId) -> None:
    row, description, client = change.service_row(service)
    table = tables.service
    change.connection.execute(sa.delete(table).where(table.c.id == row))
    left = sa.select(table.c.id).where(table.c.description_id == description)
    if change.connection.execute(left).first() is None:
        change.connection.execute(sa.delete(tables.description).where(tables.description.c.id == description))
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


def _description(change: Change, client_row: int, kind: ServiceType, url: str) -> int:
    row = wsdl_row(change, client_row, url) if kind is ServiceType.WSDL else None
    if row is not None:
        return row
    return change.insert(
        tables.description, client_id=client_row, type=kind.value, url=url, refreshed_at=change.now
    )


def wsdl_row(change: Change, client_row: int, url: str) -> int | None:
    table = tables.description
    return change.connection.execute(
        sa.select(table.c.id).where(
            table.c.client_id == client_row, table.c.url == url, table.c.type == ServiceType.WSDL.value
        )
    ).scalar()


def insert_endpoints(
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


def checked_operations(wsdl: bytes) -> tuple[WsdlOperation, ...]:
    operations = parse_wsdl(wsdl)
    if not operations:
        raise CallerError("the WSDL description has no SOAP operations", code="bad_request")
    for operation in operations:
        ensure_new_identifier(operation.code)
        if operation.version is not None:
            ensure_new_identifier(operation.version)
    return operations


def checked_url(url: str) -> str:
    parsed = urlsplit(url)
    if parsed.scheme not in ("http", "https") or not parsed.hostname:
        raise CallerError(f"{url!r} is no http or https address", code="service_malformed_url")
    return parsed.scheme


def checked_endpoint(method: str, path: str) -> str:
    method = method.upper()
    if method not in METHODS:
        raise CallerError(f"{method!r} is no HTTP method", code="bad_request")
    if path != "**" and not path.startswith("/"):
        raise CallerError(f"the path {path!r} does not begin with a slash", code="bad_request")
    compile_path_glob(path)
    return method
