"""Processes that work on one database, and those that died: their workflows are taken up by one that lives.

Each process holds a lock of its name (`sild.cluster`), which the database or the kernel frees when it dies. Whoever gets the lock of
another process's name knows that it is dead, and gives its workflows back to the queue, from which any process takes them.
A process that only lost its database session is thought dead, too; DBOS lets a workflow's results be written by its newest owner
alone, so at worst a step is done twice, as after a death.
"""

from __future__ import annotations

import threading
from time import monotonic, sleep
from uuid import uuid4

from dbos import DBOS

from sild.cluster import ClusterLock
from sild.errors import PlatformError, Unavailable
from sild.telemetry import get_logger

__all__ = ["Executors"]

log = get_logger("workflow")

ONLY = "one"
"""The executor of a SQLite file: whoever opens it goes on with what was there."""
LOOK_SECONDS = 2.0
LET_GO_SECONDS = 1.0
"""So long what a killed process was about to start may hold its lock: between fork and exec a child has all of its parent's files."""


class Executors:
    """Blocks: it has a thread of its own."""

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._name = name
        self.many = not url.startswith("sqlite")
        self.executor_id = f"{uuid4()}" if self.many else ONLY
        self._lock = self._lock_of(self.executor_id)
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def enter(self) -> None:
        """Raises Unavailable (`workflows_in_use`) when another process works on this SQLite file."""
        until = monotonic() + LET_GO_SECONDS
        while self._lock.try_hold() is None:
            if monotonic() > until:
                raise Unavailable("another process runs these workflows", code="workflows_in_use")
            sleep(0.02)

    def watch(self) -> None:
        if self.many:
            self._thread = threading.Thread(target=self._watch, name="workflow-executors", daemon=True)
            self._thread.start()

    def leave(self) -> None:
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
        self._lock.release()

    def _watch(self) -> None:
        while not self._stopped.wait(LOOK_SECONDS):
            try:
                self._lock.try_hold()  # again, after the session broke
                self.take_up()
            except PlatformError as error:
                log.refusal("workflow.executors_unknown", error)
            except Exception as error:  # noqa: BLE001  (the next look may go well)
                log.bug("workflow.take_up_failed", error)

    def take_up(self) -> None:
        """Give the workflows of dead processes back to the queue."""
        pending = DBOS.list_workflows(status="PENDING", load_input=False, load_output=False)
        others = {status.executor_id for status in pending} - {self.executor_id, None}
        for other in sorted(str(other) for other in others):
            lock = self._lock_of(other)
            if lock.try_hold() is None:
                continue
            try:
                DBOS._recover_pending_workflows([other])  # what DBOS's own administration calls
                log.info("workflow.taken_up", executor=other)
            finally:
                lock.release()

    def _lock_of(self, executor_id: str) -> ClusterLock:
        return ClusterLock(self._url, f"workflow {self._name} {executor_id}")
