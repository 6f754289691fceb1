"""What environmental monitoring tells about the machine and this server (doc/EnvironmentalMonitoring; WIRE 15), with its names.

Five figures are sampled every few seconds and told as histograms of the last hour. Lists (processes, packages, disks) are made
when somebody asks, beside the event loop, and kept for a minute, so that asking often costs nothing.

Whoever may ask sees other programs' names and users, but never an argument of a command line: of "Xroad Processes", where the
reference shows whole command lines, only words that cannot be a secret (docs/divergences.md).
"""

from __future__ import annotations

import asyncio
import math
import os
import re
import shutil
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import psutil

from sild import __version__
from sild.clock import Clock
from sild.interpreter import yielding
from sild.security_server.environment_metrics import (
    HistogramMetric,
    Metric,
    MetricSet,
    plain_metric,
)
from sild.telemetry import get_logger

__all__ = ["Environment"]

log = get_logger("security_server")

SAMPLING_SECONDS = 5.0
WINDOW_SECONDS = 3600.0
LISTING_SECONDS = 60.0
PROGRAM_SECONDS = 20.0  # for dpkg-query or rpm

_PACKAGES = {
    "rpm": ("rpm", "-qa", "--queryformat", "%{NAME}/%{VERSION}-%{RELEASE}\n"),
    "dpkg-query": ("dpkg-query", "--show", "--showformat", "${Package}/${Version}\n"),
}
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,40}")
_OURS = re.compile(r"(^|[/ ])sild([./ -]|$)")


class Environment:
    """certificates: the set of them, made anew at each question."""

    def __init__(self, clock: Clock, certificates: Callable[[], MetricSet]) -> None:
        self._clock = clock
        self._certificates = certificates
        self._process = psutil.Process()
        self._samples: dict[str, deque[tuple[float, float]]] = {}
        self._listed: tuple[float, tuple[Metric, ...]] = (-math.inf, ())
        self._listing = asyncio.Lock()
        psutil.cpu_percent()  # measures from one call to the next

    async def run(self) -> None:
        """Sample until cancelled."""
        while True:
            try:
                self.sample()
            except (psutil.Error, OSError) as error:
                log.bug("environment.not_sampled", error)
            await asyncio.sleep(SAMPLING_SECONDS)

    def sample(self) -> None:
        now = time.monotonic()
        for name, value in self._measured():
            samples = self._samples.setdefault(name, deque())
            samples.append((now, value))
            while samples[0][0] < now - WINDOW_SECONDS:
                samples.popleft()

    async def metrics(self, wanted: Sequence[str], *, limited: bool) -> MetricSet:
        """The set `systemMetrics` in the reference's order.

        wanted: names of metrics in it; none are all.  limited: only certificates and the operating system, for whoever
        is not the owner where the owner wants it so.
        """
        if not self._samples:
            self.sample()
        listed = () if limited else await self._lists()
        simple = [*self._simple(), *(metric for metric in listed if not isinstance(metric, MetricSet))]
        found: list[Metric] = [self._certificates()]
        found += sorted(
            (metric for metric in simple if not limited or metric.name == "OperatingSystem"),
            key=lambda metric: metric.name,
        )
        if not limited:
            found += self._histograms()
            found += [metric for metric in listed if isinstance(metric, MetricSet)]
        chosen = [metric for metric in found if not wanted or metric.name in wanted]
        return MetricSet("systemMetrics", tuple(metric for metric in chosen if metric.is_told))

    # figures

    def _measured(self) -> Iterator[tuple[str, float]]:
        yield "SystemCpuLoad", float(int(psutil.cpu_percent()))
        yield "FreePhysicalMemory", float(psutil.virtual_memory().free)
        yield "FreeSwapSpace", float(psutil.swap_memory().free)
        yield "OpenFileDescriptorCount", float(self._process.num_fds())
        yield "CommittedVirtualMemory", float(self._process.memory_info().vms)

    def _histograms(self) -> list[HistogramMetric]:
        at = self._clock()
        return [
            HistogramMetric.of(name, at, [value for _, value in self._samples[name]])
            for name in sorted(self._samples)
        ]

    def _simple(self) -> list[Metric]:
        try:
            system = Path("/proc/version").read_text().strip()
        except OSError:
            system = " ".join(os.uname())
        return [
            plain_metric("MaxFileDescriptorCount", self._process.rlimit(psutil.RLIMIT_NOFILE)[0]),
            plain_metric("OperatingSystem", system),
            plain_metric("TotalPhysicalMemory", psutil.virtual_memory().total),
            plain_metric("TotalSwapSpace", psutil.swap_memory().total),
        ]

    # lists

    async def _lists(self) -> tuple[Metric, ...]:
        async with self._listing:
            made, listed = self._listed
            if time.monotonic() - made > LISTING_SECONDS:
                listed = await asyncio.to_thread(_listed)
                self._listed = (time.monotonic(), listed)
        return listed


