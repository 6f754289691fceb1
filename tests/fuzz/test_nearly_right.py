"""Every parser strangers reach, given inputs that are nearly right: it reads them, or refuses them in our words, in time.

The same targets as `make fuzz`, for a bounded time; there they are guided by coverage and go on for as long as one likes.
"""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.mutations import mutate
from fuzz.target import attempt
from fuzz.targets import TARGETS

CHANGES = st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=4)


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_read(name: str) -> None:
    """A target whose seeds are all refused would look at nothing but the first check."""
    target = TARGETS[name]
    for seed in target.seeds:
        finding = attempt(target, seed)
        assert finding is None, finding.story


@pytest.mark.parametrize("name", TARGETS)
def test_nearly_right(name: str) -> None:
    target = TARGETS[name]
    seeds = target.seeds
    if not seeds:
        pytest.skip("its seeds are X-Road's sample data, which is not on this machine")

    @settings(suppress_health_check=[HealthCheck.too_slow])
    @given(st.integers(0, len(seeds) - 1), CHANGES)
    def any_change(seed: int, changes: list[int]) -> None:
        data = seeds[seed]
        for change in changes:
            data = mutate(data, target.kind, Random(change), seeds)
        data = data[: target.max_bytes]
        finding = attempt(target, data)
        assert finding is None, f"{data[:2000]!r}\n{finding.story}"

    any_change()


@pytest.mark.parametrize("name", TARGETS)
def test_anything(name: str) -> None:
    target = TARGETS[name]

    @given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
    def any_bytes(data: bytes) -> None:
        finding = attempt(target, data)
        assert finding is None, f"{data!r}\n{finding.story}"

    any_bytes()
