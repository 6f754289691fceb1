"""The signer's tables: all its SQL. Small and rare: the signer keeps certificates and OCSP responses in memory too.

Every change is counted in its transaction, so that processes sharing the database see that there is something to read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
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
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from sild.database import open_database
from sild.errors import CallerError, Unavailable
from sild.pki import certificate_sha1, read_certificate
from sild.signer.certificates import CertificateInfo, CertificateRequest, CertificateStatus, KeyUsage
from sild.xroad.identifiers import ClientId

__all__ = ["DatabaseFiles", "Store"]

MIGRATIONS = Path(__file__).parent / "migrations"
metadata = MetaData()
certificate = Table(
    "certificate",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sha1", Text, unique=True),
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
signer_state = Table(
    "signer_state",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("change", BigInteger),
)
token_file = Table(
    "token_file",
    metadata,
    Column("token_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("data", LargeBinary),
)


class Store:
    """Raises Unavailable (`database_error`) everywhere. Call from a thread."""

    def __init__(self, url: str) -> None:
        self._engine = open_database(url, MIGRATIONS)

    @property
    def engine(self) -> Engine:
        return self._engine

    def token_files(self, token_id: str) -> DatabaseFiles:
        """The files of a software token that lives in this database."""
        return DatabaseFiles(self, token_id)

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

    @contextmanager
    def _change(self) -> Iterator[Connection]:
        with self._transaction() as connection:
            connection.execute(update(signer_state).values(change=signer_state.c.change + 1))
            yield connection

    def change_count(self) -> int:
        """Grows with every change, whoever made it."""
        with self._transaction() as connection:
            return int(connection.execute(select(signer_state.c.change)).scalar_one())

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
        """Also forgets the requests it answers. Raises CallerError (`cert_exists`): another process was quicker."""
        values = {
            "sha1": certificate_sha1(info_der).hex(),
            "key_id": key_id,
            "usage": usage.value,
            "member": member.encode(),
            "status": status.value,
            "is_active": is_active,
            "der": info_der,
        }
        with self._change() as connection:
            dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
            statement = dialect.insert(certificate).values(values)
            once = statement.on_conflict_do_nothing(index_elements=["sha1"]).returning(certificate.c.id)
            if connection.execute(once).first() is None:
                raise CallerError("the certificate is here already", code="cert_exists")
            connection.execute(delete(certificate_request).where(certificate_request.c.key_id == key_id))

    def update_certificate(self, sha1: str, **values: str | bool) -> None:
        with self._change() as connection:
            connection.execute(update(certificate).where(certificate.c.sha1 == sha1).values(**values))

    def delete_certificate(self, sha1: str) -> None:
        with self._change() as connection:
            connection.execute(delete(certificate).where(certificate.c.sha1 == sha1))
            connection.execute(delete(ocsp_response).where(ocsp_response.c.certificate_sha1 == sha1))

    def requests(self) -> tuple[CertificateRequest, ...]:
        query = select(certificate_request).order_by(certificate_request.c.id)
        with self._transaction() as connection:
            return tuple(_request(row) for row in connection.execute(query))

    def add_request(self, key_id: str, usage: KeyUsage, member: ClientId, request: bytes) -> None:
        values = {"key_id": key_id, "usage": usage.value, "member": member.encode(), "der": request}
        with self._change() as connection:
            connection.execute(insert(certificate_request), values)

    def delete_request(self, request_id: int) -> None:
        with self._change() as connection:
            connection.execute(delete(certificate_request).where(certificate_request.c.id == request_id))

    def ocsp_responses(self) -> dict[str, bytes]:
        """By the certificate's SHA-1 in hex."""
        with self._transaction() as connection:
            return {row.certificate_sha1: bytes(row.der) for row in connection.execute(select(ocsp_response))}

    def set_ocsp_response(self, sha1: str, response: bytes) -> None:
        dialect = postgresql if self._engine.dialect.name == "postgresql" else sqlite
        statement = dialect.insert(ocsp_response).values(certificate_sha1=sha1, der=response)
        with self._change() as connection:  # several processes may have asked at once
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["certificate_sha1"], set_={"der": statement.excluded.der}
                )
            )

    def file_names(self, token_id: str) -> frozenset[str]:
        with self._transaction() as connection:
            query = select(token_file.c.name).where(token_file.c.token_id == token_id)
            return frozenset(connection.execute(query).scalars())

    def file(self, token_id: str, name: str) -> bytes | None:
        with self._transaction() as connection:
            query = select(token_file.c.data).where(
                token_file.c.token_id == token_id, token_file.c.name == name
            )
            data = connection.execute(query).scalar()
            return None if data is None else bytes(data)

    def add_files(self, token_id: str, files: Mapping[str, bytes]) -> bool:
        """All or none; False when one is there already."""
        rows = [{"token_id": token_id, "name": name, "data": data} for name, data in files.items()]
        try:
            with self._change() as connection:
                connection.execute(insert(token_file), rows)
        except Unavailable as error:
            if isinstance(error.__cause__, IntegrityError):
                return False
            raise
        return True

    def delete_files(self, token_id: str, names: tuple[str, ...]) -> None:
        with self._change() as connection:
            connection.execute(
                delete(token_file).where(token_file.c.token_id == token_id, token_file.c.name.in_(names))
            )


class DatabaseFiles:
    """Implements `TokenFiles`."""

    def __init__(self, store: Store, token_id: str) -> None:
        self._store = store
        self._token_id = token_id

    def names(self) -> frozenset[str]:
        return self._store.file_names(self._token_id)

    def read(self, name: str) -> bytes:
        data = self._store.file(self._token_id, name)
        if data is None:
            raise Unavailable(f"{name}: it is not in the signer's database", code="token_not_available")
        return data

    def add(self, files: Mapping[str, bytes]) -> bool:
        return self._store.add_files(self._token_id, files)

    def delete(self, *names: str) -> None:
        self._store.delete_files(self._token_id, names)


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