def _listed() -> tuple[Metric, ...]:
    with yielding():
        disk = psutil.disk_usage("/")
        processes = [found for process in psutil.process_iter() if (found := _process(process)) is not None]
        return (
            plain_metric("DiskSpaceFree_/", disk.free),
            plain_metric("DiskSpaceTotal_/", disk.total),
            MetricSet("Processes", tuple(every for every, _ in processes)),
            MetricSet("Xroad Processes", tuple(own for _, own in processes if own is not None)),
            MetricSet("Packages", _packages()),
        )


def _process(process: psutil.Process) -> tuple[MetricSet, MetricSet | None] | None:
    """As `ps` shows it among all processes and, if it is one of ours, among those of X-Road; None when it is gone."""
    try:
        with process.oneshot():
            began = process.create_time()
            times = process.cpu_times()
            load = 100 * (times.user + times.system) / max(time.time() - began, 0.001)
            user, name = process.username(), process.name()
            memory = process.memory_percent()
            command = _words(process.cmdline())
    except (psutil.Error, OSError):
        return None

    def told(command: str) -> MetricSet:
        values = (
            ("processId", process.pid),
            ("command", command),
            ("cpuLoad", f"{load:.1f}"),
            ("memUsed", f"{memory:.1f}"),
            ("startTime", _start_time(began)),
            ("userId", user),
        )
        return MetricSet(str(process.pid), tuple(plain_metric(name, value) for name, value in values))

    ours = process.pid == os.getpid() or _OURS.search(command) is not None
    return told(name), told(command or name) if ours else None


def _words(arguments: Sequence[str]) -> str:
    """The program and the plain words behind it, up to the first argument that may carry a value."""
    if not arguments:
        return ""
    words = [Path(arguments[0]).name]
    rest = list(arguments[1:])
    if rest and rest[0].endswith(("/sild", "/sild.py")):
        words.append(Path(rest.pop(0)).name)
    if rest[:1] == ["-m"]:
        words.append(rest.pop(0))
    for argument in rest:
        if not _WORD.fullmatch(argument):
            break
        words.append(argument)
    return " ".join(words)


def _start_time(began: float) -> str:
    """Of `ps`: the time today, the day this year, the year before."""
    at, now = datetime.fromtimestamp(began, UTC).astimezone(), datetime.now(UTC).astimezone()
    if at.date() == now.date():
        return f"{at:%H:%M}"
    return f"{at:%b%d}" if at.year == now.year else f"{at:%Y}"


def _packages() -> tuple[Metric, ...]:
    """Installed packages, and Sild among them however it was installed."""
    command = _PACKAGES["rpm" if Path("/etc/redhat-release").exists() else "dpkg-query"]
    listed = f"sild/{__version__}\n"
    program = shutil.which(command[0])
    if program is not None:
        try:
            done = subprocess.run(  # noqa: S603 - a fixed program and fixed arguments
                [program, *command[1:]], capture_output=True, timeout=PROGRAM_SECONDS, check=False
            )
            listed += done.stdout.decode(errors="replace")
        except (OSError, subprocess.SubprocessError) as error:
            log.bug("environment.packages_not_listed", error)
    pairs = (line.partition("/") for line in listed.splitlines())
    return tuple(plain_metric(name, version) for name, _, version in pairs if name and version)
