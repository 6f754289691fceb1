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

from sqlalchemy import Connection, Row, insert, select

from sild.cases.actor import Actor, reaches
from sild.cases.case import Case, Party
from sild.cases.parts import Parts
from sild.cases.process import Opening
from sild.cases.refusals import Refused
from sild.cases.store import PREFIX, Store, add_row, derived_id
from sild.cases.tables import blocks, offline_records
from sild.catalogue import Defect
from sild.errors import CallerError

__all__ = [
    "MAX_BLOCK",
    "Merged",
    "NumberBlock",
    "Offline",
    "OfflineRecord",
    "ensure_office",
    "number_defect",
    "take_number",
]

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

    async def reserve(self, service: str, count: int, actor: Actor, *, key: str | None = None) -> NumberBlock:
        """Numbers nobody else gets. key: of a form; sent again it gives the same block.

        Raises Refused: `not_yours`, `read_only_device`, `level_too_low`, `bad_count`.
        """
        ensure_office(actor)
        self._parts.service(service)
        if not 1 <= count <= MAX_BLOCK:
            raise Refused(f"a block has 1 to {MAX_BLOCK} numbers", code="bad_count")
        block_id = str(uuid4()) if key is None else derived_id("block", actor.person, key)
        return await asyncio.to_thread(self._reserve, service, count, actor, block_id)

    def _reserve(self, service: str, count: int, actor: Actor, block_id: str) -> NumberBlock:
        at = self._parts.clock()
        prefix = f"{PREFIX}-{at.year}"

        def write(connection: Connection) -> NumberBlock:
            self._parts.store.alone(connection, [f"block/{block_id}"])
            before = connection.execute(select(blocks).where(blocks.c.id == block_id)).one_or_none()
            if before is not None:
                return _block(before)
            last = self._parts.store.count_on(connection, prefix, count)
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
            return _block(connection.execute(select(blocks).where(blocks.c.id == block_id)).one())

        return self._parts.store.write(write)

    async def merge(self, block: str, records: Sequence[OfflineRecord], actor: Actor) -> tuple[Merged, ...]:
        """Each record in a transaction of its own, so that what was handed in before a failure stands.

        Raises Refused (`not_yours`, `read_only_device`, `level_too_low`).
        """
        ensure_office(actor)
        merged = tuple([await self._handed_in(block, record, actor) for record in records])
        self._parts.jobs.wake()
        return merged

    async def _handed_in(self, block: str, record: OfflineRecord, actor: Actor) -> Merged:
        """With the identity provider's word about who did, by whom the register enters it."""
        proof = await self._parts.vouched(actor, derived_id("offline", record.id), acts=True)
        return await asyncio.to_thread(self._merge, block, record, actor, proof)

    def _merge(self, block: str, record: OfflineRecord, actor: Actor, proof: str | None) -> Merged:
        def write(connection: Connection) -> Merged:
            reserved = connection.execute(select(blocks).where(blocks.c.id == block)).one_or_none()
            if reserved is None or reserved.office != actor.authority:
                raise Refused("this block is another office's", code="not_yours")
            self._parts.store.alone(connection, [f"number/{record.number}"])
            same = offline_records.c.id == record.id
            before = connection.execute(select(offline_records).where(same)).one_or_none()
            if before is not None and before.content == _content(record):
                return Merged(record.id, before.outcome, tuple(before.reasons), before.case)
            reasons = list(self._reasons(connection, reserved, record))
            record_id = record.id
            if before is not None:  # the commune's id again with other words: both are kept
                reasons.append("record_changed")
                record_id = f"{record.id}~{uuid4()}"
            case_id = self._open(connection, reserved.service, record, record_id, reasons, actor, proof)
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

        while True:
            try:
                return self._parts.store.write(write)
            except CallerError as error:
                if error.code != "has_case":  # opened since we looked: then it is a conflict
                    raise

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
        proof: str | None,
    ) -> str:
        data = {"offline": record_id, "number": record.number, "reasons": list(reasons), **_content(record)}
        data["service"] = service
        clean = not reasons
        only_of = record.subject if clean else None
        opening = Opening(record.parties if clean else (), actor.authority, data, only_of)
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
        if clean and proof is not None:
            self._parts.store.prove(connection, opened.id, opened.seq, actor, proof)
        return opened.id


CONFLICT = "offline_conflict"
"""Service whose cases are records that could not be merged."""


def number_defect(store: Store, connection: Connection, case: Case, number: str) -> str | None:
    """Why a paper's number cannot be brought into a case: `unknown_number`, of no block of its office for this service;
    `number_used`, by another matter. None: it is good.

    What waits as a conflict about the same subject is the same paper.
    """
    if _block_of(connection, case, number) is None:
        return "unknown_number"
    if store.numbered(connection, number) not in (None, case.id):
        return "number_used"
    of_number = select(offline_records.c.case, offline_records.c.subject)
    people = {party.person for party in case.parties}
    records = connection.execute(of_number.where(offline_records.c.number == number)).all()
    is_used = any(one.case != case.id and one.subject not in people for one in records)
    return "number_used" if is_used else None


def take_number(
    store: Store,
    connection: Connection,
    case: Case,
    field: str,
    data: Mapping[str, Any],
    actor: Actor,
    at: datetime,
) -> None:
    """Keep what an official brings in by hand as the record of its number, in the transaction of the action.

    field: of `data`, with the number.  Raises Refused (`defects`): somebody was faster with it.
    """
    number = str(data[field])
    store.alone(connection, [f"number/{number}"])
    defect = number_defect(store, connection, case, number)
    block = _block_of(connection, case, number)
    if defect is not None or block is None:
        found = (Defect(field, defect or "unknown_number"),)
        raise Refused("not everything is right yet", code="defects", defects=found)
    row = {
        "id": derived_id("number", case.id, number),
        "block": block.id,
        "number": number,
        "service": case.service,
        "subject": case.parties[0].person,
        "content": dict(data),
        "registered_at": at,
        "registered_by": actor.person,
        "merged_at": at,
        "outcome": "entered",
        "reasons": [],
        "case": case.id,
    }
    add_row(connection, offline_records, row)  # there already: it was entered before, and halted


def _block_of(connection: Connection, case: Case, number: str) -> Row[Any] | None:
    """The block of the case's office and service that has this number."""
    prefix, _, digits = number.rpartition("-")
    if not digits.isdecimal():
        return None
    theirs = select(blocks).where(
        blocks.c.office == case.office,
        blocks.c.service == case.service,
        blocks.c.prefix == prefix,
        blocks.c.first <= int(digits),
        blocks.c.last >= int(digits),
    )
    return connection.execute(theirs).one_or_none()


def _content(record: OfflineRecord) -> dict[str, Any]:
    return {
        "subject": record.subject,
        "parties": [[party.role, party.person] for party in record.parties],
        "content": dict(record.content),
    }


def _block(row: Row[Any]) -> NumberBlock:
    numbers = tuple(f"{row.prefix}-{number:06}" for number in range(row.first, row.last + 1))
    return NumberBlock(row.id, row.service, row.office, numbers)


def ensure_office(actor: Actor, *, writes: bool = True) -> None:
    """Raises Refused: `not_yours`; to write also `read_only_device`, `level_too_low`."""
    if not actor.roles & {"official", "supervisor"} or actor.authority is None:
        raise Refused("an office registers without a connection", code="not_yours")
    if writes and actor.posture != "managed":
        raise Refused("this device may only read", code="read_only_device")
    if writes and not reaches(actor.acr, "high"):
        raise Refused("this needs a log-in of level high", code="level_too_low")
