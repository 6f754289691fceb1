"""The process is killed at every boundary of every step; another carries on, and each finished step was done once."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "program.py"
POINTS = ["one begin", "one done", "one after", "two done", "three begin", "three after", "total 11"]


@contextmanager
def process(url, ledger, first_id="-", die_at="never"):
    started = subprocess.Popen(
        [sys.executable, PROGRAM, url, ledger, first_id, die_at],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert started.stdout is not None and started.stdout.readline() == "open\n"
        yield started
    finally:
        started.kill()
        started.communicate()


def wait_for(ledger: Path, line: str, seconds: float = 20) -> list[str]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        lines = ledger.read_text().splitlines() if ledger.exists() else []
        if line in lines:
            return lines
        time.sleep(0.02)
    raise AssertionError(f"{line!r} did not come: {lines}")


@pytest.mark.parametrize("point", POINTS)
def test_killed_anywhere_and_opened_again(tmp_path, point):
    url, ledger = f"sqlite:///{tmp_path}/workflows.sqlite", tmp_path / "ledger"
    with process(url, ledger, "trip-1", point) as first:
        assert first.wait(20) == 9
    with process(url, ledger):
        lines = wait_for(ledger, "end done")
    assert lines.count("end done") == 1
    for name in ("one", "two", "three"):
        # what was being done when it died is done again; what was remembered is not
        interrupted = point in (f"{name} begin", f"{name} done")
        assert lines.count(f"{name} begin") == (2 if interrupted else 1), lines


def test_another_process_takes_up_what_a_dead_one_left(tmp_path, postgresql):
    ledger = tmp_path / "ledger"
    with postgresql.database() as url, process(url, ledger) as living:
        with process(url, ledger, "trip-1", "two done") as dying:
            assert dying.wait(20) == 9
        lines = wait_for(ledger, "end done")
        assert lines.count("one begin") == 1 and lines.count("two begin") == 2
        assert living.poll() is None


def test_a_living_process_keeps_its_own(tmp_path, postgresql):
    """Two that live do not take each other's work."""
    ledger = tmp_path / "ledger"
    with postgresql.database() as url, process(url, ledger), process(url, ledger, "trip-1"):
        lines = wait_for(ledger, "end done")
        assert [lines.count(f"{name} begin") for name in ("one", "two", "three")] == [1, 1, 1]
