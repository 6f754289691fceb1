"""A security server as a process of its own, with what the operating system knows of it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from sild.errors import Unavailable
from sild.security_server import SecurityServerSettings

__all__ = ["ServerProcess", "Usage", "write_settings"]

START_SECONDS = 30.0
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """cpu: seconds, user and system, of all threads so far.  memory: proportional set size now, peak: resident, bytes."""

    cpu: float
    memory: int
    peak: int


class ServerProcess:
    """Started by `start`; `addresses` as the process printed them, `start_seconds` until it did."""

    def __init__(
        self, process: asyncio.subprocess.Process, addresses: dict[str, Any], start_seconds: float
    ) -> None:
        self._process = process
        self.addresses = {name: (str(host), int(port)) for name, (host, port) in addresses.items()}
        self.start_seconds = start_seconds

    @classmethod
    async def start(cls, settings: SecurityServerSettings, *, workers: int = 0) -> ServerProcess:
        """Write the settings as TOML into the server's directory and run `sild security-server` on them.

        Log lines go to `server.log` beside them. Raises Unavailable when the process ends or does not serve in time.
        """
        config = await asyncio.to_thread(write_settings, settings)
        begun = time.perf_counter()
        with (settings.directory / "server.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "sild",
                "security-server",
                "--config",
                str(config),
                "--workers",
                str(workers),
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        assert process.stdout is not None
        try:
            line = await asyncio.wait_for(process.stdout.readline(), START_SECONDS)
        except TimeoutError:
            process.kill()
            raise Unavailable(f"the server of {config} did not start in time; see server.log") from None
        if not line:
            raise Unavailable(f"the server of {config} ended at once; see server.log")
        return cls(process, json.loads(line)["addresses"], time.perf_counter() - begun)

    def usage(self) -> Usage:
        """Of the process and its workers together. From /proc: Linux only."""
        processes = [_usage(pid) for pid in (self._process.pid, *_children(self._process.pid))]
        return Usage(
            sum(each.cpu for each in processes),
            sum(each.memory for each in processes),
            sum(each.peak for each in processes),
        )

    async def stop(self) -> None:
        """Ask it to end and wait."""
        if self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()


def _usage(pid: int) -> Usage:
    directory = Path(f"/proc/{pid}")
    fields = (directory / "stat").read_text().rpartition(")")[2].split()
    sizes = _sizes(directory / "status") | _sizes(directory / "smaps_rollup")
    return Usage((int(fields[11]) + int(fields[12])) / CLOCK_TICKS, sizes["Pss"], sizes["VmHWM"])


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _sizes(file: Path) -> dict[str, int]:
    """Bytes by name, of the lines `Name:  123 kB`."""
    found = {}
    for line in file.read_text().splitlines():
        name, _, rest = line.partition(":")
        if rest.endswith(" kB"):
            found[name] = int(rest.split()[0]) * 1024
    return found


def write_settings(settings: SecurityServerSettings) -> Path:
    """`server.toml` in the server's directory, readable by the owner alone: the PIN is in it."""
    file = settings.directory / "server.toml"
    lines, tables = [], []  # JSON's strings, numbers and lists are TOML's too
    for name, value in settings.model_dump().items():
        if value is None:
            continue
        if isinstance(value, dict):
            tables += _tables(name, value)
            continue
        lines.append(f"{name} = {_plain(value)}")
    file.touch(mode=0o600)
    file.write_text("\n".join((*lines, *tables, "")))
    return file


def _plain(value: object) -> str:
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return json.dumps(str(value) if isinstance(value, Path) else value)


def _tables(name: str, table: Mapping[str, object]) -> list[str]:
    """The rows of a table and of the tables in it."""
    rows = [
        f"{json.dumps(key)} = {_plain(value)}"
        for key, value in table.items()
        if value is not None and not isinstance(value, dict)
    ]
    inner = [
        row
        for key, value in table.items()
        if isinstance(value, dict)
        for row in _tables(f"{name}.{json.dumps(key)}", value)
    ]
    return [*([f"[{name}]", *rows] if rows else []), *inner]
