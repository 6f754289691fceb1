"""Cases in the database: read and folded, opened, acted upon. One transaction for an action and everything that follows from it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, Row, and_, func, insert, or_, select, text, true, update
from sqlalchemy.exc import InterfaceError, OperationalError

from sild.cases.actor import STATE, Actor
from sild.cases.case import DEATH, Case, Party, Taken
from sild.cases.delivery_plan import plan_deliveries
from sild.cases.process import OPENED, Effects, Job, NewNotice, Opening, Part, Process
from sild.cases.refusals import Refused
from sild.cases.rows import add_row, derived_id
from sild.cases.tables import (
    actions,
    cases,
    counters,
    drafts,
    jobs,
    keys,
    notices,
    parties,
    proofs,
    silences,
)
from sild.decisions import DecisionStore, official_contests
from sild.errors import CallerError, Unavailable

__all__ = ["Changed", "Store", "add_row", "derived_id"]

T = TypeVar("T")
TRIES = 5
MAX_SEQ = 1_000_000
ORDER = "protection_order"
ANNULLED = "annulled"
"""Of a person whose death was none, in the place of why there is silence."""
ORDER_ENDED = "order_ended"
"""Likewise of days on which no order keeps the one from the person any more."""
LATE = timedelta(days=14)
"""So long after its day a silence still falls by itself: the process may not have run."""
LOOKED_BACK = timedelta(days=92)
"""So long after its last day an order is still lifted by itself."""
BEFORE = datetime.min.replace(tzinfo=UTC)
"""When something was said of which nobody kept when."""
PREFIX = "S"
"""Of case numbers that this system gives: `S-2026-000017`."""


class Changed(Exception):
    """Somebody acted in the case since it was read."""


class Store:
    """Blocks. processes: by service.  everywhere: parts of every case, beside its own process.  decisions: keeps the records of what is decided; None: nothing is sealed here."""

    def __init__(
        self,
        engine: Engine,
        processes: Mapping[str, Process],
        zone: ZoneInfo,
        decisions: DecisionStore | None = None,
        everywhere: Sequence[Part] = (),
    ) -> None:
        self.engine = engine
        self.everywhere = tuple(everywhere)
        self.told: Callable[[], None] = lambda: None  # in any thread: a notice brings a decision to somebody
        self._decisions = decisions
        self._zone = zone
        self._processes = dict(processes)

    def process(self, service: str) -> Process:
        part = next((one for one in self.everywhere if one.service == service), None)
        return self._processes[service] if part is None else part

    def offers(self, service: str) -> bool:
        return service in self._processes

    def today(self, at: datetime) -> date:
        return at.astimezone(self._zone).date()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with _database_errors(), self.engine.connect() as connection:
            yield connection

    def write(self, change: Callable[[Connection], T]) -> T:
        """One transaction, done again when the database chose it to give way to another. Raises Unavailable (`database_error`)."""
        for last in (False,) * (TRIES - 1) + (True,):
            try:
                with _database_errors(), self.engine.begin() as connection:
                    if connection.dialect.name == "sqlite":
                        connection.exec_driver_sql("BEGIN IMMEDIATE")
                    return change(connection)
            except Unavailable as error:
                cause = error.__cause__
                gave_way = (
                    isinstance(cause, OperationalError) and getattr(cause.orig, "sqlstate", "") == "40P01"
                )
                if last or not gave_way:
                    raise
        raise AssertionError("unreachable")

    # --- read

    def find(self, connection: Connection, case_id: str, *, upto: int = MAX_SEQ) -> Case | None:
        """upto: as it was after that action."""
        row = connection.execute(select(cases).where(cases.c.id == case_id)).one_or_none()
        return None if row is None else self._cases(connection, [row], upto)[0]

    def numbered(self, connection: Connection, number: str) -> str | None:
        """Id of the case with this number, `S-2026-000123`."""
        return connection.scalar(select(cases.c.id).where(cases.c.number == number))

    def live(
        self, connection: Connection, service: str, person: str, *, closed: bool = False
    ) -> tuple[str, ...]:
        """Ids of the cases of a service that are not closed and have the person as a party. closed: those that are, too."""
        state = true() if closed else cases.c.closed_at.is_(None)
        query = (
            select(cases.c.id)
            .join_from(cases, parties, parties.c.case == cases.c.id)
            .where(parties.c.person == person, cases.c.service == service, state)
            .order_by(cases.c.opened_at, cases.c.id)
            .distinct()
        )
        with_order = query.with_only_columns(cases.c.id, cases.c.opened_at)
        return tuple(row.id for row in connection.execute(with_order))

    def of_person(self, connection: Connection, person: str, limit: int = 200) -> tuple[Case, ...]:
        """All their cases, newest first."""
        mine = select(parties.c.case).where(parties.c.person == person)
        query = select(cases).where(cases.c.id.in_(mine)).order_by(cases.c.opened_at.desc()).limit(limit)
        return self._cases(connection, connection.execute(query).all())

    def of_office(self, connection: Connection, office: str, limit: int = 500) -> tuple[Case, ...]:
        """Live cases of an office, oldest first."""
        live = and_(cases.c.office == office, cases.c.closed_at.is_(None))
        query = select(cases).where(live).order_by(cases.c.opened_at).limit(limit)
        return self._cases(connection, connection.execute(query).all())

    def _cases(
        self, connection: Connection, rows: Sequence[Row[Any]], upto: int = MAX_SEQ
    ) -> tuple[Case, ...]:
        """In two questions, however many there are."""
        members: dict[str, list[Party]] = {row.id: [] for row in rows}
        taken: dict[str, list[Taken]] = {row.id: [] for row in rows}
        for member in connection.execute(
            select(parties.c.case, parties.c.role, parties.c.person)
            .where(parties.c.case.in_(members), parties.c.since <= upto)
            .order_by(parties.c.case, parties.c.since, parties.c.position)
        ):
            members[member.case].append(Party(member.role, member.person))
        for action in connection.execute(
            select(actions)
            .where(actions.c.case.in_(taken), actions.c.seq <= upto)
            .order_by(actions.c.case, actions.c.seq)
        ):
            taken[action.case].append(_taken(action))
        return tuple(self._folded(row, members[row.id], taken[row.id]) for row in rows)

    def _folded(self, row: Row[Any], members: Sequence[Party], taken: Sequence[Taken]) -> Case:
        case = Case(
            id=row.id,
            number=row.number,
            service=row.service,
            opened_at=row.opened_at,
            parties=tuple(members),
            actions=(),
            status=OPENED,
            office=row.office,
            data=row.data,
        )
        for action in taken:
            case = self.fold(case, action)
        return case

    def fold(self, case: Case, taken: Taken) -> Case:
        """The case with one more action."""
        status = self._processes[case.service].status(case.status, taken, case)
        return case.with_action(taken, status)

    # --- write

    def open(
        self,
        connection: Connection,
        service: str,
        opening: Opening,
        actor: Actor,
        role: str,
        at: datetime,
        *,
        case_id: str | None = None,
        number: str | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> Case:
        """A new case with its first action, `OPEN`. case_id: when the cause says it; that case again is returned as it is.

        Raises CallerError (`has_case`), of `Opening.only_of`.
        """
        case_id = case_id or str(uuid4())
        people = {*(party.person for party in opening.parties), *filter(None, (opening.only_of,))}
        self.alone(connection, [f"case/{case_id}", *(f"person/{person}" for person in people)])
        found = self.find(connection, case_id)
        if found is not None:
            return found
        if opening.only_of is not None and self.live(connection, service, opening.only_of):
            raise CallerError("there is a live case of this person", code="has_case")
        connection.execute(
            insert(cases).values(
                id=case_id,
                number=number or self.number(connection, at),
                service=service,
                office=opening.office,
                data=dict(opening.data),
                opened_at=at,
                seq=0,
            )
        )
        self._join(connection, case_id, opening.parties, 0)
        case = self.find(connection, case_id)
        assert case is not None
        case = self.act(connection, case, "OPEN", data or {}, actor, role, at)
        return self._silenced_already(connection, case, at)

    def act(
        self,
        connection: Connection,
        case: Case,
        name: str,
        data: Mapping[str, Any],
        actor: Actor,
        role: str,
        at: datetime,
    ) -> Case:
        """Append an action to the case as it was read, and do all that follows in this transaction; the case afterwards.

        Raises Changed when somebody was faster.
        """
        seq = case.seq + 1
        changed = connection.execute(
            update(cases).where(cases.c.id == case.id, cases.c.seq == case.seq).values(seq=seq)
        )
        if not changed.rowcount:
            raise Changed
        taken = Taken(seq, name, at, actor.person, role, actor.acting_for, dict(data), actor.mandate_id)
        connection.execute(
            insert(actions).values(
                case=case.id,
                seq=seq,
                name=name,
                at=at,
                person=actor.person,
                role=role,
                acting_for=actor.acting_for,
                mandate=actor.mandate_id,
                acr=actor.acr,
                posture=actor.posture,
                data=dict(data),
            )
        )
        after = self.fold(case, taken)
        effects = self._processes[case.service].after(after, taken)
        return self._follow(connection, after, taken, effects)

    def prove(
        self,
        connection: Connection,
        case_id: str,
        seq: int,
        actor: Actor,
        proof: str,
        says: Sequence[str] = (),
        word: tuple[str, str] | None = None,
    ) -> None:
        """Who did an action, as the identity provider vouched for it. says: `Rule.says`.  word: its kind, and the salt of its hash."""
        kind, salt = word or (None, None)
        operations = [one.rpartition("/")[2] for one in says] or None
        values = {
            "case": case_id,
            "seq": seq,
            "person": actor.person,
            "proof": proof,
            "operations": operations,
            "says": kind,
            "salt": salt,
        }
        connection.execute(insert(proofs).values(values))

    def proof(self, case_id: str, person: str) -> str | None:
        """The newest that an official acted in the case. Blocks."""
        found = self._proofs(case_id, person, MAX_SEQ)
        return next((row.proof for row in found if row.operations is None), None)

    def said(self, case_id: str, person: str, operation: str, upto: int) -> str | None:
        """The newest up to this action in which the person said what the operation carries. Blocks."""
        found = self._proofs(case_id, person, upto)
        return next((row.proof for row in found if operation in (row.operations or ())), None)

    def words(self, case_id: str, seqs: Sequence[int]) -> dict[int, dict[str, str]]:
        """What people said in these actions: {says, salt, token}. Blocks."""
        wanted = proofs.c.case == case_id, proofs.c.seq.in_(list(seqs)), proofs.c.says.is_not(None)
        with self.reading() as connection:
            rows = connection.execute(select(proofs).where(*wanted)).all()
        return {row.seq: {"says": row.says, "salt": row.salt, "token": row.proof} for row in rows}

    def applied(self, case: Case, upto: int) -> str | None:
        """The newest proof, up to this action, of somebody who acted for whoever opened the case; where the state did, for any party; or
        of whoever opened it, for those whom they represent in it (`Process.represents`). Blocks.
        """
        opener = self._processes[case.service].opener
        for_others = self._processes[case.service].represents
        whose = None if opener is None else case.persons(opener)
        same = (actions.c.case == proofs.c.case) & (actions.c.seq == proofs.c.seq)
        query = (
            select(proofs.c.proof)
            .select_from(proofs.join(actions, same))
            .where(
                proofs.c.case == case.id,
                proofs.c.seq <= upto,
                (actions.c.acting_for != actions.c.person) | actions.c.name.in_(for_others),
            )
            .order_by(proofs.c.seq.desc())
        )
        if whose is not None:
            query = query.where(actions.c.acting_for.in_(whose))
        with self.reading() as connection:
            found: str | None = connection.scalar(query.limit(1))
        return found

    def _proofs(self, case_id: str, person: str, upto: int) -> Sequence[Row[Any]]:
        """The newest first."""
        theirs = (proofs.c.case == case_id, proofs.c.person == person, proofs.c.seq <= upto)
        with self.reading() as connection:
            return connection.execute(select(proofs).where(*theirs).order_by(proofs.c.seq.desc())).all()

    def _follow(self, connection: Connection, case: Case, taken: Taken, effects: Effects) -> Case:
        closed = case.status in self._processes[case.service].closed
        values: dict[str, Any] = {"closed_at": func.coalesce(cases.c.closed_at, taken.at) if closed else None}
        if effects.office is not None:
            values["office"] = effects.office
        connection.execute(update(cases).where(cases.c.id == case.id).values(values))
        self._join(connection, case.id, effects.parties, taken.seq)
        if effects.cancel_jobs:
            self.cancel_jobs(connection, case.id, effects.cancel_jobs)
        if effects.cancel_notices:
            self.cancel_notices(connection, case.id, taken.name.lower())
        if effects.decision is not None and self._decisions is not None:
            self._decisions.decide(connection, effects.decision(self._decisions))
        silent = case.is_silent()
        asked = [job for one in self.everywhere for job in one.follow(case, taken, is_closed=closed).jobs]
        for job in (*effects.jobs, *asked):
            self.ask(connection, case, taken, job)
        for notice in effects.notices:
            self._notify(connection, case, notice, taken.at, "silence" if silent else None)
        if effects.parties or effects.office is not None:
            found = self.find(connection, case.id)
            assert found is not None
            return self._silenced_already(connection, found, taken.at) if effects.parties else found
        return case

    def official_contests(self, official: str, since: datetime) -> dict[str, Any] | None:
        """Of decisions that are kept here, as registers tell it of theirs; None: none are. Blocks."""
        if self._decisions is None:
            return None
        with self.reading() as connection:
            found = official_contests(connection, self._decisions.pseudonym(official), since)
        return asdict(found)

    def number(self, connection: Connection, at: datetime, count: int = 1) -> str:
        """The next number of the year; of several, the last one."""
        return f"{PREFIX}-{at.year}-{self.count_on(connection, f'{PREFIX}-{at.year}', count):06}"

    def count_on(self, connection: Connection, name: str, count: int) -> int:
        """Add to a counter; its value afterwards. Nobody else counts on it until the transaction ends."""
        add_row(connection, counters, {"name": name, "value": 0})
        connection.execute(
            update(counters).where(counters.c.name == name).values(value=counters.c.value + count)
        )
        return int(connection.scalar(select(counters.c.value).where(counters.c.name == name)) or 0)

    def _join(self, connection: Connection, case_id: str, members: Sequence[Party], seq: int) -> None:
        for position, party in enumerate(members):
            row = {
                "case": case_id,
                "role": party.role,
                "person": party.person,
                "since": seq,
                "position": position,
            }
            add_row(connection, parties, row)

    # --- the same form again

    def done_before(self, connection: Connection, person: str, key: str, fingerprint: str) -> Row[Any] | None:
        """What this very form came to. Raises Refused (`key_reused`) when the key came with something else."""
        row = connection.execute(select(keys).where(keys.c.person == person, keys.c.key == key)).one_or_none()
        if row is not None and not secrets.compare_digest(row.fingerprint, fingerprint):
            raise Refused("this form was sent before with other answers", code="key_reused")
        return row

    def remember(
        self,
        connection: Connection,
        person: str,
        key: str,
        fingerprint: str,
        case: str,
        action: str,
        seq: int,
    ) -> None:
        """Raises Changed when the same form was sent meanwhile."""
        row = {
            "person": person,
            "key": key,
            "fingerprint": fingerprint,
            "case": case,
            "action": action,
            "seq": seq,
        }
        if not add_row(connection, keys, row):
            raise Changed

    # --- jobs and notices

    def ask(self, connection: Connection, case: Case, taken: Taken, job: Job) -> None:
        add_row(
            connection,
            jobs,
            {
                "id": "/".join(filter(None, (case.id, str(taken.seq), job.kind, job.key))),
                "case": case.id,
                "seq": taken.seq,
                "service": case.service,
                "kind": job.kind,
                "arguments": dict(job.arguments),
                "asked_at": taken.at,
                "due_at": job.at or taken.at,
                "state": "waiting",
            },
        )

    def cancel_jobs(self, connection: Connection, case_id: str, kinds: Iterable[str] | None) -> None:
        """kinds: None: all."""
        going = and_(jobs.c.case == case_id, jobs.c.state.in_(("waiting", "running")))
        if kinds is not None:
            going = and_(going, jobs.c.kind.in_(tuple(kinds)))
        connection.execute(update(jobs).where(going).values(state="cancelled", next_try=None))

    def _notify(
        self, connection: Connection, case: Case, notice: NewNotice, at: datetime, cancelled: str | None
    ) -> None:
        """With it the person is told of whatever was decided in the case so far."""
        if notice.person in case.departed():
            return
        notice_id, there = str(uuid4()), notice.not_before or at
        if cancelled is None:
            process = self._processes[case.service]
            if plan_deliveries(connection, process, case, notice.person, notice_id, there):
                self.told()
        connection.execute(
            insert(notices).values(
                id=notice_id,
                case=case.id,
                person=notice.person,
                text=notice.text,
                details=dict(notice.values),
                not_before=there,
                cancelled_for=cancelled,
            )
        )

    def cancel_notices(self, connection: Connection, case_id: str, reason: str) -> None:
        """All that its person has not read: what waits for its day, and what lies in the inbox."""
        unread = and_(
            notices.c.case == case_id, notices.c.read_at.is_(None), notices.c.cancelled_for.is_(None)
        )
        connection.execute(update(notices).where(unread).values(cancelled_for=reason[:100]))

    # --- silence

    def silence_falls(
        self,
        connection: Connection,
        person: str,
        reason: str,
        begins: date,
        ends: date | None,
        event: str,
        at: datetime,
        *,
        against: str | None = None,
        told: datetime | None = None,
    ) -> list[str]:
        """Remember it, and end what waits in every live case it silences, or leaves without somebody; their ids.

        told: when it was said; a death that was annulled since changes nothing.

        against: whom an order is against. Cases that have come to their end hear of an order, too: people look into them.
        What begins later falls on its day (`silences_begun`).
        """
        self.alone(connection, [f"person/{person}"])
        row = {"person": person, "event": event, "reason": reason, "begins": begins, "ends": ends}
        row |= {"against": against, "told": told}
        add_row(connection, silences, row)
        today = self.today(at)
        if reason == DEATH and self._was_none(connection, person, told):
            return []
        if begins > today or (ends is not None and ends <= today):
            return []
        if reason == ORDER and not self._is_kept(connection, [person], against, today):
            return []
        return self._fall(connection, person, reason, against, at)

    def order_ends(
        self,
        connection: Connection,
        person: str,
        against: str | None,
        begins: date,
        ends: date | None,
        event: str,
        told: datetime,
        at: datetime,
    ) -> list[str]:
        """On these days no order keeps the one from the person: cases of the person are lifted from the first of them; ids of those lifted now.

        told: when it was said: what is said later of a day counts, whichever is heard first.
        """
        self.alone(connection, [f"person/{person}"])
        row = {"person": person, "event": event, "reason": ORDER_ENDED, "begins": begins, "ends": ends}
        add_row(connection, silences, row | {"against": against, "told": told})
        if begins > self.today(at):
            return []
        return self._lift(connection, person, against, self._since(begins, told), at)

    def death_annulled(
        self, connection: Connection, person: str, event: str, told: datetime, at: datetime
    ) -> None:
        """The person lives: each case that their death ended, silenced or left without them is told (`REVIVE` {person}), where its process
        has a rule for it; in the others people begin anew.
        """
        self.alone(connection, [f"person/{person}"])
        row = {"person": person, "event": event, "reason": ANNULLED, "begins": self.today(at), "told": told}
        add_row(connection, silences, row)
        mine = select(parties.c.case).where(parties.c.person == person)
        of_person = select(cases.c.id).where(cases.c.id.in_(mine)).order_by(cases.c.id)
        for case_id in connection.scalars(of_person).all():
            connection.execute(select(cases.c.seq).where(cases.c.id == case_id).with_for_update())
            case = self.find(connection, case_id)
            if case is None or self._processes[case.service].rule("REVIVE") is None:
                continue
            if case.rests_on_death_of(person):
                case = self.act(connection, case, "REVIVE", {"person": person}, STATE, "state", at)
                self._silenced_already(connection, case, at)

    def _was_none(self, connection: Connection, person: str, told: datetime | None) -> bool:
        """Whether a death that was told then was annulled after."""
        said = select(silences.c.told).where(silences.c.person == person, silences.c.reason == ANNULLED)
        return any(told is None or told < one for one in connection.scalars(said))

    def silences_begun(self, connection: Connection, at: datetime) -> list[str]:
        """What was heard of before its day, and has begun in the last days: it falls now, if it has not; ids of the cases it changed."""
        today = self.today(at)
        late = (silences.c.begins > today - LATE, silences.c.begins <= today)
        lasting = or_(silences.c.ends.is_(None), silences.c.ends > today)
        begun = and_(*late, lasting, silences.c.reason != ORDER_ENDED)
        held_again = and_(
            silences.c.reason == ORDER_ENDED, silences.c.ends > today - LATE, silences.c.ends <= today
        )
        silenced = []
        for row in connection.execute(
            select(silences).where(or_(begun, held_again)).order_by(silences.c.person)
        ).all():
            self.alone(connection, [f"person/{row.person}"])
            reason = ORDER if row.reason == ORDER_ENDED else row.reason
            if reason == DEATH and self._was_none(connection, row.person, row.told):
                continue
            if reason == ORDER and not self._is_kept(connection, [row.person], row.against, today):
                continue
            silenced += self._fall(connection, row.person, reason, row.against, at)
        return silenced

    def silences_ended(self, connection: Connection, at: datetime) -> list[str]:
        """Orders that are over, on their last day or before, are lifted, where no other against the same person protects a party; ids of
        the cases it changed.

        Only of processes with a rule for `LIFT` {against}: in the others whoever an order was against stays away.
        """
        today, lifted = self.today(at), []
        last = and_(
            silences.c.reason == ORDER, silences.c.ends > today - LOOKED_BACK, silences.c.ends <= today
        )
        ended = and_(
            silences.c.reason == ORDER_ENDED,
            silences.c.begins > today - LOOKED_BACK,
            silences.c.begins <= today,
        )
        rows = select(silences).where(or_(last, ended)).order_by(silences.c.person, silences.c.ends)
        for row in connection.execute(rows).all():
            self.alone(connection, [f"person/{row.person}"])
            is_end = row.reason == ORDER_ENDED
            since = self._since(row.begins, row.told) if is_end else self._since(row.ends, None)
            lifted += self._lift(connection, row.person, row.against, since, at)
        return lifted

    def _since(self, day: date, told: datetime | None) -> datetime:
        """From when an order is over: the morning of a day, or when that was said, if later."""
        morning = datetime.combine(day, time(0), self._zone)
        return morning if told is None else max(morning, told)

    def _lift(
        self, connection: Connection, person: str, against: str | None, since: datetime, at: datetime
    ) -> list[str]:
        """The person's cases of which it is heard only now that the one is kept from nobody in them; their ids."""
        lifted = []
        mine = select(parties.c.case).where(parties.c.person == person)
        of_person = select(cases.c.id).where(cases.c.id.in_(mine)).order_by(cases.c.id)
        for case_id in connection.scalars(of_person).all():
            connection.execute(select(cases.c.seq).where(cases.c.id == case_id).with_for_update())
            case = self.find(connection, case_id)
            if case is not None and self._is_to_lift(connection, case, against, since, self.today(at)):
                self.act(connection, case, "LIFT", {"against": against}, STATE, "state", at)
                lifted.append(case_id)
        return lifted

    def _is_to_lift(
        self, connection: Connection, case: Case, against: str | None, since: datetime, today: date
    ) -> bool:
        if self._processes[case.service].rule("LIFT") is None or case.opened_at >= since:
            return False
        before = [one for one in case.all("LIFT") if one.data.get("against") == against]
        if before and before[-1].at >= since:
            return False
        return not self._is_kept(connection, [party.person for party in case.parties], against, today)

    def _is_kept(
        self, connection: Connection, persons: Sequence[str], against: str | None, today: date
    ) -> bool:
        """Whether an order keeps the one from any of these today, as it was said last: an order, or that none does."""
        said = select(silences.c.person, silences.c.reason, silences.c.told).where(
            silences.c.person.in_(persons),
            silences.c.reason.in_((ORDER, ORDER_ENDED)),
            silences.c.against.is_not_distinct_from(against),
            silences.c.begins <= today,
            or_(silences.c.ends.is_(None), silences.c.ends > today),
        )
        newest: dict[str, tuple[datetime, bool]] = {}
        for row in connection.execute(said).all():
            word = (row.told or BEFORE, row.reason == ORDER)
            newest[row.person] = max(newest.get(row.person, word), word)
        return any(holds for _told, holds in newest.values())

    def until_tomorrow(self, at: datetime) -> timedelta:
        """How long it is still today in the country."""
        morning = datetime.combine(self.today(at) + timedelta(days=1), time(0), self._zone)
        return morning - at

    def _fall(
        self, connection: Connection, person: str, reason: str, against: str | None, at: datetime
    ) -> list[str]:
        mine = select(parties.c.case).where(parties.c.person == person)
        of_person = select(cases.c.id).where(cases.c.id.in_(mine)).order_by(cases.c.id)
        heard = of_person if reason == ORDER else of_person.where(cases.c.closed_at.is_(None))
        silenced = []
        for case_id in connection.scalars(heard).all():
            connection.execute(select(cases.c.seq).where(cases.c.id == case_id).with_for_update())
            case = self.find(connection, case_id)
            if (
                case is not None
                and self._quietened(connection, case, reason, person, at, against).seq > case.seq
            ):
                silenced.append(case_id)
        return silenced

    def _quietened(
        self,
        connection: Connection,
        case: Case,
        reason: str,
        person: str,
        at: datetime,
        against: str | None = None,
    ) -> Case:
        """The case after what befell one of its parties: silent, bereaved, or as it was."""
        process = self._processes[case.service]
        if _is_about(process.silenced_in(case), case, person, reason):
            said = {"reason": reason, "person": person} | ({"against": against} if against else {})
            if not case.silences():
                return self.silence(connection, case, said, at)
            feared = {one.data.get("against") for one in case.silences()}
            if (
                reason == ORDER and against not in feared
            ):  # it is silent already, and learns whom this one is against
                return self.act(connection, case, "SILENCE", said, STATE, "state", at)
            return case
        if _is_about(process.mourned, case, person, reason) and person not in case.departed():
            self.cancel_notices(connection, case.id, reason)
            said = {"reason": reason, "person": person}
            return self.act(connection, case, "BEREAVE", said, STATE, "state", at)
        return case

    def silence(self, connection: Connection, case: Case, said: Mapping[str, Any], at: datetime) -> Case:
        """The switch: nothing that waits in this case is sent or done. said: reason, person, and whom an order is against."""
        self.cancel_jobs(connection, case.id, None)
        case = self.act(connection, case, "SILENCE", said, STATE, "state", at)
        self.cancel_notices(connection, case.id, said["reason"])
        return case

    def _silenced_already(self, connection: Connection, case: Case, at: datetime) -> Case:
        """After a silence that fell before this party came in."""
        today = self.today(at)
        rows = connection.execute(
            select(silences).where(
                silences.c.person.in_([party.person for party in case.parties]),
                silences.c.begins <= today,
                or_(silences.c.ends.is_(None), silences.c.ends > today),
            )
        )
        for row in rows.all():
            if row.reason == DEATH and self._was_none(connection, row.person, row.told):
                continue
            if row.reason == ORDER and not self._is_kept(connection, [row.person], row.against, today):
                continue
            case = self._quietened(connection, case, row.reason, row.person, at, row.against)
        return case

    # --- drafts

    def save_draft(
        self,
        connection: Connection,
        case_id: str,
        screen: str,
        person: str,
        given: Mapping[str, Any],
        at: datetime,
        digest: str,
    ) -> None:
        """digest: of the screen it was written into."""
        mine = and_(drafts.c.case == case_id, drafts.c.screen == screen, drafts.c.person == person)
        values = {"given": dict(given), "at": at, "digest": digest}
        if not connection.execute(update(drafts).where(mine).values(values)).rowcount:
            row = {"case": case_id, "screen": screen, "person": person, **values}
            add_row(connection, drafts, row)

    def alone(self, connection: Connection, wanted: Iterable[str]) -> None:
        """Nobody else is between here and the end of the transaction with one of these; SQLite has one writer anyhow."""
        if connection.dialect.name == "postgresql":
            for key in sorted(set(wanted)):
                connection.execute(
                    text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 7))"), {"key": key}
                )


def _is_about(told: Mapping[str, Sequence[str]], case: Case, person: str, reason: str) -> bool:
    return any(reason in told.get(role, ()) for role in case.roles_of(person))


def _taken(row: Row[Any]) -> Taken:
    return Taken(row.seq, row.name, row.at, row.person, row.role, row.acting_for, row.data, row.mandate)


@contextmanager
def _database_errors() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise Unavailable("the database of cases does not answer", code="database_error") from error
