"""kill -9 after every message of every job of a birth, one process after another: the same end, and nothing twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
ACTIONS = {
    *("RECORD", "DECLARE", "COSIGN", "EXAMINE", "APPROVE", "REGISTER", "ADDRESS"),
    *("COVER", "CARD", "OFFER", "ACCEPT", "GRANT", "CLOSE"),
}


@pytest.mark.timeout(300)
def test_killed_after_every_message_of_every_job(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "cases.birth_program", str(tmp_path)],
        cwd=TESTS,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    deaths = int(done.stdout)
    assert deaths >= 0, done.stderr[-3000:]
    died = (tmp_path / "died").read_text()
    assert deaths >= 10 and died.count("POST") >= 4, died
    end = json.loads((tmp_path / "end.json").read_text())
    assert end["status"] == "CLOSED" and not end["failed"]
    assert {action: end["actions"].count(action) for action in ACTIONS} == dict.fromkeys(ACTIONS, 1)
    assert end["names"] == ["Linda"]
    assert len(end["benefits"]) == len(set(end["benefits"]))
    assert len(end["notices"]) == len(set(end["notices"])) and "granted" in end["notices"]
