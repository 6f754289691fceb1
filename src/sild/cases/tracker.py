"""Who used my data: what every register says of it, joined with what this system knows of its own messages."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from sild.cases.actor import Actor
from sild.cases.codes import with_country
from sild.cases.ledger import SentMessage
from sild.cases.parts import Parts
from sild.errors import PlatformError
from sild.telemetry import get_logger

__all__ = ["BodyUsage", "Tracker", "TrackerEntry", "TrackerUsage"]

log = get_logger("cases")

SKEW = timedelta(seconds=5)
"""How far a register's clock may be from ours."""


@dataclass(frozen=True, slots=True)
class TrackerEntry:
    """One use. body: member code of who got the data; system: its subsystem.  operation: as the register calls it.

    case, basis, acting, message_id: of a message this system sent; None for other systems'.  acting: `automatic`, `you`, or a role.
    """

    at: datetime
    body: str
    body_name: str | None
    system: str
    operation: str
    register: str
    case: str | None = None
    basis: str | None = None
    acting: str | None = None
    message_id: str | None = None


@dataclass(frozen=True, slots=True)
class BodyUsage:
    """All uses by one body, newest first."""

    body: str
    name: str | None
    entries: tuple[TrackerEntry, ...]


@dataclass(frozen=True, slots=True)
class TrackerUsage:
    """failed: register -> why it did not answer. What they hold is missing here."""

    bodies: tuple[BodyUsage, ...]
    total: int
    failed: Mapping[str, str]


class Tracker:
    def __init__(self, parts: Parts, system: str) -> None:
        self._parts = parts
        _, _, self._member, self._subsystem = system.strip("/").split("/")

    async def usage(self, actor: Actor, *, limit: int = 1_000) -> TrackerUsage:
        """Of the person themselves, or whom they act for."""
        found = await asyncio.gather(
            *(self._of_register(name, actor, limit) for name in self._parts.calls.registers)
        )
        entries = [entry for listed, _, _ in found for entry in listed]
        by_body: dict[str, list[TrackerEntry]] = {}
        for entry in sorted(entries, key=lambda entry: entry.at, reverse=True):
            by_body.setdefault(entry.body, []).append(entry)
        bodies = tuple(BodyUsage(body, some[0].body_name, tuple(some)) for body, some in by_body.items())
        failed = {
            name: why for (_, _, why), name in zip(found, self._parts.calls.registers, strict=True) if why
        }
        return TrackerUsage(bodies, sum(total for _, total, _ in found), failed)

    async def _of_register(
        self, register: str, actor: Actor, limit: int
    ) -> tuple[Sequence[TrackerEntry], int, str | None]:
        parts = self._parts
        person = actor.acting_for
        code = quote(with_country(person, parts.profile.country), safe="")
        try:
            answer = await parts.calls.call(
                register,
                "GET",
                f"/findUsage?userCode={code}&limit={limit}",
                case=None,
                basis=None,
                acting=actor.person,
                role="person",
            )
            used = [_use(item) for item in answer.json["usages"]]
            total = int(answer.json["totalUsages"])
        except PlatformError as error:
            log.refusal("tracker.register_failed", error, register=register)
            return (), 0, error.code
        except (KeyError, TypeError, ValueError):
            return (), 0, "nonsense"
        oldest = min((use.at for use in used), default=parts.clock()) - SKEW
        address = parts.calls.address(register)
        sent = list(await asyncio.to_thread(parts.ledger.naming, person, address, oldest))
        return [self._joined(use, register, sent, actor) for use in used], total, None

    def _joined(
        self, use: TrackerEntry, register: str, sent: list[SentMessage], actor: Actor
    ) -> TrackerEntry:
        """With our message that it was, if it was ours: findUsage v2 has no field for message id, case or ground, so time tells."""
        if (use.body, use.system) != (self._member, self._subsystem):
            return _of(use, register)
        near = [message for message in sent if _is_near(message, use.at)]
        if not near:
            return _of(use, register)
        message = min(near, key=lambda message: abs(message.sent_at - use.at))
        sent.remove(message)  # one message is one use
        acting = "automatic" if message.acting == "automatic" else message.role
        if message.acting == with_country(actor.acting_for, self._parts.profile.country):
            acting = "you"
        return _of(use, register, message, acting)


def _is_near(message: SentMessage, at: datetime) -> bool:
    return message.sent_at - SKEW <= at <= (message.answered_at or message.sent_at) + SKEW


def _use(item: Mapping[str, str]) -> TrackerEntry:
    at = datetime.fromisoformat(item["logtime"])
    name = item.get("receiverName")
    return TrackerEntry(at, item["receiverCode"], name, item["receiverSystem"], item["action"], "")


def _of(
    use: TrackerEntry, register: str, message: SentMessage | None = None, acting: str | None = None
) -> TrackerEntry:
    return TrackerEntry(
        use.at,
        use.body,
        use.body_name,
        use.system,
        use.operation,
        register,
        message.case if message else None,
        message.basis if message else None,
        acting,
        message.message_id if message else None,
    )
