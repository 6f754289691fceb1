"""Who asks: a worker for each package, a deadline for each question, and another worker after each failure."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import selectors
import signal
import struct
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Self, TypeVar

import sild
from sild.errors import CallerError, Unavailable
from sild.rules import Asked, Counterfactual, Evaluation, RulePackage, Situation
from sild.telemetry import get_logger

__all__ = ["RuleEngine"]

log = get_logger("rule_engine")
T = TypeVar("T")

START_SECONDS = 60.0
"""A worker imports OpenFisca and NumPy first; on a busy machine that takes its time, and is nobody's rule."""


class RuleEngine:
    """Evaluates packages in child processes. Any thread may ask.

    workers: processes at once, each for one package; the one longest idle makes room.  seconds: for one answer, on the wall.
    memory: bytes a package may use.
    """

    def __init__(self, *, workers: int = 6, seconds: float = 5.0, memory: int = 256 << 20) -> None:
        self._seconds, self._memory, self._most = seconds, memory, workers
        self._free = threading.Condition()
        self._idle: OrderedDict[_Worker, None] = OrderedDict()
        self._busy: set[_Worker] = set()
        self._starting = 0
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def evaluate(
        self, package: RulePackage, situation: Situation, outputs: Sequence[Asked], *, at: date
    ) -> Evaluation:
        """As `sild.rules.evaluate`.

        Raises CallerError: what that raises; rule_timeout, rule_memory, rule_failed when the package does not come back with an answer.
        """
        said = self._ask("evaluate", package, situation, outputs, at)
        return _read(lambda: Evaluation.from_json(said))

    async def evaluate_async(
        self, package: RulePackage, situation: Situation, outputs: Sequence[Asked], *, at: date
    ) -> Evaluation:
        """In a thread: the event loop goes on."""
        return await asyncio.to_thread(self.evaluate, package, situation, outputs, at=at)

    def counterfactuals(
        self, package: RulePackage, situation: Situation, outputs: Sequence[Asked], *, at: date
    ) -> list[Counterfactual]:
        """As `sild.rules.counterfactuals`.  Raises as `evaluate`."""
        said = self._ask("counterfactuals", package, situation, outputs, at)
        return _read(lambda: [Counterfactual(**each) for each in said])

    def close(self) -> None:
        """Ends all workers; who still waits for one gets Unavailable."""
        with self._free:
            self._closed = True
            workers = [*self._idle, *self._busy]
            self._idle.clear()
            self._free.notify_all()
        for worker in workers:
            worker.end()

    def _ask(
        self, do: str, package: RulePackage, situation: Situation, outputs: Sequence[Asked], at: date
    ) -> Any:  # JSON; its shape goes by `do`
        worker = self._take(package)
        sound = False
        try:
            answer = worker.ask(
                {
                    "do": do,
                    "situation": situation,
                    "outputs": [list(each) for each in outputs],
                    "at": at.isoformat(),
                    "seconds": self._seconds,
                },
                self._seconds,
            )
            error = answer.get("error")
            sound = error is None or not str(error["code"]).startswith("rule_")
        finally:
            self._give_back(worker, sound=sound)
        if error is not None:
            raise CallerError(error["message"], code=error["code"], package=package.name, **error["detail"])
        return answer["ok"]

    def _take(self, package: RulePackage) -> _Worker:
        """One that has the package, else a new one, as soon as there is room."""
        with self._free:
            while not self._closed:
                for dead in [worker for worker in self._idle if not worker.is_alive()]:
                    del self._idle[dead]
                    dead.end()
                idle = next((w for w in reversed(self._idle) if w.sha256 == package.sha256), None)
                if idle is not None:
                    del self._idle[idle]
                    self._busy.add(idle)
                    return idle
                if len(self._idle) + len(self._busy) + self._starting < self._most:
                    self._starting += 1
                    break
                if self._idle:
                    self._idle.popitem(last=False)[0].end()
                else:
                    self._free.wait()
            if self._closed:
                raise Unavailable("the rule engine is closed", code="rule_engine_closed")
        started: list[_Worker] = []
        try:
            started.append(_Worker(package, self._memory))
        finally:
            with self._free:
                self._starting -= 1
                self._busy.update(started)
                self._free.notify()
        return started[0]

    def _give_back(self, worker: _Worker, *, sound: bool) -> None:
        """A worker whose package failed is not used again: who knows what it left."""
        with self._free:
            self._busy.discard(worker)
            if sound and not self._closed:
                self._idle[worker] = None
                ended = None
            else:
                ended = worker
            self._free.notify()
        if ended is not None:
            ended.end()
            if not sound:
                log.info("rule_engine.replaced", package=worker.name, sha256=worker.sha256)


