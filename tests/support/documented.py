"""Runs a documentation page in an empty directory: its files are written, its commands run, top to bottom.

A block ```toml or ```python whose first line is a comment with a file name becomes that file. ```sh blocks are run by bash; a
line in them that begins with a long-running command is a process that must say it serves (one JSON line, or it answers).
Fixed ports of the page are exchanged for free ones.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parents[2]
LONG_RUNNING = (
    "sild trust ",
    "sild central-server --config",
    "sild registry ",
    "sild op-monitor ",
    "sild security-server --config",
    "sild demo",
    "uvicorn ",
)
BLOCK = re.compile(r"^```(toml|python|sh)\n(.*?)^```", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"# ([\w./-]+\.(?:toml|py))\n")


@dataclass
class DocumentedRun:
    """changes: text to text, in files and commands.  preambles: put at the head of a file, by its name."""

    directory: Path
    changes: dict[str, str] = field(default_factory=dict)
    preambles: dict[str, str] = field(default_factory=dict)
    printed: str = ""
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._bin = self.directory / ".bin"
        self._bin.mkdir()
        administer = f'#!/bin/sh\nexec {sys.executable} {ROOT}/examples/administer_security_server.py "$@"\n'
        for name, program in (
            ("administer", administer),
            ("sild", f'#!/bin/sh\nexec {sys.executable} -m sild "$@"\n'),
        ):
            (self._bin / name).write_text(program)
            (self._bin / name).chmod(0o755)
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            process.communicate(timeout=20)

    def page(self, name: str) -> None:
        for kind, text in BLOCK.findall((ROOT / "docs" / name).read_text()):
            for old, new in self.changes.items():
                text = text.replace(old, new)
            named = FILE.match(text)
            if kind == "sh":
                self.commands(text)
            elif named:
                (self.directory / named[1]).write_text(self.preambles.get(named[1], "") + text)

    def commands(self, text: str) -> None:
        short: list[str] = []
        for line in text.splitlines():
            if line.startswith(LONG_RUNNING):
                self._run(short)
                self._start(line)
                short = []
            else:
                short.append(line)
        self._run(short)

    def _run(self, lines: list[str]) -> None:
        script = "\n".join(lines)
        kept = "set -a; test ! -e .variables || . ./.variables"  # variables live on from block to block
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{kept}\n{script}\nexport -p > .variables"],
            cwd=self.directory, env=self._environment, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}\n{self._logs()}"
        self.printed += done.stdout

    def _start(self, line: str) -> None:
        log = self.directory / f"log-{len(self.processes)}"
        with log.open("w") as file:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {line}"],
                cwd=self.directory, env=self._environment, stdout=subprocess.PIPE, stderr=file, text=True,
            )  # fmt: skip
        self.processes.append(process)
        if line.startswith("uvicorn"):
            _wait_for_port(int(line.rsplit("--port ")[1].split()[0]), process)
            return
        assert process.stdout is not None
        while printed := process.stdout.readline():
            if line.startswith("sild demo"):
                if "Ctrl-C" in printed:
                    return
            elif json.loads(printed)["addresses"]:
                return
        raise AssertionError(f"{line} ended\n{self._logs()}")

    @property
    def _environment(self) -> dict[str, str]:
        return os.environ | {"PATH": f"{self._bin}:{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def _logs(self) -> str:
        return "\n".join(path.read_text()[-3000:] for path in sorted(self.directory.glob("log-*")))


def _wait_for_port(port: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise AssertionError(f"nothing listens on {port}")
