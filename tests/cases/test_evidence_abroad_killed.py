"""kill -9 at the boundaries of every step of asking another country for evidence: the same end, asked and kept once."""

from __future__ import annotations

import pytest

from sild.cases.abroad import EvidenceAbroad

from .abroad_program import STORIES
from .journeys_killed import ensure_the_end_is_the_same, patient
from .world import SYSTEM, packs_of


@patient
@pytest.mark.slow
def test_killed_at_every_step(tmp_path):
    part = EvidenceAbroad(packs_of("EE"), (), system=SYSTEM, name={})
    part.service = "permit"  # a part's jobs are of the case's own service
    ensure_the_end_is_the_same(tmp_path, "abroad_program", list(STORIES), [part])
