"""docs/journeys.md tells which branch walks which step: no branch is missing there, and none is made up."""

from __future__ import annotations

import re
from pathlib import Path

from . import test_births_in_a_browser as births
from . import test_moves_in_a_browser as moves

COUNTER = "a_move_at_the_counter"
"""Walked in the portal's own tests, for each language and size."""
DOCS = Path(__file__).parents[2] / "docs" / "journeys.md"


def test_every_branch_is_listed_and_every_refusal_walked() -> None:
    _, _, walked = DOCS.read_text().partition("## Who has walked it")
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", walked, re.MULTILINE)
    listed = {name for _step, names in rows for name in re.findall(r"`(\w+)`", names)}
    assert listed == {*births.branch, *moves.branch, COUNTER}
    assert (
        f"def test_{COUNTER}(" in (DOCS.parents[1] / "tests/portal/test_counter_in_a_browser.py").read_text()
    )
    for letters, journey in (("abcdefgh", births.branch), ("abcdefg", {*moves.branch, COUNTER})):
        refused = {
            step[1]: names for step, names in rows if re.match(r"\([a-h]\)", step) and names.strip("`").split("`")[0] in journey
        }  # fmt: skip
        assert set(refused) == set(letters), "a refusal that nobody walks"
