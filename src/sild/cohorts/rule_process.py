"""The parent's side of a child that has the rules: started for one package, killed when it does not answer, replaced when it died."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np
import psutil

from sild.cohorts.messages import Array, read_message, write_message
from sild.errors import CallerError, Unavailable
from sild.rules import RulePackage

if TYPE_CHECKING:
    from sild.rules import Group

__all__ = ["Limits", "RuleProcess", "peak_memory"]

Key = tuple[str, str]
"""Variable, period."""


@dataclass(frozen=True, slots=True)
class Limits:
    """seconds: for one chunk, of wall and of processor.  memory: bytes a rule process may add to what it starts with."""

    seconds: float = 600.0
    memory: int = 4 << 30


class RuleProcess:
    """One package. One thread asks; any may close it for good."""

    def __init__(self, package: RulePackage, limits: Limits) -> None:
        self._package, self._limits = package, limits
        self._process: subprocess.Popen[bytes] | None = None
        self._closing, self.closed = threading.Lock(), False
        self.locks: dict[str, bool] = {}

    def evaluate_columns(
        self,
        columns: Mapping[Key, Array],
        outputs: Sequence[Key],
        *,
        at: date,
        counts: Mapping[str, int],
        groups: Mapping[str, Group],
    ) -> dict[Key, Array]:
        """As `sild.rules.evaluate_columns`.

        Raises CallerError: what that raises; rule_timeout.  Unavailable (rule_process_died): killed from outside, or out of memory.
        """
        head = {
            "at": at.isoformat(),
            "counts": dict(counts),
            "groups": list(groups),
            "columns": list(columns),
            "outputs": list(outputs),
            "seconds": self._limits.seconds,
        }
        members = [np.ma.MaskedArray(part) for group in groups.values() for part in (group.of, group.roles)]
        said, arrays = self._ask(head, [*members, *columns.values()])
        if "error" in said:
            error = said["error"]
            raise CallerError(
                error["message"], code=error["code"], **{**error["detail"], "package": self._package.name}
            )
        if len(arrays) != len(outputs):
            self.end()
            raise CallerError(f"{self._package.name} answers what was not asked", code="rule_failed")
        return dict(zip(outputs, arrays, strict=True))

    def close(self) -> None:
        """Who is asking gets Unavailable, and no other process is started."""
        with self._closing:
            self.closed = True
            self.end()

    def end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            try:
                if pipe is not None:
                    pipe.close()
            except OSError:
                pass

    @property
    def peak(self) -> dict[str, int]:
        """Bytes of memory at most so far, by process."""
        return {} if self._process is None else peak_memory(self._process.pid)

    @property
    def cpu(self) -> float:
        """Seconds of the processor so far."""
        process = self._process
        if process is None:
            return 0.0
        try:
            used = psutil.Process(process.pid).cpu_times()
        except psutil.Error:
            return 0.0
        return float(used.user + used.system)

    def _ask(
        self, head: Mapping[str, object], arrays: Sequence[Array]
    ) -> tuple[Mapping[str, Any], list[Array]]:
        process = self._process or self._start()
        late = threading.Event()

        def kill() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(self._limits.seconds, kill)
        timer.start()
        try:
            return self._exchange(process, head, arrays)
        except (OSError, ValueError, KeyError, TypeError):
            self.end()
            if late.is_set():
                name, seconds = self._package.name, self._limits.seconds
                message = f"rule package {name} does not answer in {seconds:g} s"
                raise CallerError(message, code="rule_timeout", package=name) from None
            raise Unavailable("a rule process died", code="rule_process_died") from None
        finally:
            timer.cancel()

    def _exchange(
        self, process: subprocess.Popen[bytes], head: Mapping[str, object], arrays: Sequence[Array]
    ) -> tuple[Mapping[str, Any], list[Array]]:
        write_message(cast(BinaryIO, process.stdin), head, arrays)
        answer = read_message(cast(BinaryIO, process.stdout))
        if answer is None:
            raise BrokenPipeError
        return answer

    def _start(self) -> subprocess.Popen[bytes]:
        with self._closing:
            if self.closed:
                raise Unavailable("the run has ended", code="rule_process_died")
            process = subprocess.Popen(  # our own module
                [sys.executable, "-P", "-m", "sild.cohorts.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=_ENVIRONMENT,
            )
            self._process = process
        files = {path: base64.b64encode(content).decode() for path, content in self._package.files.items()}
        try:
            head, _ = self._exchange(process, {"package": files, "memory": self._limits.memory}, ())
        except (OSError, ValueError):
            self.end()
            raise Unavailable("a rule process does not start", code="rule_process_died") from None
        self.locks = dict(head["locks"])
        return process


def peak_memory(pid: int) -> dict[str, int]:
    """Bytes at most so far, by host and process; nothing where the system does not tell."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    return {
        f"{os.uname().nodename}/{pid}": int(line.split()[1]) * 1024 for line in lines if line[:6] == "VmHWM:"
    }


_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "NUMEXPR_MAX_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",
}
"""Nothing of ours: no address, key or path in it."""
