"""Does what waits: again after 1, 2, 4 ... seconds, at most a quarter of an hour apart, until it is done, held or cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

from sild.errors import CallerError, PlatformError, Unavailable
from sild.events import Event, Rounds
from sild.registries.kernel import Kernel, Use
from sild.registries.tasks.queue import Task, Tasks, TaskState
from sild.registries.tasks.silence import silence_key
from sild.telemetry import get_logger

__all__ = ["Handler", "Held", "Worker", "effect"]

log = get_logger("register")

Handler = Callable[[Task], Awaitable[Callable[[Use], None]]]
"""Gathers what is needed and returns the effect, a function of the transaction in which the task ends. Raises Held when people
must decide; any other error means later."""

BATCH = 20
LEASE = timedelta(minutes=2)
LONGEST_PAUSE = timedelta(minutes=15)


class Held(CallerError):
    """A rule does not decide this; a human does. `code` says why."""

    code = "held"


@contextmanager
def effect(kernel: Kernel, tasks: Tasks, task: Task) -> Iterator[Use | None]:
    """The transaction in which a task takes effect and ends; None when it has ended before, or was cancelled meanwhile."""
    extensions = {"caseid": task.issue} if task.issue else {}
    cause = Event(
        id=f"task-{task.id}",
        source=kernel.system,
        type=f"task.{task.kind}",
        subject=task.subject,
        time=kernel.now,
        extensions=extensions,
    )
    with kernel.applying(cause, task.cause) as use:
        if use is None:
            yield None
            return
        use.alone(
            silence_key(task.subject)
        )  # before the row, as a silence that falls does: neither waits for the other
        yield use if tasks.end(use.connection, task.id, use.at) else None


class Worker(Rounds):
    """Several processes may work on one register's tasks. A database that fails is asked again later."""

    def __init__(self, kernel: Kernel, tasks: Tasks, handlers: Mapping[str, Handler]) -> None:
        super().__init__(self.work, "tasks.round")
        self._kernel = kernel
        self._tasks = tasks
        self._handlers = dict(handlers)

    async def work(self) -> int:
        """One round: what is due, at once; how many were tried."""
        taken = await asyncio.to_thread(self._tasks.take, self._kernel.now, BATCH, LEASE)
        await asyncio.gather(*map(self._do, taken))
        return len(taken)

    async def _do(self, task: Task) -> None:
        try:
            async with asyncio.timeout(LEASE.total_seconds() / 2):
                change = await self._handlers[task.kind](task)
            await asyncio.to_thread(self._end, task, change)
        except Held as reason:
            await asyncio.to_thread(self._hold, task, reason.code)
        except TimeoutError:
            await self._later(task, Unavailable("no answer", code="timeout"))
        except PlatformError as error:
            await self._later(task, error)
        except Exception as error:  # noqa: BLE001  (its own fault, not its neighbours')
            log.bug("task.failed", error, kind=task.kind, task=task.id)
            await self._later(task, PlatformError("a bug"))

    def _end(self, task: Task, change: Callable[[Use], None]) -> None:
        with effect(self._kernel, self._tasks, task) as use:
            if use is not None:
                change(use)

    def _hold(self, task: Task, reason: str) -> None:
        with self._kernel.engine.begin() as connection:
            self._tasks.end(connection, task.id, self._kernel.now, TaskState.HELD, reason)
        log.info("task.held", kind=task.kind, task=task.id, reason=reason)

    async def _later(self, task: Task, error: PlatformError) -> None:
        pause = min(timedelta(seconds=2 ** min(task.attempts, 10)), LONGEST_PAUSE)
        log.refusal("task.later", error, kind=task.kind, task=task.id, attempts=task.attempts + 1)
        await asyncio.to_thread(self._tasks.later, task, self._kernel.now + pause, error.code_path)