class _Worker:
    """A child process with one package."""

    def __init__(self, package: RulePackage, memory: int) -> None:
        """Raises Unavailable (rule_engine_start): it does not start."""
        self.name, self.sha256 = package.name, package.sha256
        self._process = subprocess.Popen(  # noqa: S603  # our own module
            [sys.executable, "-P", "-m", "sild.rule_engine.worker", str(memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=_environment(),
        )
        self._number = 0
        files = {path: base64.b64encode(content).decode() for path, content in package.files.items()}
        try:
            self.locks: dict[str, bool] = self._exchange({"package": files}, START_SECONDS)["locks"]
        except CallerError:
            self.end()
            raise Unavailable("a rule worker does not start", code="rule_engine_start") from None

    def ask(self, request: dict[str, object], seconds: float) -> dict[str, Any]:  # JSON
        """Raises CallerError (rule_timeout, rule_failed, rule_memory)."""
        self._number += 1
        answer = self._exchange({"id": self._number, **request}, seconds)
        if answer.get("id") != self._number or not {"ok", "error"} & answer.keys():
            raise self._failed("answers what was not asked", "rule_failed")
        return answer

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def end(self) -> None:
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    pass
        self._process.wait()

    def _exchange(self, message: dict[str, object], seconds: float) -> dict[str, Any]:  # JSON
        body = json.dumps(message).encode()
        until = time.monotonic() + seconds
        try:
            self._send(struct.pack(">I", len(body)) + body, until)
            length = struct.unpack(">I", self._receive(4, until))[0]
            answer = json.loads(self._receive(length, until))
        except (ValueError, RecursionError):
            raise self._failed("answers nonsense", "rule_failed") from None
        if not isinstance(answer, dict):
            raise self._failed("answers nonsense", "rule_failed")
        return answer

    def _send(self, data: bytes, until: float) -> None:
        assert self._process.stdin is not None
        number = self._process.stdin.fileno()
        os.set_blocking(number, False)
        view = memoryview(data)
        while view:
            self._wait(number, selectors.EVENT_WRITE, until)
            try:
                view = view[os.write(number, view) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise self._died() from None

    def _receive(self, length: int, until: float) -> bytes:
        assert self._process.stdout is not None
        number = self._process.stdout.fileno()
        data = bytearray()
        while len(data) < length:
            self._wait(number, selectors.EVENT_READ, until)
            part = os.read(number, min(1 << 20, length - len(data)))
            if not part:
                raise self._died()
            data += part
        return bytes(data)

    def _wait(self, number: int, event: int, until: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(number, event)
            if not selector.select(max(0.0, until - time.monotonic())):
                raise self._failed("does not answer in time", "rule_timeout")

    def _died(self) -> CallerError:
        try:
            status = self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return self._failed("closes its pipe", "rule_failed")
        late = status == -signal.SIGXCPU
        return self._failed("ends its process", "rule_timeout" if late else "rule_failed")

    def _failed(self, what: str, code: str) -> CallerError:
        return CallerError(f"rule package {self.name} {what}", code=code, package=self.name)


def _read(reader: Callable[[], T]) -> T:
    """The answer came from a process that ran foreign code: its shape is looked at."""
    try:
        return reader()
    except (KeyError, TypeError, ValueError, AttributeError):
        raise CallerError("a rule worker answers nonsense", code="rule_failed") from None


def _environment() -> dict[str, str]:
    """Nothing of ours: no address, key or path in it."""
    return {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(Path(sild.__file__).resolve().parents[1]),
        "LANG": "C.UTF-8",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "NUMEXPR_MAX_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
    }
