"""Who is logged in at the ward: one session a browser, begun and ended with the identity provider.

A log-in makes a new cookie (session fixation). The provider's word is asked again before anything is written, and every few minutes
otherwise: a role withdrawn there, or a log-out elsewhere, ends what was open here. A form that arrives after the session's end is kept for
the same person's next log-in in the same browser.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, delete, insert, select, update

from sild.clock import Clock
from sild.errors import TrustError, Unavailable
from sild.i18n import whole_name
from sild.identity_client import LoginRefused, RelyingParty, Tokens, hashed, new_secret, seal, unseal
from sild.registries.hospital.settings import WardSettings
from sild.registries.hospital.tables import logins, sessions
from sild.registries.kernel.usage import code_of
from sild.telemetry import get_logger

__all__ = ["CameBack", "Midwife", "WardSessions"]

log = get_logger("ward")

T = TypeVar("T")

SCOPE = "openid official"
JUST_NOW = timedelta(seconds=2)
FORGOTTEN = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Midwife:
    """A session.  cookie: the browser's own secret, never stored.  subject: with the country."""

    cookie: str
    subject: str
    claims: Mapping[str, Any]
    checked_at: datetime
    kept: Mapping[str, str] | None

    @property
    def code(self) -> str:
        return code_of(self.subject)

    @property
    def name(self) -> str:
        said = self.claims.get("profile_attributes", {})
        given, family = (str(said.get(part) or "") for part in ("given_name", "family_name"))
        return whole_name(given, family, self.subject)

    @property
    def is_test_person(self) -> bool:
        return self.claims.get("test_person") is True

    @property
    def is_managed(self) -> bool:
        """The device is one of the hospital's."""
        return self.claims.get("device_posture") == "managed"

    def role(self, settings: WardSettings) -> str | None:
        """By which they may write notices; None: they may not."""
        return next((one for one in self._roles(settings) if one in settings.roles), None)

    def tells_of_deaths(self, settings: WardSettings) -> bool:
        """A role by which they may write notices of death, too."""
        return any(one in settings.roles and one in settings.death_roles for one in self._roles(settings))

    def _roles(self, settings: WardSettings) -> list[str]:
        if self.claims.get("acr") != "high":
            return []
        said = self.claims.get("roles", ())
        return [str(one.get("role")) for one in said if one.get("organisation") == settings.organisation]


@dataclass(frozen=True, slots=True)
class CameBack:
    cookie: str
    language: str


