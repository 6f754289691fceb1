"""What the message logs of both sides say of a message: found, as it was signed, time-stamped; lost, changed, another; closed to strangers."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from world import CLIENT, ECHO, REGISTER, Pair, Site, World, make_pair, subsystem

from sild.adapter import AsyncXRoadClient
from sild.decisions import InLog, Input, MessageLogs
from sild.errors import PlatformError, Unavailable
from sild.http1 import fetch
from sild.registries import over_the_exchange
from sild.security_server import ConnectionType, message_evidence
from sild.signatures import read_asice
from sild.xroad import ClientId, ServiceId
from sild.xroad.evidence import verify_container

EVIDENCE = "getEvidence"


def offer(site: Site, owner: ClientId, *askers: ClientId, path: str = "/records") -> ServiceId:
    service = ServiceId(owner, EVIDENCE)
    conf = site.server.serverconf
    if service not in conf.snapshot.services:
        conf.add_rest_service(owner, EVIDENCE, f"{site.url}/evidence/{owner.encode()}")
    for asker in askers:
        conf.grant(service, asker, method="GET", path=path)
    return service


@pytest.fixture
async def asked(pair: Pair) -> Pair:
    """The client may ask both logs; one message, `q1`, with a body, time-stamped on both sides."""
    offer(pair.consumer, CLIENT, CLIENT)
    offer(pair.provider, REGISTER, CLIENT)
    answer = await pair.call("POST", "/people", body=b"question", headers=[(b"X-Road-Id", b"q1")])
    assert answer.status == 200
    for site in (pair.consumer, pair.provider):
        await site.server.timestamper.tick()
    return pair


def inputs(*ids: str, register: str = "DEV:COM:2:Register:echo") -> list[Input]:
    return [
        Input(name=f"persons/child/x/{number}", type="text", value="x", register=register, message_id=one)
        for number, one in enumerate(ids)
    ]


async def said(pair: Pair, *ids: str, **given: Any) -> dict[str, tuple[InLog, ...]]:
    async with AsyncXRoadClient(pair.consumer.url, CLIENT) as client:
        logs = MessageLogs(CLIENT.encode(), over_the_exchange(client, "case-1"))
        return await logs.find(inputs(*ids, **given))


def verdicts(found: Sequence[InLog]) -> list[tuple[str, str]]:
    return [(one.log.rpartition("/")[2], one.verdict) for one in found]


def change(site: Site, statement: str) -> None:
    """As somebody does who can write the database file: the log itself never changes a row."""
    with sqlite3.connect(site.server.settings.directory / "messagelog.db") as database:
        for (trigger,) in database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            database.execute(f"DROP TRIGGER {trigger}")
        assert database.execute(statement).rowcount > 0


async def test_both_logs_have_it_as_it_was_signed(asked: Pair) -> None:
    found = await said(asked, "q1", "never-sent")
    assert verdicts(found["q1"]) == [("Client", "holds"), ("Register", "holds")], found
    assert (
        "the log of the consumer, DEV/COM/1/Client, has it as it was signed, time-stamped"
        in found["q1"][0].text
    )
    assert verdicts(found["never-sent"]) == [("Client", "broken"), ("Register", "broken")]
    assert "the log of the provider, DEV/COM/2/Register, does not have it" in found["never-sent"][1].text


async def test_before_the_time_stamp_it_cannot_be_told(asked: Pair) -> None:
    asked.world.trust.tsa_up = False
    await asked.call("POST", "/people", body=b"later", headers=[(b"X-Road-Id", b"q2")])
    found = (await said(asked, "q2"))["q2"]
    assert verdicts(found) == [("Client", "unknown"), ("Register", "unknown")]
    assert "not all of it time-stamped yet" in found[0].text


@pytest.mark.parametrize("side", ["consumer", "provider"])
async def test_a_message_lost_in_one_log_names_that_log(asked: Pair, side: str) -> None:
    site: Site = getattr(asked, side)
    change(site, "DELETE FROM message_record WHERE query_id = 'q1'")
    found = (await said(asked, "q1"))["q1"]
    broken = [one for one in found if one.verdict == "broken"]
    assert [one.log for one in broken] == ["DEV/COM/1/Client" if side == "consumer" else "DEV/COM/2/Register"]
    assert "does not have it" in broken[0].text


@pytest.mark.parametrize(
    ("table", "statement"),
    [
        ("head", "UPDATE message_record SET message = replace(message, '/people', '/peoplf') WHERE query_id = 'q1' AND is_response = 0"),
        ("body", "UPDATE message_attachment SET data = X'00' WHERE record_id IN (SELECT id FROM message_record WHERE query_id = 'q1')"),
    ],
)  # fmt: skip
async def test_what_was_changed_in_one_log(asked: Pair, table: str, statement: str) -> None:
    statement = statement.replace("replace(message", "CAST(replace(CAST(message AS TEXT)").replace(
        "'/peoplf')", "'/peoplf') AS BLOB)"
    )
    change(asked.provider, statement)
    found = (await said(asked, "q1"))["q1"]
    broken = [one for one in found if one.verdict == "broken"]
    assert [one.log for one in broken] == ["DEV/COM/2/Register"], found
    assert "holds something else than was signed" in broken[0].text


async def test_an_answer_that_one_log_lacks(asked: Pair) -> None:
    change(asked.provider, "DELETE FROM message_record WHERE query_id = 'q1' AND is_response = 1")
    found = (await said(asked, "q1"))["q1"]
    assert ("Register", "broken") in verdicts(found)
    assert "the log of DEV/COM/2/Register does not have the answer" in found[-1].text


async def test_two_exchanges_under_one_id_are_not_one(asked: Pair) -> None:
    """A provider that puts another exchange, well signed, in the place of the one it had."""
    change(asked.provider, "UPDATE message_record SET query_id = 'hidden' WHERE query_id = 'q1'")
    await asked.call("POST", "/other", body=b"another", headers=[(b"X-Road-Id", b"q1")])
    change(asked.consumer, "DELETE FROM message_record WHERE query_id = 'q1' AND id > (SELECT min(id) + 1 FROM message_record WHERE query_id = 'q1')")  # fmt: skip
    for site in (asked.consumer, asked.provider):
        await site.server.timestamper.tick()
    found = (await said(asked, "q1"))["q1"]
    assert [one.verdict for one in found[:2]] == ["holds", "holds"], "each is what was signed"
    assert {one.text for one in found[2:]} == {
        "the logs of DEV/COM/1/Client and DEV/COM/2/Register hold different requests under this id",
        "the logs of DEV/COM/1/Client and DEV/COM/2/Register hold different answers under this id",
    }


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Of each container that was verified, its message's id."""
    found: list[str] = []

    def verify(container: Any, *given: Any, report: Any, **more: Any) -> Any:
        made = verify_container(container, *given, report=report, **more)
        found.append(str(report.query_id))
        return made

    monkeypatch.setattr(message_evidence, "verify_container", verify)
    return found


