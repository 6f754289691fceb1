"""Jobs: what an action asked for, done as durable workflows, once each; and the action HOLD while a register does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from sqlalchemy import Connection, Row, and_, select, update

from sild.cases.actor import AUTOMATIC, STATE
from sild.cases.calls import JOB_PATIENCE, Calls
from sild.cases.case import Case
from sild.cases.clocks import HOLD, RESUME
from sild.cases.delivery_plan import plan_brought
from sild.cases.process import ExchangeAnswer, Opening, Process, Rule
from sild.cases.refusals import Refused
from sild.cases.store import MAX_SEQ, Changed, Store, add_row, derived_id
from sild.cases.tables import jobs
from sild.catalogue import Profile
from sild.errors import CallerError, PlatformError
from sild.events import Rounds
from sild.telemetry import get_logger
from sild.workflow import Run, State, Workflows

__all__ = ["JobWork", "Jobs"]

log = get_logger("cases")

SWEEP = 30.0  # seconds: for workflows that failed
BATCH = 50
ENDED = ("done", "failed", "cancelled")
AGAIN = "~"


CANCELLED = "job_cancelled"


def _cancelled() -> CallerError:
    """The job was cancelled meanwhile: it does nothing more."""
    return CallerError("the job was cancelled", code=CANCELLED)


class Jobs(Rounds):
    """Starts what is due and keeps their rows. `function` is the workflow that does any of them."""

    def __init__(self, store: Store, calls: Calls) -> None:
        super().__init__(self._round, "cases.jobs")
        self._store = store
        self._calls = calls
        self._workflows: Workflows | None = None
        self._swept = 0.0

    def serve(self, workflows: Workflows) -> None:
        self._workflows = workflows

    async def _round(self) -> int:
        started = await self.start_due()
        if not started and monotonic() - self._swept > SWEEP:
            self._swept = monotonic()
            await self.find_failed()
        return started

    async def start_due(self) -> int:
        """Start every job whose time has come; how many. One that was started before is not started again."""
        assert self._workflows is not None
        due = await asyncio.to_thread(self._due)
        for row in due:
            await self._workflows.start(row.id, "job", {"job": row.id})
            await asyncio.to_thread(self._set, row.id, state="running")
        return len(due)

    def _due(self) -> Sequence[Row[Any]]:
        query = select(jobs.c.id).where(jobs.c.state == "waiting", jobs.c.due_at <= self._calls.clock())
        with self._store.reading() as connection:
            return connection.execute(query.order_by(jobs.c.due_at, jobs.c.id).limit(BATCH)).all()

    async def find_failed(self) -> None:
        """Jobs whose workflow has failed without a word, as after a change of their code: shown as failed, to be done again."""
        assert self._workflows is not None
        query = select(jobs.c.id, jobs.c.service, jobs.c.kind).where(jobs.c.state == "running")

        def read() -> list[tuple[str, str, str]]:
            with self._store.reading() as connection:
                return [(row.id, row.service, row.kind) for row in connection.execute(query)]

        for job_id, service, kind in await asyncio.to_thread(read):
            if await self._workflows.state(job_id) is State.FAILED:
                log.warning("cases.workflow_failed", service=service, kind=kind)
                failed = {"state": "failed", "reason": "workflow_failed", "next_try": None}
                await asyncio.to_thread(self._set, job_id, **failed)

    async def function(self, run: Run, argument: Mapping[str, Any]) -> None:
        """One job, from its first step to its last. A bug in it ends it as `failed`; people see it and may have it done again."""
        job_id = argument["job"]
        row = await run.step("begin", lambda: asyncio.to_thread(self._begin, job_id))
        if row is None:
            return
        process = self._store.process(row["service"])
        work = JobWork(self._store, self._calls, self, run, job_id, row, process)
        state, reason = "done", None
        try:
            asked = {name: job for part in self._store.everywhere for name, job in part.jobs().items()}
            await {**asked, **process.jobs()}[row["kind"]](work)
        except PlatformError as error:
            if error.code == CANCELLED:
                return
            log.refusal("cases.job_refused", error, kind=row["kind"], service=row["service"])
            state, reason = "failed", error.code
        except Exception as error:  # noqa: BLE001  (kept as the job's end; the next job is not its fault)
            log.bug("cases.job_failed", error, kind=row["kind"], service=row["service"])
            state, reason = "failed", type(error).__name__

        async def end() -> None:
            await asyncio.to_thread(self._set, job_id, state=state, reason=reason, next_try=None)

        await run.step("end", end)

    def _begin(self, job_id: str) -> dict[str, Any] | None:
        with self._store.reading() as connection:
            row = connection.execute(select(jobs).where(jobs.c.id == job_id)).one()
        if row.state in ENDED:
            return None
        return {
            "case": row.case,
            "seq": row.seq,
            "service": row.service,
            "kind": row.kind,
            "arguments": row.arguments,
            "asked_at": row.asked_at.isoformat(),
        }

    def is_cancelled(self, connection: Connection, job_id: str) -> bool:
        return connection.scalar(select(jobs.c.state).where(jobs.c.id == job_id)) == "cancelled"

    def _set(self, job_id: str, **values: object) -> None:
        change = update(jobs).where(jobs.c.id == job_id, jobs.c.state.not_in(ENDED)).values(**values)
        self._store.write(lambda connection: connection.execute(change))

    def waits(
        self,
        connection: Connection,
        job_id: str,
        body: str | None = None,
        reason: str | None = None,
        next_try: datetime | None = None,
    ) -> None:
        """Whom the job waits for, why, and until when; nobody."""
        change = update(jobs).where(jobs.c.id == job_id, jobs.c.state.not_in(ENDED))
        connection.execute(change.values(body=body, reason=reason, next_try=next_try))

    def failed_bodies(self, connection: Connection, *case_ids: str) -> Sequence[Row[Any]]:
        """Rows of jobs that wait for a body, or failed."""
        of_cases = and_(jobs.c.case.in_(case_ids), jobs.c.state.in_(("running", "failed")))
        query = select(jobs).where(of_cases, jobs.c.reason.is_not(None))
        return connection.execute(query.order_by(jobs.c.id)).all()

    async def try_again(self, case_id: str) -> None:
        """Ask at once whoever did not answer; do failed jobs again, whose messages and actions have no second effect."""
        assert self._workflows is not None
        with self._store.reading() as connection:
            rows = self.failed_bodies(connection, case_id)
        for row in rows:
            if row.state == "running":
                await self._workflows.try_again(row.id)
            else:
                await asyncio.to_thread(self._store.write, _again(row))
        self.wake()


def _again(row: Row[Any]) -> Callable[[Connection], None]:
    """The failed job once more, under a name of its own: DBOS begins no workflow twice."""

    def write(connection: Connection) -> None:
        first, _, tries = row.id.partition(AGAIN)
        values = {
            **row._mapping,
            "id": f"{first}{AGAIN}{int(tries or 0) + 1}",
            "state": "waiting",
            "reason": None,
        }
        if add_row(connection, jobs, values):
            connection.execute(update(jobs).where(jobs.c.id == row.id).values(reason=None))

    return write


class JobWork:
    """`Work`."""

    def __init__(
        self,
        store: Store,
        calls: Calls,
        owner: Jobs,
        run: Run,
        job_id: str,
        row: Mapping[str, Any],
        process: Process,
    ) -> None:
        self._store = store
        self._calls = calls
        self._jobs = owner
        self._run = run
        self._id = job_id
        self._cause = job_id.partition(AGAIN)[0]
        self._process = process
        self._service: str = row["service"]
        self.arguments: Mapping[str, Any] = row["arguments"]
        self.profile: Profile = calls.profile
        self.at = datetime.fromisoformat(row["asked_at"])
        self.case: Case | None = self._read(row["case"], row["seq"]) if row["case"] else None

    def _read(self, case_id: str, seq: int) -> Case:
        """As it was after that action: the same at every repetition."""
        with self._store.reading() as connection:
            case = self._store.find(connection, case_id, upto=seq)
        assert case is not None
        return case

    async def call(
        self,
        step: str,
        service: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        basis: str,
        acting: str | None = None,
        acting_for: str | None = None,
        content_type: str = "application/json",
        within: timedelta | None = None,
        case: str | None = None,
        says: str | None = None,
        read: Callable[[ExchangeAnswer], Awaitable[Any]] | None = None,
    ) -> ExchangeAnswer:
        case_id = case or (self.case.id if self.case else None)
        address = self._calls.address(service)

        async def send() -> Any:
            await asyncio.to_thread(self._ensure_wanted)
            proof = None
            if acting is not None and case_id is not None:
                proof = await asyncio.to_thread(self._proof, case_id, acting, says)
            applied = None
            if case_id is not None and method != "GET" and says is None:
                applied = await asyncio.to_thread(self._applied, case_id)
            answer = await self._calls.call(
                address,
                method,
                path,
                body=body,
                content_type=content_type,
                case=case_id,
                basis=basis,
                acting=acting or AUTOMATIC,
                acting_for=acting_for,
                role="state" if acting is None else "party",
                cause=(self._cause, step),
                patience=JOB_PATIENCE,
                proof=proof,
                applied=applied,
                office=await asyncio.to_thread(self._office, case_id),
            )
            said = answer.json if read is None else await read(answer)
            return {"status": answer.status, "json": said, "message_id": answer.message_id}

        async def waits(error: PlatformError, at: datetime) -> None:
            noted = case_id if within is None else None
            await asyncio.to_thread(self._hold, noted, step, address, error.code[:100], at)

        said = await self._run.insist(step, send, waits=waits, within=within)

        async def resume() -> None:
            await asyncio.to_thread(self._hold, case_id, step, address, None, None)

        await self._run.step(f"{step}.resumed", resume)
        return ExchangeAnswer(said["status"], said["json"], said["message_id"])

    def _office(self, case_id: str | None) -> str | None:
        """Who deals with the case now."""
        if case_id is None:
            return None
        with self._store.reading() as connection:
            case = self._store.find(connection, case_id)
        named = case is not None and self._store.process(case.service).names_office(case)
        return case.office if case is not None and named else None

    def _applied(self, case_id: str) -> str | None:
        if self.case is not None and self.case.id == case_id:
            return self._store.applied(self.case, self.case.seq)
        with self._store.reading() as connection:
            case = self._store.find(connection, case_id)
        return None if case is None else self._store.applied(case, MAX_SEQ)

    def _proof(self, case_id: str, person: str, says: str | None) -> str | None:
        if says is None:
            return self._store.proof(case_id, person)
        upto = self.case.seq if self.case is not None and self.case.id == case_id else MAX_SEQ
        return self._store.said(case_id, person, says, upto)

    async def words(self, seqs: Sequence[int]) -> Mapping[int, Mapping[str, str]]:
        if self.case is None:
            return {}
        return await asyncio.to_thread(self._store.words, self.case.id, seqs)

    def _hold(
        self, case_id: str | None, step: str, address: str, reason: str | None, next_try: datetime | None
    ) -> None:
        """Say whom the job waits for, and stop the case's clocks with HOLD; without a reason it waits no more: RESUME."""

        def write(connection: Connection) -> None:
            body = address if reason is not None else None
            self._jobs.waits(connection, self._id, body, reason, next_try)
            case = self._store.find(connection, case_id) if case_id is not None else None
            if case is None or case.status in self._process_of(case).closed:
                return
            mine = [taken.name for taken in case.all(HOLD, RESUME) if taken.data.get("job") == self._id]
            is_held = mine[-1:] == [HOLD]
            if is_held == (reason is not None):
                return
            noted = {"job": self._id, "step": step, "body": address}
            name, data = (HOLD, {**noted, "reason": reason}) if reason is not None else (RESUME, noted)
            self._store.act(connection, case, name, data, STATE, "state", self._calls.clock())

        self._insisting(write)

    def _asked(self, action: str) -> Rule | None:
        """Of what another body was asked, in any case."""
        return next(
            (rule for part in self._store.everywhere if (rule := part.rule(action)) is not None), None
        )

    def _process_of(self, case: Case) -> Process:
        return self._store.process(case.service)

    def _insisting(self, write: Callable[[Connection], Any]) -> Any:
        """The transaction, again when somebody was faster in the case."""
        while True:
            try:
                return self._store.write(write)
            except Changed:
                continue

    def _ensure_wanted(self) -> None:
        with self._store.reading() as connection:
            if self._jobs.is_cancelled(connection, self._id):
                raise _cancelled()

    async def act(
        self,
        step: str,
        action: str,
        data: Mapping[str, Any] | None = None,
        *,
        case: str | None = None,
        only_of: str | None = None,
    ) -> str:
        case_id = case or (self.case.id if self.case else None)
        if case_id is None:
            raise ValueError("a job without a case says whose action it is")
        key = f"{self._cause}/{step}"

        def write(connection: Connection) -> str:
            if only_of is not None:
                self._store.alone(connection, [f"person/{only_of}"])
            found = self._store.find(connection, case_id)
            if found is None:
                raise CallerError("no such case", code="unknown_case")
            if self._store.done_before(connection, AUTOMATIC, key, action) is not None:
                return found.status
            if self._jobs.is_cancelled(connection, self._id):
                raise _cancelled()
            process = self._process_of(found)
            rule = process.rule(action) or self._asked(action)
            if rule is None or "state" not in rule.by:
                raise CallerError(f"the state has no action {action}", code="unknown_action")
            if found.status in process.closed and not rule.reopens:
                raise Refused("the case is closed", code="case_closed")
            if rule.when and found.status not in rule.when:
                raise Refused(f"{action} is not done when {found.status}", code="too_late")
            if rule.once == "case" and found.has(action):
                raise Refused(f"{action} was done", code="already_done")
            if only_of is not None and {*self._store.live(connection, found.service, only_of)} - {case_id}:
                raise CallerError("there is a live case of this person", code="has_case")
            after = self._store.act(
                connection, found, action, data or {}, STATE, "state", self._calls.clock()
            )
            self._store.remember(connection, AUTOMATIC, key, action, case_id, action, after.seq)
            return after.status

        async def do() -> Any:
            status = await asyncio.to_thread(self._insisting, write)
            self._jobs.wake()
            return status

        return str(await self._run.insist(step, do))

    async def open(
        self, step: str, service: str, opening: Opening, *, data: Mapping[str, Any] | None = None
    ) -> str:
        case_id = derived_id(self._cause, step)
        if not self._store.offers(service):
            raise CallerError(f"nobody opens {service} here", code="not_offered")

        def write(connection: Connection) -> str:
            return self._store.open(
                connection, service, opening, STATE, "state", self._calls.clock(), case_id=case_id, data=data
            ).id

        async def do() -> Any:
            opened = await asyncio.to_thread(self._insisting, write)
            self._jobs.wake()
            return opened

        return str(await self._run.insist(step, do))

    async def brought(self, step: str, register: str, decision: str, *, case: str | None = None) -> None:
        case_id = case or (self.case.id if self.case else None)

        def write(connection: Connection) -> None:
            if case_id is not None and plan_brought(
                connection, case_id, register, decision, self._calls.clock()
            ):
                self._store.told()

        async def bring() -> None:
            await asyncio.to_thread(self._store.write, write)

        await self._run.step(step, bring)

    async def current(self, step: str, case: str | None = None) -> str:
        case_id = case or (self.case.id if self.case else "")

        def read() -> str:
            with self._store.reading() as connection:
                found = self._store.find(connection, case_id)
            if found is None:
                raise CallerError("no such case", code="unknown_case")
            return found.status

        return str(await self._run.insist(step, lambda: asyncio.to_thread(read)))

    async def cases(self, step: str, service: str, person: str, *, closed: bool = False) -> Sequence[str]:
        def read() -> list[str]:
            with self._store.reading() as connection:
                return list(self._store.live(connection, service, person, closed=closed))

        found: list[str] = await self._run.insist(step, lambda: asyncio.to_thread(read))
        return found

    async def numbered(self, step: str, number: str) -> str | None:
        def read() -> str | None:
            with self._store.reading() as connection:
                return self._store.numbered(connection, number)

        found: str | None = await self._run.insist(step, lambda: asyncio.to_thread(read))
        return found

    def address(self, register: str) -> str:
        return self._calls.address(register)

    async def on_desk(self, step: str, office: str, data: Mapping[str, Any]) -> Sequence[str]:
        def read() -> list[str]:
            with self._store.reading() as connection:
                found = self._store.of_office(connection, office)
            return [case.id for case in found if data.items() <= case.data.items()]

        fitting: list[str] = await self._run.insist(step, lambda: asyncio.to_thread(read))
        return fitting
