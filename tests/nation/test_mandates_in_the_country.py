"""Mandates in the composed country: asked at the moment of acting, over the wire; withdrawn mid-form and mid-case; attacked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from sild.cases import Actor, Refused
from sild.errors import Unavailable
from sild.nation import COUNTRY, Nation
from sild.nation.browser import Browser, Page
from sild.nation.journeys import log_in, screen_sent

pytestmark = pytest.mark.asyncio(loop_scope="module")
Value = Any  # JSON
PLACE = {"f.where": "here", "f.words": "Tartu", "do": "FIND"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def country(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Nation]:
    plan = replace(COUNTRY, people=600)
    async with await Nation.start(tmp_path_factory.mktemp("country") / "nation", plan=plan) as nation:
        yield nation


class Two:
    """Somebody who gives, and somebody who acts."""

    def __init__(self, nation: Nation, giver: str, holder: str) -> None:
        people = {one["id"]: one for one in nation.description["test_people"]}  # type: ignore[attr-defined]
        self.nation, self.giver, self.holder = nation, people[giver], people[holder]
        self.giving, self.acting = Browser(), Browser()
        self.mandate = ""

    async def log_in(self) -> None:
        await log_in(self.giving, self.nation.portal_url, self.giver)
        await log_in(self.acting, self.nation.portal_url, self.holder)

    async def give(self, depth: str = "0") -> None:
        page = await self.giving.open(f"{self.nation.portal_url}/mandates")
        given, _, family = self.holder["name"].rpartition(" ")
        answers = {
            "code": code(self.holder),
            "given_name": given,
            "family_name": family,
            "role": "SILD:REPRESENTATIVE",
            "depth": depth,
        }
        form = next(form for form in page.forms if "code" in form.fields)
        assert "/receipts/" in (await page.submit(form, answers)).url
        page = await self.giving.open(f"{self.nation.portal_url}/mandates")
        self.mandate = next(form.fields["mandate"].value for form in page.forms if "mandate" in form.fields)

    async def withdraw(self) -> None:
        page = await self.giving.open(f"{self.nation.portal_url}/mandates")
        form = next(form for form in page.forms if "withdraw" in form.action)
        assert "/receipts/" in (await page.submit(form)).url

    async def act_for(self) -> Page:
        page = await self.acting.open(f"{self.nation.portal_url}/settings")
        form = next(
            form for form in page.forms if "/acting" in form.action and form.buttons[0].value == "choose"
        )
        page = await page.submit(form, {"whom": "choose"})
        return await page.submit(page.form("/representee"), {"representee": code(self.giver)})

    def actor(self, **other: Value) -> Actor:
        person = Actor(
            person=code(self.holder),
            acr="high",
            representee=code(self.giver),
            mandate_id=self.mandate,
            posture="managed",
        )
        return replace(person, **other)

    @property
    def owner(self) -> Actor:
        return Actor(person=code(self.giver), acr="high")


def code(person: Value) -> str:
    return f"{person['country']}{person['code']}"


async def test_withdrawn_in_the_middle_of_a_form_and_of_a_case(country: Nation) -> None:
    two = Two(country, "married_mother", "unmarried_father")
    await two.log_in()
    await two.give()
    page = await two.act_for()
    assert two.giver["name"] in page.text
    page = await page.go("/services/move")
    page = await page.submit(page.form("/begin"))
    case = page.url.partition("/cases/")[2].split("/")[0]
    address = f"{country.portal_url}/cases/{case}/screens/move.place"
    page = await two.acting.open(address)
    kept = await page.submit(page.form("/screens/move.place"), {**PLACE, "do": "SAVE"})
    assert "Tartu" in str(kept.form("/screens/move.place").fields["f.words"].value)
    before = await country.cases.view(case, two.owner)
    await two.withdraw()

    late = await page.submit(page.form("/screens/move.place"), PLACE)
    assert late.status == 401 and "You no longer act for this person" in late.text
    after = await country.cases.view(case, two.owner)
    assert len(after.timeline) == len(before.timeline)  # nothing was done
    page = await two.giving.open(address)
    assert page.form("/screens/move.place").fields["f.words"].value == "Tartu"  # and nothing lost
    assert "/receipts/" in (await screen_sent(page, PLACE)).url  # she goes on by herself


async def test_the_case_system_asks_by_itself(country: Nation) -> None:
    """Whoever gets past the portal's session, or in between its looks, is refused all the same."""
    two = Two(country, "unmarried_mother", "single_mother")
    await two.log_in()
    await two.give()
    cases = country.cases
    case = await cases.open_case("move", two.actor(), key="m" * 40)
    given = {"where": ["here"], "words": ["Tartu"]}
    for forged in (
        two.actor(mandate_id="made-up"),
        two.actor(mandate_id=None),
        two.actor(mandate_id="parent-1"),
    ):
        with pytest.raises(Refused) as refused:
            await cases.act(case, "FIND", forged, given, key="f" * 40)
        assert refused.value.code == "mandate_ended"
    assert (await cases.act(case, "FIND", two.actor(), given, key="g" * 40)).again is False
    await two.withdraw()
    for service in (lambda: cases.act(case, "FIND", two.actor(), given, key="h" * 40),
                    lambda: cases.open_case("move", two.actor(), key="n" * 40)):  # fmt: skip
        with pytest.raises(Refused) as refused:
            await service()
        assert refused.value.code == "mandate_ended"