async def test_each_container_is_verified_once_and_again_when_it_is_another(
    asked: Pair, judged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By every byte that lies in the log: what was changed after it was verified is seen at the next look."""
    for _ in range(3):
        assert verdicts((await said(asked, "q1"))["q1"]) == [("Client", "holds"), ("Register", "holds")]
    assert judged == ["q1"] * 4, "request and answer, in both logs, for three looks"
    with monkeypatch.context() as patched:
        patched.setattr(message_evidence, "KEPT_FOR", timedelta(0))
        await said(asked, "q1")
    assert len(judged) == 8, "the configuration may say otherwise by now"
    change(asked.provider, "UPDATE message_attachment SET data = X'00' WHERE record_id IN (SELECT id FROM message_record WHERE query_id = 'q1')")  # fmt: skip
    found = (await said(asked, "q1"))["q1"]
    assert ("Register", "broken") in verdicts(found) and ("Client", "holds") in verdicts(found)


async def test_what_one_question_costs_is_bounded(
    asked: Pair, judged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not examined is said to be so, and who asks again comes further."""
    monkeypatch.setattr(message_evidence, "MOST_JUDGED", 1)
    found = (await said(asked, "q1"))["q1"]
    assert verdicts(found) == [("Client", "unknown"), ("Register", "unknown")] and len(judged) == 2
    assert "cannot be told: not_examined" in found[0].text
    assert verdicts((await said(asked, "q1"))["q1"]) == [("Client", "holds"), ("Register", "holds")]
    assert len(judged) == 4


def test_judgements_that_are_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_evidence, "MOST_KEPT", 2)
    kept, at = message_evidence.Judgements(), datetime(2026, 3, 2, tzinfo=UTC)
    good = message_evidence.Judgement(True, None, "2026-03-02T00:00:00+00:00")
    for number in range(3):
        kept.keep((f"q{number}", b"h"), good, at)
    kept.keep(("q9", b"h"), message_evidence.Judgement(None, "unknown_ca", "2026-03-02T00:00:00+00:00"), at)
    kept.keep(("q8", b"h"), message_evidence.Judgement(True, None), at)
    found = [name for name in ("q0", "q1", "q2", "q9", "q8") if kept.find((name, b"h"), at) is not None]
    assert found == ["q1", "q2"], (
        "the oldest is forgotten; what cannot be told, or has no time-stamp yet, is not kept"
    )
    assert (
        kept.find(("q2", b"other"), at) is None and kept.find(("q2", b"h"), at + timedelta(minutes=5)) is None
    )


async def test_closed_until_a_right_is_given(asked: Pair) -> None:
    service = ServiceId(REGISTER, EVIDENCE)
    refused = await asked.call(service=service, path="/container?queryId=q1&kind=request")
    assert b"not allowed" in refused.body, "a right on records is none on containers"
    asked.provider.server.serverconf.revoke(service, CLIENT, method="GET", path="/records")
    refused = await asked.call(service=service, path="/records?queryId=q1")
    assert b"not allowed" in refused.body
    found = (await said(asked, "q1"))["q1"]
    assert verdicts(found) == [("Client", "holds"), ("Register", "unknown")]
    assert "could not be asked" in found[1].text


