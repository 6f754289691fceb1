"""Security servers: owner, address, authentication certificates, maintenance mode (UG-CS 6, 8).

With `server_clients` these are the effects of X-Road's management requests (WIRE 16). The requests themselves, with waiting and approval,
call them (`management_requests`); they raise the codes those requests answer with.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, delete, exists, func, insert, or_, select, update

from sild.central_server.administration import Change, Plain
from sild.central_server.errors import Conflict, NotFound
from sild.central_server.global_groups import keep_owners_group
from sild.central_server.lookups import (
    ClientRow,
    find_member,
    find_security_server,
    server_id_of,
)
from sild.central_server.parameters import read_service_provider
from sild.central_server.records import AuthCertificate, Page, SecurityServer
from sild.central_server.server_clients import ServerChanges, insert_client, registration_of
from sild.central_server.tables import (
    auth_certificates,
    certificate_authorities,
    member_classes,
    members,
    security_servers,
    server_clients,
)
from sild.central_server.validation import ensure_address, ensure_code, optional_text, parse_certificate
from sild.errors import CallerError, PeerError
from sild.pki import (
    Certificate,
    certificate_hash,
    certificate_sha1,
    der,
    is_auth_certificate,
    is_issued_by,
    read_certificate,
)
from sild.xroad.identifiers import ClientId, SecurityServerId

__all__ = ["SecurityServers"]


class SecurityServers(ServerChanges):
    # --- servers

    def register_security_server(
        self, owner: ClientId, server_code: str, address: str, auth_certificate: bytes | None = None
    ) -> SecurityServerId:
        """Register a server of `owner`, with its first authentication certificate if it has one (authCertReg).

        auth_certificate: DER or PEM.
        Raises NotFound (`management_request_server_owner_not_found`), Conflict (`management_request_server_code_exists`),
        and what `add_auth_certificate` raises.
        """
        ensure_code(server_code)
        address = ensure_address(address)
        server_id = SecurityServerId(owner.member, server_code)
        with self._change(
            "register_security_server", security_server=str(server_id), address=address
        ) as change:
            owner_key = find_member(
                change.connection, owner, code="management_request_server_owner_not_found"
            )
            _refuse_taken_code(change.connection, owner_key, server_id)
            change.connection.execute(
                insert(security_servers).values(
                    owner_id=owner_key,
                    server_code=server_code,
                    address=address,
                    in_maintenance_mode=False,
                    created_at=change.at,
                    updated_at=change.at,
                )
            )
            keep_owners_group(change, owner_key)
            if auth_certificate is not None:
                self.add_auth_certificate(server_id, auth_certificate)
        return server_id

    def security_server(self, server_id: SecurityServerId) -> SecurityServer:
        """Raises NotFound (`security_server_not_found`)."""
        with self._read() as connection:
            key = find_security_server(connection, server_id)
            row = connection.execute(_servers().where(security_servers.c.id == key)).one()
        return self._server(tuple(row))

    def find_security_servers(
        self, query: str = "", *, limit: int | None = None, offset: int = 0
    ) -> Page[SecurityServer]:
        """Servers whose code, owner's code, class or name contains `query`, without regard to case."""
        columns = (
            security_servers.c.server_code,
            members.c.member_code,
            member_classes.c.code,
            members.c.name,
        )
        found = _servers().where(or_(*(column.icontains(query, autoescape=True) for column in columns)))
        order = (member_classes.c.code, members.c.member_code, security_servers.c.server_code)
        with self._read() as connection:
            total = connection.scalar(select(func.count()).select_from(found.subquery())) or 0
            rows = connection.execute(found.order_by(*order).limit(limit).offset(offset)).all()
        return Page(tuple(self._server(tuple(row)) for row in rows), total)

    def _server(self, row: tuple[Any, ...]) -> SecurityServer:  # one row of `_servers`
        server_id = server_id_of(self.instance_identifier, *row[:3])
        return SecurityServer(server_id, *row[3:])

    def change_address(self, server_id: SecurityServerId, address: str) -> None:
        """Raises CallerError (`management_request_invalid_server_address`), NotFound."""
        address = ensure_address(address)
        with self._server_change("address_change", server_id, address=address) as (change, key):
            _update_server(change, key, address=address)

    def enable_maintenance_mode(self, server_id: SecurityServerId, message: str | None = None) -> None:
        """Servers of v5 and later leave it out when they choose a provider.

        Raises NotFound, Conflict (the server of the management services; already in maintenance).
        """
        message = optional_text(message, "message")
        with self._server_change("maintenance_mode_enable", server_id, message=message) as (change, key):
            provider = read_service_provider(change.connection)
            if provider is not None and registration_of(change.connection, key, provider) is not None:
                raise Conflict(
                    f"{server_id} serves the management services",
                    code="mr_forbidden_enable_maintenance_mode_for_management_service",
                )
            if _in_maintenance(change.connection, key):
                raise Conflict(
                    f"{server_id} is in maintenance mode",
                    code="management_request_server_already_in_maintenance_mode",
                )
            _update_server(change, key, in_maintenance_mode=True, maintenance_mode_message=message)

    def disable_maintenance_mode(self, server_id: SecurityServerId) -> None:
        with self._server_change("maintenance_mode_disable", server_id) as (change, key):
            if not _in_maintenance(change.connection, key):
                raise Conflict(
                    f"{server_id} is not in maintenance mode",
                    code="management_request_server_not_in_maintenance_mode",
                )
            _update_server(change, key, in_maintenance_mode=False, maintenance_mode_message=None)

    def change_owner(self, server_id: SecurityServerId, new_owner: ClientId) -> SecurityServerId:
        """Make a client member the owner; the former owner stays as a client. Answers the server's new identifier.

        Raises CallerError (`management_request_owner_must_be_member`, `..._owner_must_be_client`,
        `..._client_already_owner`), Conflict (`..._server_code_exists`), NotFound.
        """
        if new_owner.subsystem_code is not None:
            raise CallerError(
                "a subsystem cannot own a security server", code="management_request_owner_must_be_member"
            )
        new_id = SecurityServerId(new_owner, server_id.server_code)
        with self._server_change("owner_change", server_id, owner=str(new_owner)) as (change, key):
            if new_owner == server_id.owner:
                raise CallerError(
                    f"{new_owner} owns it already", code="management_request_client_already_owner"
                )
            registration = registration_of(change.connection, key, new_owner)
            if registration is None:
                raise CallerError(
                    f"{new_owner} is not a client of {server_id}",
                    code="management_request_owner_must_be_client",
                )
            owner_key = find_member(change.connection, new_owner)
            _refuse_taken_code(change.connection, owner_key, new_id)
            former = find_member(change.connection, server_id.owner)
            change.connection.execute(delete(server_clients).where(server_clients.c.id == registration))
            _update_server(change, key, owner_id=owner_key)
            insert_client(change, key, ClientRow(former, None))
            keep_owners_group(change, former, owner_key)
        return new_id

    def delete_security_server(self, server_id: SecurityServerId) -> None:
        """Delete it with its registrations and certificates."""
        with self._server_change("delete_security_server", server_id) as (change, key):
            owner = find_member(change.connection, server_id.owner)
            change.connection.execute(delete(security_servers).where(security_servers.c.id == key))
            keep_owners_group(change, owner)

    # --- authentication certificates

    def add_auth_certificate(self, server_id: SecurityServerId, certificate: bytes) -> AuthCertificate:
        """Register an authentication certificate (DER or PEM), issued by an approved CA and valid now.

        Raises CallerError (`management_request_invalid_auth_certificate`),
        Conflict (`management_request_security_server_exists`: registered already), NotFound.
        """
        parsed = parse_certificate(certificate, code="management_request_invalid_auth_certificate")
        sha256 = certificate_hash(parsed)
        with self._server_change("add_auth_certificate", server_id, certificate=sha256.hex()) as (
            change,
            key,
        ):
            self._ensure_new_auth_certificate(change, certificate)
            inserted = change.connection.execute(
                insert(auth_certificates).values(
                    security_server_id=key,
                    certificate=der(parsed),
                    sha1=certificate_sha1(parsed),
                    sha256=sha256,
                    created_at=change.at,
                )
            ).inserted_primary_key
            assert inserted is not None
        return AuthCertificate(inserted[0], der(parsed))

    def _ensure_new_auth_certificate(self, change: Change, certificate: bytes) -> None:
        """Suitable (see `add_auth_certificate`), and registered nowhere."""
        _ensure_auth_certificate(
            change, parse_certificate(certificate, code="management_request_invalid_auth_certificate")
        )
        if self._server_of_auth_certificate(change, certificate) is not None:
            raise Conflict("the certificate is registered", code="management_request_security_server_exists")

    def _server_of_auth_certificate(self, change: Change, certificate: bytes) -> tuple[int, int] | None:
        """The keys of the server that has it registered, and of its registration."""
        sha256 = certificate_hash(
            parse_certificate(certificate, code="management_request_invalid_auth_certificate")
        )
        row = change.connection.execute(
            select(auth_certificates.c.security_server_id, auth_certificates.c.id).where(
                auth_certificates.c.sha256 == sha256
            )
        ).one_or_none()
        return None if row is None else (row[0], row[1])

    def auth_certificates(self, server_id: SecurityServerId) -> tuple[AuthCertificate, ...]:
        with self._read() as connection:
            key = find_security_server(connection, server_id)
            query = select(auth_certificates.c.id, auth_certificates.c.certificate)
            rows = connection.execute(query.where(auth_certificates.c.security_server_id == key))
            return tuple(AuthCertificate(*row) for row in rows)

    def delete_auth_certificate(self, server_id: SecurityServerId, certificate_id: int) -> None:
        """Raises NotFound (`ss_auth_certificate_not_found`)."""
        with self._server_change("delete_auth_certificate", server_id, certificate=certificate_id) as (
            change,
            key,
        ):
            deleted = change.connection.execute(
                delete(auth_certificates).where(
                    auth_certificates.c.security_server_id == key, auth_certificates.c.id == certificate_id
                )
            )
            if deleted.rowcount == 0:
                raise NotFound("no such certificate", code="ss_auth_certificate_not_found")


