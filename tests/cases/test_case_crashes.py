"""The process is gone between any two steps of a case; opened again, the result is the same and everything happened once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
POINTS = ["start", "started", "before_call", "in_call", "before_commit", "after_registered"]
END = {
    "status": "CLOSED",
    "actions": ["OPEN", "SEND", "ACCEPT", "REGISTER"],
    "notices": ["permit.done", "permit.sent"],
}
ASKED = [f"ask.{point}" for point in ("in_call", "written", "REPLY", "in_back")]
ANSWERED = {
    "status": "CLOSED",
    "actions": ["OPEN", "SEND", "CONSULT", "PASS_ON", "REPLY", "CONSULT", "PASS_ON", "ACCEPT", "REGISTER"],
    "notices": ["answered", "asked"],
}


def told(directory, url, *stories):
    """What became of each, in their order."""
    done = subprocess.run(
        [sys.executable, "-m", "cases.crash_program", directory, url, *stories],
        cwd=TESTS,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((*sys.path, str(TESTS)))},
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == len(stories), done.stderr[-2000:]
    return [{**story, "stderr": done.stderr[-2000:]} for story in found]


@pytest.fixture(scope="module")
def on_sqlite(tmp_path_factory):
    points = [*POINTS, *ASKED]
    return dict(zip(points, told(tmp_path_factory.mktemp("crashes"), "sqlite", *points), strict=True))


@pytest.mark.parametrize("point", POINTS)
def test_killed_and_opened_again(on_sqlite, point):
    story = on_sqlite[point]
    assert story["exits"] == [-signal.SIGKILL, 0], story["stderr"]
    assert (story["end"], story["effects"]) == (END, 1)


@pytest.mark.parametrize("point", ASKED)
def test_a_question_to_another_body_is_asked_once(on_sqlite, point):
    story = on_sqlite[point]
    assert story["exits"] == [-signal.SIGKILL, 0], story["stderr"]
    assert (story["end"], story["effects"]) == (ANSWERED, 3), "two asked, one taken back"


def test_killed_and_opened_again_on_postgresql(tmp_path, postgresql):
    with postgresql.database() as url:
        (story,) = told(tmp_path, url, "started,in_call,after_registered")
    assert set(story["exits"][:-1]) <= {-signal.SIGKILL, 0} and story["exits"][-1] == 0, story["stderr"]
    assert story["exits"][0] == -signal.SIGKILL
    assert (story["end"], story["effects"]) == (END, 1)
