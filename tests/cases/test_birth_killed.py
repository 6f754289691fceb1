"""kill -9 at the boundaries of every step of a birth, one process after another: the same end, and nothing twice."""

from __future__ import annotations

import pytest

from sild.cases.birth import Birth

from .journeys_killed import ensure_the_end_is_the_same, patient


@patient
@pytest.mark.slow
def test_killed_at_every_step(tmp_path):
    stories = [
        "married", "unmarried", "paper", "unheard_of", "elsewhere", "corrected", "unpaid", "bereaved", "mistaken", "silent",
    ]  # fmt: skip
    ensure_the_end_is_the_same(tmp_path, "birth_program", stories, [Birth])
