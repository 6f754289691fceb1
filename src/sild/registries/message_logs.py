"""Asking message logs: over the exchange by the service `getEvidence` of whoever sent or got a message; the own server's directly.

logs = MessageLogs("SILD/GOV/70000004/social", over_the_exchange(client, "case-7"))
deciding.logs = from_threads("SILD/GOV/70000004/social", client, loop)      # for replays, which run in threads
kernel.logged = own_log(client, loop)                                       # containers of one's own messages
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from concurrent.futures import TimeoutError as Late
from datetime import datetime
from typing import Any

from sild.adapter import AUTOMATIC, AsyncXRoadClient, CallContext
from sild.decisions import AskLog, InLog, Input, MessageLogs
from sild.errors import CallerError, Unavailable
from sild.xroad import ClientId, ServiceId

__all__ = ["EVIDENCE", "LookUp", "from_threads", "over_the_exchange", "own_log"]

EVIDENCE = "getEvidence"
GROUND = "decision replay"
PATIENCE_SECONDS = 15.0
"""Longer than each log is given: then it is told which one was silent."""

LookUp = Callable[[Sequence[Input], datetime, str], Mapping[str, Sequence[InLog]]]
"""Of every message that a record's inputs name, what is to be said of it in both logs; when it was decided; for which case is asked. Blocks."""


def over_the_exchange(client: AsyncXRoadClient, case: str) -> AskLog:
    """Questions of the client's subsystem, for one case; which logs answer it is their owners' rights."""

    async def ask(log: str, query_ids: Sequence[str]) -> Any:  # JSON
        parts = log.split("/")
        if len(parts) != 4:
            raise CallerError(f"not a subsystem: {log[:100]}")
        answer = await client.get(
            ServiceId(ClientId(*parts), EVIDENCE),
            ["records"],
            params={"queryId": list(query_ids)},
            context=CallContext(user_id=AUTOMATIC, issue=case, legal_ground=GROUND),
        )
        return answer.ensure_success().json()

    return ask


def from_threads(own: str, client: AsyncXRoadClient, loop: asyncio.AbstractEventLoop) -> LookUp:
    """To be called in any thread but the loop's own. own: the subsystem of the body that decided."""

    def look_up(inputs: Sequence[Input], by: datetime, case: str) -> Mapping[str, Sequence[InLog]]:
        silent = (InLog("", "unknown", "the message logs did not answer"),)
        nothing = {message: silent for one in inputs for _, message, _ in one.messages}
        if loop.is_closed():
            return nothing
        logs = MessageLogs(own, over_the_exchange(client, case))
        asking = asyncio.run_coroutine_threadsafe(logs.find(inputs, by=by), loop)
        try:
            return asking.result(PATIENCE_SECONDS)
        except Late:
            asking.cancel()
            return nothing

    return look_up


def own_log(
    client: AsyncXRoadClient, loop: asyncio.AbstractEventLoop
) -> Callable[[str, Collection[str]], Awaitable[Sequence[bytes]]]:
    """What the own security server's log has under a message's id, each record as an ASiC-E container, time-stamped; from any event loop.

    Raises CallerError (`not_found`), PeerError, TrustError, Unavailable.
    """

    async def logged(message_id: str, request_ids: Collection[str]) -> Sequence[bytes]:
        if loop.is_closed():
            raise Unavailable("the register is ending", code="message_log_down")
        asking = asyncio.run_coroutine_threadsafe(
            client.logged(message_id, stamp_now=True, request_ids=request_ids), loop
        )
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                found = await asyncio.wrap_future(asking)
        except TimeoutError:
            raise Unavailable("the message log does not answer", code="timeout") from None
        return [one.data for one in found]

    return logged
