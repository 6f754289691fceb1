"""Records found by time and party, any number of them in little memory, by an index."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from sild.message_log import MessageLog, Search
from sild.xroad.identifiers import ClientId
from support.logged_messages import CLIENT, message

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
OTHER = ClientId("DEV", "COM", "1234", "Other")
STRANGER = ClientId("DEV", "GOV", "1234", "TestClient")
MEMBER = ClientId("DEV", "COM", "1234")


async def filled(log: MessageLog) -> None:
    """A record a minute, of each party in turn; the last of all with a clock that was behind."""
    for number in range(30):
        party = (CLIENT, OTHER, STRANGER)[number % 3]
        record = message(f"DEV-{number}", client_id=party, is_response=number % 2 == 1)
        await log.append(record, at=START + timedelta(minutes=number))
    await log.append(message("late", client_id=CLIENT), at=START - timedelta(minutes=1))


async def found(log: MessageLog, **wanted: object) -> list[str]:
    return [record.query_id async for record in log.search(Search(**wanted), page=4)]  # type: ignore[arg-type]


async def test_by_time_in_its_order(log: MessageLog) -> None:
    await filled(log)
    assert await found(log) == ["late", *(f"DEV-{number}" for number in range(30))]
    since, until = START + timedelta(minutes=10), START + timedelta(minutes=15)
    assert await found(log, since=since, until=until) == [f"DEV-{number}" for number in range(10, 15)]
    assert await found(log, since=START + timedelta(days=1)) == []


async def test_by_party(log: MessageLog) -> None:
    await filled(log)
    assert await found(log, party=OTHER) == [f"DEV-{number}" for number in range(1, 30, 3)]
    assert await found(log, party=STRANGER) == [f"DEV-{number}" for number in range(2, 30, 3)]
    of_member = await found(log, party=MEMBER)
    assert of_member == ["late", *(f"DEV-{number}" for number in range(30) if number % 3 != 2)]
    assert await found(log, party=CLIENT, is_response=True, until=START + timedelta(minutes=10)) == [
        "DEV-3",
        "DEV-9",
    ]
    assert await found(log, party=ClientId("XX", "COM", "1234")) == []


async def test_many_of_one_moment(log: MessageLog) -> None:
    """A page may end in the middle of them."""
    for number in range(11):
        await log.append(message(str(number)), at=START)
    assert await found(log) == [str(number) for number in range(11)]


async def test_an_index_answers(log: MessageLog) -> None:
    if log.store.engine.dialect.name != "sqlite":
        return  # with so few rows PostgreSQL rightly reads the table
    with log.store.transaction() as connection:
        for condition, index in (
            ("member_code = 'x' AND subsystem_code = 'y' AND time > 5", "message_record_party"),
            ("time > 5 AND time < 7", "message_record_time"),
        ):
            plan = connection.execute(
                text(f"EXPLAIN QUERY PLAN SELECT * FROM message_record WHERE {condition} ORDER BY time, id")
            )
            assert index in str(plan.all())
