"""Screens of cases: every defect at once with the values kept; sent twice; refused; other people's; registers down."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from sild.cases import Refused
from sild.catalogue import Defect
from sild.portal.ports import TrackerEntry, Usage
from support.portal_world import JAAN, MARI, PEETER, PortalWorld

SCREEN = "/cases/case-1/screens/birth.check_and_name"
GOOD = {
    "do": "DECLARE",
    "f__given_names": "Ada",
    "f__family_name": "Tamm",
    "f__kindergarten": "no",
    "f__sure": "yes",
}


def test_every_defect_at_once_and_nothing_typed_is_lost(world: PortalWorld) -> None:
    browser = world.browser()
    browser.log_in()
    page = browser.submit(browser.open(SCREEN), SCREEN, do="DECLARE", f__account="123", f__words="kept words", f__kindergarten="yes",
                          f__kindergarten_from="soon", f__languages=["vi"])  # fmt: skip
    assert page.status == 422 and "5 to put right" in page.text
    for field in ("given_names", "family_name", "kindergarten_from", "account", "sure"):
        assert f'href="#f-{field}"' in page.text and f'id="f-{field}"' in page.text
    for kept in ('value="123"', "kept words", 'value="vi" id="f-languages" checked', 'value="soon"'):
        assert kept in page.text or kept.startswith('value="vi"')
    assert world.cases.acts == []


def test_the_same_form_twice_and_the_back_button_give_the_same_receipt(world: PortalWorld) -> None:
    browser = world.browser()
    browser.log_in()
    form = browser.open(SCREEN)
    first, again = browser.submit(form, SCREEN, **GOOD), browser.submit(form, SCREEN, **GOOD)
    assert first.path == again.path and first.path.startswith("/receipts/") and first.text == again.text
    assert len(world.cases.acts) == 1
    fresh = form.text.replace(form.form(SCREEN)["fields"]["key"], "k" * 43)
    page = browser.submit(type(form)(form.url, 200, form.headers, fresh), SCREEN, **GOOD)
    assert page.status == 409 and len(world.cases.acts) == 1
    assert (
        "This step is done" in page.text
        and "Name chosen" in page.text
        and "/cases/case-1" in page.parsed.links
    )


def test_a_receipt_is_its_owners(world: PortalWorld) -> None:
    browser, other = world.browser(), world.browser()
    browser.log_in()
    other.log_in(JAAN)
    form = browser.open(SCREEN)
    receipt = browser.submit(form, SCREEN, **GOOD)
    assert other.request("GET", receipt.path).status == 404
    mine = other.open(SCREEN).form(SCREEN)["fields"]
    stolen = {**mine, "key": form.form(SCREEN)["fields"]["key"], "do": "DENY"}
    assert other.request("POST", SCREEN, stolen).status == 404 and len(world.cases.acts) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/cases/case-9",
        "/cases/case-1",
        "/cases/case-1/screens/birth.check_and_name",
        "/cases/..%2Fx",
        "/cases/%00",
    ],
)
def test_other_peoples_case_numbers(world: PortalWorld, path: str) -> None:
    """One that is somebody else's and one that does not exist look the same."""
    browser = world.browser()
    browser.log_in(PEETER)
    page = browser.request("GET", path)
    assert page.status == 404
    if ".." not in path:
        assert "There is no such case among yours" in page.text


@pytest.mark.parametrize(
    "code",
    ["too_late", "level_too_low", "mandate_ended", "conflict_of_interest", "second_return_needs_supervisor"],
)
def test_a_refusal_says_why_and_keeps_the_draft(world: PortalWorld, code: str) -> None:
    browser = world.browser()
    browser.log_in()
    form = browser.open(SCREEN)
    world.cases.refusal = Refused("no", code=code)
    page = browser.submit(form, SCREEN, **GOOD)
    assert page.status in (403, 422) and world.cases.acts == []
    assert next(iter(world.cases.drafts.values()))["given_names"] == ["Ada"]


