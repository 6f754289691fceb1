"""Decisions in the database of the body that made them: drafted, sealed, chained, queued for the Merkle tree, in one transaction.

`decide` belongs to the caller's transaction: the effect of a decision and its record are committed together, or neither is.
Everything else here reads, or adds what came of a decision.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import Connection, Engine, Select, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from sild.clock import Clock, system_clock
from sild.decisions import tables
from sild.decisions.canonical import sha256_of
from sild.decisions.deliveries import DeliveryEvent, write_delivery
from sild.decisions.drafting import input_rows, invalid, seal_draft, subject_rows
from sild.decisions.entries import add_entry
from sild.decisions.identifiers import pseudonym, uuid7
from sild.decisions.record import DecisionRecord, Draft
from sild.decisions.sealing import Sealer, leaf_content, link_of, sealer_id
from sild.decisions.values import BodyKeys
from sild.errors import CallerError, Unavailable
from sild.pki import der

__all__ = ["DecisionStanding", "DecisionStore", "Stored"]

DecisionStanding = Literal["stands", "superseded", "contested", "overturned"]
"""Whether others may act on a decision now. contested: nobody has answered yet; upheld, it stands."""


OVERRIDING = frozenset({"change", "override"})
"""Of a human step: something else than was computed or suggested."""

CLOCK_STEPS = timedelta(minutes=10)
"""As far as a clock that was put right may have gone back: waiting helps. A fact from further in the future is refused."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A record as it lies in the database, with its place in the case's chain."""

    record: DecisionRecord
    content: bytes
    link: dict[str, Any]  # JSON
    link_sha256: str
    seal: bytes
    sealer: str

    @property
    def position(self) -> int:
        return int(self.link["position"])


