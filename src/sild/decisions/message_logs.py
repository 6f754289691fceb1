"""Where the messages of a decision's inputs lie: both logs asked, each by its own body's service, and held against one another.

    logs = MessageLogs("SILD/GOV/70000004/social", ask)     # ask(log, ids): that log's answer to `GET /records` of `getEvidence`
    found = await logs.find(record.inputs, by=record.decided_at)   # message id -> what to say of it
    replay(bundle, ..., find_message=lambda message: found[message])

The answers are those of `sild.security_server.message_evidence`. A log that cannot be asked, or keeps nothing that old, leaves it
open; one that lacks a message, or holds another than was signed, is named. The question itself is a port: registers, case systems
and the command ask over the exchange.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from sild.decisions.fields import Input
from sild.errors import PeerError, PlatformError
from sild.telemetry import get_logger

__all__ = ["AskLog", "InLog", "MessageLogs", "subsystem_of"]

log = get_logger("decisions")

AskLog = Callable[[str, Sequence[str]], Awaitable[Any]]
"""Whose log (`INSTANCE/CLASS/CODE/SUBSYSTEM`) and message ids to the parsed JSON it answers. Raises PlatformError."""

BATCH = 50
"""Ids of one question."""
CLOCKS_MAY_DIFFER = timedelta(minutes=5)
"""Of two bodies: nobody sets another's clock."""
PATIENCE_SECONDS = 6.0
"""With one log, all its questions together."""


@dataclass(frozen=True, slots=True)
class InLog:
    """What is to be said of a message in one log. log: whose."""

    log: str
    verdict: Literal["holds", "broken", "unknown"]
    text: str


@dataclass(frozen=True, slots=True)
class _Logged:
    is_response: bool
    logged_at: datetime
    signature: str | None
    whole: bool | None
    fault: str | None
    is_stamped: bool
    client: str | None
    provider: str | None


@dataclass(frozen=True, slots=True)
class _Told:
    """Of one log. failed: why it could not be asked, or not read."""

    kept_since: datetime | None
    records: Mapping[str, tuple[_Logged, ...]]
    failed: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Message:
    """other: whose log should have it, too, as far as the record says.  at: it had come by then, if that is known.  by: and by then
    at the latest, which is when it was decided."""

    id: str
    other: str | None
    at: datetime | None
    by: datetime | None


class MessageLogs:
    """own: the subsystem of the body that decided, whose log is asked first: it tells with whom the message was exchanged."""

    def __init__(self, own: str, ask: AskLog) -> None:
        self._own = own
        self._ask = ask

    async def find(
        self, inputs: Sequence[Input], *, by: datetime | None = None
    ) -> dict[str, tuple[InLog, ...]]:
        """Of every message that one of them names. by: when it was decided.

        Never raises for what a log does: that is what it tells.
        """
        messages = list(_messages(inputs, self._own, by))
        if not messages:
            return {}
        told = {self._own: await self._told(self._own, [one.id for one in messages])}
        others = {one.id: _partner(told[self._own], one, self._own) for one in messages}
        wanted: dict[str, list[str]] = {}
        for message, other in others.items():
            if other is not None and other != self._own:
                wanted.setdefault(other, []).append(message)
        answers = await asyncio.gather(*(self._told(other, ids) for other, ids in wanted.items()))
        told.update(zip(wanted, answers, strict=True))
        return {one.id: tuple(_said(one, self._own, others[one.id], told)) for one in messages}

    async def _told(self, whose: str, ids: Sequence[str]) -> _Told:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                answers = [
                    _parsed(await self._ask(whose, ids[first : first + BATCH]), ids[first : first + BATCH])
                    for first in range(0, len(ids), BATCH)
                ]
        except (PlatformError, TimeoutError) as error:
            why = error.code_path if isinstance(error, PlatformError) else "timeout"
            log.warning("decisions.log_not_asked", log=whose, reason=why)
            return _Told(None, {}, dict.fromkeys(ids, why))
        return _Told(
            answers[0].kept_since,
            {message: records for answer in answers for message, records in answer.records.items()},
            {message: why for answer in answers for message, why in answer.failed.items()},
        )


def subsystem_of(register: str | None) -> str | None:
    """`INSTANCE/CLASS/CODE/SUBSYSTEM` out of the ways in which a register or its service is written; None: it names none."""
    parts = (register or "").replace(":", "/").strip("/").split("/")
    return "/".join(parts[:4]) if len(parts) >= 4 and all(parts[:4]) else None


def _messages(inputs: Sequence[Input], own: str, by: datetime | None) -> Iterator[_Message]:
    """Each once. A model's call has an id, too, and is no message of the exchange."""
    found: dict[str, _Message] = {}
    for register, message_id, fetched_at in (message for one in inputs for message in one.messages):
        other = subsystem_of(register)
        known = found.get(message_id, _Message(message_id, None, None, by))
        found[message_id] = _Message(
            message_id,
            known.other or (other if other != own else None),
            known.at or fetched_at,
            by,
        )
    yield from found.values()


