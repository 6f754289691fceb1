"""The table of X-Road's features tells the truth about itself: every test named exists, no core row is missing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "features.md").read_text()
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split(" | "))
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith(("| feature", "|---"))
]


def test_every_row_has_a_state() -> None:
    assert len(ROWS) > 100
    for row in ROWS:
        assert len(row) == 3 and row[1] in ("works", "differs", "not yet"), row


def test_no_core_row_is_missing() -> None:
    core = [row for row in ROWS if row[0].startswith("**CORE**")]
    assert len(core) > 30
    assert [row for row in core if row[1] != "works"] == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_its_tests_exist(row: tuple[str, str, str]) -> None:
    named = re.findall(r"`((?:[a-z0-9_/]+\.py)?(?:::[a-z0-9_]+)?)`", row[2])
    if row[1] == "works":
        assert named, "what works has a test"
    file = ""
    for reference in filter(None, named):
        path, _, function = reference.partition("::")
        file = path or file
        source = (ROOT / "tests" / file).read_text()
        assert not function or re.search(rf"^(?:async )?def {function}\(", source, re.M), reference


def test_it_has_every_feature_of_the_list(shared: Path) -> None:
    listed = []
    for line in (shared / "FEATURES.md").read_text().splitlines():
        name = line.removeprefix("| ").partition(" | ")[0]
        if line.startswith("| ") and not name.startswith(("Feature", "---")):
            listed.append(name.replace("[CORE]", "**CORE**"))
    assert [name for name in listed if name not in {row[0] for row in ROWS}] == []
    assert [row[0] for row in ROWS if row[0] not in listed] == []
