"""kill -9 at the boundaries of every step of what a person has with an office: the same end, and nothing twice."""

from __future__ import annotations

import pytest

from .desk_program import STORIES, processes
from .journeys_killed import ensure_the_end_is_the_same, patient
from .world import packs_of


@patient
@pytest.mark.slow
def test_killed_at_every_step(tmp_path):
    ensure_the_end_is_the_same(tmp_path, "desk_program", list(STORIES), processes(packs_of("EE")))
