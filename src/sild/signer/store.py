"""The signer's tables: all its SQL. Small and rare: the signer keeps certificates and OCSP responses in memory too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from sild.database import open_database
from sild.errors import Unavailable
from sild.pki import certificate_sha1, read_certificate
from sild.signer.certificates import CertificateInfo, CertificateRequest, CertificateStatus, KeyUsage
from sild.xroad.identifiers import ClientId

__all__ = ["Store"]

MIGRATIONS = Path(__file__).parent / "migrations"
metadata = MetaData()
certificate = Table(
    "certificate",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sha1", Text),
    Column("key_id", Text),
    Column("usage", Text),
    Column("member", Text, comment="REST form DEV/COM/1234"),
    Column("status", Text),
    Column("is_active", Boolean),
    Column("der", LargeBinary),
)
certificate_request = Table(
    "certificate_request",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key_id", Text),
    Column("usage", Text),
    Column("member", Text),
    Column("der", LargeBinary),
)
ocsp_response = Table(
    "ocsp_response",
    metadata,
    Column("certificate_sha1", Text, primary_key=True),
    Column("der", LargeBinary),
)


class Store:
    """Raises Unavailable (`database_error`) everywhere. Call from a thread."""

    def __init__(self, url: str) -> None:
        self._engine = open_database(url, MIGRATIONS)

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            reason = str(
                error.orig if isinstance(error, DBAPIError) else error
            )  # without SQL and its parameters
            raise Unavailable("the signer's database fails", code="database_error", reason=reason) from error

    def certificates(self) -> tuple[CertificateInfo, ...]:
        """In the order they were imported, which is the order they are chosen in."""
        with self._transaction() as connection:
            return tuple(
                _info(row) for row in connection.execute(select(certificate).order_by(certificate.c.id))
            )

    def add_certificate(
        self,
        info_der: bytes,
        *,
        key_id: str,
        usage: KeyUsage,
        member: ClientId,
        status: CertificateStatus,
        is_active: bool,
    ) -> None:
        """Also forgets the requests it answers."""
        values = {
            "sha1": certificate_sha1(info_der).hex(),
            "key_id": key_id,
            "usage": usage.value,
            "member": member.encode(),
            "status": status.value,
            "is_active": is_active,
            "der": info_der,
        }
        with self._transaction() as connection:
            connection.execute(insert(certificate), values)
            connection.execute(delete(certificate_request).where(certificate_request.c.key_id == key_id))

    def update_certificate(self, sha1: str, **values: str | bool) -> None:
        with self._transaction() as connection:
            connection.execute(update(certificate).where(certificate.c.sha1 == sha1).values(**values))

    def delete_certificate(self, sha1: str) -> None:
        with self._transaction() as connection:
            connection.execute(delete(certificate).where(certificate.c.sha1 == sha1))
            connection.execute(delete(ocsp_response).where(ocsp_response.c.certificate_sha1 == sha1))

    def requests(self) -> tuple[CertificateRequest, ...]:
        query = select(certificate_request).order_by(certificate_request.c.id)
        with self._transaction() as connection:
            return tuple(_request(row) for row in connection.execute(query))

    def add_request(self, key_id: str, usage: KeyUsage, member: ClientId, request: bytes) -> None:
        values = {"key_id": key_id, "usage": usage.value, "member": member.encode(), "der": request}
        with self._transaction() as connection:
            connection.execute(insert(certificate_request), values)

    def delete_request(self, request_id: int) -> None:
        with self._transaction() as connection:
            connection.execute(delete(certificate_request).where(certificate_request.c.id == request_id))

    def ocsp_responses(self) -> dict[str, bytes]:
        """By the certificate's SHA-1 in hex."""
        with self._transaction() as connection:
            return {row.certificate_sha1: bytes(row.der) for row in connection.execute(select(ocsp_response))}

    def set_ocsp_response(self, sha1: str, response: bytes) -> None:
        with self._transaction() as connection:
            connection.execute(delete(ocsp_response).where(ocsp_response.c.certificate_sha1 == sha1))
            connection.execute(insert(ocsp_response), {"certificate_sha1": sha1, "der": response})


def _info(row: Any) -> CertificateInfo:  # SQLAlchemy's rows are typed by query, not by table
    return CertificateInfo(
        id=row.id,
        sha1=row.sha1,
        certificate=read_certificate(bytes(row.der)),
        key_id=row.key_id,
        usage=KeyUsage(row.usage),
        member=ClientId.decode(row.member),
        status=CertificateStatus(row.status),
        is_active=bool(row.is_active),
    )


def _request(row: Any) -> CertificateRequest:
    return CertificateRequest(
        id=row.id,
        key_id=row.key_id,
        usage=KeyUsage(row.usage),
        member=ClientId.decode(row.member),
        der=bytes(row.der),
    )
