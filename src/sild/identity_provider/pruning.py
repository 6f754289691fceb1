"""What has served its purpose goes: log-ins, codes and sessions a day after their end. The audit rows stay."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, select

from sild.identity_provider.store import Change
from sild.identity_provider.tables import (
    attempt,
    authorization_code,
    login,
    logout_notice,
    refresh_token,
    session,
    token_grant,
    token_grant_mandate,
    used_assertion,
)

__all__ = ["prune"]

KEPT = timedelta(days=1)
"""Long enough to recognise a code or refresh token used again after its session's end, and to look into a complaint of today."""


def prune(change: Change, *, lock_seconds: int) -> None:
    """One transaction; what is still under way is not touched."""
    old = change.at - KEPT
    over = select(session.c.id).where(session.c.expires_at < old)
    grants = select(token_grant.c.id).where(token_grant.c.session_id.in_(over))
    for table in (authorization_code, refresh_token, token_grant_mandate):
        change.connection.execute(delete(table).where(table.c.grant_id.in_(grants)))
    change.connection.execute(delete(token_grant).where(token_grant.c.session_id.in_(over)))
    change.connection.execute(delete(session).where(session.c.expires_at < old))
    change.connection.execute(delete(login).where(login.c.expires_at < old))
    change.connection.execute(delete(used_assertion).where(used_assertion.c.expires_at < change.at))
    change.connection.execute(
        delete(attempt).where(attempt.c.window_start < change.at - timedelta(seconds=lock_seconds))
    )
    change.connection.execute(
        delete(logout_notice).where(
            logout_notice.c.next_attempt_at.is_(None), logout_notice.c.created_at < old
        )
    )
