"""What wants gigabytes is a finding of one test, and not the end of everything on the machine."""

from __future__ import annotations

from random import Random

import pytest

from fuzz.mutations import KINDS, MOST_BYTES, Kind, mutate
from fuzz.target import Target, attempt
from fuzz.targets import TARGETS


def test_a_reader_that_takes_all_memory_is_found() -> None:
    target = Target("greedy", "bytes", lambda data: bytearray(8 * 1024**3), lambda: [b""])
    finding = attempt(target, b"")
    assert finding is not None and finding.what.startswith("MemoryError")


@pytest.mark.parametrize("kind", KINDS)
def test_changes_of_changes_stay_small(kind: Kind) -> None:
    """A thousand times a thousand times, four times over: that is how a run once took 23 GB."""
    seeds = [seed for target in TARGETS.values() if target.kind == kind for seed in target.seeds][:5]
    random = Random(20261122)
    for seed in seeds:
        data = seed
        for _ in range(30):
            data = mutate(data, kind, random, seeds)
            assert len(data) <= MOST_BYTES
