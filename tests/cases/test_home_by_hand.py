"""What an official decides by hand in a birth: a home no machine may read, an offer that is refused; the case of the birth says so."""

from __future__ import annotations

import pytest

from sild.cases import Refused, RegisterMatter

from .village import ACCOUNT, FORM, JAAN, MARI, MOTHER, Village, official

OFFICE = official("matter@70000006")


class Handed(Village):
    def processes(self):
        return [*super().processes(), RegisterMatter(self.packs)]

    async def by_hand(self) -> tuple[str, str, str]:
        """Child, case of the birth, case of the matter: the mother's address is sealed."""
        sealing = {"person": MOTHER.code, "valid_from": "2026-01-01", "order": "court 1-26"}
        await self.ask("residence", "POST", "/sealings", sealing, user=OFFICE.person)
        child = await self.born(MOTHER.code)
        case = await self.case_of(MARI)
        await self.act(case, "DECLARE", MARI, FORM)
        await self.act(case, "COSIGN", JAAN)
        (item,) = await self.cases.desk(OFFICE)
        return child, case, item.case


@pytest.fixture
async def handed(tmp_path):
    async with Handed(tmp_path) as village:
        yield village


async def test_the_official_enters_the_home(handed):
    child, case, matter = await handed.by_hand()
    assert (await handed.cases.view(case, MARI)).results["address"] == "by_hand"
    filled = await handed.cases.fill(matter, "register_matter.home", OFFICE)
    lines = {line.label: line.value for line in filled.facts}
    assert lines["Child"] == child and lines["Why by hand"] == "The address is sealed"
    assert lines["The mother lives at"] == "sealed", "to the official, too"
    reasons = {"words": ["The mother said so at the counter."]}
    for given in ({}, {"home": ["mother"]}):
        with pytest.raises(Refused) as refused:
            await handed.act(matter, "ENTER_HOME", OFFICE, {**reasons, **given})
        assert refused.value.code == "defects"
    await handed.act(matter, "ENTER_HOME", OFFICE, {**reasons, "division": ["9999"]})
    back = (await handed.cases.fill(matter, "register_matter.home", OFFICE)).facts[0]
    assert back.concept == "register_matter.returned" and back.value
    await handed.act(matter, "ENTER_HOME", OFFICE, {**reasons, "division": ["0793"]})
    assert (await handed.cases.view(matter, OFFICE)).status == "CLOSED"
    assert (await handed.cases.view(case, MARI)).results["address"] == "entered"
    assert "register_matter.told_home_entered" in [one.text for one in await handed.cases.inbox(MARI)]
    lives = await handed.ask("residence", "GET", f"/persons/{child}/residence", user=OFFICE.person)
    assert (lives["level"], lives["division"]["code"]) == ("commune", "0793")
    entered = [line for name, *line in handed.wire.heard if name == "residence" and line[1] == "/moves"][-1]
    assert (entered[2]["X-Road-UserId"], entered[2]["X-Road-Issue"]) == (OFFICE.person, matter)


async def test_no_home_is_entered_and_why(handed):
    _child, case, matter = await handed.by_hand()
    await handed.act(matter, "NO_HOME", OFFICE, {"words": ["They live abroad from now on."]})
    view = await handed.cases.view(matter, JAAN)
    assert (view.status, view.results["outcome"], view.results["reasons"]) == (
        "CLOSED", "no_home", "They live abroad from now on.",
    )  # fmt: skip
    view = await handed.cases.view(case, MARI)
    clock = next(one for one in view.clocks if one.id == "birth.home_clock")
    assert view.results["address"] == "none" and clock.ended_for == "no_home" and clock.kept_on is None


async def test_a_home_that_nobody_chose_is_asked_for_and_the_case_waits(handed):
    """`We decide later`: an official asks; the child is registered somewhere before the case comes to its end, or it is late."""
    await handed.born(MOTHER.code)
    case = await handed.case_of(MARI)
    await handed.act(case, "DECLARE", MARI, {**FORM, "address": ["later"]})
    await handed.act(case, "COSIGN", JAAN)
    (item,) = await handed.cases.desk(OFFICE)
    lines = {
        line.label: line.value
        for line in (await handed.cases.fill(item.case, "register_matter.home", OFFICE)).facts
    }
    assert lines["Why by hand"] == "The parents decide later"
    await handed.act(case, "ACCEPT", MARI, {"choice": ["mother"], "account": [ACCOUNT]})
    view = await handed.cases.view(case, MARI)
    assert (view.status, view.results["address"]) == ("GRANTED", "by_hand"), "not closed without a home"
    handed.later(days=40)
    clock = next(one for one in (await handed.cases.view(case, MARI)).clocks if one.id == "birth.home_clock")
    assert clock.late and clock.kept_on is None
    await handed.act(item.case, "ENTER_HOME", OFFICE, {"home": ["mother"], "words": ["They said so."]})
    view = await handed.cases.view(case, MARI)
    assert (view.status, view.results["address"]) == ("CLOSED", "entered")


async def test_an_offer_that_an_official_refuses(handed):
    """The parents read it in the case of the birth, with the decision."""
    abroad = {"payer": "FI1", "first": "2025-01", "last": "2025-03", "amount": "2500.00", "currency": "EUR", "country": "FI"}  # fmt: skip
    await handed.ask("social", "POST", f"/persons/{MOTHER.code}/contributions", abroad)
    child = await handed.born(MOTHER.code)
    case = await handed.case_of(MARI)
    await handed.act(case, "DECLARE", MARI, FORM)
    await handed.act(case, "COSIGN", JAAN)
    assert (await handed.cases.view(case, MARI)).results["offer_held"] == "foreign_income"
    (offer,) = (await handed.ask("social", "GET", f"/persons/{child}/offers"))["items"]
    look = {"words": "Finland pays.", "seconds": 5, "posture": "managed", "view_sha256": "b" * 64}
    await handed.ask(
        "social",
        "POST",
        f"/offers/{offer['id']}/refusal",
        look,
        user=OFFICE.person,
    )
    await handed.settle()
    assert (await handed.cases.view(case, JAAN)).results["offer_refused"] == "refused"
    assert "offer_refused" in await handed.notices(MARI)
