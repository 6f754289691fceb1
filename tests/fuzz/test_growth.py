"""The time to read an input grows no faster than the input: a piece repeated where it hurts, for every parser strangers reach."""

from __future__ import annotations

import pytest

from fuzz.growth import ENOUGH_SECONDS, LARGE, grown, spent, too_steep
from fuzz.targets import TARGETS

# An administrator's own file; PyYAML takes a millisecond for a hundred bytes, and longer when somebody else is at work.
STRANGERS = [name for name in TARGETS if name != "acme_yml"]


@pytest.mark.parametrize("name", STRANGERS)
def test_growth(name: str) -> None:
    target = TARGETS[name]
    for piece, data in grown(target, LARGE):
        if spent(target, data) > ENOUGH_SECONDS:
            steep = too_steep(target, piece, LARGE)
            assert steep is None, steep


def test_a_quadratic_reader_is_found() -> None:
    """The measure itself."""
    from fuzz.target import Target

    def read(data: bytes) -> None:
        for _ in range(len(data) // 100):
            data.count(b"x")

    target = Target("quadratic", "bytes", read, lambda: [b""], max_bytes=LARGE)
    piece = next(name for name, _ in grown(target, LARGE) if name.startswith("b';'"))
    assert too_steep(target, piece, LARGE)
