"""kill -9 after every message of every job of a move, one process after another: the same end, and nothing twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
ACTIONS = ("FIND", "SEND", "ASK", "CONSENT", "ACCEPT", "DECIDE", "REGISTER")


@pytest.mark.timeout(200)
def test_killed_after_every_message_of_every_job(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "cases.move_program", str(tmp_path)],
        cwd=TESTS,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    deaths = int(done.stdout)
    assert deaths >= 0, done.stderr[-3000:]
    died = (tmp_path / "died").read_text()
    assert deaths >= 5 and "POST GOV/70000006/residence /moves" in died, died
    end = json.loads((tmp_path / "end.json").read_text())
    assert end["status"] == "CLOSED" and not end["failed"]
    assert {action: end["actions"].count(action) for action in ACTIONS} == dict.fromkeys(ACTIONS, 1)
    assert end["homes"] == 1
    assert end["bodies"] == ["GOV/70000001/portal", "GOV/70000005/education"]
    assert end["notices"].count("registered") == end["owner"].count("consent_asked") == 1
