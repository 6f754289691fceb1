"""What fuzzing once found stays found: every vector is read or refused, in time (docs/fuzzing.md)."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz.target import REGRESSIONS, attempt
from fuzz.targets import TARGETS

VECTORS = sorted(REGRESSIONS.glob("*/*.bin"))


def test_each_directory_is_a_targets() -> None:
    assert {path.parent.name for path in VECTORS} <= set(TARGETS)
    assert VECTORS


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_vector(path: Path) -> None:
    finding = attempt(TARGETS[path.parent.name], path.read_bytes())
    assert finding is None, finding.story
