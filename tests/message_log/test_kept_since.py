"""From when on the log is whole: always before anything was archived, then from its oldest record; what lies in it unstamped can be looked at."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from sild.errors import CallerError
from sild.message_log import Archiver, ArchivingRules
from support.stamped_log import StampedLog


async def test_the_log_is_whole_until_something_was_archived(world: StampedLog, tmp_path: Path) -> None:
    keeper = Archiver(world.log, tmp_path, rules=ArchivingRules(keep=timedelta(days=30)), clock=world.clock)
    assert await world.log.kept_since() is None
    world.now = begun = world.now.replace(microsecond=0)
    await world.append("old-1", "old-2")
    await world.timestamper.stamp_pending(10)
    assert await world.log.kept_since() is None
    await keeper.archive()
    assert await world.log.kept_since() == begun, "nothing is removed yet"
    world.now += timedelta(days=31)
    later = world.now
    await world.append("new")
    assert await keeper.clean() == 2
    assert await world.log.kept_since() == later
    await world.timestamper.stamp_pending(10)
    await keeper.archive()
    world.now += timedelta(days=31)
    assert await keeper.clean() == 1
    since = await world.log.kept_since()
    assert since is not None and since >= later, "an empty log is not a whole one"


async def test_an_unstamped_record_can_be_looked_at_and_not_given_away(world: StampedLog) -> None:
    await world.append("DEV-1")
    (record,) = await world.log.find("DEV-1")
    container = await world.log.examined(record)
    assert container.message == record.message and container.timestamp is None
    with pytest.raises(CallerError):
        await world.log.as_asice(record)
