"""The process is killed before each of its commits in turn, from the receipt of an event to the card: the result is the same once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sild.events import render_event
from sild.registries.insurance.register import InsuranceRegister

from .conftest import CHILD, USAGE, Others, SetClock, event

PROCESS = """
import asyncio, os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from sqlalchemy import Engine, event as listening
from sild.events import parse_event
from sild.registries.exchange import Told
from sild.registries.insurance.register import InsuranceRegister

directory, written, number, child = sys.argv[1:]
register = InsuranceRegister.open(Path(directory), people=0, clock=lambda: datetime(2026, 3, 2, 9, tzinfo=UTC))
commits = 0

def count(_connection):
    global commits
    commits += 1
    if commits == int(number):
        os.kill(os.getpid(), signal.SIGKILL)

listening.listen(Engine, "commit", count)

class Ask:
    async def ask(self, name, path, *, because):
        if name == "residence":
            return Told(None, "m", name)
        body = {"code": child, "country": "EE", "sex": "F", "given_names": "Mari", "family_name": "Maasikas",
                "born": "2026-03-01"}
        return Told(body, "m", name)

async def main():
    worker = register.worker(Ask())
    while await worker.work():
        pass

register.apply_event(parse_event(bytes.fromhex(written)), "m-1")
asyncio.run(main())
print(commits)
"""


def run(directory: Path, written: bytes, number: int) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", PROCESS, str(directory), written.hex(), str(number), CHILD],
        capture_output=True,
        env=os.environ,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("number", [1, 2, 3, 4, 99])
async def test_the_same_result_once(directory: Path, others: Others, clock: SetClock, number: int) -> None:
    born = event("civil.birth.registered", CHILD)
    setup = InsuranceRegister.open(directory, people=0)
    setup.kernel.outbox.subscribe("SILD/GOV/70000001/portal", "events", ["insurance.*"])
    setup.close()
    ended = run(directory, render_event(born), number)
    if number == 99:
        assert ended.returncode == 0, ended.stderr.decode()
        assert 3 <= int(ended.stdout) <= 6, "the other numbers cover every commit"
    else:
        assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    register = InsuranceRegister.open(directory, people=0, clock=clock)
    try:
        register.apply_event(born, "m-2")  # not acknowledged, so it is delivered again
        clock.forward(minutes=5)  # what the dead process had taken is free again
        worker = register.worker(others)
        while await worker.work():
            pass
        assert register.card(CHILD, USAGE).state == "valid"
        assert register.cover(CHILD, USAGE) is not None
        sent = [d.event.type for d in register.kernel.outbox.deliveries_about(CHILD)]
        assert sent == ["insurance.cover.began", "insurance.card.issued"]
        assert register.tasks.about(CHILD)[0].state.value == "done"
    finally:
        register.close()
