"""The same pages on the real case system, with its packs and texts: no key of a text left over, and its refusals in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyshacl import validate
from rdflib import RDF, Graph, URIRef
from sqlalchemy import func, select

import sild
from sild.cases import AskWhy, Assistance, CaseSystem, ExchangeAnswer, OfflineConflict, load_packs
from sild.cases.birth import Birth
from sild.cases.move import Move
from sild.cases.tables import silences
from sild.catalogue.cpsv import CPSV, CV
from sild.errors import Unavailable
from sild.portal import PortalCases
from sild.portal.events_door import events_app
from support.asgi import Site, serving
from support.identity_world import NOW
from support.portal_world import OFFICE, PEETER, PortalWorld


class Down:
    """An exchange on which no register answers."""

    async def call(self, service: str, method: str, path: str, **_more: object) -> ExchangeAnswer:
        raise Unavailable(f"{service} does not answer")


@pytest.fixture
def system(tmp_path: Path) -> Iterator[CaseSystem]:
    packs = load_packs("EE")
    system = CaseSystem.open(
        tmp_path / "cases",
        system="/SILD/GOV/70000001/portal",
        exchange=Down(),
        packs=packs,
        processes=[Birth(packs), Move(packs), AskWhy(), Assistance(), OfflineConflict()],
        registers={"population": "GOV/70000002/population", "residence": "GOV/70000006/residence"},
        clock=lambda: NOW,
    )
    system._parts.published["move"] = NOW  # no register is there to be compared with
    yield system
    system._parts.store.engine.dispose()


@pytest.fixture
def world(tmp_path: Path, system: CaseSystem) -> Iterator[PortalWorld]:
    with PortalWorld(tmp_path, PortalCases(system, load_packs("EE"))).running() as world:
        yield world


@pytest.mark.parametrize("language", ["et", "vi", "en"])
def test_pages_for_a_citizen_and_an_official(world: PortalWorld, language: str) -> None:
    browser, official = world.browser(), world.browser()
    browser.language = official.language = language
    browser.log_in()
    for path in (
        "/",
        "/services/birth",
        "/life/having_a_child",
        "/home",
        "/inbox",
        "/my-data",
        "/who-looked",
        "/settings",
        "/assistant",
        "/help",
        "/law/HMS",
    ):
        page = browser.request("GET", path)
        assert page.status == 200, (path, page.text)
        text = re.sub(r"<[^>]*>", " ", page.text)
        assert not re.search(r"\b(status|action|notice|reason|result|stop)\.[A-Za-z_]+", text), path
    assert browser.request("GET", "/cases/not-mine").status == 404
    world.provider.add_official_role(PEETER.subject, OFFICE.role, OFFICE.organisation)
    page = official.log_in_as_official(managed=False)
    assert page.path == "/desk"
    assert official.request("GET", "/desk/own-access").status == 200
    form = official.open("/desk/look-up")
    assert official.submit(form, "/desk/look-up", person="EE60001019906", case="made-up").status == 403


def test_registers_that_do_not_answer_the_tracker_are_named(world: PortalWorld) -> None:
    browser = world.browser()
    browser.log_in()
    page = browser.open("/who-looked")
    assert "Population register does not answer" in page.text and "a register does not answer" in page.text


@pytest.mark.parametrize("language", ["et", "vi", "en"])
def test_from_a_question_to_a_prepared_step_and_to_an_official(world: PortalWorld, language: str) -> None:
    question = {
        "et": "kolin Pikk 7 Tartu, kuidas uus aadress registreerida",
        "vi": "đổi địa chỉ đăng ký thường trú nhà mới Pikk 7 Tartu",
        "en": "how do I register my new address Pikk 7 Tartu",
    }[language]
    browser = world.browser()
    browser.language = language
    browser.submit(browser.open("/assistant"), "/assistant", question=question)
    browser.log_in()
    page = browser.submit(browser.open("/assistant"), "/assistant/step")
    assert page.path.endswith("/screens/move.place") and 'value="Pikk 7 Tartu"' in page.text
    page = browser.submit(browser.open("/assistant"), "/assistant/hand-over")
    assert page.path.endswith("/screens/assistance.question") and question in page.text
    page = browser.submit(page, "/screens/assistance.question", do="ASK", f__words="Palun")
    assert page.path.startswith("/receipts/")
    assert not re.search(r"\b(status|action|dialogue)\.[A-Za-z_]+", re.sub(r"<[^>]*>", " ", page.text))
    ask_own = browser.open("/assistant").form("/assistant")["fields"]
    own = {
        "et": "mis mu juhtumist saab",
        "vi": "hồ sơ của tôi đến đâu rồi",
        "en": "what is happening with my case",
    }
    page = browser.open("/assistant", "POST", {**ask_own, "question": own[language]})
    newest = page.text.partition('id="newest"')[2]
    assert newest.count("S-2026-") >= 2 and "/screens/move.place" in newest


def test_the_catalogue_that_is_served_fits_cpsv_ap(world: PortalWorld, system: CaseSystem) -> None:
    """What is published and no more, for everybody, as any reader of RDF takes it."""
    browser = world.browser()
    assert "/catalogue.ttl" in browser.open("/").parsed.links
    page = browser.request("GET", "/catalogue.ttl")
    assert page.status == 200 and page.headers["content-type"].startswith("text/turtle")
    assert page.headers["cache-control"] == "public, max-age=300" and not page.headers["set-cookie"]
    served = Graph().parse(data=page.text, format="turtle")
    move = URIRef(f"{world.url}/catalogue/service/move")
    assert set(served.subjects(RDF.type, CPSV.PublicService)) == {move}
    shapes = Graph().parse(Path(sild.__file__).parent / "catalogue" / "cpsv_ap.ttl")
    conforms, _, text = validate(served, shacl_graph=shapes)
    assert conforms, text
    served.remove((move, CV.hasCompetentAuthority, None))
    assert not validate(served, shacl_graph=shapes)[0]
    system._parts.published["birth"] = NOW
    again = Graph().parse(data=browser.request("GET", "/catalogue.ttl").text, format="turtle")
    assert len(set(again.subjects(RDF.type, CPSV.PublicService))) == 2


# --- the door for events

TELLERS = {
    "population": "SILD/GOV/70000002/population",
    "residence": "SILD/GOV/70000006/residence",
    "parking": "SILD/GOV/70000005/parking",
}
TOLD = {"specversion": "1.0", "id": "1", "type": "civil.death.registered", "subject": "60001019906",
        "time": "2026-11-23T12:00:00Z", "data": {}}  # fmt: skip


@pytest.fixture
def door(system: CaseSystem) -> Iterator[Site]:
    with serving(events_app(system, TELLERS)) as site:
        yield site


def tell(door: Site, sender: str, message_id: str = "SILD-1", **other: object) -> int:
    event = {**TOLD, "source": f"/{sender}", **other}
    return door.post("/events", event, X_Road_Client=sender, X_Road_Id=message_id).status


def silenced(system: CaseSystem) -> int | None:
    with system._parts.store.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(silences))


def test_nobody_tells_what_is_anothers_to_tell(door: Site, system: CaseSystem) -> None:
    """A register that may tell of its own work would have ended anybody's case by a death."""
    parking, population, residence = TELLERS["parking"], TELLERS["population"], TELLERS["residence"]
    for sender in (parking, residence, "SILD/GOV/9/population", "OTHER/GOV/70000002/population"):
        for one in (
            "civil.death.registered",
            "civil.protection.ordered",
            "civil.stillbirth.recorded",
            "civil.birth.registered",
        ):
            assert tell(door, sender, type=one) == 400, (sender, one)
    for sender, one in (
        (parking, "residence.changed"),
        (population, "residence.changed"),
        (population, "parking.home.followed"),
        (population, "made.up"),
        ("SILD/GOV/9/tax", "matter.opened"),
        (parking, "Civil.death.registered"),
    ):
        assert tell(door, sender, type=one) == 400, (sender, one)
    assert silenced(system) == 0
    for sender, one, status in (
        (residence, "residence.changed", 204),
        (population, "population.of_no_use", 404),
        (parking, "person.known_to_nobody", 404),
        (population, "civil.death.registered", 204),
    ):
        assert tell(door, sender, type=one) == status, one
    assert silenced(system) == 1


def test_what_no_database_keeps_is_refused_for_good_and_a_backslash_is_none_of_it(
    door: Site, system: CaseSystem
) -> None:
    """As a failure of ours it would be sent again for ever."""
    deep: object = "x"
    for _ in range(40):
        deep = [deep]
    for number, bad in enumerate(
        (
            {"id": "\ud800"},
            {"id": "x" * 900},
            {"subject": "6000101990\udfff"},
            {"subject": "6000101\x000"},
            {"caseid": "a\ud83d"},
            {"data": {"died": "\x00"}},
            {"data": {"a": [{"b\udc00": 1}]}},
            {"data": {"a": [{"b": "\x1b"}]}},
            {"data": {"a": float("nan")}},
            {"data": {"a": float("inf")}},
            {"data": {"a": deep}},
        )
    ):
        assert tell(door, TELLERS["population"], **{"id": f"b-{number}", **bad}) == 400, bad
    assert tell(door, TELLERS["population"], "m" * 256) == 400
    assert silenced(system) == 0
    said = {"words": "C:\\u0000 and \\ud800, as it was written\n\U0001f600"}
    assert tell(door, TELLERS["population"], data=said) == 204
    assert silenced(system) == 1
