"""Published keys of an identity provider, for whoever takes its word: fetched, and remembered for a while."""

from __future__ import annotations

import json
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from sild.errors import PlatformError, Unavailable
from sild.http1 import fetch
from sild.openid import VerificationKeys, parse_jwks

__all__ = ["IssuerKeys", "published_keys"]

ANSWER_SECONDS = 10.0
MAX_ANSWER = 256 * 1024
FRESH = timedelta(minutes=10)
"""How long keys are good without asking: as long as the provider says (`Cache-Control`), so a withdrawn one counts no longer."""
PAUSE = timedelta(seconds=10)
"""Between two questions that tokens with unknown keys cause."""
STALE = timedelta(days=1)
"""How long they are good when the provider does not answer."""

IssuerKeys = Callable[[datetime, bool], Awaitable[VerificationKeys]]
"""The provider's published keys. Arguments: now; whether a token has named a key that is not among them. Raises Unavailable."""


def published_keys(url: str, *, tls: ssl.SSLContext | None = None) -> IssuerKeys:
    """From the provider's address (`jwks_uri`), remembered."""
    known: VerificationKeys | None = None
    fetched = datetime.min.replace(tzinfo=UTC)

    async def keys(now: datetime, anew: bool) -> VerificationKeys:
        nonlocal known, fetched
        if known is not None and now - fetched < (PAUSE if anew else FRESH):
            return known
        try:
            answer = await fetch(url, timeout=ANSWER_SECONDS, max_bytes=MAX_ANSWER, tls=tls)
            if answer.status != 200:
                raise Unavailable(f"the identity provider answered {answer.status}", code="http_error")
            found = parse_jwks(json.loads(answer.body))
        except (PlatformError, ValueError) as error:
            if known is not None and now - fetched < STALE:
                return known
            message = "the identity provider's keys cannot be had"
            raise Unavailable(message, code="identity_provider_down", retry_after=5) from error
        known, fetched = found, now
        return known

    return keys
