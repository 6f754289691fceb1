"""kill -9 at any moment: every message `append` returned for is there after the restart, and none is there by halves."""

from __future__ import annotations

import random
import subprocess
import sys
import time

from sild.message_log import MessageLog
from support.logged_messages import message

BODY_SIZE = 600_000  # three pieces
PROGRAM = """
import asyncio, itertools, sys
from support.logged_messages import message
from sild.message_log import MessageLog

async def exchange(log, name):
    for number in itertools.count():
        body = (b"x" * int(sys.argv[2]),) if number % 5 == 0 else ()
        query_id = f"{name}-{number}"
        record_id = await log.append(message(query_id, attachments=body))
        print(record_id, query_id, len(body), flush=True)

async def main():
    log = MessageLog(sys.argv[1])
    await asyncio.gather(*(exchange(log, name) for name in "abcdefgh"))

asyncio.run(main())
"""


def run_until_killed(url: str, seconds: float) -> list[tuple[int, str, int]]:
    """What the process said it had logged."""
    path = [entry for entry in sys.path if entry]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, url, str(BODY_SIZE)],
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": ":".join(path)},
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    time.sleep(seconds)
    process.kill()
    lines = [first, *process.stdout.read().splitlines(keepends=True)]
    process.wait()
    process.stdout.close()
    said = [line.decode().split() for line in lines if line.endswith(b"\n")]
    return [(int(record_id), query_id, int(bodies)) for record_id, query_id, bodies in said]


async def test_killed(log_url: str) -> None:
    seen: set[int] = set()
    for _ in range(3):
        said = run_until_killed(log_url, random.uniform(0.02, 0.3))
        ids = {record_id for record_id, _, _ in said}
        assert len(ids) == len(said) and not ids & seen
        seen |= ids
        log = MessageLog(log_url)
        for record_id, query_id, bodies in said:
            record = await log.get(record_id)
            assert record is not None and record.query_id == query_id
            assert log.store.attachment_sizes(record_id) == ({1: BODY_SIZE} if bodies else {})
        await nothing_half_written(log)
        seen.add(await log.append(message("after the restart")))
        await log.close()


async def nothing_half_written(log: MessageLog) -> None:
    """Whatever else is in the log, and was not answered for, is whole too."""
    for record_id, _ in log.store.pending_timestamps(1_000_000):
        record = await log.get(record_id)
        assert record is not None
        number = record.query_id.rpartition("-")[2]
        expected = {1: BODY_SIZE} if number.isdigit() and int(number) % 5 == 0 else {}
        assert log.store.attachment_sizes(record_id) == expected
