"""Sessions: one for all services, known to the browser by a cookie and here by the cookie's hash.

A session is made at log-in with an identifier of its own, never taken over from before (session fixation), and ends for
everybody at once: `end` revokes its grants and leaves a notice for each client to be told (Back-Channel Logout 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, insert, select, update

from sild.identity_provider.clients import Clients
from sild.identity_provider.people import Device, People
from sild.identity_provider.settings import IdentityProviderSettings
from sild.identity_provider.store import Change, Store, hashed, new_id, new_secret
from sild.identity_provider.tables import logout_notice, session, token_grant
from sild.openid import Authentication, DevicePosture, LevelOfAssurance, OpenIDError, Person

__all__ = ["LogIn", "Session", "Sessions"]


@dataclass(frozen=True, slots=True)
class LogIn:
    """What a way to log in proved. device: registered, when the way's own key is one's."""

    person: Person
    level: LevelOfAssurance
    amr: str
    device: Device | None = None
    is_test: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    id: str
    subject: str
    level: LevelOfAssurance
    amr: str
    auth_time: datetime
    device_posture: DevicePosture | None
    device_id: str | None


class Sessions:
    def __init__(
        self, store: Store, people: People, clients: Clients, settings: IdentityProviderSettings
    ) -> None:
        self._store = store
        self._people = people
        self._clients = clients
        self._settings = settings

    def start(self, change: Change, done: LogIn, *, instead_of: str | None) -> tuple[Session, str]:
        """A new session and its cookie. instead_of: the cookie of the browser's session so far, which ends."""
        if instead_of is not None:
            self._end(change, session.c.cookie_hash == hashed(instead_of), "log_in_again")
        self._people.remember(change, done.person, is_test=done.is_test)
        cookie = new_secret()
        started = Session(
            id=new_id(),
            subject=done.person.subject,
            level=done.level,
            amr=done.amr,
            auth_time=change.at,
            device_posture=None,
            device_id=None,
        )
        change.connection.execute(
            insert(session).values(
                id=started.id,
                cookie_hash=hashed(cookie),
                subject=started.subject,
                level=int(started.level),
                amr=started.amr,
                auth_time=change.at,
                last_used_at=change.at,
                expires_at=change.at + timedelta(seconds=self._settings.session_seconds),
            )
        )
        detail = {"amr": done.amr, "acr": done.level.acr, "sid": started.id}
        change.audit("log_in", actor=started.subject, subject=started.subject, detail=detail)
        if done.device is not None:
            started = self.set_device(change, started, done.device)
        return started, cookie

    def find(self, change: Change, cookie: str | None) -> Session | None:
        """The living session of a cookie; using it keeps it alive."""
        return None if cookie is None else self._find(change, session.c.cookie_hash == hashed(cookie))

    def by_id(self, change: Change, sid: str) -> Session | None:
        return self._find(change, session.c.id == sid)

    def _find(self, change: Change, which: ColumnElement[bool]) -> Session | None:
        idle = change.at - timedelta(seconds=self._settings.session_idle_seconds)
        living = (
            session.c.ended_at.is_(None),
            session.c.expires_at > change.at,
            session.c.last_used_at > idle,
        )
        row = change.connection.execute(select(session).where(which, *living)).one_or_none()
        if row is None:
            return None
        if row.last_used_at < change.at - timedelta(seconds=5):
            used = update(session).where(session.c.id == row.id).values(last_used_at=change.at)
            change.connection.execute(used)
        return Session(
            id=row.id,
            subject=row.subject,
            level=LevelOfAssurance(row.level),
            amr=row.amr,
            auth_time=row.auth_time,
            device_posture=row.device_posture,
            device_id=row.device_id,
        )

    def set_device(self, change: Change, found: Session, device: Device | None) -> Session:
        """Managed when the device belongs to an organisation the person is an official of; else unmanaged, read only.
        For somebody who is no official nothing is kept."""
        roles = self._people.roles(change.connection, found.subject, change.at)
        if not roles:
            return found
        managed = device is not None and any(body == device.organisation for _role, body in roles)
        posture: DevicePosture = "managed" if managed else "unmanaged"
        device_id = device.id if managed and device is not None else None
        change.connection.execute(
            update(session)
            .where(session.c.id == found.id)
            .values(device_posture=posture, device_id=device_id)
        )
        detail = {"posture": posture, "device": device_id}
        change.audit("device_posture", actor=found.subject, subject=found.subject, detail=detail)
        return Session(found.id, found.subject, found.level, found.amr, found.auth_time, posture, device_id)

    def authentication(self, change: Change, found: Session, *, official: bool) -> Authentication:
        """What tokens say of the session. official: with roles and device, which only the scope `official` asks for."""
        who, is_test, _handle = self._people.find(change.connection, found.subject)
        roles = self._people.roles(change.connection, found.subject, change.at) if official else ()
        if official and not roles:
            raise OpenIDError("the person is no official", code="access_denied")
        return Authentication(
            person=who,
            level=found.level,
            amr=(found.amr,),
            auth_time=found.auth_time,
            sid=found.id,
            device_posture=(found.device_posture or "unmanaged") if official else None,
            device_id=found.device_id if official else None,
            roles=roles,
            test_person=is_test,
        )

    # --- the end

    def end(self, change: Change, sid: str, why: str) -> None:
        self._end(change, session.c.id == sid, why)

    def end_all_of(self, change: Change, subject: str, why: str) -> None:
        self._end(change, session.c.subject == subject, why)

    def end_on_device(self, change: Change, device_id: str) -> None:
        self._end(change, session.c.device_id == device_id, "device_withdrawn")

    def _end(self, change: Change, which: ColumnElement[bool], why: str) -> None:
        rows = change.connection.execute(
            select(session.c.id, session.c.subject).where(which, session.c.ended_at.is_(None))
        ).all()
        for row in rows:
            self.revoke_grants(change, token_grant.c.session_id == row.id, why)
            change.connection.execute(
                update(session).where(session.c.id == row.id).values(ended_at=change.at)
            )
            change.audit(
                "log_out", actor=row.subject, subject=row.subject, detail={"sid": row.id, "why": why}
            )

    def revoke_grants(self, change: Change, which: ColumnElement[bool], why: str) -> int:
        """Revoke grants and leave their clients a notice; gives how many."""
        rows = change.connection.execute(
            select(token_grant.c.id, token_grant.c.client_id, session.c.id.label("sid"), session.c.subject)
            .join_from(token_grant, session)
            .where(which, token_grant.c.revoked_at.is_(None))
        ).all()
        for row in rows:
            change.connection.execute(
                update(token_grant)
                .where(token_grant.c.id == row.id)
                .values(revoked_at=change.at, revoked_why=why)
            )
        for client_id, sid, subject in {(row.client_id, row.sid, row.subject) for row in rows}:
            self._leave_notice(change, client_id, sid, subject)
        return len(rows)

    def _leave_notice(self, change: Change, client_id: str, sid: str, subject: str) -> None:
        try:
            uri = self._clients.lookup(change, client_id).backchannel_logout_uri
        except OpenIDError:
            return  # disabled since; it gets no tokens either
        if uri is None:
            return
        change.connection.execute(
            insert(logout_notice).values(
                id=new_id(),
                client_id=client_id,
                uri=uri,
                subject=subject,
                sid=sid,
                created_at=change.at,
                attempts=0,
                next_attempt_at=change.at,
            )
        )

    def clients_of(self, change: Change, sid: str) -> tuple[str, ...]:
        """Clients with a living grant in the session."""
        rows = change.connection.scalars(
            select(token_grant.c.client_id)
            .where(token_grant.c.session_id == sid, token_grant.c.revoked_at.is_(None))
            .distinct()
        )
        return tuple(sorted(rows))

    def active_since(self, change: Change, subject: str) -> list[tuple[str, datetime, str]]:
        """(sid, log-in time, way) of a person's living sessions, for the account page."""
        idle = change.at - timedelta(seconds=self._settings.session_idle_seconds)
        rows = change.connection.execute(
            select(session.c.id, session.c.auth_time, session.c.amr)
            .where(
                session.c.subject == subject,
                session.c.ended_at.is_(None),
                session.c.expires_at > change.at,
                session.c.last_used_at > idle,
            )
            .order_by(session.c.auth_time)
        )
        return [(row.id, row.auth_time, row.amr) for row in rows]