class DecisionStore:
    """engine: opened with `DECISION_MIGRATIONS`.  sealer: the body's.  keys: of its pseudonyms and sealed values.

    Several processes may share it. Its methods block.
    """

    def __init__(
        self,
        engine: Engine,
        sealer: Sealer,
        keys: BodyKeys,
        *,
        clock: Clock = system_clock,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self.engine = engine
        self.sealer = sealer
        self.keys = keys
        self.clock = clock
        self._random = random

    def pseudonym(self, code: str) -> str:
        """What a subject is called in this body's records."""
        return pseudonym(self.keys.subjects, code)

    def decide(self, connection: Connection, draft: Draft) -> DecisionRecord:
        """Make the record of a decision, in the caller's transaction. Nothing may be done about it before that commits.

        Raises CallerError `invalid_decision` (it breaks a rule of the record), `superseded_already`, `unknown_decision`
        (what it supersedes); Unavailable `clock_behind` (the case's last decision, or a fact, is a little later than now),
        `decided_meanwhile`.
        """
        last = self._last_of(connection, draft.case)
        at = self.clock()
        if last is not None and at < last.decided_at:
            raise Unavailable("the clock is behind the case's last decision", code="clock_behind")
        fetched = [one.fetched_at for one in draft.inputs if one.fetched_at is not None]
        if fetched and at < max(fetched) <= at + CLOCK_STEPS:
            raise Unavailable(
                f"the clock is behind the time at which a fact came, {max(fetched).isoformat()}",
                code="clock_behind",
            )
        record_id = uuid7(at, self._random(10))
        fields, sealed = seal_draft(draft, record=str(record_id), keys=self.keys, at=at, random=self._random)
        try:
            record = DecisionRecord.model_validate({**fields, "id": record_id, "decided_at": at})
            link = link_of(
                record, 0 if last is None else last.position + 1, None if last is None else last.link_sha256
            )
        except ValidationError as error:
            raise invalid(error) from None
        except ValueError as error:
            raise CallerError(f"no decision: {error}", code="invalid_decision") from None
        self._check_superseded(connection, record)
        seal = self.sealer.sign(link)
        try:
            self._write(connection, record, link, seal, sealed)
        except IntegrityError:
            raise Unavailable(
                "the case was decided by somebody else meanwhile", code="decided_meanwhile"
            ) from None
        return record

    def _last_of(self, connection: Connection, case: str) -> _Last | None:
        """The case's last decision; from here on nobody else decides in it until our transaction ends."""
        add = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
        connection.execute(
            add(tables.cases).values(case=case, opened_at=self.clock()).on_conflict_do_nothing()
        )
        if connection.dialect.name != "sqlite":
            connection.execute(
                select(tables.cases.c.case).where(tables.cases.c.case == case).with_for_update()
            )
        query = (
            select(tables.records.c.position, tables.records.c.link_sha256, tables.records.c.decided_at)
            .where(tables.records.c.case == case)
            .order_by(tables.records.c.position.desc())
            .limit(1)
        )
        row = connection.execute(query).one_or_none()
        return None if row is None else _Last(*row)

    def _check_superseded(self, connection: Connection, record: DecisionRecord) -> None:
        if record.supersedes is None:
            return
        old = select(tables.records.c.case).where(tables.records.c.id == str(record.supersedes))
        if connection.scalar(old) is None:
            raise CallerError("the decision to be superseded is not here", code="unknown_decision")
        newer = select(tables.records.c.id).where(tables.records.c.supersedes == str(record.supersedes))
        if connection.scalar(newer) is not None:
            raise CallerError("that decision was superseded already", code="superseded_already")

    def _write(
        self,
        connection: Connection,
        record: DecisionRecord,
        link: bytes,
        seal: bytes,
        sealed: list[dict[str, Any]],
    ) -> None:
        parsed = json.loads(link)
        sealer = self.keep_chain(connection)
        row = {
            "id": str(record.id),
            "case": record.case,
            "position": parsed["position"],
            "sha256": parsed["record"],
            "content": record.canonical(),
            "link": link,
            "link_sha256": sha256_of(parsed),
            "seal": seal,
            "sealer": sealer,
            "decided_at": record.decided_at,
            "kind": record.kind,
            "automation": record.automation,
            "effect": record.effect,
            "algorithm": None if record.algorithm is None else record.algorithm.id,
            "package_sha256": None if record.rules is None else record.rules.sha256,
            "unknowns": len(record.unknowns),
            "overridden": any(step.action in OVERRIDING for step in record.human),
            "supersedes": None if record.supersedes is None else str(record.supersedes),
            "retain_until": record.retention.until,
        }
        connection.execute(insert(tables.records).values(row))
        _add(connection, tables.subjects, subject_rows(record))
        _add(connection, tables.inputs, input_rows(record))
        _add(
            connection, tables.values, [{name: one[name] for name in one if name != "key"} for one in sealed]
        )
        _add(connection, tables.value_keys, [{"ref": one["ref"], "content": one["key"]} for one in sealed])
        add_entry(connection, "decision", str(record.id), leaf_content(parsed, seal, sealer))

    def keep_chain(self, connection: Connection) -> str:
        sealer = sealer_id(self.sealer)
        if (
            connection.scalar(
                select(tables.certificates.c.position).where(tables.certificates.c.sealer == sealer)
            )
            is None
        ):
            add = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
            rows = [
                {"sealer": sealer, "position": number, "content": der(certificate)}
                for number, certificate in enumerate(self.sealer.chain)
            ]
            connection.execute(add(tables.certificates).values(rows).on_conflict_do_nothing())
        return sealer

    def delivered(
        self,
        decision: UUID | str,
        *,
        channel: str,
        language: str,
        event: DeliveryEvent = "delivered",
        at: datetime | None = None,
        to: str | None = None,
        connection: Connection | None = None,
    ) -> bool:
        """Write down that a decision reached an addressee, or did not; whether it is news. to: a pseudonym.

        at: None: now.  connection: None: a transaction of its own.

        Raises CallerError (`unknown_decision`, `bad_request`, `not_about_you`).
        """
        if connection is None:
            with self.engine.begin() as own:
                return self.delivered(
                    decision, channel=channel, language=language, event=event, at=at, to=to, connection=own
                )
        if event not in ("delivered", "opened", "failed"):
            raise CallerError("a delivery is delivered, opened or failed")
        record = self.find(connection, decision).record
        if to is not None and to not in {subject.ref for subject in record.subjects}:
            raise CallerError("the decision is about somebody else", code="not_about_you")
        happened_at = at or self.clock()
        return write_delivery(
            connection, decision, channel=channel, language=language, event=event, at=happened_at, to=to
        )

    def contested(self, connection: Connection, contest: str, decision: UUID | str, *, line: str) -> None:
        """Somebody says that a line of it is wrong. line: fact, missing_fact, rule, circumstances, person.

        The same contest again changes nothing. Raises CallerError `unknown_decision`, `contested_already`: that contest is of
        another decision.
        """
        self.find(connection, decision)
        add = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
        row = {"id": contest, "record": str(decision), "line": line, "contested_at": self.clock()}
        connection.execute(add(tables.contests).values(row).on_conflict_do_nothing())
        if not self.is_contested(connection, decision, by=contest):
            raise CallerError(
                "this contest is of another decision: give it an id of its own", code="contested_already"
            )

    def contest_decided(self, connection: Connection, contest: str, *, overturned: bool) -> None:
        """What came of it; once. Raises CallerError (`unknown_contest`)."""
        if connection.scalar(select(tables.contests.c.id).where(tables.contests.c.id == contest)) is None:
            raise CallerError(f"no contest {contest[:40]}", code="unknown_contest")
        add = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
        row = {"contest": contest, "overturned": overturned, "decided_at": self.clock()}
        connection.execute(add(tables.contest_outcomes).values(row).on_conflict_do_nothing())

    # reading

    def is_contested(self, connection: Connection, decision: UUID | str, *, by: str) -> bool:
        """Whether the contest of this id is about the decision, ended or not."""
        contest = tables.contests.c
        query = select(contest.id).where(contest.id == by, contest.record == str(decision))
        return connection.scalar(query) is not None

    def contests_of(self, connection: Connection, decision: UUID | str) -> list[tuple[str, datetime]]:
        """Id and time, in their order; ended or not."""
        contest = tables.contests.c
        query = select(contest.id, contest.contested_at).where(contest.record == str(decision))
        return [
            (row.id, row.contested_at) for row in connection.execute(query.order_by(contest.contested_at))
        ]

    def find(self, connection: Connection, decision: UUID | str) -> Stored:
        """Raises CallerError (`unknown_decision`)."""
        found = _stored(connection, _records().where(tables.records.c.id == str(decision)))
        if not found:
            raise CallerError(f"no decision {str(decision)[:40]}", code="unknown_decision")
        return found[0]

    def of_case(self, connection: Connection, case: str) -> list[Stored]:
        """In their order."""
        query = _records().where(tables.records.c.case == case).order_by(tables.records.c.position)
        return _stored(connection, query)

    def of_subject(self, connection: Connection, ref: str) -> list[Stored]:
        """ref: a pseudonym. The latest first."""
        query = _records().join(tables.subjects).where(tables.subjects.c.ref == ref).distinct()
        return _stored(connection, query.order_by(*_LATEST))

    def listed(
        self,
        connection: Connection,
        *,
        since: datetime | None = None,
        limit: int = 100,
        algorithm: str | None = None,
    ) -> list[Stored]:
        """The latest first."""
        query = _records().order_by(*_LATEST).limit(limit)
        if since is not None:
            query = query.where(tables.records.c.decided_at >= since)
        if algorithm is not None:
            query = query.where(tables.records.c.algorithm == algorithm)
        return _stored(connection, query)

    def built_on(
        self,
        connection: Connection,
        *,
        register: str | None = None,
        name: str | None = None,
        message_id: str | None = None,
        sha256: str | None = None,
        subject: str | None = None,
        valid_from: date | None = None,
    ) -> list[Stored]:
        """Decisions that rest on a fact and have not been superseded: what a correction of it ripples to. The oldest first.

        name: as in `Input.name`, or a pattern with `%`.  subject: a pseudonym.  valid_from: facts of that day and later.
        Raises CallerError (`bad_request`) if nothing is asked for.
        """
        fact = tables.inputs.c
        wanted = [
            column == value
            for column, value in (
                (fact.register, register),
                (fact.message_id, message_id),
                (fact.sha256, sha256),
            )
            if value is not None
        ]
        if name is not None:
            wanted.append(fact.name.like(name))
        if valid_from is not None:
            wanted.append(fact.valid_at >= valid_from)
        if not wanted:
            raise CallerError("which fact?")
        query = _records().where(tables.records.c.id.in_(select(fact.record).where(*wanted)))
        if subject is not None:
            query = query.where(
                tables.records.c.id.in_(
                    select(tables.subjects.c.record).where(tables.subjects.c.ref == subject)
                )
            )
        newer = tables.records.alias()
        in_force = ~select(newer.c.id).where(newer.c.supersedes == tables.records.c.id).exists()
        return _stored(connection, query.where(in_force).order_by(*_OLDEST))

    def made_by(self, connection: Connection, package_sha256: str, *, limit: int = 500) -> list[Stored]:
        """Decisions in force that these rules gave, the oldest first."""
        newer = tables.records.alias()
        in_force = ~select(newer.c.id).where(newer.c.supersedes == tables.records.c.id).exists()
        query = _records().where(tables.records.c.package_sha256 == package_sha256, in_force)
        return _stored(connection, query.order_by(*_OLDEST).limit(limit))

    def package_files(self, connection: Connection, sha256: str) -> dict[str, bytes]:
        """As they were kept with the decisions; empty: nobody kept them."""
        file = tables.package_files.c
        query = select(file.path, file.content).where(file.package == sha256)
        return {path: bytes(content) for path, content in connection.execute(query)}

    def superseded_by(self, connection: Connection, decision: UUID | str) -> str | None:
        """The id of the newer decision, if there is one."""
        query = select(tables.records.c.id).where(tables.records.c.supersedes == str(decision))
        return connection.scalar(query)

    def standing(self, connection: Connection, decision: UUID | str) -> DecisionStanding:
        """As of now: whatever takes its place counts first, then what came of contests of it."""
        if self.superseded_by(connection, decision) is not None:
            return "superseded"
        contest, outcome = tables.contests, tables.contest_outcomes
        query = (
            select(outcome.c.overturned)
            .select_from(contest.outerjoin(outcome, outcome.c.contest == contest.c.id))
            .where(contest.c.record == str(decision))
        )
        answers = connection.scalars(query).all()
        if any(answers):
            return "overturned"
        return "contested" if None in answers else "stands"

    def keep_package(self, connection: Connection, sha256: str, files: Mapping[str, bytes]) -> None:
        """Keep the files of a rule package with the decisions made by it; the same again changes nothing."""
        if (
            connection.scalar(
                select(tables.package_files.c.path).where(tables.package_files.c.package == sha256)
            )
            is None
        ):
            add = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
            rows = [
                {"package": sha256, "path": path, "content": content}
                for path, content in sorted(files.items())
            ]
            connection.execute(add(tables.package_files).values(rows).on_conflict_do_nothing())


@dataclass(frozen=True, slots=True)
class _Last:
    position: int
    link_sha256: str
    decided_at: datetime


def _add(connection: Connection, table: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        connection.execute(insert(table), rows)


def _records() -> Select[Any]:
    table = tables.records.c
    return select(
        table.content,
        table.link,
        table.link_sha256,
        table.seal,
        table.sealer,
        table.decided_at,
        table.position,
    )


_OLDEST = (tables.records.c.decided_at, tables.records.c.position)
_LATEST = tuple(column.desc() for column in _OLDEST)
"""Of one moment, in the case's order."""


def _stored(connection: Connection, query: Select[Any]) -> list[Stored]:
    return [
        Stored(
            DecisionRecord.model_validate_json(content), content, json.loads(link), link_sha256, seal, sealer
        )
        for content, link, link_sha256, seal, sealer, *_ in connection.execute(query)
    ]