def _servers() -> Select[Any]:
    return (
        select(
            member_classes.c.code,
            members.c.member_code,
            security_servers.c.server_code,
            members.c.name,
            security_servers.c.address,
            security_servers.c.in_maintenance_mode,
            security_servers.c.maintenance_mode_message,
            security_servers.c.created_at,
            security_servers.c.updated_at,
        )
        .join_from(security_servers, members)
        .join(member_classes)
    )


def _refuse_taken_code(connection: Connection, owner_key: int, server_id: SecurityServerId) -> None:
    same = (security_servers.c.owner_id == owner_key) & (
        security_servers.c.server_code == server_id.server_code
    )
    if connection.scalar(select(exists().where(same))):
        raise Conflict(f"{server_id} exists", code="management_request_server_code_exists")


def _update_server(change: Change, key: int, **values: Plain) -> None:
    change.connection.execute(
        update(security_servers).where(security_servers.c.id == key).values(updated_at=change.at, **values)
    )


def _in_maintenance(connection: Connection, key: int) -> bool:
    query = select(security_servers.c.in_maintenance_mode).where(security_servers.c.id == key)
    return bool(connection.scalar(query))


def _ensure_auth_certificate(change: Change, certificate: Certificate) -> None:
    """An authentication certificate, issued by an approved CA (top or intermediate), valid now."""
    try:
        suitable = is_auth_certificate(certificate)
    except PeerError:
        suitable = False
    authorities = change.connection.scalars(select(certificate_authorities.c.certificate))
    issued = any(is_issued_by(certificate, read_certificate(authority)) for authority in authorities)
    valid = certificate.not_valid_before_utc <= change.at <= certificate.not_valid_after_utc
    if not (suitable and issued and valid):
        reason = (
            "is not an authentication certificate"
            if not suitable
            else "was not issued by an approved certification service"
            if not issued
            else "is not valid now"
        )
        raise CallerError(f"the certificate {reason}", code="management_request_invalid_auth_certificate")
