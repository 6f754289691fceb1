"""A keeper of a message log tells a person's own portal about that person, and nobody anything else."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import KeySet
from world import CLIENT, REGISTER, Pair, World, make_pair, subsystem

from sild.http1 import Fetched, fetch
from sild.openid import RecordedMandate
from sild.security_server import WitnessSettings
from sild.security_server.log_witness import LogWitness
from sild.xroad import ServiceId
from support.acting import ISSUER, LogIn, proof, published

MARI, JAAN, CHILD = "EE60001019906", "EE38001085718", "EE61910290016"
SERVICE = ServiceId(REGISTER, "getWitness")
NONCE = "n" * 20
OTHER = subsystem("1", "Other")
CITIZEN = LogIn(acr="low", posture=None, roles=())


@pytest.fixture
async def asked(world: World, tmp_path: Path) -> Pair:
    """The provider's owner keeps its log, as its subsystem `Register`; CLIENT is the portal; one message about MARI, one that names her."""
    pair = await make_pair(world, consumer={})
    server = pair.provider.server
    settings = WitnessSettings(subsystem="Register", issuer=ISSUER, password="secret")  # type: ignore[arg-type]  # pydantic makes it one
    keeper = LogWitness(
        settings, tmp_path / "keys", message_log=server.message_log, serverconf=server.serverconf,
        clock=server._clock, keys=published,
    )  # fmt: skip
    server._parts.witness = server.witness = keeper
    server.serverconf.add_rest_service(
        REGISTER, "getWitness", f"{pair.provider.url}/witness/{REGISTER.encode()}"
    )
    for method, path in (("POST", "/statement"), ("GET", "/keys")):
        server.serverconf.grant(SERVICE, CLIENT, method=method, path=path)
    assert (await pair.call(path=f"/persons/{MARI[2:]}", headers=[(b"X-Road-Id", b"q1")])).status == 200
    body = json.dumps({"of": MARI}).encode()
    await pair.call("POST", "/notices", body=body, headers=[(b"X-Road-Id", b"q2"), (b"Content-Type", b"application/json")])  # fmt: skip
    return pair


def acting(pair: Pair, person: str = MARI, **given: Any) -> str:
    said: dict[str, Any] = {
        "login": CITIZEN, "registers": [REGISTER.encode()], "system": CLIENT.encode(), "operations": ["getWitness"],
    }  # fmt: skip
    at = given.pop("at", pair.provider.server._clock() - timedelta(seconds=1))
    return proof(person, given.pop("case", "case-1"), at, **{**said, **given})


async def ask(
    pair: Pair, token: str | None, *, user: str = MARI, party: str | None = None, body: bytes | None = None, **given: Any
) -> Fetched:  # fmt: skip
    question = {
        "nonce": NONCE,
        "until": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
        "listed": ["q1", "q9"],
    }
    headers = [
        (b"X-Road-UserId", user.encode()),
        (b"X-Road-Issue", b"case-1"),
        (b"Content-Type", b"application/json"),
    ]
    headers += [] if token is None else [(b"Sild-Acting", token.encode())]
    headers += [] if party is None else [(b"X-Road-Represented-Party", f"PERSON/{party}".encode())]
    return await pair.call(
        "POST", "/statement", service=SERVICE, headers=headers, body=json.dumps(question).encode() if body is None else body, **given
    )  # fmt: skip


async def said(pair: Pair, answer: Fetched) -> dict[str, Any]:
    """Checked by the keys that the keeper publishes."""
    keys = json.loads((await pair.call(path="/keys", service=SERVICE)).body)
    sealed = json.loads(answer.body)["witness"]
    opened = jws.deserialize_compact(
        sealed, KeySet.import_key_set({"keys": keys["keys"]}), algorithms=["ES256"]
    )
    found: dict[str, Any] = json.loads(opened.payload)
    assert found["log"] == keys["log"] == "/".join(pair.provider.server.server_id.parts)
    return found


def sha256(one: str) -> str:
    return hashlib.sha256(one.encode()).hexdigest()


