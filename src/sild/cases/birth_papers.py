"""Papers of births at the desk of the office that gave out their numbers: blocks, what of them is used, one paper handed in.

A paper of a child who has a case here that still waits for a name is brought into that case, as `birth.offline` does; any other is
merged (`offline.py`). The same paper again gives the same answer, whoever hands it in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import Connection, Row, select

from sild.cases.acting import Acting
from sild.cases.actor import Actor
from sild.cases.birth_answers import name_defects_in
from sild.cases.birth_facts import country_of
from sild.cases.case import Case, Party
from sild.cases.codes import plain
from sild.cases.offline import Offline, OfflineRecord, ensure_office
from sild.cases.parts import Parts
from sild.cases.refusals import Refused
from sild.cases.store import derived_id
from sild.cases.tables import blocks, cases, offline_records
from sild.catalogue import Defect

__all__ = ["BirthPaper", "BirthPapers", "HandedIn", "ReservedBlock"]

BIRTH = "birth"
ENTER = "ENTER_OFFLINE"
CODE_LENGTHS = {"EE": 11, "VN": 12}


@dataclass(frozen=True, slots=True)
class BirthPaper:
    """child: the identity code, our own country's with or without it.  registered_on: `2026-03-02`."""

    number: str
    child: str
    given_names: str
    family_name: str
    registered_on: str


@dataclass(frozen=True, slots=True)
class HandedIn:
    """outcome: `registered`, a case of its own under the paper's number; `joined` to the case there was; `conflict`, which waits for an
    official for the `reasons` of `Merged`.  case: its id, with its `case_number`.
    """

    number: str
    outcome: str
    reasons: tuple[str, ...]
    case: str
    case_number: str


@dataclass(frozen=True, slots=True)
class ReservedBlock:
    """used: those of its numbers that a paper was handed in with."""

    id: str
    numbers: tuple[str, ...]
    reserved_at: datetime
    used: frozenset[str]