def test_a_refusal_we_have_no_words_for_is_told_without_its_code(world: PortalWorld) -> None:
    browser = world.browser()
    browser.log_in()
    form = browser.open(SCREEN)
    world.cases.refusal = Refused("no", code="a_code_of_tomorrow")
    page = browser.submit(form, SCREEN, **GOOD)
    assert page.status == 422 and 'value="Ada"' in page.text
    assert "This could not be done." in page.text and "a_code_of_tomorrow" not in page.text


def test_defects_of_the_case_itself(world: PortalWorld) -> None:
    browser = world.browser()
    browser.log_in()
    form = browser.open(SCREEN)
    world.cases.refusal = Refused(
        "no", code="defects", defects=[Defect("given_names", "name_refused"), Defect("sure", "not_confirmed")]
    )
    page = browser.submit(form, SCREEN, **GOOD)
    assert (
        "does not fit" in page.text
        and "name_refused" not in page.text
        and "2 to put right" in page.text
        and 'value="Ada"' in page.text
    )


def test_a_draft_without_a_script_and_with_one(world: PortalWorld) -> None:
    browser = world.browser()
    browser.log_in()
    page = browser.submit(browser.open(SCREEN), SCREEN, do="SAVE", f__given_names="Ad")
    assert "Saved. You can go on later." in page.text and 'value="Ad"' in page.text
    fields = page.form(SCREEN)["fields"]
    headers = {"X-Requested-By": "portal", "X-Form-Token": fields["form_token"]}
    assert browser.request("POST", SCREEN + "/draft", {"f.given_names": "Ada"}, headers).status == 200
    assert 'value="Ada"' in browser.open(SCREEN).text and "Begun, not sent" in browser.open("/home").text


def test_a_search_among_addresses(world: PortalWorld) -> None:
    browser = world.browser()
    browser.log_in()
    page = browser.submit(browser.open(SCREEN), SCREEN, do="SEARCH", f__home="Ülikooli", f__given_names="Ada")
    assert "Ülikooli 18, Tartu" in page.text and 'value="Ada"' in page.text


def test_the_database_fails(world: PortalWorld) -> None:
    browser = world.browser()
    browser.log_in()
    world.cases.down = True
    page = browser.request("GET", "/home")
    assert (
        page.status == 503
        and "Something of ours does not answer" in page.text
        and "database" not in page.text
    )


def test_registers_that_fail_are_named_and_a_fact_can_be_disputed(world: PortalWorld) -> None:
    browser = world.browser()
    browser.log_in()
    page = browser.open("/my-data")
    assert (
        "Register of residence</strong>: the register does not answer" in page.text
        and "Date of birth" in page.text
    )
    assert re.search(r"<span class=\"lines\">Estonia<", page.text) and "mother, 47001010011<" in page.text
    assert "/my-data?register=population#wGOV-70000002-population7" in page.text
    page = browser.open("/my-data?register=population")
    receipt = browser.submit(page, "/my-data/wrong", reason="It is Marii")
    again = browser.submit(page, "/my-data/wrong", reason="It is Marii")
    assert receipt.path == again.path and "D-17" not in receipt.text, (
        "the number of a register is nobody's to keep"
    )
    disputes = [call for call in world.exchange.calls if call[1] == "POST"]
    proof = next(one for one in world.exchange.proofs if one is not None)
    said = json.loads(base64.urlsafe_b64decode(proof.split(".")[1] + "=="))
    assert said["sub"] == MARI.subject and said["authorization_details"][0]["privileges"] == ["disputeFact"]
    assert disputes == [("GOV/70000002/population", "POST", "/facts/7/dispute", {"reason": "It is Marii"})]


def test_who_looks_for_others_in_the_tracker_finds_them_at_once(world: PortalWorld) -> None:
    browser = world.browser()
    browser.log_in()
    page, whole = browser.open("/who-looked"), browser.open("/who-looked?own=yes")
    assert "m-2" in page.text and "m-3" not in page.text and "Your own looks stand aside: 1" in page.text
    assert "m-2" in whole.text and "m-3" in whole.text and "stand aside" not in whole.text
    assert "m-3" in browser.open("/who-looked?case=case-1").text


