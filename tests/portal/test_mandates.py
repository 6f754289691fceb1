"""Mandates by oneself: given, used, withdrawn; other people's, wrong and late ones; nothing lost when one ends mid-form."""

from __future__ import annotations

import re

import pytest

from sild.portal import MandateKeeper
from sild.portal.visit import actor_of
from support.portal_world import CHILD, JAAN, MARI, Page, PlainBrowser, PortalWorld

SCREEN = "/cases/case-1/screens/birth.check_and_name"
JAANS = {"code": JAAN.subject, "given_name": "Jaan", "family_name": "Tamm"}


def logged_in(world: PortalWorld, person=MARI) -> PlainBrowser:  # type: ignore[no-untyped-def]
    browser = world.browser()
    browser.log_in(person)
    return browser


def give(browser: PlainBrowser, **fields: str) -> Page:
    page = browser.open("/mandates")
    given = {"role": "SILD:REPRESENTATIVE", **JAANS, **fields}
    return browser.submit(page, "/mandates", **given)


def mandate_of(page: Page) -> str:
    return next(str(form["fields"]["mandate"]) for form in page.parsed.forms if "mandate" in form["fields"])


def test_given_used_and_withdrawn(world: PortalWorld) -> None:
    mari, jaan = logged_in(world), logged_in(world, JAAN)
    page = give(mari, through="2026-12-31")
    assert page.path.startswith("/receipts/") and "Jaan Tamm" in page.text
    assert "Jaan Tamm" in mari.open("/mandates").text
    page = jaan.act_for(MARI.subject)
    assert page.path == "/home" and "You act for:" in page.text and "Mari Maasikas" in page.text
    assert jaan.open(SCREEN).status == 200  # her case
    page = mari.open("/mandates")
    assert mari.submit(page, "/mandates/withdraw").path.startswith("/receipts/")
    world.clock.forward(seconds=3)
    assert "Jaan Tamm" not in mari.open("/mandates").text
    token = jaan.open("/settings").form("/acting")["fields"]["form_token"]
    page = jaan.open("/settings/push/off", "POST", {"form_token": token})
    assert page.status == 401 and "You no longer act for this person" in page.text


def test_what_was_written_for_her_is_there_when_he_may_again(world: PortalWorld) -> None:
    mari, jaan = logged_in(world), logged_in(world, JAAN)
    give(mari)
    jaan.act_for(MARI.subject)
    page = jaan.open(SCREEN)
    mari.submit(mari.open("/mandates"), "/mandates/withdraw")
    world.clock.forward(seconds=3)
    late = jaan.submit(page, SCREEN, do="DECLARE", f__given_names="Ada", f__family_name="Tamm")
    assert late.status == 401 and "You no longer act" in late.text and "is kept" in late.text
    assert world.cases.acts == [] and world.cases.drafts == {}
    page = jaan.log_in(JAAN)
    assert page.path == "/home" and world.cases.drafts == {}  # for himself it is nobody's draft
    give(mari)
    page = jaan.act_for(MARI.subject)
    assert page.path == SCREEN and 'value="Ada"' in page.text


def test_the_keeper_is_asked_about_this_very_mandate(world: PortalWorld) -> None:
    """What the case system asks at each action: not what the session once knew."""
    import asyncio
    from dataclasses import replace

    mari, jaan = logged_in(world), logged_in(world, JAAN)
    give(mari)
    jaan.act_for(MARI.subject)
    keeper = MandateKeeper(world.portal.settings)
    session = asyncio.run(world.portal._sessions.find(jaan.cookies["__Host-portal"]))
    assert session is not None
    actor = actor_of(session, "en")
    assert asyncio.run(keeper.stands(actor))
    for forged in (
        replace(actor, mandate_id="made-up"),
        replace(actor, mandate_id=None),
        replace(actor, person="EE37605030299"),
        replace(actor, representee=CHILD.identifier),
    ):
        assert not asyncio.run(keeper.stands(forged)), forged
    mari.submit(mari.open("/mandates"), "/mandates/withdraw")
    assert not asyncio.run(keeper.stands(actor))


def test_a_mandate_by_law_is_shown_and_stays(world: PortalWorld) -> None:
    world.may_act_for_child()
    mari = logged_in(world)
    page = mari.open("/mandates")
    assert "Leida Maasikas" in page.text and "By law" in page.text and "mandates/withdraw" not in page.text
    fields = {**page.form("/mandates")["fields"], "mandate": "parent-1"}
    assert mari.open("/mandates/withdraw", "POST", fields).status == 404


def test_the_holder_gives_it_up_and_a_stranger_cannot_end_it(world: PortalWorld) -> None:
    mari, jaan = logged_in(world), logged_in(world, JAAN)
    give(mari)
    wanted = mandate_of(mari.open("/mandates"))
    peeter = world.browser()
    peeter.log_in_as_official()
    fields = peeter.open("/mandates").form("/mandates")["fields"]
    assert peeter.open("/mandates/withdraw", "POST", {**fields, "mandate": wanted}).status == 404
    page = jaan.open("/mandates")
    assert "Mari Maasikas" in page.text
    assert jaan.submit(page, "/mandates/withdraw").path.startswith("/receipts/")
    assert "Jaan" not in mari.open("/mandates").text


def test_the_same_form_twice_gives_one_mandate(world: PortalWorld) -> None:
    mari = logged_in(world)
    page = mari.open("/mandates")
    for _ in range(2):
        sent = mari.submit(page, "/mandates", role="SILD:REPRESENTATIVE", **JAANS)
        assert sent.path.startswith("/receipts/")
    assert mari.open("/mandates").text.count('name="mandate"') == 1


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"code": "38001085718"}, "no personal code"),
        ({"code": MARI.subject}, "from themselves"),
        ({"given_name": "", "family_name": " "}, "Write the name"),
        ({"through": "2020-01-01"}, "has passed"),
        ({"through": "soon"}, "no day"),
        ({"role": "EMTA:ACCOUNTANT"}, "Choose for what"),
    ],
)
def test_what_is_wrong_is_said_in_its_place(world: PortalWorld, fields: dict[str, str], word: str) -> None:
    mari = logged_in(world)
    page = give(mari, **fields)
    assert page.status == 422 and word in re.sub(r"<[^>]*>", "", page.text)
    assert 'name="mandate"' not in mari.open("/mandates").text


def test_the_keeper_does_not_answer(world: PortalWorld) -> None:
    world.may_act_for_child()
    mari = logged_in(world)
    world.register.down = True
    assert mari.open("/mandates").status == 503