def _parsed(answer: Any, ids: Sequence[str]) -> _Told:
    """Raises PeerError (`invalid_body`)."""
    try:
        kept_since = answer["kept_since"]
        items = {item["query_id"]: item for item in answer["items"]}
        records = {
            message: tuple(_logged(one) for one in items[message]["records"])
            for message in ids
            if items[message]["failed"] is None
        }
        failed = {
            message: str(items[message]["failed"]) for message in ids if items[message]["failed"] is not None
        }
        return _Told(None if kept_since is None else datetime.fromisoformat(kept_since), records, failed)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise PeerError("not what a message log answers", code="invalid_body") from None


def _logged(one: Any) -> _Logged:
    if not isinstance(one["is_response"], bool) or one["whole"] not in (True, False, None):
        raise ValueError("not a record of a log")
    return _Logged(
        is_response=one["is_response"],
        logged_at=datetime.fromisoformat(one["logged_at"]),
        signature=one["signature_sha256"],
        whole=one["whole"],
        fault=one["fault"],
        is_stamped=one["timestamped_at"] is not None,
        client=subsystem_of(one["client"]),
        provider=subsystem_of(one["service"]),
    )


def _partner(own: _Told, message: _Message, name: str) -> str | None:
    """With whom we exchanged it: what our log says, else what the record says."""
    for one in own.records.get(message.id, ()):
        for party in (one.provider, one.client):
            if party is not None and party != name:
                return party
    return message.other


def _said(message: _Message, own: str, other: str | None, told: Mapping[str, _Told]) -> Iterator[InLog]:
    logged = [one.logged_at for each in told.values() for one in each.records.get(message.id, ())]
    if logged:  # what one log has tells from when the other must have it
        message = replace(message, at=min(logged) - CLOCKS_MAY_DIFFER)
    is_consumer = not any(one.provider == own for one in told[own].records.get(message.id, ()))
    places = (
        (own, "consumer" if is_consumer else "provider"),
        (
            other,
            "provider" if is_consumer else "consumer",
        ),
    )
    for name, place in places:
        if name is None:
            yield InLog("", "unknown", f"whose the log of the {place} is, nothing tells")
        elif name in told:
            yield from _of_one(message, name, place, told[name])
    if other is not None and other in told and other != own:
        yield from _compared(message, (own, other), told)


def _of_one(message: _Message, name: str, place: str, told: _Told) -> Iterator[InLog]:
    called = f"the log of the {place}, {name},"
    if message.id in told.failed:
        yield InLog(name, "unknown", f"{called} could not be asked: {told.failed[message.id]}")
        return
    records = told.records[message.id]
    if not records:
        since = told.kept_since
        if since is not None and (message.at is None or message.at < since):
            yield InLog(
                name, "unknown", f"{called} keeps messages since {since.isoformat()}: look in its archives"
            )
        else:
            yield InLog(name, "broken", f"{called} does not have it")
        return
    late = max(one.logged_at for one in records)
    if message.by is not None and late > message.by + CLOCKS_MAY_DIFFER:
        yield InLog(
            name,
            "unknown",
            f"clocks disagree: {called} has it from {late.isoformat()}, after the decision of {message.by.isoformat()}",
        )
    changed = sorted({one.fault or "" for one in records if one.whole is False})
    if changed:
        yield InLog(name, "broken", f"{called} holds something else than was signed: {', '.join(changed)}")
    elif any(one.whole is None for one in records):
        why = ", ".join(sorted({one.fault or "" for one in records if one.whole is None}))
        yield InLog(name, "unknown", f"{called} has it; whether as it was signed cannot be told: {why}")
    elif not all(one.is_stamped for one in records):
        yield InLog(name, "unknown", f"{called} has it as it was signed, but not all of it time-stamped yet")
    else:
        yield InLog(name, "holds", f"{called} has it as it was signed, time-stamped")


def _compared(message: _Message, names: tuple[str, str], told: Mapping[str, _Told]) -> Iterator[InLog]:
    """Request and answer of one exchange lie in both logs under the same signatures."""
    found = [told[name].records.get(message.id, ()) for name in names]
    if not all(found):
        return
    for is_response, called in ((False, "request"), (True, "answer")):
        of_kind = [
            {one.signature for one in records if one.is_response is is_response and one.signature}
            for records in found
        ]
        lacking = [name for name, signatures in zip(names, of_kind, strict=True) if not signatures]
        if len(lacking) == 1:
            yield InLog(lacking[0], "broken", f"the log of {lacking[0]} does not have the {called}")
        elif not lacking and not of_kind[0] & of_kind[1]:
            text = f"the logs of {names[0]} and {names[1]} hold different {called}s under this id"
            yield InLog(names[1], "broken", text)
