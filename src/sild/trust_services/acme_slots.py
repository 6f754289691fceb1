"""How many challenges are fetched at once: so many in all, and so few for one account that it cannot hold up the others.

A fetch takes up to ten seconds where the host is slow on purpose. What is beyond an account's share waits for that share
alone; what is beyond two whole orders of waiting is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from sild.trust_services.acme_errors import AcmeProblem

__all__ = ["ValidationSlots"]

MAX_VALIDATIONS = 16
MAX_OF_ACCOUNT = 4
MAX_WAITING_OF_ACCOUNT = 20
RETRY_AFTER_SECONDS = 10


@dataclass(slots=True)
class _Share:
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_OF_ACCOUNT))
    inside: int = 0  # waiting ones too


class ValidationSlots:
    """Of one process; for one event loop."""

    def __init__(self) -> None:
        self._all = asyncio.Semaphore(MAX_VALIDATIONS)
        self._shares: dict[str, _Share] = {}

    @asynccontextmanager
    async def one(self, account_id: str) -> AsyncIterator[None]:
        """Raises AcmeProblem (rateLimited) when too many of the account wait."""
        share = self._shares.setdefault(account_id, _Share())
        if share.inside >= MAX_WAITING_OF_ACCOUNT:
            raise AcmeProblem(
                "rateLimited",
                f"{MAX_WAITING_OF_ACCOUNT} challenges of the account are being validated",
                headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
            )
        share.inside += 1
        try:
            async with share.slots, self._all:
                yield
        finally:
            share.inside -= 1
            if not share.inside:
                del self._shares[account_id]
