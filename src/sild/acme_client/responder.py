"""The port on which an authority looks for the answers to its challenges (RFC 8555 8.3); everything else is not there."""

from __future__ import annotations

import asyncio
import re

from sild.acme_client.store import Store
from sild.clock import Clock
from sild.errors import PlatformError
from sild.http1 import Request, Responder
from sild.telemetry import get_logger

__all__ = ["ChallengeResponder"]

log = get_logger("acme_client")

AT_ONCE = 2
"""Look-ups side by side. The port is everybody's: a flood of made-up tokens must not take the threads that messages need."""
TARGET = re.compile(rb"/\.well-known/acme-challenge/([A-Za-z0-9_-]{16,200})")


class ChallengeResponder:
    """Answers from the database: whichever of several servers the authority comes to."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def handle(self, request: Request, responder: Responder) -> None:
        found = TARGET.fullmatch(request.target)
        content = None
        if found is not None and request.method in ("GET", "HEAD"):
            try:
                async with self._turn:
                    content = await asyncio.to_thread(
                        self._store.challenge, found[1].decode(), at=self._clock()
                    )
            except PlatformError as error:
                log.refusal("acme.challenge_not_answered", error)
                await responder.send(503, [], b"")
                return
        if content is None:
            await responder.send(404, [(b"Content-Type", b"text/plain")], b"not found\n")
            return
        log.info("acme.challenge_answered")
        await responder.send(200, [(b"Content-Type", b"application/octet-stream")], content.encode())
