"""Workflows of one process: started by name, carried on after whatever death."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import timedelta
from enum import Enum
from typing import Any

from dbos import DBOS, DBOSConfig, SetWorkflowID
from dbos import error as dbos_error
from sqlalchemy import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from sild.clock import Clock, system_clock
from sild.errors import Unavailable
from sild.telemetry import get_logger
from sild.workflow.executors import Executors
from sild.workflow.loop import WorkflowLoop
from sild.workflow.run import AGAIN, FIRST_PAUSE, Run
from sild.workflow.values import Json, JsonSerializer, Outcome

__all__ = ["State", "WorkflowFunction", "Workflows"]

log = get_logger("workflow")

WorkflowFunction = Callable[[Run, Json], Awaitable[Json]]
"""Deterministic but for its steps: the same steps in the same order for the same argument and outcomes."""

LISTEN_SECONDS = (
    0.1  # SQLite has to be looked at for a message to a waiting run; nobody waiting, nothing is read
)
CODE_VERSION = "1"
"""Every release goes on with the workflows of the one before: see docs/workflow.md for what that asks of a change."""

_open: Workflows | None = None


class State(Enum):
    """FAILED: it raised; its error was logged, and nothing goes on by itself."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


_STATES = {"SUCCESS": State.DONE, "ERROR": State.FAILED, "CANCELLED": State.CANCELLED}


class Workflows:
    """At most one open in a process: DBOS allows no more."""

    def __init__(
        self,
        executors: Executors,
        functions: Mapping[str, WorkflowFunction],
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        pause: timedelta,
    ) -> None:
        self._executors = executors
        self._functions = dict(functions)
        self._loop = loop
        self._clock = clock
        self._pause = pause
        self._own_loop = WorkflowLoop()
        self._workflow = _function(self._run)  # DBOS's, once launched

    @classmethod
    async def open(
        cls,
        url: str,
        functions: Mapping[str, WorkflowFunction],
        *,
        name: str = "workflows",
        clock: Clock = system_clock,
        first_pause: timedelta = FIRST_PAUSE,
    ) -> Workflows:
        """Begin, and go on with what was not finished. Steps run on the loop of this call.

        url: `sqlite:///file`, for one process, or `postgresql://...`, for several.  functions: by name; one that unfinished
        workflows use must be there.  name: of the application; several may share one PostgreSQL database.
        Raises Unavailable: `database_error`, `workflows_in_use`.
        """
        executors = Executors(url, name)
        workflows = cls(executors, functions, asyncio.get_running_loop(), clock, first_pause)
        await asyncio.to_thread(workflows._enter, url, name)
        return workflows

    def _enter(self, url: str, name: str) -> None:
        global _open
        if _open is not None:
            raise Unavailable("this process runs workflows already", code="workflows_in_use")
        self._executors.enter()
        _open = self
        self._own_loop.begin()
        try:
            self._own_loop.run(self._launch, url, name)
            self._executors.watch()
        except Exception as error:
            self._leave()
            if not isinstance(error, SQLAlchemyError | dbos_error.DBOSException):
                raise
            reason = type(error).__name__
            raise Unavailable(f"workflows cannot be opened: {reason}", code="database_error") from error

    async def _launch(self, url: str, name: str) -> None:
        """On the loop that DBOS is to use: it remembers where it was launched."""
        DBOS(config=_config(url, name, self._executors.executor_id))
        self._workflow = DBOS.workflow(name="run", max_recovery_attempts=None)(_function(self._run))
        DBOS.launch()

    async def close(self) -> None:
        """Running workflows stop where they are and go on when opened again. Returns when their threads have ended."""
        await asyncio.to_thread(self._leave)

    def _leave(self) -> None:
        global _open
        self._own_loop.close()
        DBOS.destroy(destroy_registry=True)
        self._executors.leave()
        _open = None

    async def start(self, workflow_id: str, name: str, argument: Json) -> None:
        """Start it, unless that id was started before, whatever became of it.

        argument: JSON.  Raises KeyError for an unknown name, Unavailable (`database_error`).
        """
        if name not in self._functions:
            raise KeyError(name)
        await asyncio.to_thread(self._own_loop.run, self._start, workflow_id, name, argument)

    async def _start(self, workflow_id: str, name: str, argument: Json) -> None:
        try:
            with SetWorkflowID(workflow_id):
                await DBOS.start_workflow_async(self._workflow, name, argument)
        except (SQLAlchemyError, dbos_error.DBOSException) as error:
            raise Unavailable("the workflow could not be started", code="database_error") from error

    async def cancel(self, workflow_id: str) -> None:
        """It ends before its next step; a step that is being done is finished."""
        await asyncio.to_thread(DBOS.cancel_workflow, workflow_id)

    async def try_again(self, workflow_id: str) -> None:
        """End the pause it is in, if it waits for something unavailable."""
        await asyncio.to_thread(DBOS.send, workflow_id, True, AGAIN)

    async def state(self, workflow_id: str) -> State | None:
        """None: never started."""
        status = await asyncio.to_thread(DBOS.get_workflow_status, workflow_id)
        return None if status is None else _STATES.get(status.status, State.RUNNING)

    async def _run(self, name: str, argument: Json) -> Outcome:
        run_id = DBOS.workflow_id
        assert run_id is not None
        run = Run(run_id, self._loop, self._clock, self._pause)
        return {"result": await self._functions[name](run, argument)}


Marked = Callable[[str, Json], Coroutine[Any, Any, Outcome]]


def _function(run: Marked) -> Marked:
    """A plain function of a method: DBOS writes attributes on what it is given."""

    async def workflow(name: str, argument: Json) -> Outcome:
        return await run(name, argument)

    return workflow


_SEARCH_PATH = re.compile(r"(?:^|\s)-c\s*search_path=([a-z_][a-z0-9_]*)(?:\s|$)")


def _schema_of(url: URL) -> str:
    """`workflow`; in a schema of its own (`search_path`) a system has its own workflows, too: who shares a database must not take
    up another system's."""
    found = _SEARCH_PATH.search(str(url.query.get("options", "")))
    return "workflow" if found is None else f"{found[1]}_workflow"


def _config(url: str, name: str, executor_id: str) -> DBOSConfig:
    parsed = make_url(url)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return {
        "name": name,
        "system_database_url": parsed.render_as_string(hide_password=False),
        "dbos_system_schema": _schema_of(parsed),
        "application_version": CODE_VERSION,
        "executor_id": executor_id,
        "serializer": JsonSerializer(),
        "enable_otlp": False,
        "log_level": "CRITICAL",
        "sys_db_pool_size": 5,
        "notification_listener_polling_interval_sec": LISTEN_SECONDS,
    }
