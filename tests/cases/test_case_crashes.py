"""The process is gone between any two steps of a case; opened again, the result is the same and everything happened once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "crash_program.py"
POINTS = ["start", "started", "before_call", "in_call", "before_commit", "after_registered"]
RESULT = "CLOSED ['OPEN', 'SEND', 'ACCEPT', 'REGISTER'] ['permit.done', 'permit.sent']"


def run(directory, ledger, point, *url):
    return subprocess.run(
        [sys.executable, PROGRAM, directory, ledger, point, *url], capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("point", POINTS)
def test_killed_and_opened_again(tmp_path, point):
    ledger = tmp_path / "ledger"
    assert run(tmp_path, ledger, point).returncode == 9
    after = run(tmp_path, ledger, "never")
    assert after.stdout.strip() == RESULT, after.stderr[-2000:]
    assert len(ledger.read_text().split()) == 1


def test_killed_and_opened_again_on_postgresql(tmp_path, postgresql):
    ledger = tmp_path / "ledger"
    with postgresql.database() as url:
        for point in ("started", "in_call", "after_registered"):
            assert run(tmp_path, ledger, point, url).returncode in (0, 9)
        after = run(tmp_path, ledger, "never", url)
    assert after.stdout.strip() == RESULT, after.stderr[-2000:]
    assert len(ledger.read_text().split()) == 1
