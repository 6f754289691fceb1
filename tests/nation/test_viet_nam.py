"""Viet Nam as the country of the demonstration: the same program, its own law, bodies, languages and days.

One world: both journeys are told once, as `sild demo --country VN --once` does, and what they left is looked at.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio

from sild.http1 import fetch
from sild.nation import Nation, Step, country_plan, load_country, tell, tell_birth, tell_move
from sild.nation.browser import Browser
from sild.nation.journeys import log_in

PLAN = country_plan(load_country("VN"))
FOREIGN = ("§", "€", "Tartu", "Eesti", "Estonia", "Riigi", "HMS", "EE2", "Europe/")
"""What stands on no page that people of Viet Nam pass."""

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow, pytest.mark.timeout(300)]


@dataclass
class VietNam:
    nation: Nation
    exchange: list[Step]
    birth: list[Step]
    move: list[Step]

    @property
    def people(self) -> dict[str, dict[str, str]]:
        return {one["id"]: one for one in self.nation.description["test_people"]}  # type: ignore[attr-defined]

    @property
    def case(self) -> str:
        return next(step.evidence["case"] for step in self.birth if "case" in step.evidence).rpartition("/")[
            2
        ]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def viet_nam(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[VietNam]:
    directory = tmp_path_factory.mktemp("viet-nam") / "nation"
    async with await Nation.start(directory, plan=PLAN) as nation:
        told: Any = nation.description
        exchange = [step async for step in tell(told, nation.layout.evidence)]
        birth = [step async for step in tell_birth(told)]
        move = [step async for step in tell_move(told)]
        yield VietNam(nation, exchange, birth, move)


async def test_both_journeys_are_told_under_its_law(viet_nam: VietNam) -> None:
    steps = [*viet_nam.exchange, *viet_nam.birth, *viet_nam.move]
    assert [(step.title, step.evidence) for step in steps if not step.ok] == []
    titles = [step.title for step in viet_nam.birth]
    assert "The commune's official sees every check green, and registers" in titles
    assert "Every check is green: the birth is registered by rule" not in titles


async def test_the_description_says_which_country_it_is(viet_nam: VietNam) -> None:
    told: Any = viet_nam.nation.description
    country = told["country"]
    assert (country["code"], country["zone"], country["currency"]) == ("VN", "Asia/Ho_Chi_Minh", "VND")
    assert country["bound"] == [] and country["languages"][0] == "vi"
    assert told["instance_identifier"] == "SILD-VN"
    names = {member["id"].rpartition(":")[2]: member["name"] for member in told["members"]}
    assert names["70000004"] == "Bảo hiểm xã hội Việt Nam"
    assert {person["country"] for person in viet_nam.people.values()} == {"VN"}
    assert viet_nam.people["birth_official"]["authority"] == "birth@00070"


async def test_whoever_names_no_language_is_spoken_to_in_vietnamese(viet_nam: VietNam) -> None:
    told: Any = viet_nam.nation.description
    for address in (told["portal"]["address"], told["ward"]["address"]):
        page = (await fetch(address)).body.decode()
        assert '<html lang="vi"' in page, address


async def test_no_page_of_its_people_speaks_of_another_country(viet_nam: VietNam) -> None:
    portal = viet_nam.nation.portal_url
    mother, official = Browser("vi"), Browser("vi")
    home = await log_in(mother, portal, viet_nam.people["check_mother"])
    office = viet_nam.people["birth_official"]
    await log_in(official, portal, office, official=True)
    decisions = await mother.open(f"{portal}/decisions")
    pages = [home, decisions]
    pages += [
        await decisions.go(link)
        for link in decisions.links
        if link.startswith("/decisions/") and link.count("/") == 3
    ]
    for path in (
        "/", "/services/birth", "/services/move", "/services/contest", "/services/kindergarten_plan",
        "/my-data", "/who-looked", "/inbox", f"/cases/{viet_nam.case}",
    ):  # fmt: skip
        pages.append(await mother.open(portal + path))
    pages.append(await official.open(f"{portal}/desk/cases/{viet_nam.case}?office={office['authority']}"))
    for page in pages:
        assert page.status == 200, page.url
        text = page.text
        found = [word for word in FOREIGN if word in text]
        assert not found, f"{page.url}: {found} in {text[:4000]}"


async def test_people_and_money_are_written_as_there(viet_nam: VietNam) -> None:
    portal = viet_nam.nation.portal_url
    mother = Browser("vi")
    home = await log_in(mother, portal, viet_nam.people["check_mother"])
    person = viet_nam.people["check_mother"]
    assert person["name"] in home.text, "the family name first"
    case = await mother.open(f"{portal}/cases/{viet_nam.case}")
    assert "SILD" not in case.text and "NOT_NEEDED" not in case.text and "mother" not in case.text
    decisions = await mother.open(f"{portal}/decisions")
    told = [await decisions.go(link) for link in decisions.links if link.startswith("/decisions/social/")]
    decision = next(page for page in told if "₫" in page.text)
    amounts = re.findall(r"([0-9.,]+)\s?₫", decision.text)
    assert amounts and not [amount for amount in amounts if "," in amount], "đồng have no decimals"
    assert "Luật Bảo hiểm xã hội" in decision.text
    assert "Giám đốc Bảo hiểm xã hội Việt Nam" in decision.text, "who hears a complaint"


async def test_every_message_cites_the_countrys_own_law(viet_nam: VietNam) -> None:
    with sqlite3.connect(viet_nam.nation.layout.system("portal") / "cases.sqlite") as cases:
        grounds = {row[0] for row in cases.execute("SELECT DISTINCT basis FROM case_messages")}
    cases.close()
    assert {"Luật Hộ tịch 2014, Điều 16", "Luật PCBLGĐ 2022, Điều 25", "Luật PCTN 2018, Điều 23"} <= grounds
    assert not [ground for ground in grounds if "§" in ground]


async def test_the_office_of_the_day_gives_the_card(viet_nam: VietNam) -> None:
    """Insurance was the district's until 1 July 2025; the district is no more."""
    profile = PLAN.profile
    then, _ = profile.competent("health_insurance_card", "00001", date(2025, 6, 30))
    now, unit = profile.competent("health_insurance_card", PLAN.about.town.code, date(2026, 3, 2))
    assert (then.tier, now.tier, unit.code) == ("district", "commune", "00070")
    assert now.within == "province"
    database = viet_nam.nation.layout.system("insurance") / "insurance.db"
    with sqlite3.connect(database) as register:
        issued = [json.loads(row[0]) for row in register.execute("SELECT office FROM insurance_cards")]
    register.close()
    assert "Bảo hiểm xã hội cơ sở" in json.dumps(issued[-1], ensure_ascii=False)


async def test_a_birth_is_promised_for_the_same_working_day(viet_nam: VietNam) -> None:
    mother = Browser("vi")
    page = await mother.open(f"{viet_nam.nation.portal_url}/services/birth")
    assert "ngay trong ngày làm việc" in page.text
    today = datetime.now(ZoneInfo("Asia/Ho_Chi_Minh")).date()
    promised = PLAN.profile.deadline("birth.register", today)
    assert promised == (
        today if PLAN.profile.working_days.is_working_day(today) else PLAN.profile.working_days.add(today, 1)
    )
