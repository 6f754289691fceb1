"""Mandates by oneself: given, used, withdrawn; other people's, wrong and late ones; nothing lost when one ends mid-form."""

from __future__ import annotations

import re

import pytest

from sild.portal import MandateKeeper
from sild.portal.visit import actor_of
from support.portal_world import CHILD, JAAN, MARI, PEETER, Page, PlainBrowser, PortalWorld

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


def passing(browser: PlainBrowser, giver: str = "Mari") -> Page:
    """The page on which the mandate of this giver is passed on."""
    page = browser.open("/mandates")
    assert giver in page.text
    return browser.open(next(link for link in page.parsed.links if link.endswith("/pass-on")))


def pass_on(browser: PlainBrowser, page: Page, **fields: str) -> Page:
    given = {"code": PEETER.subject, "given_name": "Peeter", "family_name": "Ametnik", **fields}
    return browser.submit(page, "/pass-on", **given)


def withdraw(browser: PlainBrowser, whose: str) -> Page:
    """Of the chain shown to the person, the link this one holds."""
    page = browser.open("/mandates")
    numbers = re.findall(
        r'name="mandate" value="([^"]+)"><button[^>]*>[^<]*<span class="skip"> ([^<]*)<', page.text
    )
    number = next(number for number, name in numbers if name == whose)
    token = page.form("/mandates")["fields"]
    return browser.open("/mandates/withdraw", "POST", {**token, "mandate": number})


def test_passed_on_used_seen_by_the_giver_and_ended_with_the_link_above(world: PortalWorld) -> None:
    mari, jaan, peeter = (logged_in(world, person) for person in (MARI, JAAN, PEETER))
    give(mari, depth="1", through="2026-12-31")
    page = passing(jaan)
    assert "Not later than" in page.text and 'name="depth"' not in page.text  # once is once
    assert pass_on(jaan, page, through="2026-12-30").path.startswith("/receipts/")
    page = peeter.open("/mandates")
    assert "Mari Maasikas" in page.text and "passed on by Jaan Tamm" in page.text
    assert not any(link.endswith("/pass-on") for link in page.parsed.links)
    assert "Mari Maasikas" in peeter.act_for(MARI.subject).text
    seen = mari.open("/mandates").text
    assert seen.index("Jaan Tamm") < seen.index("Peeter Ametnik") < seen.index("passed on by Jaan Tamm")
    assert "Peeter Ametnik" in jaan.open("/mandates").text  # to whom he passed it on
    assert withdraw(mari, "Jaan Tamm").path.startswith("/receipts/")
    world.clock.forward(seconds=3)
    token = peeter.open("/settings").form("/acting")["fields"]["form_token"]
    late = peeter.open("/settings/push/off", "POST", {"form_token": token})
    assert late.status == 401 and "You no longer act for this person" in late.text
    assert 'name="mandate"' not in mari.open("/mandates").text


def test_one_link_is_ended_and_the_one_above_stands(world: PortalWorld) -> None:
    mari, jaan, peeter = (logged_in(world, person) for person in (MARI, JAAN, PEETER))
    give(mari, depth="2")
    for who in (mari, jaan):  # the giver, and who passed it on
        assert pass_on(jaan, passing(jaan), depth="1").path.startswith("/receipts/")
        assert withdraw(who, "Peeter Ametnik").path.startswith("/receipts/")
        seen = mari.open("/mandates").text
        assert "Jaan Tamm" in seen and "Peeter Ametnik" not in seen
    assert "Mari Maasikas" not in peeter.open("/mandates").text
    assert "Mari Maasikas" in jaan.act_for(MARI.subject).text


def test_never_longer_nor_further_than_ones_own(world: PortalWorld) -> None:
    mari, jaan = logged_in(world), logged_in(world, JAAN)
    give(mari, depth="1", through="2026-12-31")
    for fields, word in (
        ({"through": "2027-01-01"}, "ends before that day"),
        ({"depth": "1"}, "may not be passed on that far"),
        ({"code": JAAN.subject}, "from themselves"),
        ({"code": MARI.subject}, "from themselves"),
        ({"through": "2020-01-01"}, "has passed"),
    ):
        page = pass_on(jaan, passing(jaan), **fields)
        assert page.status == 422 and word in page.text, fields
    assert "Peeter" not in mari.open("/mandates").text


def test_withdrawn_while_it_was_being_passed_on_and_never_by_whom_it_was_not_given(
    world: PortalWorld,
) -> None:
    mari, jaan, peeter = (logged_in(world, person) for person in (MARI, JAAN, PEETER))
    assert give(mari, depth="3").status == 422  # further than anybody is asked here
    give(mari, depth="1")
    page = passing(jaan)
    token = peeter.open("/mandates").form("/mandates")["fields"]
    strange = {**token, "code": PEETER.subject, "given_name": "P", "family_name": "A"}
    assert peeter.open(page.path, "POST", strange).status == 404 and peeter.open(page.path).status == 404
    withdraw(mari, "Jaan Tamm")
    assert pass_on(jaan, page).status == 404
    give(mari)
    held = mandate_of(jaan.open("/mandates"))
    assert jaan.open(f"/mandates/{held}/pass-on").status == 404  # it was not allowed
    assert "Peeter" not in mari.open("/mandates").text


def test_the_keeper_does_not_answer(world: PortalWorld) -> None:
    world.may_act_for_child()
    mari = logged_in(world)
    world.register.down = True
    assert mari.open("/mandates").status == 503
