"""What a keeper of a message log answers counts only if it is that keeper's, to this question, about this person."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64decode
from datetime import timedelta

import pytest

from sild.message_log import listed_digest, seal_witness
from sild.openid import new_signing_key, render_jwks

from .world import KEEPER, MARI, SYSTEM

KEY = new_signing_key("ES256")
LOG = "SILD/GOV/70000002/ss1"
SERVICE = f"{KEEPER}/getWitness"


def keeps(world, *, key=KEY, keys=None, **other):
    """The keeper answers any question, but for what is other."""

    def statement(call):
        asked = call.body
        said = {
            "version": 2, "log": LOG, "person": MARI.person, "asker": SYSTEM.strip("/"), "nonce": asked["nonce"], "since": None,
            "kept_since": None, "until": asked["until"], "hosts": [], "registers": {}, "in_passing": {}, "unread": {},
            "listed_sha256": listed_digest(asked["listed"]), "lacking": [],
        }  # fmt: skip
        return {"witness": seal_witness({**said, **other}, key)}

    world.registers.answers[SERVICE, "POST", "/statement"] = statement
    world.registers.answers[SERVICE, "GET", "/keys"] = keys or {"log": LOG, **render_jwks([KEY])}


async def asked(world):
    _usage, nonce, (one,) = await world.cases.witnessed_usage(MARI)
    return nonce, one


async def test_it_is_asked_in_the_persons_own_name_and_proved(world):
    use = {"logtime": world.now.isoformat(), "action": "x", "receiverCode": "7", "receiverSystem": "s", "extension": {"messageId": "m-1"}}  # fmt: skip
    world.registers.answers["population", "GET", "/findUsage"] = {"totalUsages": 1, "usages": [use]}
    keeps(world)
    nonce, one = await asked(world)
    assert (one.keeper, one.failed, one.said["nonce"]) == (KEEPER, None, nonce)
    call = next(call for call in world.registers.calls if call.path == "/statement")
    assert call.body["listed"] == ["m-1"] and call.acting == MARI.person
    payload = call.proof.split(".")[1]
    claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert claims["aud"] == [f"SILD/{KEEPER}"], "no other keeper can use it"
    assert claims["authorization_details"][0]["privileges"] == ["getWitness"]


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"person": "EE47101010033"}, "another_answer"),
        ({"asker": "SILD/GOV/70000009/police"}, "another_answer"),
        ({"nonce": "an earlier one"}, "another_answer"),
        ({"listed_sha256": hashlib.sha256(b"m-9").hexdigest()}, "another_answer"),
        ({"until": "never"}, "another_answer"),
        ({"registers": {"x": [7]}}, "another_answer"),
        ({"registers": None}, "another_answer"),
        ({"unread": {"x": "many"}}, "another_answer"),
        ({"log": "SILD/GOV/70000003/ss2"}, "another_log"),
        ({"key": new_signing_key("ES256")}, "not_sealed"),
        ({"keys": {"log": LOG, "keys": []}}, "not_sealed"),
        ({"keys": {"log": LOG}}, "nonsense"),
        ({"keys": {"log": "SILD/GOV/70000003/ss2", **render_jwks([KEY])}}, "another_log"),
    ],
)
async def test_an_answer_to_something_else_is_none(world, other, why):
    keeps(world, **other)
    assert (await asked(world))[1].failed == why


async def test_an_older_one_a_later_one_and_none(world):
    for apart in (timedelta(minutes=-6), timedelta(seconds=1)):
        keeps(world, until=(world.now + apart).isoformat())
        assert (await asked(world))[1].failed == "another_answer"
    world.registers.answers[SERVICE, "POST", "/statement"] = {"witness": None}
    assert (await asked(world))[1].failed == "nonsense"
    world.registers.trouble[SERVICE] = "down"
    assert (await asked(world))[1].failed == "network_error"
