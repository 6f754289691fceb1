"""Papers of births at the desk of the office that gave out their numbers: blocks, what of them is used, one paper handed in.

A paper with no code of the child (no hospital, or one without a line) says what the population register needs to open the record:
mother, day, sex, place, and on which ground of the law. A paper of a child who has a case here that still waits for a name is brought into that case, as `birth.offline` does; any other is
merged (`offline.py`). The same paper again gives the same answer, whoever hands it in.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, date, datetime, time, timedelta
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
LATEST = timedelta(days=366)
"""So long ago the population register takes word of a birth."""
_HOUR = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


@dataclass(frozen=True, slots=True)
class BirthPaper:
    """child: the identity code, our own country's with or without it; empty: the rest tells of the birth.  Days: `2026-03-02`.

    mother, father: codes.  hour: `06:30`.  order: of twins, from 1.  ground: of the profile's `birth_grounds`.  attended_by: or testifies.
    """

    number: str
    child: str
    given_names: str
    family_name: str
    registered_on: str
    mother: str = ""
    mother_given_names: str = ""
    mother_family_name: str = ""
    father: str = ""
    father_given_names: str = ""
    father_family_name: str = ""
    born: str = ""
    hour: str = ""
    sex: str = ""
    order: str = ""
    place: str = ""
    ground: str = ""
    attended_by: str = ""


@dataclass(frozen=True, slots=True)
class HandedIn:
    """outcome: `registered`, a case of its own under the paper's number; `joined` to the case there was; `conflict`, which waits for an
    official for the `reasons` of `Merged`; of a paper without the child's code also `asked`, the register has not answered, `review`, its
    people look for the `reasons`, `turned_down`, it did not take it, and why.  case: its id, with its `case_number`.  written: what stands on
    it, by the names of `BirthPaper`.
    """

    number: str
    outcome: str
    reasons: tuple[str, ...]
    case: str
    case_number: str
    written: Mapping[str, str] = field(default_factory=dict)


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
            content = _content(paper)
            at = datetime.combine(date.fromisoformat(paper.registered_on), time(), UTC)
            parties = (Party("child", child),) if child else ()
            subject = child or paper.number
            record = OfflineRecord(
                _record_id(paper), paper.number, subject, parties, content, at, actor.person
            )
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
            elif rows and self._is_turned_down(connection, rows[0]):
                pass  # written anew
            elif rows or self._parts.store.numbered(connection, paper.number) is not None:
                defects.insert(0, Defect("number", "number_used"))
            if defects or block is None:
                raise Refused("not everything is right yet", code="defects", defects=defects)
            return block, None, self._waiting_case(connection, child, actor) if child else None

    def _defects(self, paper: BirthPaper, child: str) -> tuple[Defect, ...]:
        profile = self._parts.profile
        country = country_of(child) if child else profile.country
        if child:
            found = [] if is_code(child) else [Defect("child", "not_a_code")]
        else:
            found = birth_defects(paper, self._parts.today(), {one.code for one in profile.birth_grounds})
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
        """The newest first; of one moment the conflict, which is what the other led to."""
        records = select(offline_records).where(offline_records.c.number == number)
        return list(
            connection.execute(
                records.order_by(offline_records.c.merged_at.desc(), offline_records.c.outcome)
            ).all()
        )

    def _handed_in(self, connection: Connection, row: Row[Any]) -> HandedIn:
        number = connection.scalar(select(cases.c.number).where(cases.c.id == row.case))
        if row.subject == row.number and row.outcome == "merged":
            return replace(self._told_of(connection, row, str(number)), written=_written(row))
        outcome = {"merged": "registered", "entered": "joined"}.get(row.outcome, row.outcome)
        if outcome == "joined" and number == row.number:
            outcome = "registered"
        return HandedIn(row.number, outcome, tuple(row.reasons), row.case, str(number), _written(row))

    def _told_of(self, connection: Connection, row: Row[Any], number: str) -> HandedIn:
        """Of a paper without the child's code: as far as the register has come with it."""
        case = self._parts.store.find(connection, row.case)
        assert case is not None
        if case.has("JOIN"):
            other = str(case.given("JOIN")["case"])
            found = connection.scalar(select(cases.c.number).where(cases.c.id == other))
            return HandedIn(row.number, "joined", (), other, str(found))
        if case.has("KNOW"):
            return HandedIn(row.number, "registered", (), case.id, number)
        if case.has("TURN_DOWN"):
            return HandedIn(row.number, "turned_down", (case.given("TURN_DOWN")["reason"],), case.id, number)
        if case.has("AWAIT"):
            return HandedIn(row.number, "review", tuple(case.given("AWAIT")["reasons"]), case.id, number)
        return HandedIn(row.number, "asked", (), case.id, number)

    def _is_turned_down(self, connection: Connection, row: Row[Any]) -> bool:
        case = self._parts.store.find(connection, row.case)
        return case is not None and case.has("TURN_DOWN")


