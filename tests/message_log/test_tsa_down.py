"""While no authority answers, messages go on for a while; then they stop, and come back by themselves."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sild.errors import Unavailable
from sild.message_log import TimestampingRules
from sild.pki import PKIFailureInfo, TimeStampAuthority, build_timestamp_request, timestamp_refusal
from support.pki import Pki
from support.stamped_log import StampedLog
from support.trust import TSA_POLICY


async def test_messages_stop_after_the_acceptable_period_and_start_again(world: StampedLog) -> None:
    await world.append("1", "2", "3")
    world.trust.tsa_up = False
    assert await world.timestamper.tick() == timedelta(seconds=60)

    world.now += timedelta(hours=4)
    await world.append("4")
    world.now += timedelta(seconds=1)
    with pytest.raises(Unavailable) as caught:
        await world.append("5")
    assert caught.value.code_path == "logging_failed.timestamping_failed"
    assert await world.log.find("5") == ()

    world.trust.tsa_up = True
    assert await world.timestamper.tick() == timedelta(minutes=5)
    (record_id,) = await world.append("6")
    assert await world.timestamper.stamp_pending(100) == 1  # all that had gathered was stamped in that round
    await world.verify(record_id)


async def test_after_a_failure_one_record_is_tried(world: StampedLog) -> None:
    """A retry must be cheap for an authority that is struggling."""
    await world.append("1", "2", "3")
    world.trust.tsa_up = False
    await world.timestamper.tick()
    since = world.timestamper.failed_since
    world.now += timedelta(minutes=1)
    await world.timestamper.tick()
    assert world.timestamper.failed_since == since

    world.trust.tsa_up = True
    world.trust.tsa_requests.clear()
    await world.timestamper.tick()
    assert len(world.trust.tsa_requests) == 2  # the one record, then the rest
    assert world.timestamper.failed_since is None


async def test_no_failure_while_nothing_waits(world: StampedLog) -> None:
    world.trust.tsa_up = False
    assert await world.timestamper.tick() == timedelta(minutes=5)
    assert world.timestamper.failed_since is None


async def test_the_next_authority_is_asked(world: StampedLog) -> None:
    world.urls[:] = ["http://127.0.0.1:9/nobody", "not a url", world.trust.url + "/tsa-2"]
    (record_id,) = await world.append("1")
    await world.timestamper.tick()
    assert world.trust.tsa_requests == ["/tsa-2"]
    await world.verify(record_id)


async def test_no_authority_chosen(world: StampedLog) -> None:
    world.urls.clear()
    with pytest.raises(Unavailable) as caught:
        await world.append("1")
    assert caught.value.code_path == "logging_failed.no_timestamping_provider_found"
    assert await world.log.find("1") == ()


async def test_immediate_mode_fails_the_exchange(world: StampedLog) -> None:
    world.new_timestamper(TimestampingRules(immediate=True))
    world.trust.tsa_up = False
    with pytest.raises(Unavailable) as caught:
        await world.append("1")
    assert caught.value.code_path == "logging_failed.timestamping_failed"


@pytest.mark.parametrize("answer", ["garbage", "refusal", "another request's", "a stranger's"])
async def test_an_answer_that_is_no_time_stamp_of_ours(world: StampedLog, answer: str) -> None:
    stranger = Pki(common_name="Stranger").tsa
    foreign = TimeStampAuthority(stranger.certificate, stranger.key, TSA_POLICY)
    ours = TimeStampAuthority(world.trust.pki.tsa.certificate, world.trust.pki.tsa.key, TSA_POLICY)
    other = build_timestamp_request(b"\0" * 64)
    await world.append("1")
    answers = {
        "garbage": b"garbage",
        "refusal": timestamp_refusal(PKIFailureInfo.SYSTEM_FAILURE, "out of order"),
        "another request's": ours.answer(other, at=world.now, serial_number=1),
        "a stranger's": foreign.answer(other, at=world.now, serial_number=1),
    }
    world.trust.tsa_answer = answers[answer]
    with pytest.raises(Unavailable) as caught:
        await world.timestamper.stamp_pending(10)
    assert caught.value.code_path == "timestamping_failed"
    world.trust.tsa_answer = None
    assert await world.timestamper.stamp_pending(10) == 1


async def test_a_bug_of_ours_counts_as_a_failure(world: StampedLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever stops time-stamping stops messages in the end: they must not go on without it for ever."""
    await world.append("1", "2")
    with monkeypatch.context() as patch:
        patch.setattr("sild.message_log.timestamper.build_hash_chains", lambda *_, **__: 1 / 0)
        assert await world.timestamper.tick() == timedelta(seconds=60)
    assert world.timestamper.failed_since == world.now
    await world.timestamper.tick()
    assert world.timestamper.failed_since is None
