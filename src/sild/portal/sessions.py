"""Sessions: begun by a log-in, checked with the identity provider, ended here, there, or by time.

A log-in makes a new cookie, so that nobody can plant one (session fixation). The row is known by the cookie's hash; what the
provider gave lies sealed with the cookie. The provider's word is asked again before every action taken for somebody else or
as an official, and every few minutes otherwise: a mandate withdrawn there ends what was opened under it here.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, or_, select, update

from sild.errors import TrustError, Unavailable
from sild.identity_client import LoginRefused, RelyingParty, Tokens, hashed, new_secret, seal, unseal
from sild.portal.settings import PortalSettings
from sild.portal.store import Store
from sild.portal.tables import login, session
from sild.telemetry import get_logger

__all__ = ["Login", "Session", "Sessions"]

log = get_logger("portal")

CHECK_SECONDS = 20
KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Session:
    """cookie: the browser's own secret, never stored.  claims: of the identity token."""

    cookie: str
    subject: str
    claims: Mapping[str, Any]
    checked_at: datetime

    @property
    def is_delicate(self) -> bool:
        """Somebody acts for another or as an official: the right to is asked for before every action."""
        return "representee" in self.claims or "roles" in self.claims

    @property
    def acts_for(self) -> str | None:
        """Code of whom they act for; None: for themselves."""
        representee = self.claims.get("representee")
        return None if representee is None else str(representee["sub"])


@dataclass(frozen=True, slots=True)
class Login:
    """A log-in that came back."""

    nonce: str
    code_verifier: str
    scope: str
    return_to: str
    instead_of: str | None


