"""Who used my data: what every register says of it, joined with what this system knows of its own messages.

findUsage (data tracker, protocol version 2) has five fields. A register that adds `extension` names message, kind of data, ground
and case, and `withheldUsages` how many more the law keeps back: then the join is by message id and the sums are exact. For one
that does not, register, person and time find the message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Literal
from urllib.parse import quote

from sild.adapter import is_case_of_look
from sild.cases.actor import AUTOMATIC, Actor
from sild.cases.calls import own_look
from sild.cases.codes import is_company, with_country
from sild.cases.ledger import SentMessage
from sild.cases.parts import Parts
from sild.errors import PeerError, PlatformError
from sild.telemetry import get_logger

__all__ = ["BodyUsage", "Tracker", "TrackerEntry", "TrackerUsage"]

log = get_logger("cases")

PAGE = 1_000
MAX_ENTRIES = 20_000
TRIES = 3
ACTING = {"automatic": "automatic", "self": "you", "person": "somebody"}
"""Who acted, as registers say it of other systems' messages."""
GET_CONTAINER = "getUsageContainer"
CONTAINER_PATIENCE = 20.0
"""Seconds: the log may have to time-stamp the message first."""
SKEW = timedelta(seconds=5)
"""How far a register's clock may be from ours."""


@dataclass(frozen=True, slots=True)
class TrackerEntry:
    """One use. body: member code of who got the data; system: its subsystem.  operation: as the register calls it.

    case, basis, acting, message_id: as the register says, or of a message this system sent; else None.  acting: `automatic`,
    `you`, a role.  own: the message was this system's.  kind: concepts.  outcome: `done`, or the code of the refusal.
    office: for which the system asked, `birth@0793`; None: it did not say, or whoever acts for the person is not told.
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
    kind: tuple[str, ...] = ()
    outcome: str | None = None
    own: bool = False
    office: str | None = None


@dataclass(frozen=True, slots=True)
class BodyUsage:
    """All uses by one body, newest first."""

    body: str
    name: str | None
    entries: tuple[TrackerEntry, ...]


@dataclass(frozen=True, slots=True)
class TrackerUsage:
    """totals: of each register, all records about the person.  withheld: of those, what the law keeps back.

    failed: register -> why it did not answer. What they hold is missing here.  since: from when on each register counts, of those that say it.
    """

    bodies: tuple[BodyUsage, ...]
    totals: Mapping[str, int]
    withheld: Mapping[str, int]
    failed: Mapping[str, str]
    since: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.totals.values())


@dataclass(frozen=True, slots=True)
class _Told:
    """By one register."""

    register: str
    entries: Sequence[TrackerEntry] = ()
    shown: int = 0
    withheld: int = 0
    failed: str | None = None


class Tracker:
    def __init__(self, parts: Parts, system: str, basis: str) -> None:
        """basis: the ground on which people see what is kept of them."""
        self._parts = parts
        self._basis = basis
        _, _, self._member, self._subsystem = system.strip("/").split("/")
        self._since: dict[str, tuple[date, datetime]] = {}

    async def usage(self, actor: Actor) -> TrackerUsage:
        """Of the person themselves, or whom they act for."""
        registers = tuple(self._parts.calls.registers)
        told = await asyncio.gather(*(self._of_register(name, actor) for name in registers))
        since = await asyncio.gather(
            *(self._counts_since(one.register) for one in told if one.failed is None)
        )
        entries = [entry for one in told for entry in one.entries]
        by_body: dict[str, list[TrackerEntry]] = {}
        for entry in sorted(entries, key=lambda entry: entry.at, reverse=True):
            by_body.setdefault(entry.body, []).append(entry)
        bodies = tuple(BodyUsage(body, some[0].body_name, tuple(some)) for body, some in by_body.items())
        answered = [one for one in told if one.failed is None]
        return TrackerUsage(
            bodies,
            totals={one.register: one.shown + one.withheld for one in answered},
            withheld={one.register: one.withheld for one in answered},
            failed={one.register: one.failed for one in told if one.failed is not None},
            since={name: at for name, at in since if at is not None},
        )

    async def _counts_since(self, register: str) -> tuple[str, datetime | None]:
        """`usagePeriod` of the register, asked once a day; None: it does not say."""
        today = self._parts.today()
        if (known := self._since.get(register)) is not None and known[0] == today:
            return register, known[1]
        try:
            answer = await self._parts.calls.call(
                register, "GET", "/usagePeriod", case=None, basis=None, acting=AUTOMATIC, role="state"
            )
            at = datetime.fromisoformat(answer.json["periodStart"])
        except PlatformError as error:
            log.refusal("tracker.period_unknown", error, register=register)
            return register, None
        except (KeyError, TypeError, ValueError):
            return register, None
        self._since[register] = today, at
        return register, at

    async def container(
        self, actor: Actor, register: str, message_id: str, part: Literal["request", "response"]
    ) -> bytes:
        """The message by which somebody used the person's data, or its answer, out of the register's own log: ASiC-E, without its body.

        Raises CallerError (`unknown_message`, `names_others`, `not_in_log` and others of the register), PeerError, TrustError, Unavailable.
        """
        parts = self._parts
        whose, who = (with_country(one, parts.profile.country) for one in (actor.acting_for, actor.person))
        case = own_look(who, whose, parts.today())
        answer = await parts.calls.call(
            register,
            "GET",
            f"/persons/{quote(whose, safe='')}/usage-container?messageId={quote(message_id, safe='')}&part={part}",
            case=case,
            basis=self._basis,
            acting=actor.person,
            acting_for=actor.acting_for,
            role="person",
            patience=CONTAINER_PATIENCE,
            proof=await parts.vouched_saying(actor, case, [f"{register}/{GET_CONTAINER}"]),
        )
        if not answer.file:
            raise PeerError("the register gave no container", code="invalid_message")
        return answer.file

    async def _of_register(self, register: str, actor: Actor) -> _Told:
        """Page by page. What is written meanwhile moves the pages: then it is all asked again, some times."""
        for _ in range(TRIES):
            told = await self._pages(register, actor)
            if told.failed is not None or len(told.entries) == told.shown:
                break
        return told

    async def _pages(self, register: str, actor: Actor) -> _Told:
        parts = self._parts
        person = actor.acting_for
        whose = with_country(person, parts.profile.country)
        code = quote(whose, safe="")
        who = with_country(actor.person, parts.profile.country)
        case = own_look(who, whose, parts.today())
        used: list[TrackerEntry] = []
        try:
            while True:
                answer = await parts.calls.call(
                    register,
                    "GET",
                    f"/findUsage?userCode={code}&limit={PAGE}&offset={len(used)}",
                    case=case,
                    basis=self._basis,
                    acting=actor.person,
                    acting_for=actor.acting_for,
                    role="person",
                )
                listed = [_use(item) for item in answer.json["usages"]]
                total, withheld = int(answer.json["totalUsages"]), int(answer.json.get("withheldUsages", 0))
                used += listed
                if not listed or len(used) >= min(total, MAX_ENTRIES):
                    break
        except PlatformError as error:
            log.refusal("tracker.register_failed", error, register=register)
            return _Told(register, failed=error.code)
        except (KeyError, TypeError, ValueError, AttributeError):
            return _Told(register, failed="nonsense")
        entries = await asyncio.to_thread(self._joined_all, used, register, actor)
        return _Told(register, entries, total, withheld)

    def _joined_all(self, used: Sequence[TrackerEntry], register: str, actor: Actor) -> list[TrackerEntry]:
        parts = self._parts
        named = [use.message_id for use in used if use.message_id is not None]
        by_id = {message.message_id: message for message in parts.ledger.with_ids(named)}
        unnamed = [use for use in used if use.message_id is None]
        sent: list[SentMessage] = []
        if unnamed:
            oldest = min(use.at for use in unnamed) - SKEW
            address = parts.calls.address(register)
            sent = list(parts.ledger.naming(actor.acting_for, address, oldest))
        return [
            self._shown(
                self._told(use, register, by_id, actor)
                if use.message_id is not None
                else self._joined(use, register, sent, actor)
            )
            for use in used
        ]

    def _shown(self, entry: TrackerEntry) -> TrackerEntry:
        """A look of people at what is kept of them belongs to no case that anybody can open."""
        is_look = entry.body == self._member and is_case_of_look(entry.case)
        return replace(entry, case=None) if is_look else entry

    def _told(
        self, use: TrackerEntry, register: str, by_id: Mapping[str, SentMessage], actor: Actor
    ) -> TrackerEntry:
        """The register says itself which message it was. Ours are told more of: as what somebody acted."""
        message = by_id.get(use.message_id or "")
        if message is None or (use.body, use.system) != (self._member, self._subsystem):
            return replace(use, register=register, acting=ACTING.get(use.acting or ""))
        return self._of(use, register, message, actor)

    def _of(self, use: TrackerEntry, register: str, message: SentMessage, actor: Actor) -> TrackerEntry:
        """With what we know of it by our own message."""
        whose = actor.acting_for
        return replace(
            use,
            register=register,
            case=message.case,
            basis=message.basis,
            acting=self._acting(message, actor),
            message_id=message.message_id,
            own=True,
            office=message.office if whose == actor.person or is_company(whose) else None,
        )

    def _acting(self, message: SentMessage, actor: Actor) -> str:
        whose = with_country(actor.acting_for, self._parts.profile.country)
        if whose == message.acting or (whose == message.acting_for and is_company(whose)):
            return "you"  # of a company, whoever acted for it
        return "automatic" if message.acting == "automatic" else message.role

    def _joined(
        self, use: TrackerEntry, register: str, sent: list[SentMessage], actor: Actor
    ) -> TrackerEntry:
        """With our message that it was, if it was ours: the register names none, so time tells."""
        if (use.body, use.system) != (self._member, self._subsystem):
            return replace(use, register=register)
        near = [message for message in sent if _is_near(message, use.at)]
        if not near:
            return replace(use, register=register)
        message = min(near, key=lambda message: abs(message.sent_at - use.at))
        sent.remove(message)  # one message is one use
        return self._of(use, register, message, actor)


def _is_near(message: SentMessage, at: datetime) -> bool:
    return message.sent_at - SKEW <= at <= (message.answered_at or message.sent_at) + SKEW


def _use(item: Mapping[str, Any]) -> TrackerEntry:
    at = datetime.fromisoformat(item["logtime"])
    more: Mapping[str, Any] = item.get("extension") or {}
    return TrackerEntry(
        at=at,
        body=item["receiverCode"],
        body_name=item.get("receiverName"),
        system=item["receiverSystem"],
        operation=item["action"],
        register="",
        case=more.get("caseId"),
        basis=more.get("legalGround"),
        acting=more.get("acting"),
        message_id=more.get("messageId"),
        kind=tuple(str(concept) for concept in more.get("kindOfData") or ()),
        outcome=more.get("outcome"),
        office=more.get("office"),
    )
