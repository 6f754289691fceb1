"""Every logged message gets a time-stamp, alone or in a batch, and its container then verifies."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import timedelta

import pytest

from sild.errors import CallerError
from sild.message_log import TimestampingRules
from sild.pki import parse_timestamp_token
from sild.signatures import signature_value_bytes
from support.stamped_log import StampedLog


async def test_one_record_is_stamped_over_its_signature_value(world: StampedLog) -> None:
    (record_id,) = await world.append("DEV-1")
    assert await world.timestamper.stamp_pending(100) == 1

    record = await world.stamped(record_id)
    assert record.timestamp is not None and record.timestamp.hash_chain_result is None
    token = parse_timestamp_token(record.timestamp.token)
    assert token.imprint == hashlib.sha512(signature_value_bytes(record.signature)).digest()
    assert token.certificates  # the authority's, put in by us: the request asked for none
    report = await world.verify(record_id)
    assert report.timestamp is not None and abs(report.timestamp.gen_time - world.now) < timedelta(seconds=1)


async def test_several_records_share_one_token(world: StampedLog) -> None:
    ids = await world.append(*(f"DEV-{n}" for n in range(7)))
    ids += await world.append("DEV-7", body=b"a body")
    assert await world.timestamper.stamp_pending(100) == 8

    assert world.trust.tsa_requests == ["/tsa"]
    stamps = {(await world.stamped(record_id)).timestamp for record_id in ids}
    assert len(stamps) == 1
    for record_id in ids:
        report = await world.verify(record_id)
        assert all(reference.verified for reference in report.references)
    assert await world.timestamper.stamp_pending(100) == 0


async def test_oldest_first_and_no_more_than_the_limit(world: StampedLog) -> None:
    ids = await world.append("1", "2", "3", "4", "5")
    assert await world.timestamper.stamp_pending(3) == 3
    records = [await world.log.get(record_id) for record_id in ids]
    assert [record is not None and record.timestamp is not None for record in records] == [True] * 3 + [
        False
    ] * 2


async def test_a_full_batch_is_followed_by_the_next_at_once(world: StampedLog) -> None:
    timestamper = world.new_timestamper(TimestampingRules(batch_limit=3))
    ids = await world.append(*"1234567")
    assert await timestamper.tick() == timedelta(minutes=5)
    for record_id in ids:
        await world.verify(record_id)
    assert len(world.trust.tsa_requests) == 3


async def test_on_schedule(world: StampedLog) -> None:
    ids = await world.append("1", "2")
    running = asyncio.create_task(world.timestamper.run())
    async with asyncio.timeout(10):
        while (await world.log.get(ids[1])).timestamp is None:  # type: ignore[union-attr]
            await asyncio.sleep(0.05)
    running.cancel()


async def test_immediate_mode_stamps_before_append_returns(world: StampedLog) -> None:
    world.new_timestamper(TimestampingRules(immediate=True))
    (record_id,) = await world.append("DEV-1")
    await world.verify(record_id)


async def test_a_record_can_be_stamped_on_demand_once(world: StampedLog) -> None:
    first, second = await world.append("1", "2")
    record = await world.log.get(first)
    assert record is not None
    with pytest.raises(CallerError) as caught:
        await world.log.as_asice(record)
    assert caught.value.code_path == "asic_timestamp_not_found"

    await world.timestamper.stamp(first)
    await world.timestamper.stamp(first)
    assert len(world.trust.tsa_requests) == 1
    await world.verify(first)
    assert await world.timestamper.stamp_pending(10) == 1
    await world.verify(second)


async def test_stamped_twice_at_once_keeps_the_first(world: StampedLog) -> None:
    """On demand while a batch is under way: the record keeps one time-stamp, whichever was stored first."""
    ids = await world.append("1", "2", "3")
    await asyncio.gather(world.timestamper.stamp_pending(10), *(world.timestamper.stamp(i) for i in ids))
    for record_id in ids:
        await world.verify(record_id)
    assert await world.timestamper.stamp_pending(10) == 0