class Sessions:
    def __init__(self, settings: PortalSettings, store: Store, provider: RelyingParty) -> None:
        self._settings = settings
        self._store = store
        self._provider = provider

    # --- log-in

    async def begin_login(
        self, browser: str, *, scope: str, return_to: str, language: str, instead_of: str | None, fresh: bool
    ) -> str:
        """The provider's address to go to. browser: the cookie of the browser that begins it."""
        state, nonce, verifier = new_secret(), new_secret(), new_secret() + new_secret()
        url = await self._provider.authorize_url(
            state=state, nonce=nonce, code_verifier=verifier, scope=scope, language=language, fresh=fresh
        )

        def keep(connection: Connection, at: datetime) -> None:
            connection.execute(delete(login).where(login.c.expires_at < at))
            values = {
                "state_hash": hashed(state),
                "browser_hash": hashed(browser),
                "nonce": nonce,
                "scope": scope,
            }
            expires = at + timedelta(seconds=self._settings.login_seconds)
            connection.execute(
                insert(login).values(
                    **values,
                    code_verifier=verifier,
                    return_to=return_to[:500],
                    instead_of=None if instead_of is None else hashed(instead_of),
                    expires_at=expires,
                )
            )

        await self._store.change(keep)
        return url

    async def take_login(self, state: str, browser: str | None) -> Login:
        """Once, and only in the browser that began it. Raises LoginRefused (`login_expired`)."""

        def take(connection: Connection, at: datetime) -> Any:  # a row, or None
            row = connection.execute(
                delete(login)
                .where(login.c.state_hash == hashed(state), login.c.browser_hash == hashed(browser or ""))
                .returning(login)
            ).one_or_none()
            return row if row is not None and row.expires_at > at else None

        row = await self._store.change(take)
        if row is None:
            raise LoginRefused("no such log-in in this browser", code="login_expired")
        return Login(row.nonce, row.code_verifier, row.scope, row.return_to, row.instead_of)

    async def start(self, tokens: Tokens, instead_of: str | None) -> Session:
        """A new session with a new cookie; `instead_of` (a hash) ends."""
        cookie = new_secret()

        def begin(connection: Connection, at: datetime) -> datetime:
            if instead_of is not None:
                _end(connection, at, session.c.cookie_hash == instead_of, "replaced")
            connection.execute(delete(session).where(session.c.began_at < at - 2 * KEPT))
            connection.execute(
                insert(session).values(
                    cookie_hash=hashed(cookie),
                    subject=str(tokens.claims["sub"]),
                    sid=str(tokens.claims["sid"]),
                    claims=json.dumps(tokens.claims),
                    tokens=seal(cookie, tokens.sealed),
                    began_at=at,
                    seen_at=at,
                    checked_at=at,
                )
            )
            return at

        at = await self._store.change(begin)
        return Session(cookie, str(tokens.claims["sub"]), tokens.claims, at)

    # --- use

    async def access_token(self, cookie: str, subject: str) -> str | None:
        """Of a live session of the subject's, as the provider gave it last."""

        def look(connection: Connection, at: datetime) -> bytes | None:
            query = select(session.c.tokens).where(*self._alive(cookie, at), session.c.subject == subject)
            return connection.execute(query).scalar_one_or_none()

        sealed = await self._store.change(look)
        return None if sealed is None else str(unseal(cookie, sealed)["access"])

    async def find(self, cookie: str | None) -> Session | None:
        """The live session of a cookie; it counts as used now."""
        if cookie is None:
            return None

        def look(connection: Connection, at: datetime) -> Session | None:
            row = connection.execute(select(session).where(*self._alive(cookie, at))).one_or_none()
            if row is None:
                return None
            if at - row.seen_at > timedelta(seconds=30):
                connection.execute(
                    update(session).where(session.c.cookie_hash == row.cookie_hash).values(seen_at=at)
                )
            return Session(cookie, row.subject, json.loads(row.claims), row.checked_at)

        return await self._store.change(look)

    async def subject_before(self, cookie: str | None) -> str | None:
        """Whose session a cookie was, even if it is over."""
        where = session.c.cookie_hash == hashed(cookie or "")
        return await self._store.change(lambda c, _at: c.scalar(select(session.c.subject).where(where)))

    async def acted_for(self, cookie: str | None) -> str | None:
        """For whom the session of a cookie acted, even if it is over; None: for nobody else."""
        where = session.c.cookie_hash == hashed(cookie or "")
        claims = await self._store.change(lambda c, _at: c.scalar(select(session.c.claims).where(where)))
        representee = None if claims is None else json.loads(claims).get("representee")
        return None if representee is None else str(representee["sub"])

    async def end_reason(self, cookie: str | None) -> str | None:
        """The provider says the same of a mandate withdrawn as of a log-out elsewhere: who acted for another is told of both."""
        where = session.c.cookie_hash == hashed(cookie or "")
        columns = select(session.c.end_reason, session.c.claims)
        row = await self._store.change(lambda c, _at: c.execute(columns.where(where)).one_or_none())
        if row is None:
            return None
        is_there = row.end_reason == "logged_out_there" and "representee" in json.loads(row.claims)
        return "mandate_ended" if is_there else str(row.end_reason) if row.end_reason else None

    async def checked(self, found: Session, *, acts: bool) -> Session | None:
        """The session with the provider's newest word; None when it has ended there.

        Raises Unavailable when the provider does not answer and the person is about to act as or for somebody.
        """
        must = acts and found.is_delicate
        settings = self._settings
        holds = settings.check_seconds if found.acts_for is None else settings.check_mandate_seconds
        age = self._store.clock() - found.checked_at
        if age < timedelta(seconds=2 if must else holds):
            return found
        try:
            return await self._asked(found)
        except Unavailable:
            if must:
                raise
            return found  # to read, the last word is good enough while the session lives

    async def fresh_token(self, found: Session) -> tuple[str, int] | None:
        """An access token by the provider's word of this moment, and how many seconds it is good; None: the session has ended there.

        Raises Unavailable.
        """
        if await self._asked(found) is None:
            return None

        def look(connection: Connection, at: datetime) -> bytes | None:
            query = select(session.c.tokens).where(*self._alive(found.cookie, at))
            return connection.execute(query).scalar_one_or_none()

        sealed = await self._store.change(look)
        tokens = None if sealed is None else unseal(found.cookie, sealed)
        return None if tokens is None else (str(tokens["access"]), int(tokens.get("seconds", 0)))

    async def lives(self, cookie_hash: str) -> bool:
        """Whether a session has not ended here, by log-out or time."""

        def look(connection: Connection, at: datetime) -> bool:
            alive = select(session.c.cookie_hash).where(*self._lives(cookie_hash, at))
            return connection.execute(alive).one_or_none() is not None

        return await self._store.change(look)

    async def _asked(self, found: Session) -> Session | None:
        """None: it has ended there, and so here. Raises Unavailable."""
        try:
            return await self._ask(found)
        except (LoginRefused, TrustError) as error:
            log.refusal("portal.session_refused", error)
            await self.end(found.cookie, "ended_there" if found.acts_for is None else "mandate_ended")
            return None

    async def end(self, cookie: str, reason: str) -> str | None:
        """Gives the identity token, for the provider's logout."""

        def finish(connection: Connection, at: datetime) -> bytes | None:
            where = session.c.cookie_hash == hashed(cookie)
            tokens = connection.scalar(select(session.c.tokens).where(where))
            _end(connection, at, where, reason)
            return tokens

        sealed = await self._store.change(finish)
        tokens = None if sealed is None else unseal(cookie, sealed)
        return None if tokens is None else str(tokens["id"])

    async def end_of_sid(self, subject: str, sid: str) -> None:
        """The provider says the session has ended (Back-Channel Logout)."""
        where = (session.c.sid == sid) & (session.c.subject == subject)
        await self._store.change(lambda c, at: _end(c, at, where, "logged_out_there"))

    def _alive(self, cookie: str, at: datetime) -> tuple[Any, ...]:  # SQL conditions
        return self._lives(hashed(cookie), at)

    def _lives(self, cookie_hash: str, at: datetime) -> tuple[Any, ...]:  # SQL conditions
        return (
            session.c.cookie_hash == cookie_hash,
            session.c.ended_at.is_(None),
            session.c.began_at > at - timedelta(seconds=self._settings.session_seconds),
            session.c.seen_at > at - timedelta(seconds=self._settings.session_idle_seconds),
        )

    async def _ask(self, found: Session) -> Session | None:
        """One request asks, others of the same session wait for its answer: a refresh token works once."""
        for _attempt in range(CHECK_SECONDS * 10):
            sealed = await self._store.change(lambda c, at: self._claim(c, at, found))
            if sealed is not None:
                return await self._refresh(found, unseal(found.cookie, sealed))
            await asyncio.sleep(0.1)
            now = await self.find(found.cookie)
            if now is None or now.checked_at > found.checked_at:
                return now
        raise Unavailable("the identity provider does not answer", code="identity_provider_down")

    def _claim(self, connection: Connection, at: datetime, found: Session) -> bytes | None:
        where = (
            *self._alive(found.cookie, at),
            session.c.checked_at == found.checked_at,
            or_(
                session.c.checking_at.is_(None), session.c.checking_at < at - timedelta(seconds=CHECK_SECONDS)
            ),
        )
        claimed = update(session).where(*where).values(checking_at=at).returning(session.c.tokens)
        return connection.execute(claimed).scalar_one_or_none()

    async def _refresh(self, found: Session, tokens: dict[str, Any]) -> Session:
        try:
            if tokens.get("refresh") is None:
                raise LoginRefused("the provider gave no refresh token", code="session_over")
            fresh = await self._provider.refresh(tokens["refresh"], subject=found.subject)
        except Unavailable:
            where = session.c.cookie_hash == hashed(found.cookie)
            await self._store.change(
                lambda c, _at: c.execute(update(session).where(where).values(checking_at=None))
            )
            raise
        claims = {**fresh.claims}

        def keep(connection: Connection, at: datetime) -> Session:
            connection.execute(
                update(session)
                .where(session.c.cookie_hash == hashed(found.cookie))
                .values(
                    claims=json.dumps(claims),
                    tokens=seal(found.cookie, fresh.sealed),
                    checked_at=at,
                    checking_at=None,
                )
            )
            return Session(found.cookie, found.subject, claims, at)

        return await self._store.change(keep)


def _end(connection: Connection, at: datetime, where: Any, reason: str) -> None:  # an SQL condition
    connection.execute(
        update(session).where(where, session.c.ended_at.is_(None)).values(ended_at=at, end_reason=reason)
    )
