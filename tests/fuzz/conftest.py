"""No input takes the machine's memory: a parser that wants too much, or a change of inputs that does, is told MemoryError."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

MOST_MORE_BYTES = 2 * 1024**3
"""Than the process has when a test begins; of address space that can be written, which is what a machine runs out of."""


@pytest.fixture(autouse=True)
def bounded_memory() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    bound = _data_bytes() + MOST_MORE_BYTES
    for limit in (soft, hard):
        bound = bound if limit == resource.RLIM_INFINITY else min(bound, limit)
    resource.setrlimit(resource.RLIMIT_DATA, (bound, hard))
    yield
    resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _data_bytes() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmData:")[2].split()[0]) * 1024
