"""The country's AI gateway: no model by default, its public page, its key; with a local model the portal's assistant uses it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sild.clock import system_clock
from sild.gateway_client import GatewayClient, NoModel
from sild.http1 import fetch
from sild.nation import COUNTRY, Nation
from sild.nation.ai_gateway import open_gateway
from sild.nation.browser import Browser
from support.ai_providers import foreign

SMALL = replace(COUNTRY, people=600)
SLOTS = {"question": "When?", "clauses": "[1] Within 14 days.", "language": "en"}
BORNE = "After moving, give the notice of residence within 14 days."


def command(*words: str, config: str) -> str:
    run = [sys.executable, "-m", "sild", "ai-gateway", *words, "--config", config]
    return subprocess.run(run, capture_output=True, text=True, check=True, timeout=60).stdout


async def answer_of(portal: str) -> str:
    page = await Browser().open(f"{portal}/assistant")
    asked = {"question": "by when do I have to report a move?"}
    return (await page.submit(page.form("/assistant"), asked)).text


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
    with foreign("openai") as local:
        sentences = [{"quote": number, "text": BORNE} for number in (1, 2, 3)]
        local.says(json.dumps({"sentences": sentences}))
        with Path(described["settings_file"]).open("a") as file:
            file.write(f'[[providers]]\nname = "here"\nkind = "local"\nmodel = "m"\nurl = "{local.url}"\n')
        async with await Nation.start(tmp_path / "n", plan=SMALL) as nation:
            assert nation.description["ai_gateway"]["models"] == ["here"]  # type: ignore[index]
            assert (tmp_path / "n/ai-gateway/assistant.key").read_text().strip() == key
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
