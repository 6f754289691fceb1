"""A case tells its news where it is read, once; what a later notice overtook is no news; its timeline says nothing twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sild.cases import Entry, Notice, load_packs
from sild.cases.overtaken import OVERTAKES, with_overtaken
from support.portal_world import PortalWorld

AT = datetime(2026, 11, 23, 8, tzinfo=UTC)


def notice(number: int, text: str, case: str = "c") -> Notice:
    return Notice(str(number), AT + timedelta(minutes=number), case, text, {}, None)


def test_what_a_later_notice_overtook_is_no_news() -> None:
    told = [
        notice(5, "birth.notice.granted"),
        notice(4, "birth.notice.card"),
        notice(3, "birth.notice.offer_ready"),
        notice(2, "birth.notice.registered"),
        notice(1, "birth.notice.child_recorded"),
        notice(0, "birth.notice.child_recorded", "another"),
    ]
    news = [one.id for one in with_overtaken(told) if one.is_news]
    assert news == ["5", "4", "2", "0"]


def test_the_later_of_two_that_overtake_each_other_holds() -> None:
    told = [notice(2, "birth.notice.no_place_yet"), notice(1, "birth.notice.place_offered")]
    assert [one.is_overtaken for one in with_overtaken(told)] == [False, True]


def test_every_text_of_the_table_is_one_of_the_packs() -> None:
    texts = load_packs("EE").texts["en"]
    for text in {*OVERTAKES, *(one for earlier in OVERTAKES.values() for one in earlier)}:
        assert text in texts, text


def test_the_case_tells_its_news_and_they_are_read_there(world: PortalWorld) -> None:
    browser = world.browser()
    browser.log_in()
    say = world.portal._pages.texts.speaker("en")
    page = browser.open("/cases/case-1")
    assert say("case.unread", count=1) in page.text and world.cases.read == set()
    after = browser.submit(page, "/cases/case-1/read")
    assert world.cases.read == {"n1"} and after.path == "/cases/case-1"
    assert say("case.unread", count=1) not in after.text
    assert say("inbox.new") + "</span>" not in browser.open("/inbox").text


def test_the_timeline_says_nothing_twice(world: PortalWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    view = world.cases.view

    async def repeated(case: str, actor: object) -> object:
        line = Entry(AT, "QUEUE", "automatic", {})
        found = await view(case, actor)  # type: ignore[arg-type]
        return replace(found, timeline=(line, line, Entry(AT, "DECLARE", "you", {}), line))

    monkeypatch.setattr(world.cases, "view", repeated)
    browser = world.browser()
    browser.log_in()
    text = browser.open("/cases/case-1").text
    timeline = text[text.index('<ol class="line">') :].partition("</ol>")[0]
    assert timeline.count("<li>") == 3


NO_PAGE = {"en": "There is no such page", "et": "Sellist lehte ei ole", "vi": "Không có trang này"}


def test_an_address_that_is_none_has_a_page(world: PortalWorld) -> None:
    browser = world.browser()
    for language, words in NO_PAGE.items():
        browser.language = language
        page = browser.request("GET", world.url + "//elsewhere.example/x")
        assert page.status == 404 and words in page.text and f'<html lang="{language}">' in page.text
        assert "elsewhere.example" not in page.text
    browser.log_in()
    assert 'href="/inbox"' in browser.request("GET", "/nothing").text
    assert browser.request("POST", "/home").status == 405


def test_who_may_not_enter_keeps_their_own_way_back(world: PortalWorld) -> None:
    browser = world.browser()
    browser.log_in()
    page = browser.request("GET", "/desk")
    assert page.status == 403 and 'href="/inbox"' in page.text and 'action="/login"' not in page.text
