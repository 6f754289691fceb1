"""The assistant's page: dialogues that are one person's, log-in in the middle, a step made ready, hand-over; floods and foreign eyes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.portal_cases import CasesDouble
from support.portal_world import JAAN, MARI, Page, PlainBrowser, PortalWorld


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalWorld]:
    with PortalWorld(tmp_path_factory.mktemp("portal")).running() as world:
        yield world


@pytest.fixture
def world(running: PortalWorld) -> PortalWorld:
    running.cases.__init__()  # type: ignore[misc]  as new for each test
    running.clock.forward(seconds=2)  # the count of all questions in one second
    return running


def ask(browser: PlainBrowser, question: str) -> Page:
    return browser.submit(browser.open("/assistant"), "/assistant", question=question)


def test_a_dialogue_in_quotes_with_their_links(world: PortalWorld) -> None:
    browser = world.browser()
    page = ask(browser, "by when do I have to report a move?")
    assert page.status == 200 and page.path == "/assistant"
    assert (
        "within 14 days" in page.text
        and "RRS § 69 lg 1" in page.text
        and "text of the demonstration" in page.text
    )
    assert "/law/RRS#c69.1" in page.parsed.links
    law = browser.open("/law/RRS")
    assert 'id="c69.1"' in law.text and "within 14 days" in law.text
    page = ask(browser, "how do I renew my passport")
    assert "I do not know" in page.text and "by when do I have to report" in page.text
    for link in set(page.parsed.links):
        if link.startswith("/") and "{" not in link:
            assert browser.open(link.partition("#")[0]).status in (200, 401), link


@pytest.mark.parametrize(
    ("language", "words"), [("et", "Ma ei tea"), ("vi", "Tôi không biết"), ("en", "I do not know")]
)
def test_it_says_that_it_does_not_know(world: PortalWorld, language: str, words: str) -> None:
    browser = world.browser()
    browser.language = language
    assert words in ask(browser, "qwertz asdfgh yxcvbn").text


def test_markup_and_links_stay_words(world: PortalWorld) -> None:
    page = ask(
        world.browser(),
        "<script>alert(1)</script> <a href='https://evil.example'>kindergarten fee</a> {{ 7*7 }}",
    )
    assert "<script>alert" not in page.text and "&lt;script&gt;" in page.text
    assert not any("evil" in link for link in page.parsed.links) and "{{ 7*7 }}" in page.text


def test_too_long_and_empty_are_said_and_kept_in_the_field(world: PortalWorld) -> None:
    browser = world.browser()
    page = ask(browser, "long " * 250)
    assert page.status == 422 and "at most 1000" in page.text and "long long" in page.text
    assert ask(browser, "   ").status == 422
    assert "You asked" not in browser.open("/assistant").text


def test_own_cases_only_after_log_in_and_the_dialogue_stays(world: PortalWorld) -> None:
    browser = world.browser()
    page = ask(browser, "what do I have to do next?")
    assert "Log in; the dialogue stays" in page.text and "S-2026" not in page.text
    page = browser.open("/login", "POST", {**page.form("/login")["fields"], "return_to": "/assistant"})
    page = browser.submit(page, "/test", subject=MARI.subject)
    assert page.path == "/assistant" and "what do I have to do next?" in page.text
    page = browser.submit(page, "/assistant")
    home = browser.open("/home").text
    number = re.search(r"[A-Z]-\d{4}-\d+", page.text)
    assert number is not None and number[0] in home


def test_cases_of_others_and_those_that_are_not_there_give_the_same_words(world: PortalWorld) -> None:
    browser = world.browser()
    browser.log_in()
    texts = {
        re.sub(
            r"S-2026-\d+",
            "",
            re.sub(r'value="[^"]*"', "", ask(world_browser, question).text.partition('id="newest"')[2]),
        )
        for world_browser, question in (
            (browser, "status of S-2026-999998"),
            (browser, "status of S-2026-999999"),
        )
    }
    assert len(texts) == 1 and "There is no such case among yours." in texts.pop()


def test_nobody_else_reads_a_dialogue(world: PortalWorld) -> None:
    browser, stranger = world.browser(), world.browser()
    browser.log_in(MARI)
    ask(browser, "kindergarten fee")
    assert "kindergarten fee" not in stranger.open("/assistant").text
    stolen = world.browser()  # the browser's cookie without the session
    stolen.cookies["__Host-portal-browser"] = browser.cookies["__Host-portal-browser"]
    assert "kindergarten fee" not in stolen.open("/assistant").text
    stolen.log_in(JAAN)  # the next person at the same machine
    assert "kindergarten fee" not in stolen.open("/assistant").text
    assert "kindergarten fee" not in ask(stolen, "what about the queue").text
    with world.portal._store.engine.connect() as connection:
        dump = str(connection.exec_driver_sql("SELECT * FROM portal_dialogue").all())
    assert "kindergarten" not in dump


def test_what_was_said_before_log_in_is_the_persons_afterwards(world: PortalWorld) -> None:
    browser = world.browser()
    ask(browser, "kindergarten fee")
    browser.log_in(MARI)
    assert "kindergarten fee" in browser.open("/assistant").text
    del browser.cookies["__Host-portal"]
    assert "kindergarten fee" not in browser.open("/assistant").text


def test_a_dialogue_is_deleted(world: PortalWorld) -> None:
    browser = world.browser()
    page = ask(browser, "kindergarten fee")
    page = browser.submit(page, "/assistant/forget")
    assert "kindergarten fee" not in page.text and "You asked" not in browser.open("/assistant").text


def test_a_flood_is_refused_and_others_go_on(world: PortalWorld) -> None:
    browser, other = world.browser(), world.browser()
    page = browser.open("/assistant")
    form = {**page.form("/assistant")["fields"], "question": "kindergarten fee"}
    statuses = [browser.request("POST", "/assistant", form).status for _ in range(24)]
    assert statuses.count(303) == 20 and set(statuses[20:]) == {429}
    world.clock.forward(seconds=2)
    assert ask(other, "kindergarten fee").status == 200
    world.clock.forward(seconds=61)
    assert ask(browser, "kindergarten fee").status == 200


def test_a_step_is_made_ready_and_nothing_is_sent(world: PortalWorld) -> None:
    browser = world.browser()
    browser.log_in()
    page = ask(browser, "I am moving to Pikk 7 Tartu, how do I register the new address?")
    page = browser.request("POST", "/assistant/step", page.form("/assistant/step")["fields"])
    assert page.status == 303 and page.headers["location"].endswith("/screens/move.place")
    cases = world.cases
    assert isinstance(cases, CasesDouble) and cases.acts == []
    [(_case, screen, _person), values] = next(iter(cases.drafts.items()))
    assert screen == "move.place" and values == {"where": ["here"], "words": ["Pikk 7 Tartu"]}


def test_only_steps_that_exist(world: PortalWorld) -> None:
    browser = world.browser()
    browser.log_in()
    page = ask(browser, "how do I register my new address")
    form = {**page.form("/assistant/step")["fields"], "service": "birth"}
    assert browser.request("POST", "/assistant/step", form).status == 404


def test_the_whole_dialogue_goes_to_an_official(world: PortalWorld) -> None:
    browser = world.browser()
    ask(browser, "kindergarten fee")
    browser.log_in()
    page = ask(browser, "how do I renew my passport")
    browser.submit(page, "/assistant/hand-over")
    [turns] = world.cases.handed_over
    assert [asked for asked, _ in turns] == ["kindergarten fee", "how do I renew my passport"]
    assert "20 per cent" in turns[0][1] and "I do not know" in turns[1][1]


def test_older_turns_are_a_link_away(world: PortalWorld) -> None:
    browser = world.browser()
    for number in range(8):
        page = ask(browser, f"kindergarten fee number {number}")
    assert (
        "fee number 7" in page.text and "fee number 1" not in page.text and len(page.text.encode()) < 28_000
    )
    assert "fee number 1" in browser.open("/assistant?all=1").text


def test_help_is_in_the_same_place_on_every_page(world: PortalWorld, tmp_path: Path) -> None:
    browser = world.browser()
    browser.log_in()
    for path in ("/", "/home", "/services/move", "/my-data", "/cases/case-1", "/nothing"):
        page = browser.open(path)
        if path != "/nothing":
            assert "/assistant" in page.parsed.links and "/help" in page.parsed.links, path
    assert browser.open("/law/none").status == 404
