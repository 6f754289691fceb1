"""What is fuzzed: a parser strangers reach, inputs to begin with, and what may come of any input.

A finding is anything but a value or a `PlatformError`; more CPU time or memory than one input may take; and, where `read` asserts
more (that what was read can be written and read again), what does not hold.
"""

from __future__ import annotations

import resource
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from fuzz.mutations import Kind
from sild.errors import PlatformError

__all__ = ["REGRESSIONS", "SHARED", "Finding", "Target", "attempt", "content_type_first"]

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "xroad"
REGRESSIONS = ROOT / "tests" / "vectors" / "regressions"
MAX_CPU_SECONDS = 2.0
"""Of one input of at most `max_bytes`, on a slow machine with coverage counted."""
MAX_GROWTH_BYTES = 400 * 1024 * 1024


@dataclass(frozen=True)
class Target:
    """read: raises PlatformError or returns.  seeds: good inputs, and globs below the reference's samples (absent: passed over)."""

    name: str
    kind: Kind
    read: Callable[[bytes], object]
    made: Callable[[], Sequence[bytes]]
    samples: Sequence[str] = ()
    wrap: Callable[[bytes], bytes] = bytes
    max_bytes: int = 64 * 1024

    @cached_property
    def seeds(self) -> list[bytes]:
        found = [*self.made()]
        for pattern in self.samples:
            found += [self.wrap(path.read_bytes()) for path in sorted(SHARED.glob(pattern)) if path.is_file()]
        return [seed for seed in dict.fromkeys(found) if len(seed) <= self.max_bytes]


@dataclass(frozen=True)
class Finding:
    """what: `RecursionError-parse_openapi`, one name for one mistake.  story: for people."""

    what: str
    story: str


def attempt(target: Target, data: bytes) -> Finding | None:
    """Read one input; None: as it should be."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.thread_time()  # of this input's reader: a process of many tests has other threads
    try:
        target.read(data)
    except PlatformError:
        pass
    except (Exception, MemoryError) as error:
        return Finding(f"{type(error).__name__}-{_where(error)}", "".join(traceback.format_exception(error)))
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # a panic in Rust below us is no Exception
            raise
        return Finding(f"PanicException-{_where(error)}", "".join(traceback.format_exception(error)))
    spent = time.thread_time() - start
    if spent > MAX_CPU_SECONDS and (spent := _again(target, data)) > MAX_CPU_SECONDS:
        return Finding("slow", f"{spent:.1f} s for {len(data)} bytes")
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    if grown > MAX_GROWTH_BYTES:
        return Finding("memory", f"{grown // 2**20} MB for {len(data)} bytes")
    return None


def _again(target: Target, data: bytes) -> float:
    """CPU seconds of a second reading: what was done for the first time, and garbage of others, is not in them."""
    start = time.thread_time()
    with suppress(PlatformError):
        target.read(data)
    return time.thread_time() - start


def _where(error: BaseException) -> str:
    """The innermost function of ours."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame.name for frame in frames if "/sild/" in frame.filename] or [frame.name for frame in frames]
    return (ours[-1] if ours else "nowhere").strip("<>")


def content_type_first(data: bytes) -> tuple[str, bytes]:
    """Inputs with a content type beside the body have it as their first line."""
    first, _, rest = data.partition(b"\n")
    return first.decode("latin-1").rstrip("\r"), rest