def is_code(code: str) -> bool:
    country = country_of(code)
    digits = code.removeprefix(country)
    return digits.isascii() and digits.isdecimal() and len(digits) == CODE_LENGTHS.get(country)


def birth_defects(paper: BirthPaper, today: date, grounds: Collection[str]) -> list[Defect]:
    """Of what tells of a birth, every one. The mother's code, or her name where she has none with her."""
    needed = ("born", "sex", "place", "ground", "attended_by")
    found = [Defect(name, "missing") for name in needed if not getattr(paper, name)]
    if not paper.mother and not (paper.mother_given_names and paper.mother_family_name):
        found.append(Defect("mother", "missing"))
    found += [
        Defect(name, "not_a_code")
        for name in ("mother", "father")
        if (code := getattr(paper, name)) and not is_code(code.upper())
    ]
    try:
        born = date.fromisoformat(paper.born) if paper.born else today
        if born > today:
            found.append(Defect("born", "day_to_come"))
        elif today - born > LATEST:
            found.append(Defect("born", "born_too_long_ago"))
        if paper.registered_on and date.fromisoformat(paper.registered_on) < born:
            found.append(Defect("registered_on", "before_birth"))
    except ValueError:
        found.append(Defect("born", "not_a_date"))
    if paper.hour and _HOUR.fullmatch(paper.hour) is None:
        found.append(Defect("hour", "not_an_hour"))
    if paper.order and paper.order not in "123456789":
        found.append(Defect("order", "not_an_order"))
    if paper.sex not in ("", "F", "M"):
        found.append(Defect("sex", "missing"))
    if paper.ground and paper.ground not in grounds:
        found.append(Defect("ground", "missing"))
    return found


def _content(paper: BirthPaper) -> dict[str, str]:
    """As it was written; what is empty is left out, but for the names."""
    written = asdict(paper)
    kept = ("given_names", "family_name", "registered_on")
    left_out = ("number", "child")
    return {
        name: value for name, value in written.items() if name not in left_out and (value or name in kept)
    }


def _written(row: Row[Any]) -> dict[str, str]:
    """Of a paper without the child's code the subject is its number."""
    content = row.content if row.outcome == "entered" else row.content.get("content", {})
    said = {one.name: str(content[one.name]) for one in fields(BirthPaper) if content.get(one.name)}
    return said if row.subject == row.number else {"child": row.subject, **said}


def _record_id(paper: BirthPaper) -> str:
    return derived_id("paper", paper.number)


def _is_same(row: Row[Any], paper: BirthPaper, child: str) -> bool:
    content: Mapping[str, Any] = row.content
    written: Mapping[str, Any] = content if row.outcome == "entered" else content.get("content", {})
    if row.outcome == "entered":
        names = ("given_names", "family_name", "registered_on")
        return row.subject == child and all(written.get(name) == getattr(paper, name) for name in names)
    return row.subject == (child or paper.number) and written == _content(paper)
