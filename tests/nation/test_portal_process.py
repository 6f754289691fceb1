"""`sild portal` beside a running country: the same pages, the same exchange, and a case that outlives its process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sild.nation import COUNTRY, Nation
from sild.nation.browser import Browser
from sild.nation.journeys import log_in

from .portal_process import PortalProcess, running

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def country(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Nation]:
    plan = replace(COUNTRY, people=600)
    async with await Nation.start(tmp_path_factory.mktemp("country") / "nation", plan=plan) as nation:
        yield nation


def somebody(country: Nation, name: str) -> dict[str, Any]:
    return next(one for one in country.description["test_people"] if one["id"] == name)  # type: ignore[attr-defined]


async def test_look(country: Nation, tmp_path: Path) -> None:
    async with running(PortalProcess(country, tmp_path / "p")) as portal:
        browser = Browser()
        page = await log_in(browser, portal.url, somebody(country, "married_mother"))
        print(page.text[:300])
        page = await browser.open(f"{portal.url}/my-data")
        print(page.status, page.text[:1500])
        page = await browser.open(f"{portal.url}/services/practice")
        page = await page.submit(page.form("/begin"))
        print(page.url, page.forms)
        print(await portal.end(), portal.log)
