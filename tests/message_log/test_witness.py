"""Which requests of a log concern a person, and where they went; nothing else of them leaves the log."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from joserfc import jws
from joserfc.jwk import ECKey
from sqlalchemy import select, text

from sild.errors import CallerError, Unavailable
from sild.message_log import (
    BodyLogging,
    MentionIndex,
    MessageLog,
    Search,
    WitnessQuestion,
    listed_digest,
    scan,
    witness,
)
from sild.message_log.mentions import codes_asked_for, mentions_of
from sild.message_log.schema import mention, mention_block, pending_archive, pending_timestamp
from sild.processes.message_log_witness import command
from support.logged_messages import message

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
PERSON = "EE38001085718"
POPULATION = "GOV/70000002/population"
ROOT = f"/r1/SILD/{POPULATION}/population"
LOG = "SILD/GOV/70000002/ss1"
ASKER = "SILD/GOV/70000001/portal"
KEY = bytes(range(32))


def head(path: str, *headers: str, user: str = "EE49001010005", method: str = "GET") -> bytes:
    own = ("x-road-client:SILD/GOV/70000001/portal", f"x-road-userid:{user}", "x-road-id:m-1")
    request_id = "x-road-request-id:0d2a4c5e-1111-4222-8333-444455556666"
    return "\r\n".join([method, path, *own, request_id, *headers, ""]).encode()


def named(request: bytes, body: bytes | None = None) -> str | None:
    found = mentions_of(request, body)
    codes = codes_asked_for(PERSON)
    assert codes is not None
    return None if found is None or found.about.isdisjoint(codes) else found.provider


@pytest.mark.parametrize(
    ("request_", "register"),
    [
        (head(f"{ROOT}/persons/38001085718"), POPULATION),
        (head(f"{ROOT}/persons/EE38001085718/facts?history=true"), POPULATION),
        (head(f"{ROOT}/births?parent=38001085718"), POPULATION),
        (head(f"{ROOT}/moves", "X-Road-Represented-Party:PERSON/EE38001085718"), POPULATION),
        (head(f"{ROOT}/moves", "x-road-represented-party:EE38001085718"), POPULATION),
        (head(f"{ROOT}/persons/%338001085718"), POPULATION),
        (head(f"{ROOT}/births?parent=3800108571%38"), POPULATION),
        (head("/r1/SILD/GOV/7000000%32/population/population/persons/38001085718"), POPULATION),
        (head(f"{ROOT}/findUsage?userCode={PERSON}"), POPULATION),
        (head(f"{ROOT}/findUsage?userCode={PERSON}", user=PERSON), None),
        (head(f"{ROOT}/findUsage?userCode={PERSON}", f"x-road-represented-party:{PERSON}"), None),
        (head(f"{ROOT}/secret/findUsage?userCode={PERSON}", user=PERSON), POPULATION),
        (head(f"{ROOT}/moves", user=PERSON), None),
        (head(f"{ROOT}/persons/380010857180"), None),
        (head(f"{ROOT}/persons/LT38001085718"), None),
        (head("/other/38001085718"), None),
        (b"<SOAP/>38001085718", None),
        (b"", None),
    ],
)
def test_a_request_that_names_the_person(request_: bytes, register: str | None) -> None:
    assert named(request_) == register


@pytest.mark.parametrize(
    "body",
    [
        b'{"mother": "38001085718"}',
        b'{"of": [{"code": "EE38001085718"}]}',
        b'{"code": 38001085718}',
        b'{"38001085718": true}',
        b'{"code": "\\u00338001085718"}',
        b"<person><code>38001085718</code></person>",
        b"person=3800108571%38&x=1",
        b"she (38001085718) has moved",
    ],
)
def test_a_body_that_names_the_person(body: bytes) -> None:
    found = mentions_of(head(f"{ROOT}/moves", method="POST"), body)
    assert found is not None and not found.named.isdisjoint(codes_asked_for(PERSON) or ())
    assert (found.provider, found.path, found.about) == (POPULATION, "population/moves", frozenset())


def test_a_soap_message_names_people_but_for_who_asks() -> None:
    """Nothing tells what in its body it is about."""
    soap = f"""<?xml version="1.0"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:x="http://x-road.eu/xsd/xroad.xsd"
    xmlns:i="http://x-road.eu/xsd/identifiers"><e:Header><x:client i:objectType="SUBSYSTEM"><i:xRoadInstance>SILD</i:xRoadInstance>
    <i:memberClass>GOV</i:memberClass><i:memberCode>70000001</i:memberCode><i:subsystemCode>portal</i:subsystemCode></x:client>
    <x:service i:objectType="SERVICE"><i:xRoadInstance>SILD</i:xRoadInstance><i:memberClass>GOV</i:memberClass>
    <i:memberCode>70000002</i:memberCode><i:subsystemCode>population</i:subsystemCode><i:serviceCode>getPerson</i:serviceCode></x:service>
    <x:userId>EE49001010005</x:userId><x:id>m-1</x:id><x:protocolVersion>4.0</x:protocolVersion></e:Header>
    <e:Body><p:getPerson xmlns:p="urn:p"><p:code>{PERSON}</p:code></p:getPerson></e:Body></e:Envelope>""".encode()
    found = mentions_of(soap, None)
    assert found is not None and (found.provider, found.path) == (POPULATION, "getPerson")
    assert (found.about, found.named, found.unread) == (frozenset(), {PERSON}, False)
    found = mentions_of(soap, None, is_whole=False)
    assert found is not None and found.unread, "its attachments are not read"


def test_an_event_is_about_its_subject_alone() -> None:
    """Whom its data names may be the one from whom somebody is protected."""
    event = b'{"specversion": "1.0", "subject": "38001085718", "data": {"against": "49001010005"}}'
    found = mentions_of(head(ROOT, "content-type:application/cloudevents+json", method="POST"), event)
    assert found is not None and (found.about, found.named) == ({"38001085718"}, frozenset())
    for broken in (b"[", b"{}", b"[1]", b'{"subject": null}'):
        found = mentions_of(head(ROOT, "content-type:application/cloudevents+json", method="POST"), broken)
        assert found is not None and (found.about, found.named) == (frozenset(), frozenset())


@pytest.mark.parametrize(
    "body",
    [b'{"code": "LT38001085718"}', b'{"n": 380010857180}', b'{"sum": 1.38001085718e3}', b"380010857", b"{" * 5_000],
)  # fmt: skip
def test_a_body_that_does_not(body: bytes) -> None:
    found = mentions_of(head(f"{ROOT}/moves", method="POST"), body)
    assert found is not None and (found.about, found.unread) == (frozenset(), False)
    assert found.named.isdisjoint(codes_asked_for(PERSON) or ())


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (["content-type:application/json", "content-encoding:gzip"], b"\x1f\x8b..."),
        (["content-type:application/pdf"], b"%PDF-"),
        (["content-type:application/json"], b" " * (4 * 1024 * 1024 + 1)),
    ],
    ids=["compressed", "of another kind", "large"],
)
def test_what_cannot_be_read_is_said(headers: list[str], body: bytes) -> None:
    found = mentions_of(head(f"{ROOT}/moves", *headers, method="POST"), body)
    assert found is not None and found.unread


def test_another_countrys_code_and_a_companys() -> None:
    assert codes_asked_for("LT38001085718") == ("LT38001085718",)
    assert codes_asked_for("EE10001012") == ("10001012", "EE10001012")
    found = mentions_of(head(f"{ROOT}/persons/FI131052-308T/facts"), None)
    assert found is not None and "FI131052-308T" in found.about
    found = mentions_of(head(f"{ROOT}/companies/10001012"), b'{"dated": 10001013}')
    assert found is not None and (found.about, found.named) == ({"10001012"}, frozenset())


async def log_one(
    log: MessageLog, number: int, path: str, body: bytes | None = None, *, answered: bool = True
) -> None:
    for is_response in (False, True) if answered else (False,):
        attachments = () if body is None or is_response else (body,)
        plain = message(f"m-{number}", is_response=is_response, attachments=attachments)
        part = head(ROOT + path, method="GET" if body is None else "POST")
        await log.append(replace(plain, message=part), at=NOW + timedelta(minutes=number))


async def filled(log: MessageLog) -> None:
    for number, path in enumerate(
        ["/persons/38001085718", "/persons/49001010005", "/persons/EE38001085718/facts"]
    ):
        await log_one(log, number, path)


def digests(*ids: str) -> list[str]:
    return sorted(hashlib.sha256(one.encode()).hexdigest() for one in ids)


async def said_by(log: MessageLog, *listed: str, until: datetime = LATER, person: str = PERSON) -> dict[str, Any]:  # fmt: skip
    question = WitnessQuestion(person, until, ASKER, "n-1", listed)
    return await witness(log, MentionIndex(log, KEY), question, name=LOG, hosts=[POPULATION])


async def test_what_a_log_says(log: MessageLog) -> None:
    await filled(log)
    await log_one(log, 3, "/birth-notices", b'{"mother": {"code": "EE38001085718"}}')
    said = await said_by(log, "m-0", "m-7")
    assert said["registers"] == {POPULATION: digests("m-0", "m-2")}, (
        "requests alone, in no order that tells their time"
    )
    assert said["in_passing"] == {POPULATION: digests("m-3")}
    assert (said["kept_since"], said["since"], said["person"], said["unread"]) == (None, None, PERSON, {})
    assert (said["asker"], said["nonce"], said["hosts"], said["log"]) == (ASKER, "n-1", [POPULATION], LOG)
    assert said["lacking"] == digests("m-7") and said["listed_sha256"] == listed_digest(["m-7", "m-0", "m-0"])
    early = await said_by(log, until=NOW + timedelta(minutes=1))
    assert early["registers"] == {POPULATION: digests("m-0")}
    assert (await said_by(log, until=NOW))["registers"] == {}
    scanned = await scan(log, LOG, PERSON, at=LATER)
    assert {name: said[name] for name in scanned} == scanned, "the whole log read says the same"
    assert (await scan(log, "x", PERSON, at=LATER, registers=["GOV/1/x"]))["registers"] == {}


async def test_a_request_under_way_does_not_count_yet(log: MessageLog) -> None:
    """Whoever got it may be about to write it down; after a minute it counts, answered or not."""
    await log_one(log, 0, "/persons/38001085718", answered=False)
    assert (await said_by(log, until=NOW + timedelta(seconds=59)))["registers"] == {}
    assert (await said_by(log, until=NOW + timedelta(seconds=61)))["registers"] == {POPULATION: digests("m-0")}  # fmt: skip


async def test_the_index_follows_the_log(log: MessageLog, log_url: str) -> None:
    """Of several processes, each with numbers of its own: what a slower one logs later under a lower number is found."""
    second = MessageLog(log_url)
    await log_one(log, 0, "/persons/38001085718")
    await log_one(second, 1, "/persons/38001085718")
    index = MentionIndex(log, KEY)
    assert await index.catch_up() == 4
    await log_one(log, 2, "/persons/38001085718")
    assert await index.catch_up() == 2 and await index.catch_up() == 0
    await second.close()
    found = await index.find(PERSON, until=LATER)
    assert found.about == {POPULATION: frozenset(digests("m-0", "m-1", "m-2"))}
    await asyncio.gather(*(MentionIndex(log, KEY).catch_up() for _ in range(3)))


async def test_who_asks_has_no_whole_log_read(log: MessageLog) -> None:
    for number in range(3):
        await log_one(log, number, "/persons/38001085718")
    index = MentionIndex(log, KEY)
    with pytest.raises(Unavailable) as behind:
        await index.catch_up(at_most=2)
    assert behind.value.code == "index_behind"
    await index.catch_up()
    assert await index.catch_up(at_most=2) == 0, "what was read stays read"


async def test_no_code_stands_in_the_index(log: MessageLog) -> None:
    await filled(log)
    await MentionIndex(log, KEY).catch_up()
    with log.store.transaction() as connection:
        rows = [bytes(one) for one in connection.scalars(select(mention.c.person))]
    plain = {hashlib.sha256(code).digest()[:16] for code in (b"38001085718", b"EE38001085718")}
    assert rows and all(len(row) == 16 and row not in plain for row in rows)
    with pytest.raises(CallerError, match="another key"):
        await MentionIndex(log, bytes(32)).catch_up()


async def test_what_was_removed_is_still_known(log: MessageLog) -> None:
    await filled(log)
    index = MentionIndex(log, KEY)
    await index.catch_up()
    await removed(log)
    assert [one async for one in log.search(Search())] == []
    found = await index.find(PERSON, until=LATER)
    assert found.about == {POPULATION: frozenset(digests("m-0", "m-2"))} and found.since is None
    assert await index.lacking(PERSON, ["m-0", "m-1"]) == frozenset(digests("m-1"))


async def test_what_was_removed_unread_is_said(log: MessageLog) -> None:
    """The index does not pass for whole."""
    index = MentionIndex(log, KEY)
    await index.catch_up()
    await filled(log)
    await removed(log)
    found = await index.find(PERSON, until=LATER)
    assert found.about == {}
    assert found.since == NOW + timedelta(minutes=2, milliseconds=1), "just after the last that was missed"


async def removed(log: MessageLog) -> None:
    with log.store.transaction() as connection:
        for pending in (pending_timestamp, pending_archive):
            connection.execute(pending.delete())
    log.store.clean(LATER, (-1, -1), 50)


async def test_who_is_not_to_learn_of_it_is_not_kept(log: MessageLog) -> None:
    await log_one(log, 0, "/protection-orders", b'{"against": "38001085718"}')
    index = MentionIndex(log, KEY, untold=[f"{POPULATION}/population/protection-orders"])
    found = await index.find(PERSON, until=LATER)
    assert (found.about, found.in_passing, found.unread) == ({}, {}, {})


async def test_bodies_that_are_not_logged_are_counted(log: MessageLog) -> None:
    log.body_logging = BodyLogging(max_body_size=10, truncated_allowed=True)
    await log_one(log, 0, "/moves", b'{"person": "38001085718"}')
    said = await said_by(log)
    assert (said["registers"], said["unread"]) == ({}, {POPULATION: 1})


async def test_nobody_is_no_person(log: MessageLog) -> None:
    for nobody in ("", "38001085718", "EE", "EE*", "EE38001085718 x"):
        with pytest.raises(CallerError):
            await scan(log, "x", nobody, at=NOW)
        with pytest.raises(CallerError):
            await said_by(log, person=nobody)


async def test_a_full_block_is_not_looked_at_again(log: MessageLog) -> None:
    with log.store.transaction() as connection:
        connection.execute(text("UPDATE id_block SET next_id = 3001"))
    index = MentionIndex(log, KEY)
    for number in range(3):
        await log_one(log, number, "/persons/38001085718")
    await index.catch_up()
    with log.store.transaction() as connection:
        read = {one.first_id: one.last_id for one in connection.execute(select(mention_block))}
    assert read == {1: 0, 1001: 1000, 2001: 2000, 3001: 3006}


def test_the_command(tmp_path: Path) -> None:
    """The key is made once; who has its public half can check what it says."""
    url = f"sqlite:///{tmp_path}/log.db"

    async def fill() -> None:
        log = MessageLog(url)
        await filled(log)
        await log.close()

    asyncio.run(fill())
    (tmp_path / "pass").write_text("secret\n")
    arguments = [PERSON, "--database", url, "--log", "SILD/GOV/70000002/ss1", "--key", str(tmp_path / "log.pem"),
                 "--password-file", str(tmp_path / "pass")]  # fmt: skip
    for _ in range(2):
        ran = CliRunner().invoke(command, arguments)
        assert ran.exit_code == 0, ran.output
        (key,) = json.loads((tmp_path / "log.pem.jwks").read_text())["keys"]
        said = json.loads(jws.deserialize_compact(ran.output.strip(), ECKey.import_key(key)).payload)
        assert said["registers"] == {POPULATION: digests("m-0", "m-2")}
    assert b"ENCRYPTED" in (tmp_path / "log.pem").read_bytes()
    (tmp_path / "pass").write_text("another\n")
    assert CliRunner().invoke(command, arguments).exit_code != 0
