"""What was appended is found again, exactly."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from sild.message_log import MessageLog
from support.logged_messages import CLIENT, message

AT = datetime(2026, 3, 1, 12, 0, 0, 123000, tzinfo=UTC)


async def test_a_record_comes_back_as_it_was(log: MessageLog) -> None:
    record = message("DEV-ä\U0001f409", attachments=(b"body", b""))
    record_id = await log.append(record, at=AT)

    (found,) = await log.find("DEV-ä\U0001f409", CLIENT)

    assert found.id == record_id
    assert (found.time, found.query_id, found.client_id) == (AT, record.query_id, CLIENT)
    assert (found.message, found.signature) == (record.message, record.signature)
    assert found.x_request_id == record.x_request_id
    assert found.timestamp is None and found.hash_chain is None and not found.is_response
    assert log.store.attachment_sizes(record_id) == {1: 4, 2: 0}
    assert found == await log.get(record_id)


async def test_request_and_response_of_a_query(log: MessageLog) -> None:
    await log.append(message("DEV-1"))
    await log.append(message("DEV-1", is_response=True))
    await log.append(message("DEV-2"))

    assert [found.is_response for found in await log.find("DEV-1", CLIENT)] == [False, True]
    (response,) = await log.find("DEV-1", CLIENT, is_response=True)
    assert response.is_response


async def test_a_query_id_names_a_message_only_together_with_its_client(log: MessageLog) -> None:
    """Query ids are the clients' own words: another client's evidence must not be had by guessing one (WIRE 18)."""
    await log.append(message("DEV-1"))
    for stranger in (
        CLIENT.member,
        type(CLIENT)("DEV", "COM", "1234", "Other"),
        type(CLIENT)("XX", "COM", "1234", "TestClient"),
    ):
        assert await log.find("DEV-1", stranger) == ()


async def test_many_at_once_get_ids_of_their_own(log: MessageLog) -> None:
    ids = await asyncio.gather(*(log.append(message(f"DEV-{n}")) for n in range(1_500)))

    assert len(set(ids)) == 1_500
    assert [(await log.find(f"DEV-{n}"))[0].id for n in (0, 777, 1_499)] == [ids[0], ids[777], ids[1_499]]


async def test_two_logs_share_one_database(log: MessageLog, log_url: str) -> None:
    other = MessageLog(log_url)
    mine = [await log.append(message("DEV-1")) for _ in range(3)]
    theirs = [await other.append(message("DEV-1")) for _ in range(3)]
    await other.close()

    assert sorted(mine + theirs) == sorted(found.id for found in await log.find("DEV-1"))


async def test_ids_are_not_used_again_after_a_restart(log_url: str) -> None:
    log = MessageLog(log_url)
    first = await log.append(message())
    await log.close()
    log = MessageLog(log_url)
    assert await log.append(message()) > first
    await log.close()