async def test_passed_on_it_counts_until_any_link_above_it_ends(country: Nation) -> None:
    first = Two(country, "single_mother", "married_father")
    await first.log_in()
    await first.give(depth="1")
    page = await first.acting.open(f"{country.portal_url}/mandates")
    page = await page.go(page.link("/pass-on") or "")
    second = Two(country, "single_mother", "unmarried_father")
    await log_in(second.acting, country.portal_url, second.holder)
    given, _, family = second.holder["name"].rpartition(" ")
    answers = {"code": code(second.holder), "given_name": given, "family_name": family}
    assert "/receipts/" in (await page.submit(page.form("/pass-on"), answers)).url
    page = await second.act_for()
    assert second.giver["name"] in page.text
    page = await page.go("/services/move")
    page = await page.submit(page.form("/begin"))
    case = page.url.partition("/cases/")[2].split("/")[0]
    address = f"{country.portal_url}/cases/{case}/screens/move.place"
    page = await second.acting.open(address)
    kept = await page.submit(page.form("/screens/move.place"), {**PLACE, "do": "SAVE"})
    assert "Tartu" in str(kept.form("/screens/move.place").fields["f.words"].value)
    await first.withdraw()  # the link above
    late = await page.submit(page.form("/screens/move.place"), PLACE)
    assert late.status == 401 and "You no longer act for this person" in late.text


async def test_one_persons_mandate_is_not_anothers(country: Nation) -> None:
    two = Two(country, "married_father", "owner")
    await two.log_in()
    await two.give()
    thief = Two(country, "married_father", "single_mother")
    thief.mandate = two.mandate
    with pytest.raises(Refused) as refused:
        await country.cases.open_case("move", thief.actor(), key="t" * 40)
    assert refused.value.code == "mandate_ended"
    with pytest.raises(Refused):  # of somebody who gave none
        await country.cases.open_case("move", two.actor(representee=code(thief.holder)), key="u" * 40)


async def test_nobody_acts_in_anothers_name_while_the_keeper_is_silent(country: Nation) -> None:
    two = Two(country, "owner", "married_mother")
    await two.log_in()
    await two.give()
    mandates = country.identity.mandates
    between = mandates.chains_of

    def silent(*_: Value, **__: Value) -> Value:
        raise Unavailable("the register does not answer")

    mandates.chains_of = silent  # type: ignore[method-assign]
    try:
        with pytest.raises(Unavailable):
            await country.cases.open_case("move", two.actor(), key="s" * 40)
    finally:
        mandates.chains_of = between  # type: ignore[method-assign]
    assert await country.cases.open_case("move", two.actor(), key="s" * 40)