def test_looks_are_grouped_by_the_office_for_which_a_system_asked(world: PortalWorld) -> None:
    """Counted whole, not by page; what another body's system says of an office stands under its own name."""
    at = datetime(2026, 11, 1, tzinfo=UTC)

    def look(number: int, body: str, office: str | None) -> TrackerEntry:
        return TrackerEntry(
            str(number), at - timedelta(hours=number), body, "portal", "getFacts", None, None, "official",
            "person.residence", f"m-{number}", "population", office=office,
        )  # fmt: skip

    entries = (
        *(look(one, "GOV/70000001", "birth@0793") for one in range(20)),
        look(20, "GOV/70000001", None),
        look(21, "GOV/70000004", "birth@0793"),
    )

    async def usage(actor: object) -> Usage:
        return Usage(entries, (), {"population": len(entries)}, {})

    world.cases.usage = usage  # type: ignore[method-assign]
    browser = world.browser()
    browser.log_in()
    first, second = (browser.open(f"/who-looked?from={begin}").text for begin in (0, 15))
    assert first.count("Looks: 20") == 1 and "Through" in first
    assert second.count("Looks: 20") == 1 and second.count("Looks: 1<") == 2
    groups = re.findall(r'<section class="sheet"><h2>([^<]+)</h2><p class="small">Looks: ', second)
    assert len(groups) == 3 and groups[0] == groups[2] != groups[1]
    assert second.count("Through") == 2
    statement = json.loads(browser.open("/who-looked/statement").text)
    assert {one["office"] for one in statement["entries"]} == {"birth@0793", None}
    assert statement["payload"]["registers"]["population"] == {"shown": 22, "withheld": 0, "total": 22}


def test_why_becomes_a_case(world: PortalWorld) -> None:
    browser = world.browser()
    browser.log_in()
    tracker = browser.open("/who-looked")
    entry = re.findall(r'<button form="why" name="entry" value="([^"]+)"', tracker.text)[0]
    page = browser.submit(tracker, "/who-looked/why", entry=entry)
    assert page.path.startswith("/cases/why-1")


def test_the_desk(world: PortalWorld) -> None:
    browser = world.browser()
    page = browser.log_in_as_official()
    assert (
        page.text.index("S-2026-000123") < page.text.index("S-2026-000125") < page.text.index("S-2026-000129")
    )
    assert "Waits for: Register of residence" in page.text and "Late" in page.text
    case = browser.open("/desk/cases/case-1")
    facts = case.text[case.text.index("What we know") :]
    assert facts.index("We do not know.") < facts.index("Given names")
    assert "In the hands of: you" in browser.submit(case, "/take").text
    decision = "/desk/cases/case-1/screens/birth.register"
    receipt = browser.submit(
        browser.open(decision), decision, do="RETURN", f__defects=["name", "paternity"], f__reason="both"
    )
    assert receipt.path.startswith("/receipts/") and world.cases.acts[0][1] == "RETURN"
    assert world.cases.acts[0][3]["defects"] == ["name", "paternity"]


def test_a_look_up_cites_a_live_case(world: PortalWorld) -> None:
    browser = world.browser()
    browser.log_in_as_official()
    form = browser.open("/desk/look-up")
    refused = browser.submit(form, "/desk/look-up", person="EE60001019906", case="")
    assert (
        refused.status == 403
        and "This attempt was recorded" in refused.text
        and world.cases.looked == ["EE60001019906"]
    )
    assert "Mari" in browser.submit(form, "/desk/look-up", person="EE60001019906", case="S-2026-000123").text


def test_a_device_nobody_knows_reads_only(world: PortalWorld) -> None:
    browser = world.browser()
    page = browser.log_in_as_official(managed=False)
    assert "you can read, not decide" in page.text
    decision = "/desk/cases/case-1/screens/birth.register"
    page = browser.submit(browser.open(decision), decision, do="REGISTER")
    assert "From this device you can only read." in page.text and world.cases.acts == []
