"""All SQL of the trust services. Every method is one short transaction; call from a thread."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from sqlalchemy import Connection, Engine, Row, Select, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from sild.errors import Unavailable
from sild.pki import Certificate, CertificateProfile, CertificateStatus, Good, Revoked, Unknown, der
from sild.trust_services.errors import CertificateNotFound
from sild.trust_services.tables import audit_row, certificate, revocation

__all__ = ["IssuedCertificate", "Store"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SERIAL_BITS = 160
"""RFC 5280 4.1.2.2: at most twenty octets; what is asked about beyond that was never issued."""


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A certificate of this authority as its database knows it. subject: RFC 4514."""

    serial_number: int
    profile: CertificateProfile
    subject: str
    not_before: datetime
    not_after: datetime
    issued_at: datetime
    der: bytes
    revoked: Revoked | None


class Store:
    """Raises Unavailable (`database_error`) everywhere."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def engine(self) -> Engine:
        return self._engine

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise _unavailable(error) from error

    def add(self, issued: Certificate, profile: CertificateProfile, *, at: datetime, actor: str) -> None:
        """Record a certificate before anybody sees it."""
        serial_number, subject = _hex(issued.serial_number), issued.subject.rfc4514_string()
        with self._transaction() as connection:
            connection.execute(
                insert(certificate).values(
                    serial_number=serial_number,
                    profile=profile.name,
                    subject=subject,
                    not_before=_seconds(issued.not_valid_before_utc),
                    not_after=_seconds(issued.not_valid_after_utc),
                    issued_at=_seconds(at),
                    der=der(issued),
                )
            )
            _audit(
                connection, at, actor, "issue", serial_number, {"profile": profile.name, "subject": subject}
            )

    def revoke(
        self, serial_number: int, reason: x509.ReasonFlags | None, *, at: datetime, actor: str
    ) -> Revoked:
        """Revoke once; a certificate revoked before stays as it was. Raises CertificateNotFound."""
        found = self.status(serial_number)
        if isinstance(found, Unknown):
            raise CertificateNotFound(
                "no such certificate was issued here", serial_number=_hex(serial_number)
            )
        if isinstance(found, Revoked):
            return found
        name = None if reason is None else reason.value
        try:
            with self._engine.begin() as connection:
                connection.execute(
                    insert(revocation).values(
                        serial_number=_hex(serial_number), revoked_at=_seconds(at), reason=name
                    )
                )
                _audit(connection, at, actor, "revoke", _hex(serial_number), {"reason": name})
        except IntegrityError:  # somebody else did, between the two transactions
            pass
        except SQLAlchemyError as error:
            raise _unavailable(error) from error
        done = self.status(serial_number)
        if not isinstance(done, Revoked):
            raise Unavailable("a revocation was not kept", code="database_error")
        return done

    def status(self, serial_number: int) -> CertificateStatus:
        """Good, too, after the certificate's own time; Unknown for what was not issued here."""
        if not 0 <= serial_number < 1 << SERIAL_BITS:
            return Unknown()
        query = _STATUS.where(certificate.c.serial_number == _hex(serial_number))
        with self._transaction() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return Unknown()
        return Good() if row.revoked_at is None else _revoked(row.revoked_at, row.reason)

    def find(self, serial_number: int) -> IssuedCertificate:
        """Raises CertificateNotFound."""
        query = _CERTIFICATES.where(certificate.c.serial_number == _hex(serial_number))
        with self._transaction() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise CertificateNotFound(
                "no such certificate was issued here", serial_number=_hex(serial_number)
            )
        return _issued(row)

    def certificates(self) -> tuple[IssuedCertificate, ...]:
        """All, in the order of issuing."""
        query = _CERTIFICATES.order_by(certificate.c.id)
        with self._transaction() as connection:
            return tuple(_issued(row) for row in connection.execute(query))

    def close(self) -> None:
        self._engine.dispose()


def _unavailable(error: SQLAlchemyError) -> Unavailable:
    """Without SQL and its values: subjects name people, and the message goes into a log."""
    reason = str(error.orig) if isinstance(error, DBAPIError) else type(error).__name__
    return Unavailable(f"the trust services' database fails: {reason}", code="database_error")


_JOINED = certificate.outerjoin(revocation)
_STATUS: Select[int, str] = select(revocation.c.revoked_at, revocation.c.reason).select_from(_JOINED)
_CERTIFICATES = select(certificate, revocation.c.revoked_at, revocation.c.reason).select_from(_JOINED)


def _audit(
    connection: Connection,
    at: datetime,
    actor: str,
    action: str,
    serial_number: str,
    detail: Mapping[str, str | None],
) -> None:
    connection.execute(
        insert(audit_row).values(
            at=_seconds(at),
            actor=actor,
            action=action,
            serial_number=serial_number,
            detail=json.dumps(detail, ensure_ascii=False),
        )
    )


def _issued(row: Row[*tuple[object, ...]]) -> IssuedCertificate:
    values = row._mapping
    return IssuedCertificate(
        serial_number=int(values["serial_number"], 16),
        profile=CertificateProfile[values["profile"]],
        subject=values["subject"],
        not_before=_time(values["not_before"]),
        not_after=_time(values["not_after"]),
        issued_at=_time(values["issued_at"]),
        der=bytes(values["der"]),
        revoked=None if values["revoked_at"] is None else _revoked(values["revoked_at"], values["reason"]),
    )


def _revoked(at: int, reason: str | None) -> Revoked:
    return Revoked(_time(at), None if reason is None else x509.ReasonFlags(reason))


def _hex(serial_number: int) -> str:
    return f"{serial_number:x}"


def _seconds(at: datetime) -> int:
    return (at - EPOCH) // timedelta(seconds=1)


def _time(seconds: int) -> datetime:
    return EPOCH + timedelta(seconds=seconds)
