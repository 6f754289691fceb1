"""A log-in under way: the request it answers, the browser it belongs to, the ceremony's challenge, the failures so far.

It lives in the database under an identifier that stands in the address; whoever has the address alone has nothing, because
it is bound to a cookie of the browser that began it (log-in CSRF, session fixation).
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from dataclasses import asdict, dataclass
from datetime import timedelta

from pydantic import TypeAdapter
from sqlalchemy import insert, select, update

from sild.errors import CallerError
from sild.identity_provider.limits import TooMany
from sild.identity_provider.settings import IdentityProviderSettings
from sild.identity_provider.store import Change, Store, hashed, new_id
from sild.identity_provider.tables import login
from sild.openid import AuthorizationRequest

__all__ = ["Login", "LoginExpired", "Logins", "form_token"]


class LoginExpired(CallerError):
    """Too old, finished, another browser's, or never begun: the person starts again at the service."""

    code = "login_expired"


@dataclass(frozen=True, slots=True)
class Login:
    """request None: the account page. session_id: of the log-in done in it, before device and representee are settled.

    signing: the request of the signing service that this log-in answers: it begins no session.
    """

    id: str
    request: AuthorizationRequest | None
    session_id: str | None
    challenge: str | None
    signing: str | None = None


def form_token(browser: str, purpose: str) -> str:
    """The token a form of ours carries: only this browser's cookie makes it (CSRF)."""
    return hmac.new(browser.encode(), f"form {purpose}".encode(), "sha256").hexdigest()


class Logins:
    def __init__(self, store: Store, settings: IdentityProviderSettings) -> None:
        self._store = store
        self._settings = settings

    def begin(
        self,
        request: AuthorizationRequest | None,
        browser: str,
        *,
        session_id: str | None = None,
        signing: str | None = None,
    ) -> str:
        """session_id: a session that answers the request already, when only device or representee are open."""
        login_id = new_id()
        with self._store.change() as change:
            change.connection.execute(
                insert(login).values(
                    id=login_id,
                    browser_hash=hashed(browser),
                    request="" if request is None else json.dumps(asdict(request)),
                    failures=0,
                    session_id=session_id,
                    signing=signing,
                    created_at=change.at,
                    expires_at=change.at + timedelta(seconds=self._settings.login_seconds),
                )
            )
        return login_id

    def find(self, login_id: str, browser: str | None) -> Login:
        """Raises LoginExpired, TooMany."""
        with self._store.change() as change:
            row = change.connection.execute(select(login).where(login.c.id == login_id)).one_or_none()
        if row is None or browser is None or not hmac.compare_digest(row.browser_hash, hashed(browser)):
            raise LoginExpired("this log-in was not begun in this browser")
        if row.finished_at is not None or row.expires_at <= self._store.clock():
            raise LoginExpired("this log-in is over")
        if row.failures >= self._settings.login_attempts:
            raise TooMany("too many failures in this log-in")
        request = None if row.request == "" else _REQUEST.validate_json(row.request)
        return Login(row.id, request, row.session_id, row.challenge, row.signing)

    def new_challenge(self, login_id: str, *, url_safe: bool) -> str:
        """256 random bits for the next ceremony, instead of any before: base64url without padding, or base64 (Web eID)."""
        raw = secrets.token_bytes(32)
        text = base64.urlsafe_b64encode(raw).rstrip(b"=") if url_safe else base64.b64encode(raw)
        with self._store.change() as change:
            change.connection.execute(
                update(login).where(login.c.id == login_id).values(challenge=text.decode())
            )
        return text.decode()

    def use_challenge(self, found: Login) -> str:
        """The challenge, for one attempt only, whatever comes of it. Raises LoginExpired when there is none (any more)."""
        if found.challenge is not None:
            with self._store.change() as change:
                used = change.connection.execute(
                    update(login)
                    .where(login.c.id == found.id, login.c.challenge == found.challenge)
                    .values(challenge=None)
                )
            if used.rowcount == 1:
                return found.challenge
        raise LoginExpired("the challenge was used before")

    def count_failure(self, login_id: str) -> None:
        with self._store.change() as change:
            change.connection.execute(
                update(login).where(login.c.id == login_id).values(failures=login.c.failures + 1)
            )

    def done(self, change: Change, login_id: str, session_id: str) -> None:
        change.connection.execute(update(login).where(login.c.id == login_id).values(session_id=session_id))

    def finish(self, login_id: str) -> None:
        """True end: the back button does not issue a second code. Raises LoginExpired."""
        with self._store.change() as change:
            ended = change.connection.execute(
                update(login)
                .where(login.c.id == login_id, login.c.finished_at.is_(None))
                .values(finished_at=change.at)
            )
        if ended.rowcount != 1:
            raise LoginExpired("this log-in is over")


_REQUEST = TypeAdapter(AuthorizationRequest)
