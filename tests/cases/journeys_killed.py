"""A journey whose processes are killed, held against the same undisturbed. One boundary of every third step, each day of the others; all of them with `make crashes`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .killing import lines, of_today
from .world import packs_of

TESTS = Path(__file__).parent.parent
WHICH = os.environ.get("SILD_CRASHES", "some")
patient = pytest.mark.timeout(7_200 if WHICH == "every" else 900)


def ensure_the_end_is_the_same(directory: Path, program: str, stories: list[str], processes: list) -> None:
    """processes: whose every job the stories have: made, or to be made of the packs."""
    done = subprocess.run(
        [sys.executable, "-m", f"cases.{program}", str(directory), WHICH, *stories],
        cwd=TESTS,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((*sys.path, str(TESTS)))},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    met: set[str] = set()
    died: set[str] = set()
    for story in stories:
        end, calm = (
            json.loads((directory / name / "end.json").read_text()) for name in (story, f"{story}.calm")
        )
        other = {name: (end[name], calm[name]) for name in end if end[name] != calm[name]}
        assert not other, f"{story}, killed and undisturbed: {other}"
        assert not end["failed"], story
        met.update(lines(directory / story / "met"))
        died.update(line.partition(" ")[0] for line in lines(directory / story / "died"))
    assert died == {step for step in met if WHICH == "every" or of_today(step)}
    kinds = {tuple(step.split("/")[:2]) for step in met}
    made = [one(packs_of("EE")) if isinstance(one, type) else one for one in processes]
    jobs = {(process.service, kind) for process in made for kind in process.jobs()}
    assert jobs <= kinds, f"jobs that no story has: {jobs - kinds}"
