"""Numbers for papers and papers handed in, on the real case system: what is wrong stands at its field, the same paper is the same birth."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sild.cases import Actor, AskWhy, CaseSystem, ExchangeAnswer, OfflineConflict, Opening, Party, load_packs
from sild.cases.birth import Birth
from sild.errors import Unavailable
from sild.portal import PortalCases
from support.identity_world import NOW
from support.portal_world import Page, PlainBrowser, PortalWorld

CHILD, OTHER = "62611200011", "62611200022"
NUMBER = re.compile(r"S-2026-\d{6}")


class Down:
    """An exchange on which no register answers: what is handed in stands before any of them does."""

    async def call(self, service: str, method: str, path: str, **_more: object) -> ExchangeAnswer:
        raise Unavailable(f"{service} does not answer")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[PortalWorld]:
    packs = load_packs("EE")
    system = CaseSystem.open(
        tmp_path / "cases",
        system="/SILD/GOV/70000001/portal",
        exchange=Down(),
        packs=packs,
        processes=[Birth(packs), AskWhy(), OfflineConflict()],
        registers={"population": "GOV/70000002/population"},
        clock=lambda: NOW,
    )
    with PortalWorld(tmp_path, PortalCases(system, packs)).running() as world:
        world.system = system  # type: ignore[attr-defined]  for what other offices do
        yield world
    system._parts.store.engine.dispose()


def reserved(official: PlainBrowser, count: int) -> Page:
    return official.submit(official.open("/desk/numbers"), "/desk/numbers", count=str(count))


def numbers_of(page: Page) -> list[str]:
    return re.findall(r'<b class="num">(S-2026-\d{6})</b>', page.text)


def hand_in(official: PlainBrowser, **paper: Any) -> Page:
    form = {"child": CHILD, "given_names": "Liis", "family_name": "Tamm", "registered_on": NOW.date().isoformat()}  # fmt: skip
    return official.submit(official.open("/desk/hand-in"), "/desk/hand-in", **{**form, **paper})


def defects(page: Page) -> dict[str, str]:
    assert page.status == 422
    return dict(re.findall(r'id="e-(\w+)">([^<]*)<', page.text))


def opened_elsewhere(world: PortalWorld, child: str) -> None:
    """A birth of whose case another office has the desk."""
    store = world.system._parts.store  # type: ignore[attr-defined]
    opening = Opening((Party("child", child),), "birth@0784", only_of=child)
    clerk = Actor(person="automatic", name="")
    store.write(lambda connection: store.open(connection, "birth", opening, clerk, "state", NOW))


def test_a_block_is_reserved_once_and_printed_with_a_line_for_each_number(world: PortalWorld) -> None:
    official = world.browser()
    assert "/desk/numbers?office=" in official.log_in_as_official().text
    form = official.open("/desk/numbers")
    for count in ("0", "51", "", "x", "-1"):
        page = official.submit(form, "/desk/numbers", count=count)
        assert page.status == 422 and 'aria-invalid="true"' in page.text
    sheet = official.submit(form, "/desk/numbers", count="50")
    assert (
        official.submit(form, "/desk/numbers", count="50").url == sheet.url
    )  # the form again, or the back button
    assert len(set(numbers_of(sheet))) == 50 and len(sheet.text) < 45_000
    assert sheet.text.count("Mother&#39;s code") == sheet.text.count("Place of birth") == 50
    listed = official.open("/desk/numbers")
    assert listed.text.count("0 of 50 used") == 1
    hand_in(official, number=numbers_of(sheet)[3])
    sheet = official.open(sheet.url)
    assert "1 of 50 used" in sheet.text and sheet.text.count("Mother&#39;s code") == 49


def test_a_paper_comes_to_a_case_or_a_conflict_and_the_same_again_to_the_same(world: PortalWorld) -> None:
    official = world.browser()
    official.log_in_as_official()
    numbers = numbers_of(reserved(official, 4))
    page = hand_in(official, number=numbers[0].lower())
    assert page.path == f"/desk/hand-in/{numbers[0]}" and "is being registered" in page.text
    case = re.search(r'href="(/desk/cases/[^"]+)"', page.text)
    assert case is not None and numbers[0] in official.open(case[1].replace("&amp;", "&")).text
    again = hand_in(official, number=numbers[0], child=f"EE{CHILD}")
    assert re.search(r'href="(/desk/cases/[^"]+)"', again.text)[1] == case[1]  # type: ignore[index]
    assert defects(hand_in(official, number=numbers[0], given_names="Eha")).keys() == {"number"}
    opened_elsewhere(world, OTHER)
    page = hand_in(official, number=numbers[1], child=OTHER)
    assert "An official decides" in page.text and "has a case already" in page.text
    case = re.search(r'href="(/desk/cases/[^"]+)"', page.text)
    assert case is not None and "/screens/offline_conflict.desk" in official.open(case[1].replace("&amp;", "&")).text  # fmt: skip


WITHOUT_CODE = {
    "child": "", "mother": "47605214241", "mother_given_names": "Eva", "mother_family_name": "Tamm", "born": NOW.date().isoformat(),
    "hour": "06:30", "sex": "F", "place": "Prangli", "ground": "medical", "attended_by": "Ämmaemand Mai Saar",
}  # fmt: skip


@pytest.mark.parametrize("language", ["et", "vi", "en"])
def test_a_birth_nobody_told_of_is_handed_in_without_a_code(world: PortalWorld, language: str) -> None:
    """While the register is down the paper is kept, and says so; what is missing stands at its field, what was chosen stays chosen."""
    official = world.browser()
    official.language = language
    official.log_in_as_official()
    sheet = reserved(official, 2)
    first, second = numbers_of(sheet)
    blank = dict.fromkeys(WITHOUT_CODE, "")
    page = hand_in(official, number=first, **{**blank, "sex": "M"})
    found = defects(page)
    assert found.keys() == {"mother", "born", "place", "ground", "attended_by"}
    assert not any(re.fullmatch(r"[a-z_]+", words) for words in found.values()), found
    assert (
        '<option value="M" selected>' in page.text
        and 'value="court"' in page.text
        and 'value="witness"' not in page.text
    )
    wrong = {"hour": "x", "order": "0", "mother": "12", "born": "2020-01-01"}
    found = defects(hand_in(official, number=first, **{**WITHOUT_CODE, **wrong}))
    assert found.keys() == wrong.keys() and not any(
        re.fullmatch(r"[a-z_]+", one) for one in found.values()
    ), found
    page = hand_in(official, number=first, **WITHOUT_CODE)
    kept = {"et": "Paber on alles", "vi": "Tờ giấy đã được lưu", "en": "The paper is kept"}[language]
    assert page.path == f"/desk/hand-in/{first}" and kept in page.text
    assert all(one in page.text for one in ("Prangli", "06:30", "Mai Saar", WITHOUT_CODE["mother"]))
    assert hand_in(official, number=first, **WITHOUT_CODE).url == page.url
    assert defects(hand_in(official, number=first, **{**WITHOUT_CODE, "place": "Naissaar"})).keys() == {
        "number"
    }
    for path in (page.url, sheet.url, f"/desk/hand-in?number={second}"):
        shown = re.sub(r"<[^>]*>", " ", official.open(path).text)
        assert not re.search(r"\bnumbers\.[a-z_]+", shown)


@pytest.mark.parametrize("language", ["et", "vi", "en"])
def test_what_is_wrong_with_a_paper_stands_at_its_field_and_nothing_is_lost(world: PortalWorld, language: str) -> None:  # fmt: skip
    official = world.browser()
    official.language = language
    official.log_in_as_official()
    page = hand_in(official, number="S-2026-999999", child="12", given_names="<b>", family_name="", registered_on="2999-01-01")  # fmt: skip
    found = defects(page)
    assert found.keys() == {"number", "child", "given_names", "family_name", "registered_on"}
    assert not any(re.fullmatch(r"[a-z_]+", words) for words in found.values()), found
    assert 'value="S-2026-999999"' in page.text and 'value="&lt;b&gt;"' in page.text
    for path in ("/desk/numbers", "/desk/hand-in", reserved(official, 1).url):
        shown = official.open(path)
        assert shown.status == 200 and not re.search(r"\bnumbers\.[a-z_]+", re.sub(r"<[^>]*>", " ", shown.text))  # fmt: skip


def test_a_device_that_may_only_read_and_a_form_from_elsewhere_do_nothing(world: PortalWorld) -> None:
    official = world.browser()
    official.log_in_as_official(managed=False)
    assert 'name="count"' not in official.open("/desk/numbers").text
    page = hand_in(official, number="S-2026-000101")
    assert page.status == 403 and 'value="Liis"' in page.text
    form = {**official.open("/desk/hand-in").form("/desk/hand-in")["fields"], "form_token": "0" * 64}
    assert official.request("POST", "/desk/hand-in", form).status == 403
    assert official.open("/desk/hand-in/S-2026-000101").status == 404
