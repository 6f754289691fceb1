"""A register's kernel in a database of each kind, and a clock that is set by hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sild.registries.kernel import Kernel, Provenance, Usage
from support.clock import SetClock as SetClock
from support.postgres import either_url as either_url
from support.postgres import postgresql as postgresql

SYSTEM = "/SILD/GOV/70000002/population"
USAGE = Usage(
    "SILD/GOV/70000003/insurance", "message-1", user_id="EE38001085718", issue="case-7", basis="RRS 5"
)
SAID = Provenance("SILD/GOV/70000003/insurance", "RRS 5", "message-1")


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def kernel(either_url: str, clock: SetClock) -> Iterator[Kernel]:
    kernel = Kernel.open(either_url, SYSTEM, clock=clock)
    yield kernel
    kernel.close()