async def test_the_person_is_told_of_themselves(asked: Pair) -> None:
    answer = await ask(asked, acting(asked))
    assert answer.status == 200, answer.body
    found = await said(asked, answer)
    assert found["registers"] == {"COM/2/Register": [sha256("q1")]}
    assert found["in_passing"] == {"COM/2/Register": [sha256("q2")]}
    assert (found["person"], found["asker"], found["nonce"]) == (MARI, CLIENT.encode(), NONCE)
    assert found["lacking"] == [sha256("q9")] and "COM/2/Register" in found["hosts"]
    assert datetime.fromisoformat(found["until"]) <= asked.provider.server._clock(), "not of the future"
    again = await said(asked, await ask(asked, acting(asked)))
    assert again["registers"] == found["registers"], "asking is nobody's use of her data"


async def test_for_whom_they_speak(asked: Pair) -> None:
    whose = replace(CITIZEN, representee=CHILD, mandate="m-1")
    found = await said(asked, await ask(asked, acting(asked, login=whose), party=CHILD))
    assert found["person"] == CHILD and found["registers"] == {}


@pytest.mark.parametrize(
    ("given", "asking"),
    [
        ({"person": JAAN}, {}),
        ({}, {"user": JAAN}),
        ({}, {"party": JAAN}),
        ({"login": replace(CITIZEN, representee=CHILD, mandate="m-1")}, {"party": JAAN}),
        ({"login": replace(CITIZEN, representee=CHILD, mandate="m-1")}, {}),
        ({"registers": ["DEV/COM/2/Another"]}, {}),
        ({"system": "DEV/COM/1/Other"}, {}),
        ({"case": "case-2"}, {}),
        ({"operations": ["getUsageContainer"]}, {}),
        ({"operations": []}, {}),
        ({"acts": False}, {}),
        ({"login": LogIn(roles=[("clerk", "70000349")]), "recorded": RecordedMandate("m", CHILD, "a" * 64)}, {"party": CHILD}),
    ],
    ids=["another's proof", "another person", "another whom they act for", "not that one", "whose mandate is not named", "to another keeper",
         "another portal's", "of another case", "for something else", "for nothing", "only a look", "a clerk"],
)  # fmt: skip
async def test_a_portal_that_asks_about_somebody_else(
    asked: Pair, given: dict[str, Any], asking: dict[str, Any]
) -> None:
    answer = await ask(asked, acting(asked, **given), **asking)
    assert answer.status == 403 and b"acting_not_proven" in answer.body and b'"witness"' not in answer.body


async def test_no_proof_a_forged_one_and_an_old_one(asked: Pair) -> None:
    assert b"acting_not_proven" in (await ask(asked, None)).body
    assert b"acting_not_proven" in (await ask(asked, acting(asked)[:-3] + "AAA")).body
    assert b"acting_not_proven" in (await ask(asked, acting(asked, iss="https://login.evil.example"))).body
    old = acting(asked, at=asked.provider.server._clock() - timedelta(hours=2), lifetime=timedelta(hours=1))
    assert b"acting_expired" in (await ask(asked, old)).body


async def test_without_the_right_nobody_asks(asked: Pair) -> None:
    asked.provider.server.serverconf.revoke(SERVICE, CLIENT, method="POST", path="/statement")
    answer = await ask(asked, acting(asked))
    assert answer.status == 500 and b"access_denied" in answer.body


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b'{"nonce": "n"}', b'{"nonce": "nnnnnnnnnnnnnnnnnnnn", "until": "2026-01-01T00:00:00", "listed": []}',
     b'{"nonce": "nnnnnnnnnnnnnnnnnnnn", "until": "2026-01-01T00:00:00Z", "listed": [1]}', b'{"nonce": "nnnnnnnnnnnnnnnnnnnn", "until": 7, "listed": []}',
     b"[" * 5_000],
)  # fmt: skip
async def test_no_question(asked: Pair, body: bytes) -> None:
    answer = await ask(asked, acting(asked), body=body)
    assert answer.status == 400, answer.body


async def test_other_addresses_are_nobodys(asked: Pair) -> None:
    for path in (
        "/witness/DEV/COM/2/Register/other",
        "/witness/DEV/COM/1/Client/keys",
        "/witness/x",
        "/witness/",
    ):
        answer = await fetch(f"{asked.provider.url}{path}")
        assert answer.status == 404


async def test_the_key_is_encrypted_and_stays(asked: Pair, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    assert b"ENCRYPTED" in (keys / "witness.pem").read_bytes()
    assert {one.name: one.stat().st_mode & 0o777 for one in keys.iterdir()}["mentions.key"] == 0o600
    public = json.loads((keys / "witness.jwks").read_text())
    assert public == json.loads((await asked.call(path="/keys", service=SERVICE)).body)
