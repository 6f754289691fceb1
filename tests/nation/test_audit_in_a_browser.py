"""The auditor's journey (J8) in a browser, in each language: a decision from its number to a finding that is answered and closed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser

from sild.adapter import CallContext
from sild.clock import system_clock
from sild.decisions import FINDING, list_ripples
from sild.i18n import format_month
from sild.nation import COUNTRY, Nation
from support.audited import MOTHER, decide
from support.chromium import chromium

from .walker import LANGUAGES, PHONE, Walker
from .walks import _loops, running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
TITLES = {
    "et": "Põhjendus ei nimeta seaduse redaktsiooni",
    "vi": "Lý do không nêu văn bản hợp nhất",
    "en": "The reasons do not name the text of the law",
}


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nation]:
    with running(tmp_path_factory.mktemp("audit") / "nation", replace(COUNTRY, people=1_500)) as nation:
        yield nation


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with ExitStack() as opened:
        yield opened.enter_context(chromium())


@pytest.fixture(scope="module")
def decision(country: Nation) -> str:
    """Of the social register itself; nobody else has decided yet. Its messages were never sent: the logs have to say so."""
    assert country.systems is not None
    register: Any = country.systems.registers["social"].register
    return decide(register)


@pytest.fixture(scope="module")
def inquiry(country: Nation) -> None:
    """A read of which its person is not told yet."""
    assert country.systems is not None
    population, tax = country.systems.service_of("population"), country.systems.clients["tax"]
    asking = CallContext(user_id="EE36805280109", legal_ground=country.plan.about.inquiries, issue="KRIM-7")
    someone, ends = person(country, "board_member")["code"], (system_clock() + timedelta(days=3)).isoformat()
    mark = json.dumps({"person": someone, "ends": ends, "order": "2-26/77"}).encode()

    async def read() -> None:
        said = {"body": mark, "content_type": "application/json", "context": asking}
        assert (await tax.request("POST", population, ["withholdings"], **said)).status == 201
        assert (await tax.get(population, ["persons", someone], context=asking)).status == 200

    asyncio.run_coroutine_threadsafe(read(), _loops[country]).result(30)


def person(country: Nation, role: str, **more: str) -> dict[str, str]:
    people: Any = country.description["test_people"]
    return {**next(one for one in people if one.get("id") == role), **more}


def checked(auditor: Walker, what: str) -> str:
    auditor.page.locator(f"form[action$='/{what}'] button").click()
    auditor.page.wait_for_load_state()
    auditor.see(f"audit-{what}")
    return auditor.page.locator("main").inner_text()


def reached(country: Nation, decision: str, auditor: Walker, case: str) -> str:
    """The number of the finding, once the register has entered the decision over the exchange, for an official to see to."""
    assert country.systems is not None
    register: Any = country.systems.registers["social"].register
    auditor.page.goto(f"{auditor.portal}/cases/{case}")
    told = auditor.page.locator("main").inner_text()
    for _ in range(120):
        with register.kernel.engine.connect() as connection:
            for one in list_ripples(connection, state="listed", decision=decision):
                if one.concept == FINDING and str(one.fact) in told:
                    return str(one.fact)
        auditor.page.wait_for_timeout(250)
    raise AssertionError("the register never heard that the body agrees")


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_audit_from_the_number_to_the_end(
    country: Nation, browser: Browser, decision: str, language: str
) -> None:
    auditor = Walker(browser, country, person(country, "auditor"), language)
    auditor.page.set_viewport_size(PHONE)
    auditor.open("/home", "home")
    auditor.page.locator("main a[href='/audit']").click()
    auditor.page.wait_for_url("**/audit")
    auditor.see("audit")
    auditor.page.locator("#number").fill(decision)
    auditor.page.get_by_role("button", name=auditor.say("audit.find_button"), exact=True).click()
    auditor.page.wait_for_url(f"**/audit/decisions/social/{decision}")
    auditor.see("audit-decision")
    assert auditor.say("audit.verify_good") in checked(auditor, "verify")
    assert auditor.say("decision.again_mismatch") in checked(auditor, "replay"), (
        "no log has its messages: said, not hidden"
    )
    assert auditor.say("audit.verdict_broken") in checked(auditor, "messages")
    checked(auditor, "what-if")
    auditor.open("/audit/algorithms/family-benefits", "audit-algorithm")
    assert auditor.say("audit.differs_none") in auditor.page.locator("main").inner_text()

    auditor.page.goto(f"{auditor.portal}/audit/decisions/social/{decision}")
    auditor.page.locator("form[action$='/finding'] button").click()
    auditor.page.wait_for_url("**/screens/finding.write")
    case = auditor.page.url.partition("/cases/")[2].split("/")[0]
    auditor.see("finding.write")
    auditor.give(
        about="package", severity="fault", title=TITLES[language], statement="Seletus. Giải thích. The law."
    )
    auditor.send("finding.write", "WRITE")
    auditor.reads("/findings", name="findings", plain=(TITLES[language],))

    official = Walker(
        browser, country, person(country, "social_contest_official", authority="finding@70000004"), language
    )
    official.do("finding.desk", "ANSWER", case, outcome="decide_again", answer="Parandatud. Đã sửa. Mended.")
    number = reached(country, decision, auditor, case)
    auditor.do("finding.close", "CLOSE", case, result="mended", words="Aitäh.")
    text = auditor.reads("/findings", "finding.ended.mended", name="findings", plain=(TITLES[language],))
    assert number in text
    assert decision not in text and MOTHER not in text, "nobody's data, not even a number"
    for walker in (auditor, official):
        assert not walker.faults
        walker.context.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_kept_from_people_is_counted(
    country: Nation, browser: Browser, inquiry: None, language: str
) -> None:
    auditor = Walker(browser, country, person(country, "auditor"), language)
    auditor.page.set_viewport_size(PHONE)
    auditor.open("/audit", "audit")
    auditor.page.locator("form[action='/audit/withheld/population'] button").click()
    auditor.page.wait_for_load_state()
    auditor.see("audit-withheld")
    shown = auditor.page.locator("main").inner_text()
    assert format_month(system_clock().date().isoformat()[:7], language).lower() in shown.lower()
    assert "KRIM-7" not in shown
    assert not auditor.faults
    auditor.context.close()


def test_two_pairs_of_eyes_and_nobody_else(country: Nation, browser: Browser, decision: str) -> None:
    auditor = Walker(browser, country, person(country, "auditor"), "en", script=False)
    auditor.open(f"/audit/decisions/social/{decision}", "audit-decision")
    assert "1,200.01" not in auditor.page.locator("main").inner_text()
    auditor.page.locator("textarea[name='reason']").fill("The sum is in doubt.")
    auditor.page.locator("form[action$='/release'] button").click()
    auditor.page.wait_for_load_state()
    second = Walker(browser, country, person(country, "second_auditor"), "en", script=False)
    second.open("/audit", "audit")
    second.page.get_by_role("button", name=second.say("audit.release_grant")).click()
    second.page.wait_for_load_state()
    auditor.open(f"/audit/decisions/social/{decision}", "audit-decision")
    assert "1,200.01" in auditor.page.locator("main").inner_text()
    citizen = Walker(browser, country, person(country, "owner"), "en", script=False)
    answer = citizen.page.goto(f"{citizen.portal}/audit/decisions/social/{decision}")
    assert answer is not None and answer.status == 403
    assert citizen.say("refused.no_mandate") in citizen.page.locator("main").inner_text()
    for walker in (auditor, second, citizen):
        walker.context.close()