async def test_the_container_for_those_who_may(asked: Pair) -> None:
    service = offer(asked.provider, REGISTER, CLIENT, path="/container")
    for kind, body in (("request", b"question"), ("response", b"question")):
        answer = await asked.call(service=service, path=f"/container?queryId=q1&kind={kind}")
        assert answer.status == 200, answer.body
        container = read_asice(io.BytesIO(answer.body))
        with container.attachments[0].open() as file:
            assert file.read() == body
    assert (await asked.call(service=service, path="/container?queryId=q9&kind=request")).status == 404
    assert (await asked.call(service=service, path="/container?queryId=q1")).status == 400


async def test_another_subsystems_messages_are_not_told(asked: Pair) -> None:
    """Each service answers for its own subsystem's records, whatever id is asked for."""
    answer = await fetch(f"{asked.provider.url}/evidence/{REGISTER.encode()}/records?queryId=q1")
    assert [len(item["records"]) for item in json.loads(answer.body)["items"]] == [2]
    other = subsystem("2", "Other")
    asked.provider.server.serverconf.add_client(other, connection_type=ConnectionType.HTTP)
    answer = await fetch(f"{asked.provider.url}/evidence/{other.encode()}/records?queryId=q1")
    assert [len(item["records"]) for item in json.loads(answer.body)["items"]] == [0]
    asked.provider.server.serverconf.set_connection_type(REGISTER, ConnectionType.HTTPS)
    assert (
        await fetch(f"{asked.provider.url}/evidence/{REGISTER.encode()}/records?queryId=q1")
    ).status == 401


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/evidence/DEV/COM/2/Register/records", 400),
        ("/evidence/DEV/COM/2/Register/records?" + "queryId=x&" * 51, 400),
        ("/evidence/DEV/COM/2/Register/everything?queryId=q1", 404),
        ("/evidence/DEV/records?queryId=q1", 404),
        ("/evidence/DEV/COM/9/Nobody/records?queryId=q1", 401),
    ],
)
async def test_questions_that_are_none(world: World, path: str, status: int) -> None:
    pair = await make_pair(world)
    assert (await fetch(pair.provider.url + path)).status == status


async def test_a_log_that_keeps_only_what_is_newer_cannot_tell() -> None:
    def log(kept_since: str | None, **more: Any) -> Callable[[str, Sequence[str]], Awaitable[Any]]:
        async def ask(_log: str, ids: Sequence[str]) -> Any:
            return {
                "kept_since": kept_since,
                "items": [{"query_id": one, "failed": None, "records": []} for one in ids],
                **more,
            }

        return ask

    asked = inputs("q1")
    found = await MessageLogs("DEV/COM/1/Client", log("2026-03-01T00:00:00+00:00")).find(asked)
    assert {one.verdict for one in found["q1"]} == {"unknown"} and "archives" in found["q1"][0].text
    whole = await MessageLogs("DEV/COM/1/Client", log(None)).find(asked)
    assert {one.verdict for one in whole["q1"]} == {"broken"}
    nonsense = await MessageLogs("DEV/COM/1/Client", log(None, items=7)).find(asked)
    assert "could not be asked: invalid_body" in nonsense["q1"][0].text


@pytest.mark.parametrize(("kept_since", "verdict"), [("2026-03-01", "broken"), ("2026-03-03", "unknown")])
async def test_what_one_log_has_tells_from_when_the_other_must_have_it(kept_since: str, verdict: str) -> None:
    """Both have removed what is old; the client's still has the message of 2 March."""
    record = {
        "is_response": False,
        "logged_at": "2026-03-02T09:00:00+00:00",
        "signature_sha256": "a" * 64,
        "whole": True,
        "fault": None,
        "timestamped_at": "2026-03-02T09:01:00+00:00",
        "client": "DEV/COM/1/Client",
        "service": "DEV/COM/2/Register/echo",
    }

    async def ask(log: str, ids: Sequence[str]) -> Any:
        records = [record] if log.endswith("Client") else []
        return {
            "kept_since": f"{kept_since}T00:00:00+00:00",
            "items": [{"query_id": one, "failed": None, "records": records} for one in ids],
        }

    found = (await MessageLogs("DEV/COM/1/Client", ask).find(inputs("q1")))["q1"]
    assert [one.verdict for one in found] == ["holds", verdict], found


async def test_a_log_that_is_down_is_named() -> None:
    async def ask(log: str, ids: Sequence[str]) -> Any:
        error: PlatformError = Unavailable("no answer", code="network_error")
        raise error

    found = await MessageLogs("DEV/COM/1/Client", ask).find(inputs("q1"))
    assert [one.text for one in found["q1"]] == [
        "the log of the consumer, DEV/COM/1/Client, could not be asked: network_error",
        "the log of the provider, DEV/COM/2/Register, could not be asked: network_error",
    ]
    assert ECHO.client_id == REGISTER
