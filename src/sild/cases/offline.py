"""Registration without a connection: numbers reserved beforehand, records merged later, conflicts made cases, nothing lost.

A commune reserves a block of case numbers, gives them out on paper while it has no connection, and hands its records in when it has
one again. Every record is kept as it came. One that fits becomes a case like any other; one that does not (its number was used, is
of nobody's block, or somebody has the same matter open already) becomes a case with its reasons, and an official decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, insert, select

from sild.cases.actor import Actor
from sild.cases.case import Party
from sild.cases.parts import Parts
from sild.cases.process import Opening
from sild.cases.refusals import Refused
from sild.cases.store import PREFIX, derived_id
from sild.cases.tables import blocks, offline_records

__all__ = ["MAX_BLOCK", "Merged", "NumberBlock", "Offline", "OfflineRecord"]

MAX_BLOCK = 1_000


@dataclass(frozen=True, slots=True)
class NumberBlock:
    """numbers: those the commune may give out, `S-2026-000101`."""

    id: str
    service: str
    office: str
    numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OfflineRecord:
    """id: made by the commune, unique for ever; handed in again it changes nothing.  parties: role and code.

    subject: whom it is about; two records about one subject are looked at by people.  content: what was written down.
    """

    id: str
    number: str
    subject: str
    parties: tuple[Party, ...]
    content: Mapping[str, Any]
    registered_at: datetime
    registered_by: str


@dataclass(frozen=True, slots=True)
class Merged:
    """outcome: `merged` or `conflict`.  reasons: `number_used`, `number_not_in_block`, `subject_has_case`, `record_changed`."""

    record: str
    outcome: str
    reasons: tuple[str, ...]
    case: str


class Offline:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def reserve(self, service: str, count: int, actor: Actor) -> NumberBlock:
        """Numbers nobody else gets. Raises Refused: `not_yours`, `read_only_device`, `bad_count`."""
        _ensure_office(actor)
        self._parts.service(service)
        if not 1 <= count <= MAX_BLOCK:
            raise Refused(f"a block has 1 to {MAX_BLOCK} numbers", code="bad_count")
        return await asyncio.to_thread(self._reserve, service, count, actor)

    def _reserve(self, service: str, count: int, actor: Actor) -> NumberBlock:
        at = self._parts.clock()
        prefix = f"{PREFIX}-{at.year}"

        def write(connection: Connection) -> NumberBlock:
            last = self._parts.store.count_on(connection, prefix, count)
            block_id = str(uuid4())
            connection.execute(
                insert(blocks).values(
                    id=block_id,
                    service=service,
                    office=actor.authority,
                    prefix=prefix,
                    first=last - count + 1,
                    last=last,
                    reserved_at=at,
                    reserved_by=actor.person,
                )
            )
            numbers = tuple(f"{prefix}-{number:06}" for number in range(last - count + 1, last + 1))
            return NumberBlock(block_id, service, actor.authority or "", numbers)

        return self._parts.store.write(write)

    async def merge(self, block: str, records: Sequence[OfflineRecord], actor: Actor) -> tuple[Merged, ...]:
        """Each record in a transaction of its own, so that what was handed in before a failure stands. Raises Refused (`not_yours`)."""
        _ensure_office(actor)
        merged = tuple([await asyncio.to_thread(self._merge, block, record, actor) for record in records])
        self._parts.jobs.wake()
        return merged

    def _merge(self, block: str, record: OfflineRecord, actor: Actor) -> Merged:
        def write(connection: Connection) -> Merged:
            reserved = connection.execute(select(blocks).where(blocks.c.id == block)).one_or_none()
            if reserved is None or reserved.office != actor.authority:
                raise Refused("this block is another office's", code="not_yours")
            same = offline_records.c.id == record.id
            before = connection.execute(select(offline_records).where(same)).one_or_none()
            if before is not None and before.content == _content(record):
                return Merged(record.id, before.outcome, tuple(before.reasons), before.case)
            reasons = list(self._reasons(connection, reserved, record))
            record_id = record.id
            if before is not None:  # the commune's id again with other words: both are kept
                reasons.append("record_changed")
                record_id = f"{record.id}~{uuid4()}"
            case_id = self._open(connection, reserved.service, record, record_id, reasons, actor)
            outcome = "conflict" if reasons else "merged"
            connection.execute(
                insert(offline_records).values(
                    id=record_id,
                    block=block,
                    number=record.number,
                    service=reserved.service,
                    subject=record.subject,
                    content=_content(record),
                    registered_at=record.registered_at,
                    registered_by=record.registered_by,
                    merged_at=self._parts.clock(),
                    outcome=outcome,
                    reasons=reasons,
                    case=case_id,
                )
            )
            return Merged(record_id, outcome, tuple(reasons), case_id)

        return self._parts.store.write(write)

    def _reasons(
        self, connection: Connection, reserved: Any, record: OfflineRecord
    ) -> Sequence[str]:  # a row of `blocks`
        reasons = []
        numbers = {f"{reserved.prefix}-{number:06}" for number in range(reserved.first, reserved.last + 1)}
        if record.number not in numbers:
            reasons.append("number_not_in_block")
        of_number = select(offline_records.c.id).where(offline_records.c.number == record.number)
        if connection.scalar(of_number.limit(1)) is not None:
            reasons.append("number_used")
        if self._parts.store.live(connection, reserved.service, record.subject):
            reasons.append("subject_has_case")
        return reasons

    def _open(
        self,
        connection: Connection,
        service: str,
        record: OfflineRecord,
        record_id: str,
        reasons: Sequence[str],
        actor: Actor,
    ) -> str:
        data = {"offline": record_id, "number": record.number, "reasons": list(reasons), **_content(record)}
        clean = not reasons
        opening = Opening(record.parties if clean else (), actor.authority, data)
        opened = self._parts.store.open(
            connection,
            service if clean else CONFLICT,
            opening,
            actor,
            "official",
            self._parts.clock(),
            case_id=derived_id("offline", record_id),
            number=record.number if clean else None,
            data={"registered_at": record.registered_at.isoformat(), "registered_by": record.registered_by},
        )
        return opened.id


CONFLICT = "offline_conflict"
"""Service whose cases are records that could not be merged."""


def _content(record: OfflineRecord) -> dict[str, Any]:
    return {
        "subject": record.subject,
        "parties": [[party.role, party.person] for party in record.parties],
        "content": dict(record.content),
    }


def _ensure_office(actor: Actor) -> None:
    if not actor.roles & {"official", "supervisor"} or actor.authority is None:
        raise Refused("an office registers without a connection", code="not_yours")
    if actor.posture != "managed":
        raise Refused("this device may only read", code="read_only_device")
