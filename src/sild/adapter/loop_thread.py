"""The private event loop of the blocking client: one thread, running while any blocking client is open.

The caller's own loop, if there is one, is neither needed nor touched. A forked child starts a thread of its own.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError
from typing import TypeVar

from sild.errors import CallerError

__all__ = ["LoopThread", "shared_loop"]

T = TypeVar("T")


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()


class LoopThread:
    """Runs coroutines for other threads. `lend` and `give_back` count who uses it; the last one out ends it."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._users = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def lend(self) -> None:
        with self._lock:
            self._users += 1
            if self._loop is None:
                loop = self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_serve, args=(loop,), name="sild.adapter", daemon=True)
                self._thread.start()

    @property
    def is_here(self) -> bool:
        """False in a forked child: the thread stayed with the parent."""
        return self._process == os.getpid()

    def give_back(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users:
                return
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()

    def run(self, work: Coroutine[object, object, T]) -> T:
        """Run `work` there and wait; an interrupt here cancels it there. Raises what it raises."""
        loop = self._loop
        if loop is None or not self.is_here or threading.current_thread() is self._thread:
            work.close()
            raise CallerError(
                "the client is closed, from before a fork, or called from inside one of its calls"
            )
        future = asyncio.run_coroutine_threadsafe(work, loop)
        try:
            return future.result()
        except CancelledError:
            raise
        except BaseException:
            future.cancel()
            raise


_shared = LoopThread()


def shared_loop() -> LoopThread:
    return _shared


def _after_fork() -> None:
    """The parent's thread is not in the child; its loop must not be touched there."""
    global _shared
    _shared = LoopThread()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
