"""kill -9 at the boundaries of every step of a move, one process after another: the same end, and nothing twice."""

from __future__ import annotations

import pytest

from sild.cases import Assisted
from sild.cases.move import Move
from sild.cases.removal import Removal

from .journeys_killed import ensure_the_end_is_the_same, patient


@patient
@pytest.mark.slow
def test_killed_at_every_step(tmp_path):
    stories = ["moved", "silent", "unknown", "twice", "removal", "counter"]
    ensure_the_end_is_the_same(tmp_path, "move_program", stories, [Move, Removal, Assisted])
