"""People the provider has met, officials' roles, and the devices officials may write from."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import Connection, insert, or_, select, update

from sild.errors import CallerError
from sild.identity_provider.store import Change, Store, new_id
from sild.identity_provider.tables import device, official_role, person
from sild.openid import Person

__all__ = ["Device", "DeviceKeyKind", "People"]

DeviceKeyKind = Literal["passkey", "certificate"]


@dataclass(frozen=True, slots=True)
class Device:
    """A device whose key the holder proved: a device-bound passkey, or a certificate."""

    id: str
    organisation: str
    label: str


class People:
    def __init__(self, store: Store) -> None:
        self._store = store

    def remember(self, change: Change, found: Person, *, is_test: bool = False) -> None:
        """Names as the last log-in said them. Raises CallerError: nobody real becomes a test person, nor the reverse."""
        row = change.connection.execute(select(person).where(person.c.subject == found.subject)).one_or_none()
        values = {
            "given_name": found.given_name,
            "family_name": found.family_name,
            "date_of_birth": found.date_of_birth,
            "updated_at": change.at,
        }
        if row is None:
            change.connection.execute(
                insert(person).values(
                    subject=found.subject, user_handle=secrets.token_bytes(32), is_test=is_test, **values
                )
            )
        elif row.is_test != is_test:
            raise CallerError("a person is either real or a test person", code="access_denied")
        else:
            change.connection.execute(
                update(person).where(person.c.subject == found.subject).values(**values)
            )

    def find(self, connection: Connection, subject: str) -> tuple[Person, bool, bytes]:
        """The person, whether a test person, and the handle by which passkeys know them (it tells nobody anything)."""
        row = connection.execute(select(person).where(person.c.subject == subject)).one()
        who = Person(row.subject, row.given_name, row.family_name, row.date_of_birth)
        return who, row.is_test, row.user_handle

    def known(self, connection: Connection, subject: str) -> tuple[Person, bool, bytes]:
        """The same of whoever has logged in here. Raises CallerError (`not_found`)."""
        row = connection.execute(select(person.c.subject).where(person.c.subject == subject)).first()
        if row is None:
            raise CallerError("nobody of this code has logged in here", code="not_found")
        return self.find(connection, subject)

    # --- officials

    def add_role(
        self, subject: str, role: str, organisation: str, *, valid_through: date | None = None
    ) -> str:
        """Make somebody an official of an organisation (its member code). Gives the grant's identifier."""
        role_id = new_id()
        with self._store.change() as change:
            change.connection.execute(
                insert(official_role).values(
                    id=role_id,
                    subject=subject,
                    role=role,
                    organisation=organisation,
                    granted_at=change.at,
                    valid_through=valid_through,
                )
            )
            detail = {"role": role, "organisation": organisation}
            change.audit("add_official_role", actor="administrator", subject=subject, detail=detail)
        return role_id

    def withdraw_role(self, change: Change, role_id: str) -> str:
        """Gives the subject. Raises CallerError (`not_found`)."""
        subject = change.connection.scalar(
            select(official_role.c.subject).where(official_role.c.id == role_id)
        )
        if subject is None:
            raise CallerError("no such role", code="not_found")
        change.connection.execute(
            update(official_role).where(official_role.c.id == role_id).values(withdrawn_at=change.at)
        )
        change.audit(
            "withdraw_official_role", actor="administrator", subject=subject, detail={"role_id": role_id}
        )
        return str(subject)

    def list_roles(self) -> list[dict[str, Any]]:
        """All that were not withdrawn, for whoever administers: id, subject, role, organisation, valid_through."""
        columns = [
            official_role.c[name] for name in ("id", "subject", "role", "organisation", "valid_through")
        ]
        order = official_role.c.organisation, official_role.c.role, official_role.c.subject
        query = select(*columns).where(official_role.c.withdrawn_at.is_(None)).order_by(*order)
        with self._store.change() as change:
            return [dict(row) for row in change.connection.execute(query).mappings()]

    def list_devices(self) -> list[dict[str, Any]]:
        """All that were not withdrawn: id, organisation, label, key_kind, expires_at."""
        columns = [device.c[name] for name in ("id", "organisation", "label", "key_kind", "expires_at")]
        query = (
            select(*columns)
            .where(device.c.withdrawn_at.is_(None))
            .order_by(device.c.organisation, device.c.label)
        )
        with self._store.change() as change:
            return [dict(row) for row in change.connection.execute(query).mappings()]

    def roles(self, connection: Connection, subject: str, at: datetime) -> tuple[tuple[str, str], ...]:
        """(role, organisation), as of `at`."""
        rows = connection.execute(
            select(official_role.c.role, official_role.c.organisation)
            .where(
                official_role.c.subject == subject,
                official_role.c.withdrawn_at.is_(None),
                or_(official_role.c.valid_through.is_(None), official_role.c.valid_through >= at.date()),
            )
            .order_by(official_role.c.role, official_role.c.organisation)
        )
        return tuple((row.role, row.organisation) for row in rows)

    # --- devices

    def register_device(
        self,
        organisation: str,
        label: str,
        *,
        key_kind: DeviceKeyKind,
        key_id: str,
        expires_at: datetime | None = None,
    ) -> str:
        """key_id: a passkey's credential id (base64url), or the SHA-256 of a certificate's DER (hexadecimal)."""
        device_id = new_id()
        with self._store.change() as change:
            change.connection.execute(
                insert(device).values(
                    id=device_id,
                    organisation=organisation,
                    label=label,
                    key_kind=key_kind,
                    key_id=key_id,
                    registered_at=change.at,
                    expires_at=expires_at,
                )
            )
            detail = {"device": device_id, "organisation": organisation, "key_kind": key_kind}
            change.audit("register_device", actor="administrator", detail=detail)
        return device_id

    def withdraw_device(self, change: Change, device_id: str) -> None:
        """Raises CallerError (`not_found`)."""
        done = change.connection.execute(
            update(device).where(device.c.id == device_id).values(withdrawn_at=change.at)
        )
        if not done.rowcount:
            raise CallerError("no such device", code="not_found")
        change.audit("withdraw_device", actor="administrator", detail={"device": device_id})

    def find_device(
        self, connection: Connection, kind: DeviceKeyKind, key_id: str, at: datetime
    ) -> Device | None:
        """The registered device this key belongs to, if it still may be used."""
        row = connection.execute(
            select(device).where(
                device.c.key_kind == kind,
                device.c.key_id == key_id,
                device.c.withdrawn_at.is_(None),
                or_(device.c.expires_at.is_(None), device.c.expires_at > at),
            )
        ).first()
        return None if row is None else Device(row.id, row.organisation, row.label)
