"""Several processes of one server that share its ports: started, watched, replaced and ended by a small one that serves nothing.

The supervisor opens the listening sockets, a set for each worker's place, and the workers inherit theirs; the system spreads
connections over the places (SO_REUSEPORT). The sockets stay open while a worker is replaced or dies: what comes meanwhile waits
in their queues for the successor. Only a place whose worker does not come to serve again is closed until one does.

    SIGTERM, SIGINT   all end in order; a second one ends them at once
    SIGHUP            the settings are read again and every worker is replaced, one after the other: the new one serves before
                      the old one takes leave. A worker that does not come to serve leaves its predecessor in place.

A worker that dies is started again, at once if it had served for a while, else after 0.5, 1, 2 .. 30 s. Each worker holds one
end of a pipe whose other end is the supervisor's alone: when that closes, the supervisor is gone, and the worker ends too.
Workers are new programs, not forks: PKCS#11 libraries, threads and event loops do not survive a fork.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass

from sild.errors import CallerError, PlatformError, Unavailable
from sild.telemetry import get_logger

__all__ = ["LEAVE_SIGNAL", "Plan", "Supervisor", "inherited_sockets", "worker_command"]

LEAVE_SIGNAL = signal.SIGUSR1  # to a worker that has been replaced: others take the messages that come now
BACKLOG = 1024
START_SECONDS = 60.0
STEADY_SECONDS = 10.0
FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
MARGIN_SECONDS = 5.0  # beyond what the workers were given to end in order

log = get_logger("processes")

Listeners = Mapping[str, tuple[str, int]]
"""Address and port by name."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to run. command: of a worker; it gets `--worker` and `--listening` besides.

    It prints a line on its standard output when it serves, and ends when its standard input does.
    ending_seconds: how long a worker may take to end in order.
    """

    command: Sequence[str]
    listeners: Listeners
    workers: int
    ending_seconds: float


@dataclass(frozen=True, slots=True)
class _Listening:
    """asked: the address as the settings have it."""

    asked: tuple[str, int]
    socket: socket.socket


class _Worker:
    """One process. `number` is its place, which it shares with its successors."""

    def __init__(self, number: int, process: asyncio.subprocess.Process) -> None:
        self.number = number
        self.process = process
        self.since = asyncio.get_running_loop().time()
        self._told = False

    async def serves(self) -> bool:
        """Whether it came to serve in time."""
        assert self.process.stdout is not None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                return bool(await self.process.stdout.readline())
        return False

    def send(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def tell_to_end(self) -> None:
        """Once: a second signal would end it at once."""
        if not self._told:
            self._told = True
            self.send(signal.SIGTERM)

    async def end(self, seconds: float) -> None:
        """Wait until it has ended; kill it when that takes longer than `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self.process.wait()
        except TimeoutError:
            log.error("supervisor.worker_killed", worker=self.number, process=self.process.pid)
            self.send(signal.SIGKILL)
            await self.process.wait()


class Supervisor:
    """plan: asked at the start and at each reload; raises CallerError when the settings are wrong, which ends a start and
    leaves everything as it is in a reload."""

    def __init__(self, plan: Callable[[], Plan]) -> None:
        self._plan = plan
        self._now = plan()
        self._sockets: dict[int, dict[str, _Listening]] = {}
        self._addresses: dict[str, tuple[str, int]] = {}
        self._workers: dict[int, _Worker] = {}
        self._leaving: set[_Worker] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._reload = asyncio.Event()

    @property
    def addresses(self) -> dict[str, tuple[str, int]]:
        return dict(self._addresses)

    def stop(self) -> None:
        """In order; called again, at once."""
        again = self._stopping.is_set()
        self._stopping.set()
        for worker in (*self._workers.values(), *self._leaving):
            if again:
                worker.send(signal.SIGKILL)
            else:
                worker.tell_to_end()

    def reload(self) -> None:
        self._reload.set()

    async def run(self, serving: Callable[[], None]) -> None:
        """Until `stop`. serving: called when all workers serve. Raises CallerError (a port), Unavailable (the first worker
        does not come to serve; its own words are in the log)."""
        try:
            self._open_ports(self._now)
            first = await self._start(0)  # alone: it may have databases to migrate
            if first is None:
                raise Unavailable("the server does not start; see its log")
            self._settle(first)
            started = await asyncio.gather(*map(self._start, range(1, self._now.workers)))
            for number, worker in enumerate(started, 1):
                if worker is not None:
                    self._settle(worker)
                else:
                    self._task(self._start_again(number, FIRST_DELAY))
            if not self._stopping.is_set():
                serving()
            while not self._stopping.is_set():
                await self._woken()
                if self._reload.is_set() and not self._stopping.is_set():
                    self._reload.clear()
                    await self._replace_all()
        finally:
            self._stopping.set()
            await self._end_all()

    async def _woken(self) -> None:
        waiting = [asyncio.create_task(event.wait()) for event in (self._stopping, self._reload)]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()

    # sockets

    def _open_ports(self, plan: Plan) -> None:
        """Every place's sockets. Raises CallerError when a port cannot be had; what was open before stays."""
        known = {listening.asked: listening.socket.getsockname()[:2] for listening in self._all_sockets()}
        for address in set(plan.listeners.values()) - known.keys():
            with _listening(
                *address, shared=False
            ):  # shared ones would not notice that another server has the port
                pass
        for number in range(plan.workers):
            self._open_place(number, plan.listeners)

    def _open_place(self, number: int, listeners: Listeners) -> dict[str, int]:
        """File descriptors by name. All places get the port that the first of them was given for 0."""
        place = self._sockets.setdefault(number, {})
        for name, asked in listeners.items():
            if name in place and place[name].asked == asked:
                continue
            others = [
                other[name]
                for other in self._sockets.values()
                if name in other and other[name].asked == asked
            ]
            address = others[0].socket.getsockname()[:2] if others else asked
            opened = _Listening(asked, _listening(*address, shared=True))
            if name in place:
                place[name].socket.close()
            place[name] = opened
            self._addresses[name] = opened.socket.getsockname()[:2]
        return {name: place[name].socket.fileno() for name in listeners}

    def _close_place(self, number: int) -> None:
        for listening in self._sockets.pop(number, {}).values():
            listening.socket.close()

    def _close_unused(self) -> None:
        for number in [number for number in self._sockets if number >= self._now.workers]:
            self._close_place(number)
        for place in self._sockets.values():
            for name in place.keys() - self._now.listeners.keys():
                place.pop(name).socket.close()
        for name in self._addresses.keys() - self._now.listeners.keys():
            del self._addresses[name]

    def _all_sockets(self) -> list[_Listening]:
        return [listening for place in self._sockets.values() for listening in place.values()]

    # workers

    async def _start(self, number: int) -> _Worker | None:
        """A worker that serves, or None."""
        descriptors = self._open_place(number, self._now.listeners)
        listening = ",".join(f"{name}={descriptor}" for name, descriptor in descriptors.items())
        process = await asyncio.create_subprocess_exec(
            *self._now.command,
            "--worker",
            str(number),
            "--listening",
            listening,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=tuple(descriptors.values()),
            start_new_session=True,  # a terminal's interrupt is for the supervisor to hand on
        )
        worker = _Worker(number, process)
        self._leaving.add(worker)  # not yet one of those that serve: to be ended with the others if need be
        if await worker.serves() and not self._stopping.is_set():
            self._leaving.discard(worker)
            return worker
        worker.tell_to_end()
        await worker.end(self._now.ending_seconds + MARGIN_SECONDS)
        self._leaving.discard(worker)
        if not self._stopping.is_set():
            log.error("supervisor.worker_not_serving", worker=number, status=process.returncode)
        return None

    def _settle(self, worker: _Worker) -> None:
        """It serves from here on; see to it that it goes on."""
        self._workers[worker.number] = worker
        log.info("supervisor.worker_serving", worker=worker.number, process=worker.process.pid)
        self._task(self._watch(worker))

    def _task(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _watch(self, worker: _Worker) -> None:
        status = await worker.process.wait()
        if self._workers.get(worker.number) is not worker or self._stopping.is_set():
            self._leaving.discard(worker)
            return
        del self._workers[worker.number]
        lived = asyncio.get_running_loop().time() - worker.since
        log.error("supervisor.worker_died", worker=worker.number, status=status, seconds=round(lived, 1))
        await self._start_again(worker.number, 0.0 if lived >= STEADY_SECONDS else FIRST_DELAY)

    async def _start_again(self, number: int, delay: float) -> None:
        while not self._stopping.is_set() and number < self._now.workers and number not in self._workers:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._stopping.wait()
                    return
            worker = await self._start(number)
            if worker is not None:
                self._settle(worker)
            elif len(self._workers) > 0:
                self._close_place(number)  # the others get what would wait here for long
            delay = min(max(FIRST_DELAY, delay * 2), LONGEST_DELAY)

    # replacing

    async def _replace_all(self) -> None:
        before = self._now
        try:
            self._now = self._plan()
            self._open_ports(self._now)
        except PlatformError as error:
            self._now = before
            log.refusal("supervisor.not_reloaded", error)
            return
        for number in range(self._now.workers):
            successor = await self._start(number)
            if successor is None:
                if not self._stopping.is_set():
                    log.error("supervisor.reload_given_up", worker=number)
                    self._now = before
                return
            self._leave(self._workers.pop(number, None))
            self._settle(successor)
        for number in [number for number in self._workers if number >= self._now.workers]:
            self._leave(self._workers.pop(number))
        self._close_unused()
        log.info("supervisor.reloaded", workers=self._now.workers)

    def _leave(self, worker: _Worker | None) -> None:
        if worker is not None and worker.process.returncode is None:
            self._leaving.add(worker)
            worker.send(LEAVE_SIGNAL)
            self._task(self._see_off(worker))

    async def _see_off(self, worker: _Worker) -> None:
        await worker.end(self._now.ending_seconds + MARGIN_SECONDS)
        self._leaving.discard(worker)

    async def _end_all(self) -> None:
        ending = {*self._workers.values(), *self._leaving}
        for worker in ending:
            worker.tell_to_end()
        for number in list(self._sockets):
            self._close_place(number)
        await asyncio.gather(*(worker.end(self._now.ending_seconds + MARGIN_SECONDS) for worker in ending))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _listening(host: str, port: int, *, shared: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG, reuse_port=shared)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise CallerError(f"cannot listen on {host}:{port}: {reason}") from error


def inherited_sockets(listening: str) -> dict[str, socket.socket]:
    """In a worker: what its `--listening` names, `client_http=7,server_proxy=8`."""
    sockets = {}
    for entry in filter(None, listening.split(",")):
        name, _, descriptor = entry.partition("=")
        sockets[name] = socket.socket(fileno=int(descriptor))
        sockets[name].setblocking(False)
    return sockets


def worker_command(*arguments: str) -> list[str]:
    """`sild ARGUMENTS` in a new interpreter."""
    return [sys.executable, "-m", "sild", *arguments]
