"""A loop of its own for DBOS: it takes the loop's thread pool, and its waits are cancelled at the end, which the house's loop must not be.

Why not DBOS's background loop: there each workflow holds a thread, and one that waits while the process ends would be written
down as failed.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from sild.errors import Unavailable

__all__ = ["WorkflowLoop"]

T = TypeVar("T")
P = ParamSpec("P")


class WorkflowLoop:
    """`run` blocks; call it from another thread."""

    def begin(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._gate = threading.Lock()
        self._is_closed = False
        self._thread = threading.Thread(target=self._loop.run_forever, name="workflows", daemon=True)
        self._thread.start()

    def run(self, work: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """work: called once it is certain to run. Raises Unavailable (`workflows_closed`)."""
        with self._gate:
            if self._is_closed:
                raise Unavailable("the workflows are closed", code="workflows_closed")
            begun = asyncio.run_coroutine_threadsafe(work(*args, **kwargs), self._loop)
        return begun.result()

    def close(self) -> None:
        """What runs is cancelled, which DBOS does not take for an end of it."""
        with self._gate:
            self._is_closed = True
        asyncio.run_coroutine_threadsafe(_cancel_all(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
