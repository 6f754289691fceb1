"""The time to read an input grows no faster than the input: a piece repeated where it hurts, for every parser strangers reach."""

from __future__ import annotations

import pytest

from fuzz.growth import ENOUGH_SECONDS, LARGE, grown, spent, too_steep
from fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
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
        rest = data
        while rest.startswith(b";"):
            rest = rest[1:]

    target = Target("quadratic", "bytes", read, lambda: [b""])
    steep = [
        too_steep(target, piece, LARGE) for piece, _ in grown(target, LARGE) if piece.startswith("b';'@0")
    ]
    assert any(steep)
