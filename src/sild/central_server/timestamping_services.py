"""Approved time-stamping services (UG-CS 11)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from sild.central_server.administration import Administration
from sild.central_server.errors import NotFound
from sild.central_server.records import TimestampingService
from sild.central_server.tables import timestamping_services
from sild.central_server.validation import (
    certificate_name,
    ensure_cost_type,
    ensure_url,
    parse_certificate,
)
from sild.pki import certificate_hash, der

__all__ = ["TimestampingServices"]

_SERVICES = select(
    timestamping_services.c.id,
    timestamping_services.c.name,
    timestamping_services.c.url,
    timestamping_services.c.certificate,
    timestamping_services.c.cost_type,
)


class TimestampingServices(Administration):
    def timestamping_services(self) -> tuple[TimestampingService, ...]:
        query = _SERVICES.order_by(timestamping_services.c.id)
        with self._read() as connection:
            return tuple(TimestampingService(*row) for row in connection.execute(query))

    def timestamping_service(self, service_id: int) -> TimestampingService:
        """Raises NotFound (`timestamping_authority_not_found`)."""
        with self._read() as connection:
            return _service(connection, service_id)

    def add_timestamping_service(
        self, url: str, certificate: bytes, *, cost_type: str = "UNDEFINED"
    ) -> TimestampingService:
        """Approve a TSA, named after its certificate (DER or PEM). Raises CallerError (`invalid_url`, `invalid_certificate`)."""
        parsed = parse_certificate(certificate)
        values = {
            "name": certificate_name(parsed),
            "url": ensure_url(url),
            "cost_type": ensure_cost_type(cost_type),
        }
        with self._change(
            "add_timestamping_service", certificate=certificate_hash(parsed).hex(), **values
        ) as change:
            key = change.connection.execute(
                insert(timestamping_services).values(
                    certificate=der(parsed), created_at=change.at, updated_at=change.at, **values
                )
            ).inserted_primary_key
            assert key is not None
            return _service(change.connection, key[0])

    def update_timestamping_service(
        self,
        service_id: int,
        *,
        url: str | None = None,
        certificate: bytes | None = None,
        cost_type: str | None = None,
    ) -> TimestampingService:
        """Change what is given."""
        values: dict[str, Any] = {}
        if url is not None:
            values["url"] = ensure_url(url)
        if cost_type is not None:
            values["cost_type"] = ensure_cost_type(cost_type)
        parsed = parse_certificate(certificate) if certificate is not None else None
        detail = dict(values, certificate=certificate_hash(parsed).hex()) if parsed is not None else values
        with self._change("edit_timestamping_service", id=service_id, **detail) as change:
            if parsed is not None:
                values["certificate"] = der(parsed)
            _service(change.connection, service_id)
            change.connection.execute(
                update(timestamping_services)
                .where(timestamping_services.c.id == service_id)
                .values(updated_at=change.at, **values)
            )
            return _service(change.connection, service_id)

    def delete_timestamping_service(self, service_id: int) -> None:
        with self._change("delete_timestamping_service", id=service_id) as change:
            _service(change.connection, service_id)
            change.connection.execute(
                delete(timestamping_services).where(timestamping_services.c.id == service_id)
            )


def _service(connection: Connection, service_id: int) -> TimestampingService:
    row = connection.execute(_SERVICES.where(timestamping_services.c.id == service_id)).one_or_none()
    if row is None:
        raise NotFound("no such time-stamping service", code="timestamping_authority_not_found")
    return TimestampingService(*row)