class WardSessions:
    def __init__(self, settings: WardSettings, engine: Engine, provider: RelyingParty, clock: Clock) -> None:
        self._settings = settings
        self._engine = engine
        self._provider = provider
        self._clock = clock
        self._asking: dict[str, asyncio.Lock] = {}

    # --- log-in

    async def begin(
        self, browser: str, language: str, kept: Mapping[str, str] | None = None, kept_of: str | None = None
    ) -> str:
        """The provider's address to go to. kept: a form, of whom. Raises Unavailable."""
        state, nonce, verifier = new_secret(), new_secret(), new_secret() + new_secret()
        url = await self._provider.authorize_url(
            state=state, nonce=nonce, code_verifier=verifier, scope=SCOPE, language=language
        )

        def keep(connection: Connection, at: datetime) -> None:
            connection.execute(delete(logins).where(logins.c.expires_at < at))
            connection.execute(
                insert(logins).values(
                    state_hash=hashed(state),
                    browser_hash=hashed(browser),
                    nonce=nonce,
                    code_verifier=verifier,
                    language=language,
                    kept_of=None if kept is None else kept_of,
                    kept=None if kept is None else seal(browser, dict(kept)),
                    expires_at=at + self._settings.login,
                )
            )

        await self._change(keep)
        return url

    async def come_back(self, query: Mapping[str, str], browser: str, *, instead_of: str | None) -> CameBack:
        """The provider sends the browser back: only the one that began it, once (RFC 6749 4.1.2, RFC 9207).

        instead_of: the cookie of a session that ends. Raises LoginRefused, TrustError, Unavailable.
        """

        def take(connection: Connection, at: datetime) -> Any:  # a row, or None
            where = (logins.c.state_hash == hashed(query.get("state", ""))) & (
                logins.c.browser_hash == hashed(browser)
            )
            row = connection.execute(delete(logins).where(where).returning(logins)).one_or_none()
            return row if row is not None and row.expires_at > at else None

        begun = await self._change(take)
        if begun is None:
            raise LoginRefused("no such log-in in this browser", code="login_expired")
        if query.get("iss") != self._settings.provider.issuer:
            raise LoginRefused("the answer is another provider's", code="mixed_up")
        if "error" in query:
            raise LoginRefused("the identity provider refused", code=query["error"][:50])
        tokens = await self._provider.redeem(
            query.get("code", ""), code_verifier=begun.code_verifier, nonce=begun.nonce
        )
        subject = str(tokens.claims["sub"])
        kept = unseal(browser, begun.kept) if begun.kept is not None and begun.kept_of == subject else None
        return CameBack(await self._start(tokens, kept, instead_of), begun.language)

    async def _start(self, tokens: Tokens, kept: Mapping[str, str] | None, instead_of: str | None) -> str:
        cookie = new_secret()

        def start(connection: Connection, at: datetime) -> None:
            if instead_of is not None:
                _end(connection, at, sessions.c.cookie_hash == hashed(instead_of))
            connection.execute(delete(sessions).where(sessions.c.began_at < at - FORGOTTEN))
            connection.execute(
                insert(sessions).values(
                    cookie_hash=hashed(cookie),
                    subject=str(tokens.claims["sub"]),
                    sid=str(tokens.claims["sid"]),
                    claims=dict(tokens.claims),
                    tokens=seal(cookie, tokens.sealed),
                    kept=None if kept is None else seal(cookie, dict(kept)),
                    began_at=at,
                    seen_at=at,
                    checked_at=at,
                )
            )

        await self._change(start)
        return cookie

    # --- use

    async def find(self, cookie: str | None, *, acts: bool) -> Midwife | None:
        """The live session, with the provider's word: of this moment if they act. Raises Unavailable: it is silent, and they act."""
        found = await self._look(cookie)
        if found is None:
            return None
        holds = JUST_NOW if acts else self._settings.checked_for
        if self._clock() - found.checked_at < holds:
            return found
        async with self._asking.setdefault(hashed(found.cookie), asyncio.Lock()):
            again = await self._look(
                cookie
            )  # somebody else may have asked meanwhile: a refresh token works once
            if again is None or self._clock() - again.checked_at < holds:
                return again
            try:
                return await self._ask(again)
            except (LoginRefused, TrustError) as error:
                log.refusal("ward.session_refused", error)
                await self.end(again.cookie)
                return None
            except Unavailable:
                if acts:
                    raise
                return again  # to read, the last word is good enough while the session lives

    async def subject_before(self, cookie: str | None) -> str | None:
        """Whose session a cookie was, even if it is over."""
        where = sessions.c.cookie_hash == hashed(cookie or "")
        return await self._change(lambda c, _at: c.scalar(select(sessions.c.subject).where(where)))

    async def forget_kept(self, cookie: str) -> None:
        """The form that was kept is sent."""
        where = sessions.c.cookie_hash == hashed(cookie)
        await self._change(lambda c, _at: c.execute(update(sessions).where(where).values(kept=None)))

    async def end(self, cookie: str) -> str | None:
        """Gives the identity token, for the provider's log-out."""

        def finish(connection: Connection, at: datetime) -> bytes | None:
            where = sessions.c.cookie_hash == hashed(cookie)
            sealed = connection.scalar(select(sessions.c.tokens).where(where))
            _end(connection, at, where)
            return sealed

        sealed = await self._change(finish)
        tokens = None if sealed is None else unseal(cookie, sealed)
        return None if tokens is None else str(tokens["id"])

    async def end_of_sid(self, subject: str, sid: str) -> None:
        """The provider says the session has ended (Back-Channel Logout)."""
        where = (sessions.c.sid == sid) & (sessions.c.subject == subject)
        await self._change(lambda c, at: _end(c, at, where))

    async def _look(self, cookie: str | None) -> Midwife | None:
        if cookie is None:
            return None

        def look(connection: Connection, at: datetime) -> Midwife | None:
            where = (
                (sessions.c.cookie_hash == hashed(cookie))
                & sessions.c.ended_at.is_(None)
                & (sessions.c.began_at > at - self._settings.session_longest)
                & (sessions.c.seen_at > at - self._settings.session_idle)
            )
            row = connection.execute(select(sessions).where(where)).one_or_none()
            if row is None:
                return None
            connection.execute(update(sessions).where(where).values(seen_at=at))
            kept = None if row.kept is None else unseal(cookie, row.kept)
            return Midwife(cookie, row.subject, row.claims, row.checked_at, kept)

        return await self._change(look)

    async def _ask(self, found: Midwife) -> Midwife:
        where = sessions.c.cookie_hash == hashed(found.cookie)
        sealed = await self._change(lambda c, _at: c.scalar(select(sessions.c.tokens).where(where)))
        tokens = unseal(found.cookie, sealed) if sealed is not None else None
        if tokens is None or tokens.get("refresh") is None:
            raise LoginRefused("the provider gave no refresh token", code="session_over")
        fresh = await self._provider.refresh(tokens["refresh"], subject=found.subject)
        values = {"claims": dict(fresh.claims), "tokens": seal(found.cookie, fresh.sealed)}

        def keep(connection: Connection, at: datetime) -> datetime:
            connection.execute(update(sessions).where(where).values(**values, checked_at=at))
            return at

        at = await self._change(keep)
        return Midwife(found.cookie, found.subject, fresh.claims, at, found.kept)

    async def _change(self, work: Callable[[Connection, datetime], T]) -> T:
        def change() -> T:
            with self._engine.begin() as connection:
                return work(connection, self._clock())

        return await asyncio.to_thread(change)


def _end(connection: Connection, at: datetime, where: Any) -> None:  # an SQL condition
    connection.execute(update(sessions).where(where, sessions.c.ended_at.is_(None)).values(ended_at=at))
