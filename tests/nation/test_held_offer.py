"""Income in another country: from the social register's doubt to the parents' page, which says that a person decides, and why."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sild.http1 import fetch
from sild.nation import COUNTRY, Nation
from sild.nation.birth_journey import _Birth
from sild.nation.browser import Browser
from sild.nation.journeys import log_in, soon

WHY = {
    "en": "income there counts and no register here has all of it",
    "et": "sealne tulu läheb arvesse",
    "vi": "thu nhập ở đó được tính",
}


async def worked_abroad(nation: Nation, code: str) -> None:
    url = f"http://127.0.0.1:{nation.ports.systems['social']}/persons/{code}/contributions"
    headers = [
        (b"X-Road-Client", b"SILD/GOV/70000004/social"),
        (b"X-Road-Id", b"abroad-1"),
        (b"X-Road-UserId", b"automatic"),
        (b"Sild-Legal-Basis", b"PHS 39"),
        (b"Content-Type", b"application/json"),
    ]
    body = {
        "payer": "FI1234",
        "first": "2026-01",
        "last": "2026-03",
        "amount": "2500.00",
        "currency": "EUR",
        "country": "FI",
    }
    answer = await fetch(url, method="POST", body=json.dumps(body).encode(), headers=headers)
    assert answer.status == 204, answer.body


@pytest.mark.slow
async def test_a_person_decides_and_the_page_says_why(tmp_path: Path) -> None:
    plan = replace(COUNTRY, people=600)
    async with await Nation.start(tmp_path / "nation", plan=plan) as nation:
        await worked_abroad(nation, nation.people["check_mother"].code)
        birth = _Birth(nation.description)
        for step in (
            birth.ward_gives_notice,
            birth.state_opens_the_case,
            birth.mother_chooses_a_name,
            birth.father_confirms,
            birth.birth_is_registered,
        ):
            await step()
        page = f"{nation.portal_url}/cases/{birth._case}"

        async def held() -> str | None:
            text = (await birth._mothers.open(page)).text
            return text if "People are looking at the benefits" in text else None

        text = await soon("the offer is held", held)
        assert WHY["en"] in text and "foreign_income" not in text
        assert (await birth._mothers.open(page)).link("/screens/birth.offer") is None, "nothing to accept yet"
        inbox = (await birth._mothers.open(f"{nation.portal_url}/inbox")).text
        assert "a machine may not decide here" in inbox
        for language in ("et", "vi"):
            browser = Browser(language)
            await log_in(browser, nation.portal_url, birth._father)
            text = (await browser.open(page)).text
            assert WHY[language] in text and "foreign_income" not in text
