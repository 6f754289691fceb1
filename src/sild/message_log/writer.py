"""Group commit: one thread takes what has gathered, writes it in one transaction and wakes all who wait for it.

Under load the next batch gathers while this one is being made durable. On a fast disk that is too short to gather much, and
a transaction costs several times what a row does. So the thread waits until a part of those under way
(one in `SHARE`) have come, at most `SECONDS_PER_ENTRY` for each of them and `MAX_WINDOW_SECONDS` in all: about as long as
an exchange takes anyway when so many share the machine. A message alone, or one of a few, never waits.

Slices of other work (storing the time-stamps of a batch) go through the same thread between batches: SQLite has one writer.
"""

from __future__ import annotations

import asyncio
import threading
from asyncio import AbstractEventLoop
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue

from sild.errors import PlatformError, Unavailable
from sild.message_log.entries import Appender, BrokenRow, Entry
from sild.telemetry import get_logger

__all__ = ["GroupCommit"]

MAX_BATCH = 512
SHARE = 2
SECONDS_PER_ENTRY = 0.001
MAX_WINDOW_SECONDS = 0.016

log = get_logger("message_log")


class GroupCommit:
    """`submit` from event loops; everything else happens in the thread. The appender is used by the thread alone.

    under_way: how many messages are being worked on that may be submitted soon.
    """

    def __init__(self, appender: Appender, under_way: Callable[[], int] = lambda: 1) -> None:
        self._under_way = under_way
        self._enough = threading.Lock()  # held but for the moment in which the thread may stop waiting
        self._enough.acquire()
        self._wanted = 0
        self._appender = appender
        self._queue: SimpleQueue[Entry | None] = SimpleQueue()
        self._slices: deque[Callable[[], None]] = deque()
        self._ids = range(0)
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="message-log-writer", daemon=True)
        self._thread.start()

    def submit(self, entry: Entry) -> None:
        """`entry.done` gets the record's id once it is durable, or Unavailable."""
        if self._closing:
            raise Unavailable("the message log is closed", code="database_error")
        self._queue.put(entry)
        if self._wanted and self._queue.qsize() >= self._wanted:
            self._stop_waiting()

    def run_slice(self, work: Callable[[], None]) -> None:
        """Run `work` in the thread after the messages now waiting. It must be short and may not raise."""
        if self._closing:
            raise Unavailable("the message log is closed", code="database_error")
        self._slices.append(work)
        self._queue.put(None)
        self._stop_waiting()

    def take_id(self, taken: Future[int]) -> None:
        """Give `taken` an identifier no record has or will have, or Unavailable."""

        def take() -> None:
            if not taken.set_running_or_notify_cancel():
                return  # who asked has gone
            try:
                taken.set_result(self._take(1)[0])
            except Exception as error:  # noqa: BLE001 - handed to the caller
                taken.set_exception(error)

        self.run_slice(take)

    def close(self) -> None:
        """Write what has been submitted, then end the thread."""
        if self._closing:
            return
        self._closing = True
        self._queue.put(None)
        self._stop_waiting()
        self._thread.join()

    def _run(self) -> None:
        while True:
            batch = self._gather()
            if batch:
                self._write(batch)
            if self._slices:
                self._slices.popleft()()
                if self._slices:
                    self._queue.put(None)  # come back without waiting
            # Not "else": the one call to close may have been taken from the queue in the round of the last slice.
            if self._closing and not self._slices and self._queue.empty():
                self._appender.close()
                return

    def _gather(self) -> list[Entry]:
        batch: list[Entry] = []
        entry = self._queue.get()
        if entry is not None:
            batch.append(entry)
            self._wait_for_more(min(-(-self._under_way() // SHARE), MAX_BATCH))
        try:
            while len(batch) < MAX_BATCH:
                entry = self._queue.get_nowait()
                if entry is not None:
                    batch.append(entry)
        except Empty:
            pass
        return batch

    def _wait_for_more(self, crowd: int) -> None:
        """Until `crowd` entries are there with the one in hand, or their time is up, or there is other work."""
        self._wanted = crowd - 1
        if self._queue.qsize() < self._wanted and not self._slices and not self._closing:
            self._enough.acquire(timeout=min(crowd * SECONDS_PER_ENTRY, MAX_WINDOW_SECONDS))
        self._wanted = 0

    def _stop_waiting(self) -> None:
        """At worst the thread stops waiting once too often."""
        self._wanted = 0
        try:
            self._enough.release()
        except RuntimeError:  # it does not wait
            pass

    def _write(self, batch: list[Entry]) -> None:
        try:
            self._number(batch)
            self._appender.append(batch)
        except BrokenRow as error:
            self._isolate(batch, error)
        except PlatformError as error:
            log.refusal("message_log.append_failed", error, messages=len(batch))
            _finish(batch, error)
        except Exception as error:  # noqa: BLE001 - the thread must live; the exchange fails and the log says why
            log.bug("message_log.append_failed", error, messages=len(batch))
            _finish(batch, Unavailable("the message log cannot be written", code="internal_error"))
        else:
            _finish(batch, None)

    def _isolate(self, batch: list[Entry], error: BrokenRow) -> None:
        """One row the database cannot take must not fail its neighbours: each gets a transaction of its own."""
        if len(batch) > 1:
            for entry in batch:
                self._write([entry])
            return
        log.error("message_log.record_refused", reason=str(error))
        _finish(batch, Unavailable("the message cannot be logged", code="database_error"))

    def _number(self, batch: Sequence[Entry]) -> None:
        for entry, record_id in zip(batch, self._take(len(batch)), strict=True):
            entry.record_id = record_id

    def _take(self, count: int) -> range:
        """A number once given is never given again, not even after a failure: it seeds the encryption of the record."""
        if len(self._ids) < count:
            self._ids = self._appender.take_ids(count)
        taken, self._ids = self._ids[:count], self._ids[count:]
        return taken


def _finish(batch: Sequence[Entry], error: PlatformError | None) -> None:
    """Wake every waiter, one call into each event loop."""
    by_loop: dict[AbstractEventLoop, list[Entry]] = {}
    for entry in batch:
        by_loop.setdefault(entry.loop, []).append(entry)
    for loop, entries in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, entries, error)
        except RuntimeError:  # the loop is closed: nobody waits any more
            pass


def _resolve(entries: Sequence[Entry], error: PlatformError | None) -> None:
    for entry in entries:
        done: asyncio.Future[int] = entry.done
        if done.done():
            continue
        if error is None:
            done.set_result(entry.record_id)
        else:
            done.set_exception(_same(error))


def _same(error: PlatformError) -> PlatformError:
    """A refusal of its own for each exchange: stages are added to it as it rises."""
    return Unavailable(error.message, code=error.code)
