"""Approved certification services: a top CA, its intermediates and OCSP responders, certificate profile, ACME (UG-CS 10)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Select, delete, insert, select, update

from sild.central_server.administration import Administration
from sild.central_server.errors import NotFound
from sild.central_server.records import CertificateAuthority, CertificationService, OcspResponder
from sild.central_server.tables import certificate_authorities, certification_services, ocsp_responders
from sild.central_server.validation import (
    certificate_name,
    ensure_cost_type,
    ensure_csr_format,
    ensure_ip_addresses,
    ensure_profile,
    ensure_url,
    optional_text,
    parse_certificate,
)
from sild.pki import certificate_hash, der

__all__ = ["CertificationServices"]

_SERVICES: Select[Any] = (  # CertificationService's fields
    select(
        certification_services.c.id,
        certification_services.c.name,
        certificate_authorities.c.certificate,
        certification_services.c.tls_auth,
        certification_services.c.certificate_profile_info,
        certification_services.c.default_csr_format,
        certification_services.c.acme_server_directory_url,
        certification_services.c.acme_server_ip_address,
        certification_services.c.authentication_certificate_profile_id,
        certification_services.c.signing_certificate_profile_id,
    )
    .join_from(certification_services, certificate_authorities)
    .where(certificate_authorities.c.is_top)
)


class CertificationServices(Administration):
    def certification_services(self) -> tuple[CertificationService, ...]:
        query = _SERVICES.order_by(certification_services.c.id)
        with self._read() as connection:
            return tuple(CertificationService(*row) for row in connection.execute(query))

    def certification_service(self, service_id: int) -> CertificationService:
        """Raises NotFound (`certification_service_not_found`)."""
        query = _SERVICES.where(certification_services.c.id == service_id)
        with self._read() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise NotFound("no such certification service", code="certification_service_not_found")
        return CertificationService(*row)

    def add_certification_service(
        self,
        certificate: bytes,
        certificate_profile_info: str,
        *,
        tls_auth: bool = False,
        default_csr_format: str | None = "PEM",
        acme_server_directory_url: str | None = None,
        acme_server_ip_address: str | None = None,
        authentication_certificate_profile_id: str | None = None,
        signing_certificate_profile_id: str | None = None,
    ) -> CertificationService:
        """Approve a CA. It is named after its certificate (DER or PEM).

        tls_auth: only for authentication certificates.  certificate_profile_info: the Java class name of its profile.
        Raises CallerError (`invalid_certificate`, `certificate_profile_info_class_not_found`, `invalid_url`,
        `invalid_ip_address`).
        """
        parsed = parse_certificate(certificate)
        values: dict[str, Any] = {
            "name": certificate_name(parsed),
            "tls_auth": tls_auth,
            "certificate_profile_info": ensure_profile(certificate_profile_info),
            "default_csr_format": ensure_csr_format(default_csr_format),
            "acme_server_directory_url": ensure_url(acme_server_directory_url)
            if acme_server_directory_url
            else None,
            "acme_server_ip_address": ensure_ip_addresses(acme_server_ip_address),
            "authentication_certificate_profile_id": optional_text(
                authentication_certificate_profile_id, "profile id"
            ),
            "signing_certificate_profile_id": optional_text(signing_certificate_profile_id, "profile id"),
        }
        with self._change(
            "add_certification_service", certificate=certificate_hash(parsed).hex(), **values
        ) as change:
            key = change.connection.execute(
                insert(certification_services).values(created_at=change.at, updated_at=change.at, **values)
            ).inserted_primary_key
            assert key is not None
            change.connection.execute(
                insert(certificate_authorities).values(
                    certification_service_id=key[0], is_top=True, certificate=der(parsed)
                )
            )
            return self.certification_service(key[0])

    def update_certification_service(self, service_id: int, **settings: Any) -> CertificationService:
        """Change settings by the names `add_certification_service` has; the certificate cannot be changed.

        An empty text takes an ACME setting away. Raises what adding raises, NotFound, TypeError (unknown setting).
        """
        checks: dict[str, Callable[[Any], Any]] = {
            "certificate_profile_info": ensure_profile,
            "tls_auth": bool,
            "default_csr_format": ensure_csr_format,
            "acme_server_directory_url": lambda url: ensure_url(url) if url else None,
            "acme_server_ip_address": ensure_ip_addresses,
            "authentication_certificate_profile_id": lambda text: optional_text(text, "profile id"),
            "signing_certificate_profile_id": lambda text: optional_text(text, "profile id"),
        }
        unknown = settings.keys() - checks.keys()
        if unknown:
            raise TypeError(f"a certification service has no {', '.join(sorted(unknown))}")
        values = {name: checks[name](value) for name, value in settings.items()}
        with self._change("edit_certification_service_settings", id=service_id, **values) as change:
            self.certification_service(service_id)
            change.connection.execute(
                update(certification_services)
                .where(certification_services.c.id == service_id)
                .values(updated_at=change.at, **values)
            )
            return self.certification_service(service_id)

    def delete_certification_service(self, service_id: int) -> None:
        with self._change("delete_certification_service", id=service_id) as change:
            self.certification_service(service_id)
            change.connection.execute(
                delete(certification_services).where(certification_services.c.id == service_id)
            )

    # --- intermediate CAs

    def intermediate_cas(self, service_id: int) -> tuple[CertificateAuthority, ...]:
        with self._read() as connection:
            self.certification_service(service_id)
            rows = connection.execute(
                select(certificate_authorities.c.id, certificate_authorities.c.certificate)
                .where(
                    certificate_authorities.c.certification_service_id == service_id,
                    ~certificate_authorities.c.is_top,
                )
                .order_by(certificate_authorities.c.id)
            )
            return tuple(CertificateAuthority(*row) for row in rows)

    def add_intermediate_ca(self, service_id: int, certificate: bytes) -> CertificateAuthority:
        """Raises NotFound, CallerError (`invalid_certificate`)."""
        parsed = parse_certificate(certificate)
        with self._change(
            "add_intermediate_ca", id=service_id, certificate=certificate_hash(parsed).hex()
        ) as change:
            self.certification_service(service_id)
            key = change.connection.execute(
                insert(certificate_authorities).values(
                    certification_service_id=service_id, is_top=False, certificate=der(parsed)
                )
            ).inserted_primary_key
            assert key is not None
        return CertificateAuthority(key[0], der(parsed))

    def delete_intermediate_ca(self, intermediate_ca_id: int) -> None:
        """Raises NotFound (`intermediate_ca_not_found`)."""
        with self._change("delete_intermediate_ca", id=intermediate_ca_id) as change:
            deleted = change.connection.execute(
                delete(certificate_authorities).where(
                    certificate_authorities.c.id == intermediate_ca_id, ~certificate_authorities.c.is_top
                )
            )
            if deleted.rowcount == 0:
                raise NotFound("no such intermediate CA", code="intermediate_ca_not_found")

    # --- OCSP responders

    def ocsp_responders(
        self, service_id: int, intermediate_ca_id: int | None = None
    ) -> tuple[OcspResponder, ...]:
        """Those of the service's top CA, or of one of its intermediate CAs."""
        with self._read() as connection:
            authority = self._authority(connection, service_id, intermediate_ca_id)
            rows = connection.execute(
                _responders()
                .where(ocsp_responders.c.certificate_authority_id == authority)
                .order_by(ocsp_responders.c.id)
            )
            return tuple(OcspResponder(*row) for row in rows)

    def add_ocsp_responder(
        self,
        service_id: int,
        url: str,
        certificate: bytes | None = None,
        *,
        cost_type: str = "UNDEFINED",
        intermediate_ca_id: int | None = None,
    ) -> OcspResponder:
        """Raises NotFound, CallerError (`invalid_url`, `invalid_certificate`)."""
        values: dict[str, Any] = {
            "url": ensure_url(url),
            "certificate": der(parse_certificate(certificate)) if certificate else None,
            "cost_type": ensure_cost_type(cost_type),
        }
        with self._change(
            "add_ocsp_responder", id=service_id, url=values["url"], cost_type=cost_type
        ) as change:
            authority = self._authority(change.connection, service_id, intermediate_ca_id)
            key = change.connection.execute(
                insert(ocsp_responders).values(certificate_authority_id=authority, **values)
            ).inserted_primary_key
            assert key is not None
            return _responder(change.connection, key[0])

    def update_ocsp_responder(
        self,
        responder_id: int,
        *,
        url: str | None = None,
        certificate: bytes | None = None,
        cost_type: str | None = None,
    ) -> OcspResponder:
        """Change what is given. Raises NotFound (`ocsp_responder_not_found`) and what adding raises."""
        values: dict[str, Any] = {}
        if url is not None:
            values["url"] = ensure_url(url)
        if cost_type is not None:
            values["cost_type"] = ensure_cost_type(cost_type)
        parsed = parse_certificate(certificate) if certificate is not None else None
        detail = dict(values, certificate=certificate_hash(parsed).hex()) if parsed is not None else values
        with self._change("edit_ocsp_responder", id=responder_id, **detail) as change:
            if parsed is not None:
                values["certificate"] = der(parsed)
            _responder(change.connection, responder_id)
            if values:
                change.connection.execute(
                    update(ocsp_responders).where(ocsp_responders.c.id == responder_id).values(**values)
                )
            return _responder(change.connection, responder_id)

    def delete_ocsp_responder(self, responder_id: int) -> None:
        with self._change("delete_ocsp_responder", id=responder_id) as change:
            _responder(change.connection, responder_id)
            change.connection.execute(delete(ocsp_responders).where(ocsp_responders.c.id == responder_id))

    def _authority(self, connection: Connection, service_id: int, intermediate_ca_id: int | None) -> int:
        self.certification_service(service_id)
        query = select(certificate_authorities.c.id).where(
            certificate_authorities.c.certification_service_id == service_id
        )
        if intermediate_ca_id is None:
            return int(connection.execute(query.where(certificate_authorities.c.is_top)).scalar_one())
        found = connection.scalar(query.where(certificate_authorities.c.id == intermediate_ca_id))
        if found is None:
            raise NotFound("no such intermediate CA", code="intermediate_ca_not_found")
        return int(found)


def _responders() -> Select[Any]:  # OcspResponder's fields
    return select(
        ocsp_responders.c.id,
        ocsp_responders.c.url,
        ocsp_responders.c.certificate,
        ocsp_responders.c.cost_type,
    )


def _responder(connection: Connection, responder_id: int) -> OcspResponder:
    row = connection.execute(_responders().where(ocsp_responders.c.id == responder_id)).one_or_none()
    if row is None:
        raise NotFound("no such OCSP responder", code="ocsp_responder_not_found")
    return OcspResponder(*row)
