"""What is written stays written; what nobody tests with a double: the double itself."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from sild.cases import Refused
from sild.errors import CallerError, PeerError, Unavailable

from .registers import Registers
from .world import OFFICIAL, STRANGER

ASK = {"case": "c", "basis": "b", "acting": "EE1"}


async def test_the_database_refuses_to_change_what_was_done(any_world):
    world = any_world
    case = await world.sent()
    await world.act(case, "ACCEPT", OFFICIAL)
    await world.until(case, "CLOSED")
    with pytest.raises(Refused):
        await world.cases.view(case, STRANGER)
    engine = world.cases._parts.store.engine
    for statement in (
        "UPDATE case_actions SET name = 'X'",
        "DELETE FROM case_actions",
        "DELETE FROM case_parties",
        "DELETE FROM cases",
        "UPDATE case_keys SET action = 'X'",
        "DELETE FROM case_messages",
        "UPDATE case_messages SET basis = 'X'",
        "UPDATE case_messages SET outcome = 'X' WHERE outcome IS NOT NULL",
        "UPDATE case_oversight SET code = 'X'",
    ):
        with pytest.raises(DBAPIError), engine.begin() as connection:
            connection.execute(text(statement))


async def test_the_double_answers_a_message_once():
    made = []
    registers = Registers({("population", "POST", "/x"): lambda call: made.append(call) or {"n": len(made)}})
    for _ in range(2):
        answer = await registers.call(
            "GOV/70000002/population", "POST", "/x?a=1", body={}, message_id="m", **ASK
        )
        assert answer.json == {"n": 1} and answer.message_id == "m"
    other = await registers.call("GOV/70000002/population", "POST", "/x", body={}, message_id="n", **ASK)
    assert other.json == {"n": 2}


async def test_the_double_fails_as_registers_do():
    registers = Registers({("population", "POST", "/x"): {"done": True}})

    async def call(path="/x"):
        return await registers.call("GOV/70000002/population", "POST", path, body={}, message_id="m", **ASK)

    with pytest.raises(CallerError) as unknown:
        await call("/y")
    assert unknown.value.detail["status"] == 404
    for trouble, error in (("down", Unavailable), ("nonsense", PeerError), ("lost_answer", Unavailable)):
        registers.trouble["population"] = trouble
        with pytest.raises(error):
            await call()
    registers.trouble.clear()
    assert (await call()).json == {"done": True}  # the lost answer's effect, not a second one
    assert list(registers.effects) == ["m"]
