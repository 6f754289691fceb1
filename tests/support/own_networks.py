"""Networks of their own for processes, as docs/ai_gateway.md has them: three namespaces, and real `sild` commands in them.

The platform's place has a wire to the gateway's and no other. The gateway's has one more, to the provider's. Nothing is forwarded.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

GATEWAY, PLATFORM, PROVIDER = "10.213.1.1", "10.213.1.2", "10.213.2.2"
SERVES = '"addresses"'  # in the line by which a process says that it serves

PROBE = """
import json, socket, sys
def reached(address):
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 2).close()
    except OSError:
        return False
    return True
print(json.dumps([each for each in sys.argv[1:] if reached(each)]))
"""


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=20)


@contextmanager
def namespaces() -> Iterator[dict[str, str]]:
    """Names by role: gateway, platform, provider. Skips the test where none can be made."""
    if os.geteuid() != 0 or shutil.which("ip") is None or shutil.which("nsenter") is None:
        pytest.skip("network namespaces need root, ip and nsenter")
    names = {role: f"sild-{role}-{os.getpid()}" for role in ("gateway", "platform", "provider")}
    wires = (("gateway", "10.213.1.1", "platform", PLATFORM), ("gateway", "10.213.2.1", "provider", PROVIDER))
    try:
        try:
            for name in names.values():
                run("ip", "netns", "add", name)
                run("ip", "-n", name, "link", "set", "lo", "up")
        except subprocess.CalledProcessError as error:
            pytest.skip(f"this machine makes no network namespaces: {error.stderr.decode().strip()}")
        for number, (one, address, other, its) in enumerate(wires):
            ends = (f"sa{number}x{os.getpid() % 10000}", f"sb{number}x{os.getpid() % 10000}")
            run("ip", "link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
            for end, role, ip in zip(ends, (one, other), (address, its), strict=True):
                run("ip", "link", "set", end, "netns", names[role])
                run("ip", "-n", names[role], "addr", "add", f"{ip}/24", "dev", end)
                run("ip", "-n", names[role], "link", "set", end, "up")
        run("ip", "netns", "exec", names["gateway"], "sysctl", "-q", "-w", "net.ipv4.ip_forward=0")
        yield names
    finally:
        for name in names.values():
            subprocess.run(["ip", "netns", "del", name], capture_output=True, timeout=20, check=False)


@dataclass(frozen=True)
class Started:
    """A process in a namespace. until: stands in the line by which it says that it serves."""

    process: subprocess.Popen[str]
    log: Path
    until: str

    @property
    def pid(self) -> int:
        return self.process.pid

    def wait(self, times: int = 1) -> list[str]:
        """All lines up to that one, or to the last of `times` such."""
        assert self.process.stdout is not None
        lines: list[str] = []
        for line in self.process.stdout:
            lines.append(line)
            times -= self.until in line
            if times == 0:
                return lines
        raise AssertionError(f"{self.process.args} ended: {self.log.read_text()[-2000:]}")


def started_by(pid: int) -> list[int]:
    """Process ids of all that a process has started, and those have."""
    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


class Places:
    """Starts processes in namespaces; `end` ends all of them."""

    def __init__(self, names: dict[str, str], directory: Path) -> None:
        self.names, self._directory = names, directory
        self._started: list[Started] = []

    def start(self, role: str, *command: str, until: str = SERVES) -> Started:
        """Begins `command` in the namespace of `role` and does not wait for it."""
        log = self._directory / f"{len(self._started)}.log"
        with log.open("w") as errors:
            process = subprocess.Popen(
                ["ip", "netns", "exec", self.names[role], *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=self._directory,
            )
        started = Started(process, log, until)
        self._started.append(started)
        return started

    def sild(self, role: str, *arguments: str, until: str = SERVES) -> Started:
        return self.start(role, sys.executable, "-m", "sild", *arguments, until=until)

    def end(self) -> None:
        """At once: nobody will miss their state."""
        for each in self._started:
            if each.process.poll() is None:
                for process in (*started_by(each.pid), each.pid):
                    with suppress(ProcessLookupError):
                        os.kill(process, signal.SIGKILL)
        for each in self._started:
            each.process.communicate(timeout=20)


def network_of(pid: int) -> str:
    """The network a process is in, as the kernel names it."""
    return str(Path(f"/proc/{pid}/ns/net").readlink())


def network_named(name: str) -> str:
    """The same of a namespace that `ip netns` made."""
    return f"net:[{Path('/run/netns', name).stat().st_ino}]"


def inside(pid: int, program: str, *arguments: str, bare: bool = False) -> str:
    """What `program` says, run where the process is: in its own network. bare: without packages, in milliseconds."""
    python = [sys.executable, "-I", "-S"] if bare else [sys.executable]
    command = ["nsenter", "-t", str(pid), "-n", *python, "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()
