"""The country's AI gateway: no model by default, its public page, its key; with a local model the portal's assistant uses it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sild.adapter import CallContext
from sild.cases import ALGORITHM_OFFICE, Actor
from sild.clock import system_clock
from sild.gateway_client import GatewayClient, GatewayRefused, NoModel
from sild.http1 import fetch
from sild.nation import COUNTRY, Nation
from sild.nation.ai_gateway import open_gateway
from sild.nation.browser import Browser
from sild.nation.canaries import PLANTED_IN
from sild.nation.journeys import soon
from support.ai_providers import foreign

SMALL = replace(COUNTRY, people=600)
SLOTS = {"question": "When?", "clauses": "[1] Within 14 days.", "language": "en"}
ASKING = CallContext(user_id="automatic", legal_ground="HMS § 6", issue="canary")
BORNE = "After moving, give the notice of residence within 14 days."


def command(*words: str, config: str) -> str:
    run = [sys.executable, "-m", "sild", "ai-gateway", *words, "--config", config]
    return subprocess.run(run, capture_output=True, text=True, check=True, timeout=60).stdout


async def answer_of(portal: str) -> str:
    page = await Browser().open(f"{portal}/assistant")
    asked = {"question": "by when do I have to report a move?"}
    return (await page.submit(page.form("/assistant"), asked)).text


def planted(nation: Nation) -> dict[str, str]:
    assert nation.ai_gateway is not None
    return {
        f"{one.data_class} {one.kind}": one.value for one in nation.ai_gateway.gateway.parts.store.canaries()
    }


async def alarm_on_the_desk(nation: Nation) -> str | None:
    official = nation.people["oversight_official"].subject
    actor = Actor(
        person=official,
        acr="high",
        authority=ALGORITHM_OFFICE,
        roles=frozenset({"official"}),
        posture="managed",
    )
    items = await nation.cases.desk(actor)
    alarms = [one for one in items if one.service == "algorithm_matter"]
    return alarms[0].case if alarms else None


async def canaries_stand_and_none_leaves(nation: Nation, egress: str) -> None:
    """In every register by its class; a caller whose prompt holds one is stopped, and an official's desk has the matter."""
    marks = planted(nation)
    assert nation.systems is not None
    for data_class, kind in PLANTED_IN.items():
        kernel = nation.systems.registers[kind].register.kernel  # type: ignore[index]
        with kernel.filling() as facts:
            found = {fact.value for fact in facts.current(marks["personal code"], on=kernel.today)}
            assert marks.get(f"{data_class} word", marks["personal family_name"]) in found, data_class
    client = nation.systems.clients["portal"]
    service = nation.systems.service_of("population")
    person = await client.get(service, ["persons", marks["personal code"]], context=ASKING)
    assert person.ensure_success().json()["family_name"] == marks["personal family_name"], (
        "whoever takes data out takes them, too"
    )
    key = nation.layout.system("ai-gateway").joinpath("assistant.key").read_text().strip()
    with pytest.raises(GatewayRefused, match="people were told"):
        asked = {**SLOTS, "question": f"And for {marks['personal code']}?"}
        await GatewayClient(nation.ai_gateway_url, key).complete_async("assistant-answer", asked)
    day = (await fetch(f"{egress}/{system_clock():%Y-%m-%d}.json")).body
    told = json.loads(day)
    assert told["canaries"]["left"] == 0 and len(told["canaries"]["planted"]) == 6
    assert told["alarms"][-1]["class"] == "personal" and not any(
        mark.encode() in day for mark in marks.values()
    )


async def test_without_a_model_and_started_again_with_one(tmp_path: Path) -> None:
    async with await Nation.start(tmp_path / "n", plan=SMALL) as nation:
        described = json.loads(nation.layout.description.read_text())["ai_gateway"]
        assert described == nation.description["ai_gateway"] and described["models"] == []
        key = (tmp_path / "n/ai-gateway/assistant.key").read_text().strip()
        with pytest.raises(NoModel):
            await GatewayClient(described["address"], key).complete_async("assistant-answer", SLOTS)
        page = await fetch(described["egress"])
        assert page.status == 200 and b"<html" in page.body
        (row,) = map(json.loads, command("key", "list", config=described["settings_file"]).splitlines())
        assert (row["algorithm"], row["templates"]) == ("assistant", ["assistant-answer"])
        text = await answer_of(nation.portal_url)
        assert "within 14 days" in text and "language model" not in text
        await canaries_stand_and_none_leaves(nation, described["egress"])
        before = planted(nation)
    with foreign("openai") as local:
        sentences = [{"quote": number, "text": BORNE} for number in (1, 2, 3)]
        local.says(json.dumps({"sentences": sentences}))
        with Path(described["settings_file"]).open("a") as file:
            file.write(f'[[providers]]\nname = "here"\nkind = "local"\nmodel = "m"\nurl = "{local.url}"\n')
        async with await Nation.start(tmp_path / "n", plan=SMALL) as nation:
            assert nation.description["ai_gateway"]["models"] == ["here"]  # type: ignore[index]
            assert (tmp_path / "n/ai-gateway/assistant.key").read_text().strip() == key
            assert planted(nation) == before, "a month has not passed"
            await soon("the alarm is on the desk", lambda: alarm_on_the_desk(nation))
            text = await answer_of(nation.portal_url)
            assert "language model" in text and BORNE in text


async def test_the_key_is_made_once_and_a_revoked_one_stays_revoked(tmp_path: Path) -> None:
    directory = tmp_path / "ai-gateway"

    async def opened() -> tuple[str, int]:
        found = open_gateway(directory, clock=system_clock)
        keys = found.gateway.parts.store.all_keys()
        if len(keys) == 1:
            found.gateway.parts.store.revoke_key(keys[0].id, system_clock())
        await found.gateway.close()
        return found.assistant_key.read_text(), len(keys)

    first = await opened()
    assert first[1] == 1 and await opened() == first
    (directory / "assistant.key").write_text("of another country\n")
    second = await opened()
    assert second[1] == 2 and second[0] != first[0]
    assert (directory / "assistant.key").stat().st_mode & 0o777 == 0o600