class BirthPapers:
    def __init__(self, parts: Parts, acting: Acting, offline: Offline) -> None:
        self._parts = parts
        self._acting = acting
        self._offline = offline

    # --- blocks

    async def blocks(self, actor: Actor) -> tuple[ReservedBlock, ...]:
        """The office's own, newest first. Raises Refused (`not_yours`)."""
        ensure_office(actor, writes=False)
        return await asyncio.to_thread(self._blocks, actor)

    def _blocks(self, actor: Actor) -> tuple[ReservedBlock, ...]:
        ours = select(blocks).where(blocks.c.office == actor.authority, blocks.c.service == BIRTH)
        handed_in = select(offline_records.c.number).where(offline_records.c.service == BIRTH)
        with self._parts.store.reading() as connection:
            rows = connection.execute(ours.order_by(blocks.c.reserved_at.desc(), blocks.c.first.desc())).all()
            used = frozenset(
                connection.scalars(handed_in.where(offline_records.c.block.in_([row.id for row in rows])))
            )
        found = []
        for row in rows:
            numbers = tuple(f"{row.prefix}-{number:06}" for number in range(row.first, row.last + 1))
            found.append(ReservedBlock(row.id, numbers, row.reserved_at, used & set(numbers)))
        return tuple(found)

    # --- papers

    async def paper(self, number: str, actor: Actor) -> HandedIn:
        """What came of the paper with a number of the office's own. Raises Refused (`not_yours`, `not_found`)."""
        ensure_office(actor, writes=False)

        def read() -> HandedIn | None:
            with self._parts.store.reading() as connection:
                is_ours = self._block(connection, number, actor) is not None
                rows = self._of_number(connection, number) if is_ours else []
                return self._handed_in(connection, rows[0]) if rows else None

        found = await asyncio.to_thread(read)
        if found is None:
            raise Refused("no paper with this number was handed in", code="not_found")
        return found

    async def hand_in(self, paper: BirthPaper, actor: Actor) -> HandedIn:
        """Raises Refused: `defects` (of `number`, `child`, `given_names`, `family_name`, `registered_on`), `not_yours`,
        `read_only_device`, `level_too_low`, and as `CaseSystem.act` where there is a case.
        """
        ensure_office(actor)
        child = plain(paper.child, self._parts.profile.country)
        block, found, case = await asyncio.to_thread(self._looked_up, paper, child, actor)
        if found is not None:
            return found
        if case is not None:
            await self._join(case, paper, child, actor)
        else:
            content = {name: getattr(paper, name) for name in ("given_names", "family_name", "registered_on")}
            at = datetime.combine(date.fromisoformat(paper.registered_on), time(), UTC)
            parties = (Party("child", child),)
            record = OfflineRecord(_record_id(paper), paper.number, child, parties, content, at, actor.person)
            await self._offline.merge(block, [record], actor)
        return await self.paper(paper.number, actor)

    def _looked_up(
        self, paper: BirthPaper, child: str, actor: Actor
    ) -> tuple[str, HandedIn | None, Case | None]:
        """The number's block, what came of this very paper before, and the case of the child that it can be brought into."""
        defects = list(self._defects(paper, child))
        with self._parts.store.reading() as connection:
            block = self._block(connection, paper.number, actor)
            rows = self._of_number(connection, paper.number)
            if block is None:
                defects.insert(0, Defect("number", "unknown_number"))
            elif (same := next((row for row in rows if _is_same(row, paper, child)), None)) is not None:
                return block, self._handed_in(connection, same), None
            elif rows or self._parts.store.numbered(connection, paper.number) is not None:
                defects.insert(0, Defect("number", "number_used"))
            if defects or block is None:
                raise Refused("not everything is right yet", code="defects", defects=defects)
            return block, None, self._waiting_case(connection, child, actor)

    def _defects(self, paper: BirthPaper, child: str) -> tuple[Defect, ...]:
        country = country_of(child)
        digits = child.removeprefix(country)
        is_code = digits.isascii() and digits.isdecimal() and len(digits) == CODE_LENGTHS.get(country)
        found = [] if is_code else [Defect("child", "not_a_code")]
        names = {"given_names": paper.given_names or None, "family_name": paper.family_name or None}
        found += name_defects_in(country, names)
        try:
            if date.fromisoformat(paper.registered_on) > self._parts.today():
                found.append(Defect("registered_on", "day_to_come"))
        except ValueError:
            reason = "not_a_date" if paper.registered_on else "missing"
            found.append(Defect("registered_on", reason))
        return tuple(found)

    def _waiting_case(self, connection: Connection, child: str, actor: Actor) -> Case | None:
        process = self._parts.processes[BIRTH]
        rule = process.rule(ENTER)
        assert rule is not None
        for case_id in self._parts.store.live(connection, BIRTH, child):
            case = self._parts.store.find(connection, case_id)
            if case is None or case.office != actor.authority or case.persons("child") != (child,):
                continue
            waiting = next(one for one in process.waiting if one.screen == rule.screen)
            if case.status in rule.when and process.asks(case, waiting, actor.person):
                return case
        return None

    async def _join(self, case: Case, paper: BirthPaper, child: str, actor: Actor) -> None:
        given = {
            "reserved_number": [paper.number],
            "given_names": [paper.given_names],
            "family_name": [paper.family_name],
            "registered_on": [paper.registered_on],
        }
        key = derived_id("paper", case.id, paper.number, child, *(one for (one,) in given.values()))
        try:
            await self._acting.act(case.id, ENTER, actor, given, key=key)
        except Refused as refused:
            defects = [
                Defect("number" if one.field == "reserved_number" else one.field, one.reason)
                for one in refused.defects
            ]
            raise Refused(
                refused.message, code=refused.code, defects=defects, register=refused.register
            ) from refused

    # --- rows

    def _block(self, connection: Connection, number: str, actor: Actor) -> str | None:
        prefix, _, digits = number.rpartition("-")
        if len(digits) != 6 or not (digits.isascii() and digits.isdecimal()):
            return None
        ours = select(blocks.c.id).where(
            blocks.c.office == actor.authority,
            blocks.c.service == BIRTH,
            blocks.c.prefix == prefix,
            blocks.c.first <= int(digits),
            blocks.c.last >= int(digits),
        )
        return connection.scalar(ours)

    def _of_number(self, connection: Connection, number: str) -> list[Row[Any]]:
        """The newest first."""
        records = select(offline_records).where(offline_records.c.number == number)
        return list(connection.execute(records.order_by(offline_records.c.merged_at.desc())).all())

    def _handed_in(self, connection: Connection, row: Row[Any]) -> HandedIn:
        number = connection.scalar(select(cases.c.number).where(cases.c.id == row.case))
        outcome = {"merged": "registered", "entered": "joined"}.get(row.outcome, row.outcome)
        if outcome == "joined" and number == row.number:
            outcome = "registered"
        return HandedIn(row.number, outcome, tuple(row.reasons), row.case, str(number))


def _record_id(paper: BirthPaper) -> str:
    return derived_id("paper", paper.number)


def _is_same(row: Row[Any], paper: BirthPaper, child: str) -> bool:
    content: Mapping[str, Any] = row.content
    written: Mapping[str, Any] = content if row.outcome == "entered" else content.get("content", {})
    names = ("given_names", "family_name", "registered_on")
    return row.subject == child and all(written.get(name) == getattr(paper, name) for name in names)
