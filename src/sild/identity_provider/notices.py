"""Telling clients that a session, or a right to act in it, has ended (OpenID Connect Back-Channel Logout 1.0).

Notices lie in the database from the transaction that ended the session until they are delivered, so a crash loses none; a
client that does not answer is asked again, further and further apart, for a day.
"""

from __future__ import annotations

import urllib.request
from datetime import timedelta
from http.client import HTTPMessage
from typing import IO
from urllib.parse import urlencode

from sqlalchemy import select, update

from sild.errors import CallerError
from sild.identity_provider.clients import Clients
from sild.identity_provider.keys import SigningKeys
from sild.identity_provider.settings import IdentityProviderSettings
from sild.identity_provider.store import Store, new_id
from sild.identity_provider.tables import logout_notice
from sild.openid import logout_token_claims, sign_token
from sild.telemetry import get_logger

__all__ = ["LogoutNotices"]

log = get_logger("identity_provider")

TIMEOUT_SECONDS = 5.0
LIFETIME = timedelta(minutes=2)
LAST_ATTEMPT = 12
"""The pauses double from five seconds: the twelfth attempt comes some six hours after the first."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> None:
        return None


class LogoutNotices:
    def __init__(
        self, store: Store, clients: Clients, keys: SigningKeys, settings: IdentityProviderSettings
    ) -> None:
        self._store = store
        self._clients = clients
        self._keys = keys
        self._settings = settings
        self._opener = urllib.request.build_opener(_NoRedirects)

    def deliver(self) -> int:
        """Try every notice that is due; gives how many were delivered."""
        with self._store.change() as change:
            due = change.connection.execute(
                select(logout_notice)
                .where(logout_notice.c.next_attempt_at <= change.at)
                .order_by(logout_notice.c.next_attempt_at)
                .limit(100)
            ).all()
        delivered = 0
        for notice in due:
            if self._claim(notice.id, notice.attempts):
                delivered += self._send(notice.id, notice.client_id, notice.uri, notice.subject, notice.sid)
        return delivered

    def _claim(self, notice_id: str, attempts: int) -> bool:
        """Write down the next attempt before this one: two processes do not both send, and a crash only delays."""
        with self._store.change() as change:
            pause = timedelta(seconds=5 * 2**attempts)
            later = change.at + pause if attempts + 1 < LAST_ATTEMPT else None
            claimed = change.connection.execute(
                update(logout_notice)
                .where(logout_notice.c.id == notice_id, logout_notice.c.attempts == attempts)
                .values(attempts=attempts + 1, next_attempt_at=later)
            )
        return claimed.rowcount == 1

    def _send(self, notice_id: str, client_id: str, uri: str, subject: str, sid: str) -> bool:
        try:
            algorithm = self._clients.find(client_id).id_token_signed_response_alg
        except CallerError:
            return False
        claims = logout_token_claims(
            issuer=self._settings.issuer,
            client_id=client_id,
            subject=subject,
            sid=sid,
            jti=new_id(),
            at=self._store.clock(),
            lifetime=LIFETIME,
        )
        token = sign_token(claims, self._keys.active(algorithm), "logout+jwt")
        request = urllib.request.Request(  # noqa: S310  checked at registration: https, or http on this machine
            uri, data=urlencode({"logout_token": token}).encode(), method="POST"
        )
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                status = answer.status
        except (OSError, ValueError) as error:
            log.warning(
                "identity_provider.logout_not_delivered", client=client_id, reason=type(error).__name__
            )
            return False
        if status not in (200, 204):
            return False
        with self._store.change() as change:
            change.connection.execute(
                update(logout_notice)
                .where(logout_notice.c.id == notice_id)
                .values(delivered_at=change.at, next_attempt_at=None)
            )
        return True
