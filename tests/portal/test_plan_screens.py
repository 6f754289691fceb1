"""The plan of places as an official sees it: facts, their own number, then the model's; attacked over HTTP; judged in a browser."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import pytest
from sqlalchemy import update

from sild.cases import Actor, CaseSystem, ExchangeAnswer, load_packs, shipped_models
from sild.cases.actor import STATE
from sild.cases.by_calendar import Calendar
from sild.cases.plan import KindergartenPlan
from sild.cases.plan_suggestion import suggestion_of
from sild.cases.tables import cases
from sild.errors import Unavailable
from sild.portal import PortalCases
from sild.registries.education.statistics import statistics_of
from support.accessible import check
from support.chromium import chromium
from support.identity_world import NOW
from support.portal_world import OFFICE, PEETER, PlainBrowser, PortalWorld

MODEL = shipped_models()["kindergarten-demand"]
YEAR = NOW.year
ROWS = [json.loads(json.dumps(asdict(row))) for row in statistics_of(YEAR) if row.year > YEAR - 5]
OWN = [row for row in ROWS if row["commune"] == "0793"]
SAID = suggestion_of(MODEL, OWN, YEAR + 1, [])
DRIFT = [{"feature": "trend", "index": "0.312", "level": "alarm"}]
GATHERED = {"rows": OWN, "drift": DRIFT, "counted_on": f"{YEAR}-01-01", "message_id": "m-1"}
DESK = OFFICE.model_copy(update={"authority": "kindergarten@0793"})
PLANNER = Actor(person=PEETER.subject, acr="high", posture="managed", roles=frozenset({"official"}), authority=DESK.authority)  # fmt: skip
SIZES = {"phone": {"width": 390, "height": 844}, "desk": {"width": 1280, "height": 900}}


class Down:
    async def call(self, service: str, method: str, path: str, **_more: object) -> ExchangeAnswer:
        raise Unavailable(f"{service} does not answer")


class Desk:
    """One portal; a new case system on it for each test would be dear: cases are made by commune instead."""

    def __init__(self, directory: Path) -> None:
        packs = load_packs("EE")
        communes = ("0793", "0784", "0624", "0511", "0919", "0890")
        process = KindergartenPlan(packs, communes, MODEL, authority="SILD/GOV/70000005")
        self.system = CaseSystem.open(
            directory / "cases",
            system="/SILD/GOV/70000001/portal",
            exchange=Down(),
            packs=packs,
            processes=[process],
            registers={"education": "GOV/70000005/education"},
            clock=lambda: NOW,
        )
        Calendar(self.system._parts).open_due()
        self.world = PortalWorld(directory, PortalCases(self.system, packs), offices=(DESK,))

    def ready(self) -> str:
        """A case of the office whose figures are here and nobody has seen."""
        store = self.system._parts.store
        with store.reading() as connection:
            waiting = [
                case
                for code in ("0793", "0784", "0624", "0511", "0919", "0890")
                for case in store.of_office(connection, f"kindergarten@{code}")
                if case.status == "OPENED"
            ]
        case = waiting[0]

        def gather(connection):
            connection.execute(update(cases).where(cases.c.id == case.id).values(office=DESK.authority))
            return store.act(connection, case, "GATHER", GATHERED, STATE, "state", NOW)

        return store.write(gather).id

    def estimate(self, case: str) -> None:
        given = {"places": ["3850"], "reason": ["A new quarter"]}
        act = self.system.act(case, "ESTIMATE", PLANNER, given, key=case)
        with ThreadPoolExecutor(1) as other:  # the browser's driver has a loop of its own in this thread
            other.submit(asyncio.run, act).result()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(tmp_path_factory.mktemp("desk"))
    with made.world.running() as world:
        world.provider.add_official_role(PEETER.subject, DESK.role, DESK.organisation)
        world.exchange.call = _register  # type: ignore[method-assign]
        yield made
    made.system._parts.store.engine.dispose()


async def _register(service: str, method: str, path: str, **_more: object) -> ExchangeAnswer:
    assert (service, method) == ("GOV/70000005/education", "GET")
    return ExchangeAnswer(200, {"items": ROWS, "counted_on": f"{YEAR}-01-01"}, "m")


@pytest.fixture(scope="module")
def official(desk: Desk) -> PlainBrowser:
    browser = desk.world.browser()
    browser.log_in_as_official()
    return browser


SECRETS = (
    MODEL.sha256,
    f"{SAID['total'] / 10:,.1f}",
    'class="bars"',
    f"{abs(SAID['parts'][0]['tenths']) / 10:.1f}</td>",
)


@pytest.mark.parametrize("language", ["et", "vi", "en"])
def test_before_ones_own_number_no_address_gives_the_models(
    desk: Desk, official: PlainBrowser, language: str
) -> None:
    case = desk.ready()
    official.language = language
    root = f"/desk/cases/{case}"
    for path in (
        f"{root}/screens/kindergarten_plan.decide",
        f"{root}/screens/kindergarten_plan.decide?lang={language}",
        f"{root}/screens/kindergarten_plan.estimate",
        root,
        "/desk",
        f"/cases/{case}/screens/kindergarten_plan.decide",
    ):
        page = official.request("GET", path)
        assert page.status in (200, 404), path
        assert not any(secret in page.text for secret in SECRETS), path
    form = official.open(f"{root}/screens/kindergarten_plan.estimate").form("kindergarten_plan.estimate")[
        "fields"
    ]
    forged = {
        "form_token": form["form_token"],
        "key": form["key"],
        "f.decision": "confirm",
        "f.reason": "agree",
        "f.considerations": "x",
    }
    before = official.open(f"{root}/screens/kindergarten_plan.decide")
    assert before.status == 200 and 'name="f.decision"' not in before.text, "not its turn: no form to fill in"
    assert {"en": "not the turn", "et": "kord ei ole", "vi": "Chưa phải lúc"}[language] in before.text
    for do in ("DECIDE", "SAVE"):
        answer = official.open(f"{root}/screens/kindergarten_plan.decide", "POST", {**forged, "do": do})
        assert not any(secret in answer.text for secret in SECRETS), do
    script = {"X-Requested-With": "fetch", "Accept": "application/json"}
    answer = official.request("POST", f"{root}/screens/kindergarten_plan.decide/draft", forged, script)
    assert answer.status != 400, "the form is one of theirs"
    assert not any(secret in answer.text for secret in SECRETS)
    stranger = desk.world.browser()
    stranger.log_in()
    assert stranger.request("GET", f"/cases/{case}/screens/kindergarten_plan.decide").status == 404


def test_the_whole_way_over_http(desk: Desk, official: PlainBrowser) -> None:
    case = desk.ready()
    official.language = "en"
    official.request("GET", "/?lang=en")
    where = f"/desk/cases/{case}/screens/kindergarten_plan."
    page = official.open(where + "estimate")
    assert "Demand in the last years" in page.text and "1 January" in page.text
    page = official.submit(
        page, "kindergarten_plan.estimate", do="ESTIMATE", f__places="many", f__reason="because"
    )
    assert page.status == 422 and "A whole number of places" in page.text
    official.submit(page, "kindergarten_plan.estimate", do="ESTIMATE", f__places="3 850", f__reason="because")
    page = official.open(where + "decide")
    assert all(secret in page.text for secret in SECRETS)
    assert "no longer as when the model learned" in page.text  # drift
    assert len(page.text.encode()) < 50_000
    text = re.sub(r"<[^>]*>", " ", page.text)
    assert not re.search(r"\b(suggestion|explained|concept|plan|status)\.[A-Za-z_]+", text)
    again = official.submit(
        official.open(where + "estimate"),
        "kindergarten_plan.estimate",
        do="ESTIMATE",
        f__places="1",
        f__reason="b",
    )
    assert again.status == 409  # the back button: the view is kept already
    done = official.submit(
        page,
        "kindergarten_plan.decide",
        do="DECIDE",
        f__decision="confirm",
        f__reason="agree",
        f__considerations="near",
    )
    assert done.path.startswith("/receipts/")
    assert "3850" in official.open(f"/desk/cases/{case}").text


@pytest.mark.parametrize("language", ["et", "vi", "en"])
def test_the_models_page_is_small_and_whole(desk: Desk, language: str) -> None:
    browser = desk.world.browser()
    browser.language = language
    page = browser.open("/models/kindergarten-demand")
    assert page.status == 200 and len(page.text.encode()) < 50_000
    assert page.text.count('class="plot"') == len(MODEL.box.terms) + 1
    assert MODEL.sha256 in page.text
    text = re.sub(r"<[^>]*>", " ", page.text)
    assert not re.search(r"\bmodel\.(?!json)[a-z_]+", text)
    for section in MODEL.card.sections:
        assert section.title[language] in text
    assert browser.request("GET", "/models/kindergarten-demand/model.json").text.encode() == MODEL.content
    assert browser.request("GET", "/models/oracle").status == 404


def test_without_the_register_the_models_page_stands(desk: Desk, tmp_path: Path) -> None:
    async def down(*_: object, **__: object) -> ExchangeAnswer:
        raise Unavailable("down", code="network_error")

    with PortalWorld(tmp_path).running() as world:
        world.exchange.call = down  # type: ignore[method-assign]
        page = world.browser().open("/models/kindergarten-demand")
    assert page.status == 200 and "does not give its newest statistics" in page.text
    assert "Last year" in page.text  # accuracy on the year it did not see is the model's own


@pytest.mark.slow
def test_in_a_browser(desk: Desk) -> None:
    case = desk.ready()
    with chromium() as browser:
        for size, language in (("phone", "en"), ("desk", "et"), ("phone", "vi"), ("desk", "en")):
            context = browser.new_context(viewport=SIZES[size], locale=language, service_workers="block")
            page = context.new_page()
            page.goto(desk.world.url + "/models/kindergarten-demand")
            check(page, f"model-{size}-{language}")
            page.goto(desk.world.url + "/login?return_to=/desk")
            page.locator("main form button").nth(1).click()
            page.locator("button.choice").nth(2).click()
            page.locator("form[action$='/device/unmanaged'] button").click()
            page.wait_for_url(desk.world.url + "/desk")
            check(page, f"plan-desk-{size}-{language}")
            where = f"{desk.world.url}/desk/cases/{case}/screens/kindergarten_plan."
            if (size, language) == ("phone", "en"):
                page.goto(where + "estimate")
                check(page, f"plan-estimate-{size}-{language}")
                page.goto(where + "decide")
                check(page, f"plan-hidden-{size}-{language}")
                desk.estimate(case)
            page.goto(where + "decide")
            check(page, f"plan-decide-{size}-{language}")
            context.close()
